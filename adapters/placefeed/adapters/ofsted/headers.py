"""Headings of Ofsted's files, every spelling of them, as one set of names; the heading row among titles and bands."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from rapidfuzz import fuzz, process

from placefeed.adapters.ofsted.values import Cell, text

Group = Literal["setting", "latest", "current", "previous"]
"""What a column is about: the setting, its latest full inspection, the inspection of this row, or the one before."""

SETTING: Final[dict[str, tuple[str, ...]]] = {
    "urn": ("urn", "provider urn", "ofsted urn", "unique reference number", "unique reference number (urn)"),
    "provision_type": ("provision type", "provider type", "type of provision", "provision type group"),
    "provision_subtype": ("provider subtype", "provision subtype", "provider sub type"),
    "status": ("registration status", "reg status", "provider status", "status"),
    "registered_on": ("registration date", "date registered", "date of registration"),
    "name": ("name", "setting name", "provider name", "provision name"),
    "owner": (
        "organisation which owns the provider", "organisation", "organisation name", "owner name", "owner",
        "organisation that owns the provider", "name of organisation which owns the provider",
    ),
    "places": ("places", "max/estimated places", "max users", "number of registered places", "registered places", "number of places", "maximum users"),
    "premises": ("supported accommodation premises", "premises", "number of premises"),
    "local_authority": ("local authority", "la", "premises local authority", "local authority name", "la name"),
    "region": ("government office region", "gor", "premises government office region", "region"),
    "ofsted_region": ("ofsted region", "premises ofsted region"),
    "sector": ("sector",),
    "short_breaks": (
        "short breaks only", "short break only", "short breaks only children's home", "short break only children's home",
        "short breaks only childrens home", "short breaks",
    ),
    "multi_building": ("multi building children's home", "multi building home", "multiple building children's home"),
    "education_urn": ("linked education urn", "linked ed urn", "education urn", "linked school urn"),
    "service_category": ("service category", "category of service"),
    "joiner": ("joiner status",),
    "leaver": ("leaver status",),
    "need:emotional-and-behavioural-difficulties": ("emotional and behavioural difficulties", "emotional and behavioural difficulties (ebd)", "ebd"),
    "need:mental-disorders": ("mental disorders", "mental disorder"),
    "need:sensory-impairment": ("sensory impairment", "sensory impairments"),
    "need:alcohol-problems": ("present alcohol problems", "past or present alcohol problems", "present impairment"),
    "need:drug-problems": ("present drug problems", "past or present drug problems"),
    "need:learning-difficulty": ("learning difficulty", "learning difficulties", "learning disabilities", "learning disability"),
    "need:physical-disabilities": ("physical disabilities", "physical disability"),
}  # fmt: skip

INSPECTION: Final[dict[str, tuple[str, ...]]] = {
    "kind": ("event type", "inspection event type", "inspection type", "event type group", "inspection event type group", "type"),
    "inspected_on": ("inspection date", "event date", "inspection event date", "date of inspection", "date", "inspection start date"),
    "published_on": ("publication date", "inspection publication date", "report publication date", "date published"),
    "event": ("event number", "inspection event number", "inspection id", "inspection number", "number"),
    "overall": (
        "overall effectiveness", "overall experiences and progress of children and young people", "overall experiences and progress",
        "overall effectiveness grade", "overall judgement",
        "overall effectiveness grade from last full inspection", "overall effectiveness grade from latest full inspection",
    ),
    "outcome": ("supported accommodation outcome", "supported accommodation overall outcome", "outcome of supported accommodation inspection"),
    "helped-and-protected": (
        "how well children and young people are helped and protected", "safeguarding children and young people",
        "safety of children and young people", "cyp safety", "helped and protected",
    ),
    "leaders-and-managers": ("effectiveness of leaders and managers", "leadership and management", "leaders and managers"),
    "education": ("outcomes in education and related learning activities", "outcomes in education"),
    "health": ("health services",),
    "outcomes": ("outcomes for children and young people",),
    "quality-of-care": ("quality of care", "quality of service"),
}  # fmt: skip

NOT_USED: Final = frozenset({
    "web link", "address 1", "address 2", "address 3", "address", "town", "county", "postcode", "telephone",
    "parliamentary constituency", "premises parliamentary constituency", "owner id", "organisation id", "organisation urn",
    "registered person", "responsible individual", "inspectorate", "reason", "la code", "local authority code", "month", "year",
})  # fmt: skip
"""Known, and not taken: addresses above all, which are never stored."""

_LA_ONLY: Final = frozenset({"owner name", "owner id", "max users", "cyp safety"})
_SETTING_OF = {spelling: name for name, spellings in SETTING.items() for spelling in spellings}
_INSPECTION_OF = {spelling: name for name, spellings in INSPECTION.items() for spelling in spellings}
_KNOWN = [spelling for spelling in (*_SETTING_OF, *_INSPECTION_OF, *NOT_USED) if len(spelling) >= 6]

_NOTE = re.compile(r"[(\[]\s*(?:see )?notes?\s*[0-9, and]+[)\]]")
_AS_AT = re.compile(r"\(?\bas (?:at|of)\b.*$")
_FULL = re.compile(r"^latest full inspectio?n? ?")  # with the misprint of 2022
_NEAR = 88
HEADER_WITHIN: Final = 20
"""Rows looked at for the headings. Ofsted's stand in the first five; people add rows above them."""


@dataclass(frozen=True, slots=True)
class Column:
    """What a column holds: `group` and `name`, its place from 0, and its heading as printed."""

    index: int
    group: Group
    name: str
    heading: str
    band: str = ""

    @property
    def says_full(self) -> bool:
        """Whether heading or band says that the column is about a full inspection."""
        return "full" in self.heading.lower() or "full" in self.band


