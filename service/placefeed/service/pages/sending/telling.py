"""A report in the words of the sheet that was sent: what was wrong, where, what to do; by cause, errors first."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from placefeed.adapters.paths import column_and_row
from placefeed.service.pages.words import counted
from placefeed.service.tables import Submission

SHOWN = 200  # records that a page names; the sheet with comments has them all

Headings = Mapping[tuple[str, int], str]

SEVERITIES: Final = {
    "error": ("Must be mended", "red", "Not taken until it is mended"),
    "warning": ("Please check", "yellow", "Taken; please check it"),
    "advice": ("Advice", "blue", "Taken; it could be better"),
}
OUTCOMES: Final = {
    "accepted": "taken",
    "unchanged": "nothing new",
    "attested": "confirmed, nothing changed",
    "held": "waiting for your word",
    "superseded": "older than what we know, left out",
    "rejected": "not taken",
    "withdrawn": "withdrawn",
}
STATES: Final = {
    "working": ("Being worked", "blue"),
    "accepted": ("Taken", "green"),
    "partly-accepted": ("Partly taken", "yellow"),
    "unchanged": ("Nothing new", "grey"),
    "rejected": ("Not taken", "red"),
    "failed": ("Could not be worked", "red"),
}
WAYS: Final = {
    "push": "sent by a program (API)",
    "upload": "uploaded",
    "http": "fetched from your web address",
    "folder": "from a folder",
    "sftp": "from an SFTP folder",
    "rpde": "from another exchange",
}


@dataclass(frozen=True, slots=True)
class Where:
    """One place of an issue: in the sheet's terms or as a pointer, and the home that it concerns."""

    text: str
    home: str = ""


@dataclass(frozen=True, slots=True)
class Cause:
    """One thing that is wrong, and its places. `more`: places that a report does not name any more."""

    severity: str
    tag: str
    colour: str
    message: str
    advice: str
    count: int
    places: tuple[Where, ...]

    @property
    def more(self) -> int:
        """Places beyond those named."""
        return self.count - len(self.places) if self.places else 0


def causes(report: Mapping[str, Any], *, headings: Headings, names: Mapping[str, str]) -> list[Cause]:
    """The causes of a report."""
    found = []
    for each in report.get("issues", ()):
        tag, colour, _meaning = SEVERITIES[each["severity"]]
        places = tuple(place(spot, headings, names) for spot in each.get("places", ()) if spot)
        found.append(
            Cause(each["severity"], tag, colour, each["message"], each.get("advice", ""), each.get("count", 1), places)
        )
    return found


def urns_in(report: Mapping[str, Any]) -> set[str]:
    """Every home that a report names."""
    found = {entry["urn"] for entry in report.get("records", ()) if entry.get("urn")}
    return found | {
        spot["urn"] for each in report.get("issues", ()) for spot in each.get("places", ()) if spot.get("urn")
    }


def place(spot: Mapping[str, Any], headings: Headings, names: Mapping[str, str]) -> Where:
    """“Sheet Homes, row 7, column Age from”; “line 3, /capacity/occupied”."""
    said: list[str] = []
    cell = spot.get("cell")
    if cell:
        column, row = column_and_row(cell)
        sheet = spot.get("sheet") or ""
        if sheet and sheet != "CSV":
            said.append(f"Sheet {sheet}")
        letters = cell.rstrip("0123456789")
        heading = headings.get((sheet, column))
        said += [f"row {row}", f"column {heading} ({letters})" if heading else f"column {letters}"]
    else:
        if spot.get("sheet"):
            said.append(f"Sheet {spot['sheet']}")
        if spot.get("line"):
            said.append(f"line {spot['line']}")
        if spot.get("pointer"):
            said.append(pointer_words(spot["pointer"]))
    text = ", ".join(said)
    return Where(text[:1].upper() + text[1:], home_words(spot.get("urn"), names))


def pointer_words(pointer: str) -> str:
    """A JSON Pointer with its positions counted from 1 as people do: “settings 4, capacity, occupied (/settings/3/capacity/occupied)”."""
    steps: list[str] = []
    for step in pointer.split("/")[1:]:
        if step.isdigit() and steps:
            steps[-1] += f" {int(step) + 1}"
        else:
            steps.append(step.replace("~1", "/").replace("~0", "~"))
    return f"{', '.join(steps)} ({pointer})"


def home_words(urn: str | None, names: Mapping[str, str]) -> str:
    """“Willow House (SC000001)”."""
    if not urn:
        return ""
    name = names.get(urn, urn)
    return urn if name == urn else f"{name} ({urn})"


def counts(report: Mapping[str, Any]) -> list[tuple[str, int]]:
    """What became of the records, in words; only what there is."""
    said = report.get("counts", {})
    return [(words, said[name]) for name, words in OUTCOMES.items() if said.get(name)]


def summary(report: Mapping[str, Any]) -> str:
    """The counts in a line: “3 taken, 1 not taken”."""
    return ", ".join(f"{number:,} {words}" for words, number in counts(report))


def records(report: Mapping[str, Any], names: Mapping[str, str]) -> list[tuple[str, str]]:
    """The first records of a report: which home or part of it, and what became of it."""
    found = []
    for entry in list(report.get("records", ()))[:SHOWN]:
        home = home_words(entry.get("urn"), names) or f"record {entry.get('index', 0) + 1}"
        part = " ".join(str(entry[name]) for name in ("part", "id") if entry.get(name))
        found.append((f"{home}: {part}" if part else home, OUTCOMES.get(entry["outcome"], entry["outcome"])))
    return found


def state(row: Submission) -> tuple[str, str]:
    """What became of a submission, in a word or two, and the colour of its tag."""
    if row.state in ("working", "failed"):
        return STATES[row.state]
    return STATES[(row.report or {}).get("verdict") or ("rejected" if row.state == "rejected" else "accepted")]


def called(row: Submission) -> str:
    """What to call a submission: its file's name, else what kind of thing it was."""
    return row.name or {
        "application/json": "JSON feed",
        "application/x-ndjson": "NDJSON feed",
        "text/csv": "CSV file",
    }.get(row.content_type, "Spreadsheet")


def problems(found: Iterable[Cause]) -> str:
    """How many things there are to mend and to check, in a line."""
    errors = [each for each in found if each.severity == "error"]
    return counted(len(errors), "thing to mend", "things to mend")
