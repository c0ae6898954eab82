"""Check a document for somebody who sends us nothing: the engine of `placefeed validate`, within bounds, and nothing is kept.

The bytes are in memory alone; no row, no file and no line of the log has anything of them when the answer is out.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final, Literal

from placefeed.adapters import media
from placefeed.adapters.addresses import Guard
from placefeed.adapters.base import AdapterError, Refused, TooLarge, Unreachable
from placefeed.adapters.containers import MIB, Limits
from placefeed.adapters.http import HttpPull
from placefeed.client._checking import CannotRead, check_content
from placefeed.schema.files import DOCUMENTS
from placefeed.schema.issues import Issue, Outcome, Report
from placefeed.service.config import Settings
from placefeed.service.errors import Invalid, Unavailable
from placefeed.service.intake.headings import Headings, headings_of, looks_personal

SECONDS: Final = 20.0  # that one check may take
AT_ONCE: Final = 2  # checks under way in a process: anybody may ask for one, and they must not take the machine
FETCHES: Final = 4  # documents being fetched at a time: a slow server elsewhere must not hold all our threads
WAIT: Final = 3.0  # seconds for one's turn
FETCH_SECONDS: Final = 10.0
LIMITS: Final = Limits(unzipped_bytes=120 * MIB, cells=2_000_000)  # as all of Ofsted's own workbook, and no more
KINDS: Final = DOCUMENTS
NOT_SHOWN: Final = "What is wrong here is not repeated, because it looks like data about a child."
COMMAND: Final = "Check it on your own computer with the command `placefeed validate`, or send it in parts."
NOT_FETCHED: Final = "Nothing could be fetched from this address. It must begin with https://, be open to everybody, and lead to the file itself."

_checks = threading.BoundedSemaphore(AT_ONCE)
_fetches = threading.BoundedSemaphore(FETCHES)


class TimeIsUp(Exception):
    """The check has taken as long as it may."""


@dataclass(frozen=True, slots=True)
class Checked:
    """What was found. `unread` says why the document as a whole could not be read; `broken_off`: time was up before its end."""

    report: dict[str, Any]
    ok: bool
    unread: str = ""
    broken_off: bool = False
    headings: Headings = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Fetched:
    """A document from an address."""

    content: bytes
    content_type: str
    name: str


class _Bounded(Report):
    """A report that ends the check when its time is up, and never says what looks like data about a child."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self._ends = time.monotonic() + seconds

    def add(self, issue: Issue) -> None:
        place = issue.place
        if looks_personal(f"{issue.message} {issue.advice}"):
            issue = replace(issue, message=NOT_SHOWN, advice="", cause="")
        if looks_personal(f"{place.pointer or ''} {place.sheet or ''}"):
            issue = replace(issue, place=replace(place, pointer=None, sheet=None))
        super().add(issue)

    def count(self, outcome: Outcome | Literal["records", "warnings"], n: int = 1) -> None:
        super().count(outcome, n)
        if time.monotonic() > self._ends:
            raise TimeIsUp


def check(content: bytes, *, content_type: str, kind: str = "feed", now: datetime, seconds: float = SECONDS) -> Checked:
    """What the standard says of these bytes: the verdict of `placefeed validate`.

    Raises Invalid for a kind of document that the standard does not have, Unavailable where too many check at once.
    """
    if kind not in KINDS:
        raise Invalid("Choose one of the documents of the standard.", errors=[{"pointer": "/kind"}])
    report = _Bounded(seconds)
    headings: Headings = {}
    with _turn(_checks):
        try:
            check_content(
                content,
                content_type,
                now=now,
                kind=kind,
                report=report,
                seen=lambda record: headings_of(record.raw, headings),
                limits=LIMITS,
            )
        except TimeIsUp:
            return Checked(report.to_dict(), False, broken_off=True, headings=headings)
        except CannotRead as error:
            if isinstance(error.__cause__, TimeIsUp):
                return Checked(report.to_dict(), False, broken_off=True, headings=headings)
            return Checked(report.to_dict(), False, unread=_why(error), headings=headings)
    return Checked(report.to_dict(), report.ok, headings=headings)


def fetch(address: str, *, settings: Settings) -> Fetched:
    """The document at a public address, asked for once. Raises Invalid: of addresses that are not public it says nothing more."""
    # Not `allow_hosts`: what the operator opened for feeds that he knows is not open to everybody.
    guard = Guard(allow_loopback=settings.allow_loopback)
    pull = HttpPull(address, guard=guard, timeout=FETCH_SECONDS, max_bytes=settings.max_upload, attempts=1)
    try:
        with _turn(_fetches):
            batch = next(pull.fetch(None), None)
    except TooLarge as error:
        raise _at_link(f"{error} {COMMAND}") from error
    except (Refused, Unreachable) as error:
        raise _at_link(NOT_FETCHED) from error
    except AdapterError as error:
        raise _at_link(str(error)) from error
    if batch is None:
        raise _at_link(NOT_FETCHED)
    return Fetched(batch.content, batch.content_type, batch.name)


def kind_of_text(text: bytes) -> str:
    """The form of what was pasted, by how it begins; a table is CSV."""
    return media.content_type(None, name="", head=text[:1024]) or media.CSV


@contextmanager
def _turn(turns: threading.BoundedSemaphore) -> Iterator[None]:
    if not turns.acquire(timeout=WAIT):
        raise Unavailable(
            "Many documents are being checked just now. Try again in a moment.", headers={"Retry-After": "10"}
        )
    try:
        yield
    finally:
        turns.release()


def _at_link(why: str) -> Invalid:
    return Invalid(why, errors=[{"pointer": "/link", "detail": why}])


def _why(error: CannotRead) -> str:
    if isinstance(error.__cause__, TooLarge):
        return f"{error} {COMMAND}"
    return "The file cannot be read." if looks_personal(str(error)) else str(error)