@dataclass(frozen=True, slots=True)
class Headings:
    """The heading row of a list: `row` counts from 0. `near`: taken though misspelt; `unknown`: not taken."""

    row: int
    columns: tuple[Column, ...]
    near: tuple[tuple[Column, str], ...]
    unknown: tuple[str, ...]
    la_only: bool

    def has(self, name: str, *groups: Group) -> bool:
        """Whether there is a column of this name (in one of these groups)."""
        return any(column.name == name and (not groups or column.group in groups) for column in self.columns)

    def group(self, group: Group) -> dict[str, int]:
        """The columns of a group: name -> index. The first of two alike counts."""
        found: dict[str, int] = {}
        for column in self.columns:
            if column.group == group:
                found.setdefault(column.name, column.index)
        return found

    def inspections(self) -> list[tuple[dict[str, int], bool]]:
        """For each inspection of a row: its columns, and whether the headings say that it is a full inspection.

        Since 2023 only half of the columns of the latest inspection say `latest`; the others complete them.
        """
        latest, current = self.group("latest"), self.group("current")
        groups: list[tuple[dict[str, int], tuple[Group, ...]]] = (
            [(latest, ("latest",)), (current, ("current",))]
            if latest.keys() & current.keys()
            else [(latest | current, ("latest", "current"))]
        )
        groups.append((self.group("previous"), ("previous",)))
        return [
            (columns, any(column.says_full for column in self.columns if column.group in names))
            for columns, names in groups
            if columns
        ]


def plain(heading: Cell) -> str:
    """A heading without line breaks, notes, hyphens, curly quotes and `as at` dates, in lower case."""
    words = (text(heading) or "").lower().replace("’", "'").replace("‘", "'")
    words = _NOTE.sub(" ", words).replace("-", " ").replace("–", " ").replace("&", "and")
    words = " ".join(words.split()).strip(" :*.")
    stripped = _AS_AT.sub("", words).strip(" (")
    return stripped or words


def _known(words: str, band: str) -> tuple[Group, str] | None:
    """Group and name of a heading in plain words; None when it is no heading of ours."""
    if words in _SETTING_OF:
        return "setting", _SETTING_OF[words]
    group: Group = "previous" if "previous" in band else "latest" if "latest" in band else "current"
    rest = words
    if rest.startswith("previous "):
        group = "previous"
        rest = rest.removeprefix("previous ").removeprefix("full ")
    elif _FULL.match(rest):
        group = "latest"
        rest = _FULL.sub("", rest)
    elif rest.startswith("latest "):
        group = "latest"
        rest = rest.removeprefix("latest ")
    if rest != words and rest not in _INSPECTION_OF:
        rest = rest.removeprefix("inspection ")
    rest = rest.removeprefix("the ")
    return (group, _INSPECTION_OF[rest]) if rest in _INSPECTION_OF else None


def _near(words: str, band: str) -> tuple[Group, str] | None:
    """As `_known`, for a heading with a misprint; None where nothing is near enough, or what is near is not used."""
    prefix = next(
        (
            start
            for start in ("previous full inspection ", "previous ", "latest full inspection ", "latest ")
            if words.startswith(start)
        ),
        "",
    )
    best = process.extractOne(
        words.removeprefix(prefix).removeprefix("the "), _KNOWN, scorer=fuzz.ratio, score_cutoff=_NEAR
    )
    return _known(prefix + best[0], band) if best and best[0] not in NOT_USED else None


def _bands(above: Sequence[Cell] | None, width: int) -> list[str]:
    """For each column the band over it (`Latest Full Inspection`); a title or a note is no band."""
    words = [plain(cell) for cell in above] if above else []
    filled = [word for word in words if word]
    if len(filled) < 2 or max(map(len, filled)) > 80:
        return [""] * width
    bands, current = [], ""
    for index in range(width):
        current = (words[index] if index < len(words) else "") or current
        bands.append(current)
    return bands


def _score(row: Sequence[Cell]) -> int:
    known = 0
    has_urn = False
    for cell in row:
        words = plain(cell)
        has_urn = has_urn or _SETTING_OF.get(words) == "urn"
        known += bool(words) and (_known(words, "") is not None or words in NOT_USED)
    return known if has_urn else 0


def find_headings(rows: Sequence[Sequence[Cell]]) -> Headings | None:
    """Find the heading row among the first rows of a sheet; None where no row has a URN heading and three more that we know."""
    scores = [_score(row) for row in rows[:HEADER_WITHIN]]
    best = max(scores, default=0)
    if best < 4:
        return None
    at = scores.index(best)
    heading_row = rows[at]
    bands = _bands(rows[at - 1] if at else None, len(heading_row))
    columns: list[Column] = []
    near: list[tuple[Column, str]] = []
    unknown: list[str] = []
    for index, cell in enumerate(heading_row):
        words = plain(cell)
        printed = text(cell)
        if not words or printed is None or words in NOT_USED:
            continue
        place = _known(words, bands[index])
        misspelt = place is None
        if place is None:
            place = _near(words, bands[index])
        if place is None:
            unknown.append(printed)
            continue
        column = Column(index, place[0], place[1], printed, bands[index])
        columns.append(column)
        if misspelt:
            near.append((column, printed))
    la_only = (
        any(column.name.startswith("need:") for column in columns)
        or len(_LA_ONLY & {plain(cell) for cell in heading_row}) >= 2
    )
    return Headings(at, tuple(columns), tuple(near), tuple(unknown), la_only)
