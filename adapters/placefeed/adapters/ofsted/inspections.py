"""Inspections from the columns of a row: which framework a grade belongs to, and which visits carry none."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from functools import cache
from typing import Final

from placefeed.adapters.ofsted.dates import cell_date
from placefeed.adapters.ofsted.headers import INSPECTION
from placefeed.adapters.ofsted.model import OfstedInspection
from placefeed.adapters.ofsted.values import Cell, number_text, text
from placefeed.adapters.ofsted.words import inspection_kind
from placefeed.schema.codelists import codelist, fold, judgement, rank

SCCIF: Final = "sccif-2017"
HOMES: Final = "ofsted-homes-2015"
INTERIM: Final = "ofsted-interim"
SUPPORTED: Final = "supported-accommodation-2024"
NUMERIC: Final = "ofsted-2014-numeric"

SCCIF_FROM: Final = date(2017, 4, 1)
"""The first day of the social care common inspection framework."""

ASPECTS: Final = tuple(
    name for name in INSPECTION if name not in ("kind", "inspected_on", "published_on", "event", "outcome")
)
_GRADED_COLUMNS: Final = (*((aspect, aspect) for aspect in ASPECTS), ("outcome", "overall"))
"""Column and aspect: supported accommodation has one outcome for the service, in a column of its own."""
GRADED_KINDS: Final = frozenset({"full", "interim"})

Warn = Callable[[str, str, str, int | None], None]
"""Says what is odd: rule, message, advice, column from 0."""


@cache
def _gap(words: str) -> bool:
    """Whether the words say that there is no grade (`Not judged`, `Not yet inspected`...)."""
    return codelist("judgement-gaps").find(words, "ofsted") is not None


@cache
def _grade(words: str, framework: str) -> tuple[str, str] | None:
    """Framework and code of a grade: by its wording where that tells, else by the framework expected."""
    for name in (framework, SUPPORTED, INTERIM, SCCIF, HOMES):
        code = judgement(name, words)
        if code is not None:
            return name, code
    if fold(words) in codelist("judgements").codes and words.isdigit():
        return NUMERIC, words
    return None


def expected_framework(provision_type: str | None, kind: str | None, day: date | None) -> str:
    """The framework of an inspection by what was inspected, how and when; wording may show another.

    Without a date the present framework is assumed.
    """
    if kind == "interim":
        return INTERIM
    if provision_type == "supported-accommodation":
        return SUPPORTED
    return HOMES if day is not None and day < SCCIF_FROM else SCCIF


def _limits_broken(judgements: Mapping[str, str]) -> str | None:
    """What of the limiting judgements a set of grades breaks (SCCIF, `How inspectors make judgements`)."""
    overall = judgements.get("overall")
    if overall is None:
        return None
    if judgements.get("helped-and-protected") == "inadequate" and overall != "inadequate":
        return "Inadequate for “helped and protected” makes the overall grade Inadequate, but the file has another."
    if judgements.get("leaders-and-managers") == "inadequate" and (rank(SCCIF, overall) or 9) < 3:
        return "Inadequate for leaders and managers caps the overall grade at Requires improvement, but the file has a better one."
    return None


def read_inspection(
    cells: Sequence[Cell], columns: Mapping[str, int], *, says_full: bool, provision_type: str | None, warn: Warn
) -> OfstedInspection | None:
    """One inspection from a group of columns (name -> index); None where the cells say nothing of one.

    A visit under a heading that says `full inspection`, with a grade, is one in which Ofsted graded again: it is read as
    a full inspection. Anywhere else a visit's grade is left out.
    """

    def cell(name: str) -> Cell:
        index = columns.get(name)
        return cells[index] if index is not None and index < len(cells) else None

    def day(name: str) -> date | None:
        try:
            return cell_date(cell(name))
        except ValueError:
            warn(
                "ofsted-date",
                "A date could not be read; it was left out.",
                "Dates are read as dd/mm/yyyy.",
                columns[name],
            )
            return None

    kind_words, event = text(cell("kind")), number_text(cell("event"))
    inspected, published = day("inspected_on"), day("published_on")
    kind = inspection_kind(kind_words) if kind_words else None
    if kind_words and kind is None and not _gap(kind_words):
        warn(
            "ofsted-unknown-word",
            f"“{kind_words[:60]}” is no inspection type that we know.",
            "It was kept as another kind of visit.",
            columns["kind"],
        )
        kind = "other"
    framework = expected_framework(provision_type, kind, inspected)
    graded: dict[str, tuple[str, str]] = {}
    for column, aspect in _GRADED_COLUMNS:
        words = number_text(cell(column))
        if words is None or _gap(words) or aspect in graded:
            continue
        found = _grade(words, framework)
        if found is None:
            warn(
                "ofsted-unknown-word",
                f"“{words[:60]}” is no judgement that we know.",
                "It was left out.",
                columns[column],
            )
        else:
            graded[aspect] = found
    if not (kind or inspected or event or graded):
        return None
    if graded:
        # The wording of one aspect tells for all: `Adequate` beside `Good` is the older framework.
        names = {name for name, _ in graded.values()} - {framework}
        framework = names.pop() if len(names) == 1 else framework
    if kind is None:
        kind = "interim" if framework == INTERIM else "full"
    if graded and framework == INTERIM and kind == "full":
        kind = "interim"
    judgements = {aspect: code for aspect, (_, code) in graded.items()}
    if judgements and kind not in GRADED_KINDS:
        index = columns.get(next(iter(judgements)), columns.get("outcome"))
        if says_full:
            warn(
                "ofsted-visit-with-grade",
                "A visit stands under “full inspection” with a grade; it was read as a full inspection.",
                "",
                index,
            )
            kind = "full"
        else:
            warn(
                "ofsted-visit-with-grade",
                "A monitoring or assurance visit carries no grade; the one beside it was left out.",
                "",
                index,
            )
            judgements = {}
    if framework == SCCIF and (broken := _limits_broken(judgements)):
        warn("ofsted-limiting-judgement", broken, "It was kept as printed.", columns["overall"])
    return OfstedInspection(
        event=event,
        kind=kind,
        framework=framework,
        inspected_on=inspected,
        published_on=published,
        judgements=judgements,
    )


def newest_first(inspections: Sequence[OfstedInspection]) -> tuple[OfstedInspection, ...]:
    """Without what is said twice (the same event, kind and day), newest first; the fuller of two alike is kept."""
    kept: dict[tuple[str | None, str, date | None], OfstedInspection] = {}
    for one in inspections:
        key = (one.event, one.kind, one.inspected_on)
        if key not in kept or len(one.judgements) > len(kept[key].judgements):
            kept[key] = one
    return tuple(sorted(kept.values(), key=lambda one: (one.inspected_on or date.min, one.event or ""), reverse=True))
