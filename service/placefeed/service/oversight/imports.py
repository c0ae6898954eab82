"""Ofsted's files that were taken in, and what each of them changed, setting by setting."""

from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa
from sqlmodel import Session, col, select

from placefeed.schema.codelists import codelist, rank
from placefeed.service.errors import NotFound
from placefeed.service.tables import RegisterFile, RegisterHistory, RegisterSetting

KINDS_OF_CHANGE: Final = ("joined", "left", "returned", "changed", "grade-fell", "places", "owner")
"""The first four as `register_history.what` has them; the others look into what changed."""


@dataclass(frozen=True, slots=True)
class RegisterChange:
    """What a file changed of one setting: `changed` has [before, after] of each fact. `owner` is the newest known."""

    urn: str
    what: str
    changed: dict[str, Any]
    owner: str | None
    la_code: str | None

    @property
    def grade_fell(self) -> bool:
        """Whether the overall grade is worse than before."""
        return fell(self.changed.get("overall"))


def register_files(session: Session, *, limit: int = 1000) -> list[RegisterFile]:
    """Imported files, newest as-at date first."""
    return list(
        session.exec(
            select(RegisterFile).order_by(col(RegisterFile.as_at).desc(), col(RegisterFile.id).desc()).limit(limit)
        )
    )


def register_file(session: Session, file_id: int) -> RegisterFile:
    """One imported file. Raises NotFound."""
    found = session.get(RegisterFile, file_id)
    if found is None:
        raise NotFound("There is no such import.")
    return found


def register_changes(
    session: Session, file_id: int, *, kind: str | None = None, skip: int = 0, limit: int = 50
) -> tuple[list[RegisterChange], dict[str, int]]:
    """What a file changed, of one of KINDS_OF_CHANGE or all, by URN; and how many there are of each kind (and of `all`)."""
    rows = session.execute(
        sa.select(col(RegisterHistory.id), col(RegisterHistory.what), col(RegisterHistory.changed))
        .where(col(RegisterHistory.file_id) == file_id)
        .order_by(col(RegisterHistory.urn), col(RegisterHistory.id))
    )
    counts = dict.fromkeys(("all", *KINDS_OF_CHANGE), 0)
    chosen: list[int] = []
    for row_id, what, changed in rows:
        kinds = kinds_of(what, changed)
        for each in ("all", *kinds):
            counts[each] += 1
        if kind is None or kind in kinds:
            chosen.append(row_id)
    shown = session.execute(
        sa.select(RegisterHistory, col(RegisterSetting.owner), col(RegisterSetting.la_code))
        .outerjoin(RegisterSetting, col(RegisterSetting.urn) == col(RegisterHistory.urn))
        .where(col(RegisterHistory.id).in_(chosen[skip : skip + limit]))
        .order_by(col(RegisterHistory.urn), col(RegisterHistory.id))
    )
    return [RegisterChange(row.urn, row.what, row.changed, owner, code) for row, owner, code in shown], counts


def kinds_of(what: str, changed: dict[str, Any]) -> list[str]:
    """Which of KINDS_OF_CHANGE a row of the history is; who joins has no fact that was another before."""
    kinds = [what]
    if what != "joined":
        kinds += [name for name in ("places", "owner") if name in changed]
        if fell(changed.get("overall")):
            kinds.append("grade-fell")
    return kinds


def fell(pair: Any) -> bool:
    """Whether a grade [before, after] is worse than before; of grades that no framework ranks together, nobody can say."""
    before, after = pair or (None, None)
    if before is None or after is None:
        return False
    for framework in sorted({row["framework"] for row in codelist("judgements").rows}):
        was, now = rank(framework, str(before)), rank(framework, str(after))
        if was is not None and now is not None:
            return now > was
    return False
