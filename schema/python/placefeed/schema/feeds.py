"""A feed as it goes by, record after record: what a report needs to know of the whole, in little memory."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

import orjson

from placefeed.schema.checking import check_header, check_record, check_withdrawn, explained, key_of
from placefeed.schema.files import rs_validator
from placefeed.schema.issues import Issue, Place, Report
from placefeed.schema.personal import screen
from placefeed.schema.rules import issue


def count_outcome(report: Report, issues: Iterable[Issue], *, entry: dict[str, Any] | None = None) -> None:
    """Add one record's issues to the report and count what became of it."""
    severities = set()
    for one in issues:
        report.add(one)
        severities.add(one.severity)
    report.count("records")
    rejected = "error" in severities
    report.count("rejected" if rejected else "accepted")
    if "warning" in severities:
        report.count("warnings")
    if rejected and entry is not None:
        report.note_record({**entry, "outcome": "rejected"})


class FeedCheck:
    """One feed as it goes by: what was seen so far, and where we are."""

    def __init__(self, report: Report, now: datetime) -> None:
        self.report = report
        self.now = now
        self.seen: set[str] = set()
        self.sent: set[tuple[str, str, str]] = set()
        self.index = 0
        self.withdrawals = 0

    def whole(self, feed: Mapping[str, Any]) -> None:
        """A feed that came as one JSON document."""
        head = {name: value for name, value in feed.items() if name not in ("settings", "withdrawn")}
        self.header(head)
        # The two lists are judged empty here, entry by entry below: a fault of shape hides no record.
        shape = {name: [] if isinstance(feed[name], list) else feed[name] for name in _LISTS if name in feed}
        if not rs_validator("feed").is_valid({**_SOUND_HEADER, **shape}):
            for fault in [
                *(hit.to_issue() for hit in screen(shape)),
                *explained("feed", {**_SOUND_HEADER, **shape}, None),
            ]:
                self.report.add(fault)
        for record in _list(feed, "settings"):
            self.setting(record, Place(pointer=f"/settings/{self.index}"))
        for entry in _list(feed, "withdrawn"):
            self.withdrawn(entry, Place(pointer=f"/withdrawn/{self.withdrawals}"))

    def header(self, head: Mapping[str, Any], place: Place | None = None) -> None:
        """All of the feed but its records."""
        for hit in screen(head):
            self.report.add(_placed(hit.to_issue(), place))
        for fault in check_header(head, now=self.now):
            self.report.add(_placed(fault, place))

    def setting(self, record: Any, place: Place) -> None:
        """One setting's record, at its place."""
        issues = [hit.to_issue() for hit in screen(record)]
        issues += check_record(record, now=self.now)
        if isinstance(record, Mapping):
            key = _identity(record)
            if key in self.seen:
                issues.append(issue("duplicate-setting", place=Place(pointer="")))
            elif key:
                self.seen.add(key)
                self.sent.update(_things(key, record))
        urn = key_of(record)
        entry = {"index": self.index, **({"urn": urn} if urn else {})}
        count_outcome(self.report, [_placed(one, place, urn) for one in issues], entry=entry)
        self.index += 1

    def withdrawn(self, entry: Any, place: Place) -> None:
        """One withdrawal, at its place."""
        issues = [hit.to_issue() for hit in screen(entry)]
        faults = check_withdrawn(entry)
        if not faults and (_identity(entry), entry["part"], entry.get("id", "")) in self.sent:
            faults.append(issue("withdrawn-and-sent", place=Place(pointer="")))
        for one in [*issues, *faults]:
            self.report.add(_placed(one, place, key_of(entry)))
        if not any(one.severity == "error" for one in [*issues, *faults]):
            self.report.count("withdrawn")
        self.withdrawals += 1


_LISTS = ("settings", "withdrawn")


def _list(feed: Mapping[str, Any], name: str) -> list[Any]:
    entries = feed.get(name)
    return entries if isinstance(entries, list) else []


_SOUND_HEADER = {
    "standard": "placefeed",
    "version": "1.0",
    "publisher": {"id": "GB-COH-00000001", "name": "Example Homes Ltd"},
    "publishedAt": "2026-01-01T00:00:00Z",
}
"""Stands for a header that was judged by itself, so that only the lists are judged here."""


