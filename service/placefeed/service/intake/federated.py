"""What stands of another exchange's words: looked up by its listings' ids, and swept once a new reading of it is whole.

Each word carries the mark of the reading that brought it (see the adapter `rpde`). When the reading with the newest mark has
come to its end, what still carries an older one was not there any more.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import orjson
import sqlalchemy as sa
from sqlmodel import Session, col

from placefeed.adapters.federation import origin_of
from placefeed.adapters.rpde import Held, Lookup
from placefeed.service.db import Database
from placefeed.service.intake.guards import BIT, Whole
from placefeed.service.intake.parts import RATE, SETTING, VACANCY
from placefeed.service.intake.standing import CHUNK, Key
from placefeed.service.tables import Source, Standing

PARTS = (SETTING, VACANCY, RATE)
"""The parts that another exchange's words have."""


def held(database: Database, source_id: str) -> Lookup:
    """The lookup that the adapter is given: of which setting a vacancy is that stands, and at which rates."""

    def look(ids: Collection[str]) -> Mapping[str, Sequence[Held]]:
        wanted, found = sorted(set(ids)), defaultdict(list)
        with database.read() as session:
            for start in range(0, len(wanted), CHUNK):
                rows = sa.select(col(Standing.item), col(Standing.urn), col(Standing.document)).where(
                    col(Standing.source_id) == source_id,
                    col(Standing.part) == VACANCY,
                    col(Standing.item).in_(wanted[start : start + CHUNK]),
                    col(Standing.withdrawn).is_(False),
                )
                for item, urn, document in session.execute(rows):
                    found[item].append(Held(urn, tuple(orjson.loads(document).get("rates", ()))))
        return found

    return look


def whole_reading(header: Mapping[str, Any]) -> str | None:
    """The mark of the reading that a feed says has become whole with it."""
    mark = origin_of(header).get("whole")
    return mark if isinstance(mark, str) else None


def left_over(session: Session, source: Source, mark: str) -> tuple[Whole, list[Key]]:
    """What a whole reading had, as of a complete feed, and the words that stand and were not in it."""
    whole = Whole()
    whole.parts = sum(BIT[part] for part in PARTS)
    others: list[Key] = []
    rows = sa.select(col(Standing.urn), col(Standing.part), col(Standing.item), col(Standing.document)).where(
        col(Standing.source_id) == source.id, col(Standing.withdrawn).is_(False)
    )
    for urn, part, item, document in session.execute(rows.execution_options(yield_per=1000)):
        if origin_of(orjson.loads(document)).get("reading") == mark:
            whole.seen[urn] = whole.parts
        else:
            others.append((urn, part, item))
    whole.had = len(whole.seen)
    return whole, sorted(others)
