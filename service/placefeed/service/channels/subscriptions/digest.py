"""The e-mails of a subscription: what changed since the last one, a code to confirm with, a test. One message for all that waits.

Of each listing only the difference from before to after is told: what came and went in between is left out, and what changed
five times is one line. `empty` says that there is news and where; `ids` names listings and settings by their numbers, without
names or prices; `full` has both, as far as this reader may see them when the e-mail is sent.
"""

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from typing import Any
from urllib.parse import urlencode

import orjson
from sqlmodel import Session

from placefeed.service.channels.news import PUBLISHED, WITHDRAWN
from placefeed.service.channels.subscriptions import confirming, mail
from placefeed.service.channels.subscriptions.digest_forms import MOST, Digest, Line, csv_file, html, subject, text
from placefeed.service.channels.subscriptions.notices import Asked, Reading, Told
from placefeed.service.channels.subscriptions.outcomes import EVENTS, HANDSHAKE, TEST, Job, Outcome, Outside
from placefeed.service.channels.subscriptions.timetable import due_at as due_at
from placefeed.service.channels.subscriptions.wishes import parameters_of
from placefeed.service.config import Settings
from placefeed.service.db import secret_of
from placefeed.service.errors import PlacefeedError
from placefeed.service.tables import Notice, Organisation, Subscription

NOTHING_LEFT = "Nothing was left to tell: what came has gone again."


async def send(job: Job, outside: Outside) -> Outcome:
    """Write and send one e-mail. Never raises for what happens outside."""
    try:
        letter = await asyncio.to_thread(letter_of, job, outside)
    except PlacefeedError as error:  # a filter that is no longer understood: its owner has to change it
        return Outcome(ok=False, error=str(error))
    if letter is None:
        return Outcome(ok=True, answer=NOTHING_LEFT)
    return await mail.send(letter, settings=outside.settings, now=job.now)


def letter_of(job: Job, outside: Outside) -> mail.Letter | None:
    """The e-mail of a job; None where nothing is left to tell."""
    with outside.database.read() as session:
        if job.kind == EVENTS:
            return _news(session, job, outside.settings)
        if job.kind == HANDSHAKE:
            return _handshake(session, job, outside.settings)
    if job.kind == TEST:
        return _test(job)
    raise ValueError(f"An e-mail has no {job.kind}.")


def _news(session: Session, job: Job, settings: Settings) -> mail.Letter | None:
    row = job.subscription
    reading = Reading(session, job.now)
    reading.prepare([row.organisation_id])
    asked = reading.asked(row)
    kept = [notice for notice in job.notices if not reading.expired(notice)]
    lines: list[Line] = []
    counts: dict[str, int] = {}
    withheld = 0
    for told in _told(reading, asked, kept):
        if told.news is None:
            withheld += 1
            continue
        change = _change(told)
        counts[change] = counts.get(change, 0) + 1
        if len(lines) < MOST and asked.content != "empty":
            lines.append(_line(reading, asked, told, change, settings))
    lost = len(job.notices) - len(kept)
    if not counts and not lost:
        return None
    digest = Digest(
        title=row.document.get("title"),
        content=asked.content,
        counts=counts,
        lines=tuple(lines),
        more=0 if asked.content == "empty" else sum(counts.values()) - len(lines),
        withheld=withheld,
        lost=lost,
        list_address=_list_address(row, settings),
        events_address=f"{_base(settings)}/v1/subscriptions/{row.id}/events?from={job.first}&until={job.last}",
        subscription=row.id,
        at=job.now,
    )
    files = () if asked.content == "empty" else (mail.Attachment("changes.csv", "csv", csv_file(digest)),)
    return mail.Letter(
        to=row.document["email"],
        subject=subject(digest),
        text=text(digest),
        html=html(digest),
        message=job.message,
        attachments=files,
        about=row.id,
    )


def _told(reading: Reading, asked: Asked, notices: Sequence[Notice]) -> Iterator[Told]:
    """The events of these notices, each run of them read as one stretch of the log: so changes of one listing become one."""
    for run in _runs(notices):
        yield from reading.told(asked, run[0].after, run[-1].upto)


def _runs(notices: Iterable[Notice]) -> Iterator[list[Notice]]:
    """Notices whose numbers follow each other; a notice that was told already lies between two runs."""
    run: list[Notice] = []
    for notice in notices:
        if run and notice.number != (run[-1].number or 0) + 1:
            yield run
            run = []
        run.append(notice)
    if run:
        yield run


def _change(told: Told) -> str:
    if PUBLISHED in told.types:
        return "new"
    if WITHDRAWN in told.types:
        return "withdrawn"
    return "changed"


def _line(reading: Reading, asked: Asked, told: Told, change: str, settings: Settings) -> Line:
    step = told.news.step  # type: ignore[union-attr]  # a line is made of what is not withheld
    fragment = reading.listing(asked, told) if asked.content == "full" else None
    listing: dict[str, Any] | None = None if fragment is None else orjson.loads(fragment)
    return Line(
        change=change,
        at=told.at,
        types=told.types,
        urn=step.urn,
        listing_id=step.listing_id,
        address=None if step.listing_id is None or change == "withdrawn" else f"{_base(settings)}/v1/listings/{step.listing_id}",
        listing=listing,
    )  # fmt: skip


def _handshake(session: Session, job: Job, settings: Settings) -> mail.Letter:
    """Nothing in it was written by who asked: an address that has not agreed is not to be used for saying things to it."""
    row = job.subscription
    organisation = session.get(Organisation, row.organisation_id)
    code = confirming.code_of(job.message, secret=secret_of(settings))
    return mail.Letter(
        to=row.document["email"],
        subject=f"Your code is {code}",
        text=(
            f"{organisation.name if organisation else row.organisation_id} has asked this exchange for places in children's homes to "
            "write to this address when something changes.\n\n"
            f"To agree, give this code to whoever asked, within 24 hours:\n\n  {code}\n\n"
            f"They send it to {_base(settings)}/v1/subscriptions/{row.id}/confirm\n\n"
            "If nobody of yours asked, do nothing: there will be no more e-mails.\n"
        ),
        message=job.message,
    )


def _test(job: Job) -> mail.Letter:
    row: Subscription = job.subscription
    return mail.Letter(
        to=row.document["email"],
        subject="A test of your subscription",
        text="This is a test that its owner asked for. E-mails from this exchange reach you; nothing has happened.\n",
        message=job.message,
        about=row.id,
    )


def _list_address(row: Subscription, settings: Settings) -> str:
    query = urlencode(parameters_of(row.document.get("filter") or {}), doseq=True)
    return f"{_base(settings)}/v1/listings" + (f"?{query}" if query else "")


def _base(settings: Settings) -> str:
    return settings.base_url.rstrip("/")


__all__ = ["NOTHING_LEFT", "due_at", "letter_of", "send"]