def _placed(one: Issue, place: Place | None, urn: str | None = None) -> Issue:
    """An issue with a relative pointer, at its place in the whole."""
    if place is None:
        return one
    inner = one.place.pointer or ""
    where = Place(pointer=(place.pointer or "") + inner, line=place.line, urn=one.place.urn or urn)
    return Issue(one.rule, one.severity, one.message, one.advice, where, one.cause)


def _identity(record: Mapping[str, Any]) -> str:
    urn, registration = record.get("urn"), record.get("registration")
    if isinstance(urn, str):
        return urn
    if isinstance(registration, Mapping):
        return f"{registration.get('scheme')}:{registration.get('id')}"
    return ""


def _things(key: str, record: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Every part, vacancy and rate that a record sends, as a withdrawal would name it."""
    for part in ("setting", "capacity", "ofsted"):
        if part in record:
            yield key, part, ""
    for name, part in (("vacancies", "vacancy"), ("rates", "rate"), ("capacities", "capacity")):
        entries = record.get(name)
        for entry in entries if isinstance(entries, list) else ():
            if isinstance(entry, Mapping):
                yield key, part, str(entry.get("unit" if part == "capacity" else "id", ""))


# --- bytes ------------------------------------------------------------------------------------------


def parse(raw: bytes, *, line: int | None = None) -> tuple[Any, Issue | None]:
    """The value of JSON bytes, or what is wrong with them; the text itself is never told."""
    try:
        return orjson.loads(raw), None
    except orjson.JSONDecodeError as error:
        try:
            raw.decode("utf-8")
        except UnicodeDecodeError:
            return None, issue("not-text", place=Place(line=line))
        # The parser's own message may quote the text, so only the place is told.
        where = f"line {error.lineno}, character {error.colno}" if line is None else f"character {error.colno}"
        return None, issue(
            "not-json", f"The JSON breaks off or is wrong at {where}.", place=Place(line=line or error.lineno)
        )


def is_lines(raw: bytes) -> bool:
    """Whether bytes are NDJSON: the first line is an object by itself, and says what line it is or has others behind."""
    first, _, rest = raw.lstrip().partition(b"\n")
    try:
        value = orjson.loads(first)
    except orjson.JSONDecodeError:
        return False
    return isinstance(value, dict) and ("line" in value or bool(rest.strip()))


def check_lines(lines: Iterable[bytes], now: datetime, report: Report) -> None:
    """An NDJSON feed, line by line, into a report."""
    feed = FeedCheck(report, now)
    came = 0
    headed = trailed = False
    for number, raw in enumerate(lines, start=1):
        if not raw.strip():
            continue
        value, fault = parse(raw, line=number)
        if fault is not None:
            report.add(fault)
            came += 1
            continue
        place = Place(pointer="", line=number)
        what = value.get("line") if isinstance(value, dict) else None
        if not headed:
            headed = True
            if what != "header":
                report.add(issue("no-header-line", place=Place(line=number)))
            else:
                feed.header(value, place)
                continue
        if what == "setting":
            came += 1
            feed.setting(_without_line(value), place)
        elif what == "withdrawn":
            came += 1
            feed.withdrawn(_without_line(value), place)
        elif what == "trailer" and not trailed:
            trailed = True
            _check_trailer(value, came, place, report)
        else:
            report.add(issue("unknown-line", place=Place(line=number)))
    if not trailed:
        report.add(issue("truncated"))


def _without_line(value: dict[str, Any]) -> dict[str, Any]:
    return {name: item for name, item in value.items() if name != "line"}


def _check_trailer(value: dict[str, Any], came: int, place: Place, report: Report) -> None:
    if not rs_validator("trailerLine").is_valid(value):
        for fault in explained("trailerLine", value, None):
            report.add(_placed(fault, place))
    elif value["count"] != came:
        message = f"The trailer counts {value['count']} lines; {came} came."
        report.add(issue("trailer-count-wrong", message, place=Place(line=place.line)))
