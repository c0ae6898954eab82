"""Who is reminded of what, and the e-mail: put down with the note that today's is made, sent after the commit, by a job.

What is put down is a slot of a job that nobody has run yet (see leader). Before a letter is handed to
the mail server its slot says so: a worker that dies then leaves it unknown whether it went out, and it is not sent again.
A mail server's “not now” is known, and is tried again.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import sqlalchemy as sa
from sqlmodel import Session, col

from placefeed.service.access import links, people
from placefeed.service.access.audit import record
from placefeed.service.access.who import PROVIDER
from placefeed.service.channels.reminders.letters import SUBJECT, Line, Reminder, html, text
from placefeed.service.channels.reminders.wishes import PROVIDERS, REMINDED, stop_token
from placefeed.service.channels.subscriptions import mail
from placefeed.service.clock import Clock, london_day, london_midnight
from placefeed.service.config import Settings
from placefeed.service.db import Database, secret_of
from placefeed.service.intake.homes import Age, ageing
from placefeed.service.leader import put_down, run_put_down
from placefeed.service.tables import JobRun, Organisation, Person, Post

JOB: Final = "remind:"
LINK_FOR: Final = timedelta(hours=48)
AGAIN_AFTER: Final = timedelta(minutes=15)
ATTEMPTS: Final = 16  # four hours; tomorrow there is another
MOST: Final = 200  # homes in one e-mail
SENT: Final = "sent"
HANDING: Final = "handing it to the mail server"
UNKNOWN: Final = "a worker died while it was handed over; not sent again"


@dataclass(frozen=True, slots=True)
class _Ready:
    """A letter, and the time that its link was made."""

    letter: mail.Letter
    homes: int


def remind(database: Database, settings: Settings, clock: Clock) -> str:
    """Put down who is to be reminded today and was not yet, then send; says how many."""
    if not mail.configured(settings):
        return "no mail server is set up"
    now = clock()
    with database.read() as session:
        found = session.execute(
            sa.select(col(Post.organisation_id), col(Post.person_id))
            .join(Person, col(Person.id) == col(Post.person_id))
            .join(Organisation, col(Organisation.id) == col(Post.organisation_id))
            .where(*_wanted(now))
            .order_by(col(Post.organisation_id), col(Post.person_id))
        ).all()
    persons: dict[str, list[str]] = {}
    for organisation_id, person_id in found:
        persons.setdefault(organisation_id, []).append(person_id)
    queued = 0
    for organisation_id, ids in persons.items():
        with database.read() as session:
            due = homes_due(session, organisation_id, now, settings)
        for person_id in ids if due else ():
            with database.write() as session:
                queued += _queue(session, person_id, organisation_id, now=now)
    return f"{queued} put down, {send_waiting(database, settings, clock)} sent"


def homes_due(session: Session, organisation_id: str, now: datetime, settings: Settings) -> list[Age]:
    """The homes whose word is growing old or is stale, the oldest first; what has left the list altogether is not among them."""
    return [age for age in ageing(session, organisation_id, now, settings) if age.state != "gone"]


def send_waiting(database: Database, settings: Settings, clock: Clock) -> int:
    """Send what is put down and not sent; returns how many the mail server took."""

    def send(job: str, slot: datetime, now: datetime) -> str | None:
        return _send(database, settings, job, slot, now)

    return run_put_down(database, JOB, send, again_after=AGAIN_AFTER, attempts=ATTEMPTS, clock=clock)[SENT]


# -- steps ----------------------------------------------------------------------------------------------------------


def _wanted(now: datetime) -> tuple[sa.ColumnElement[bool], ...]:
    """Posts whose people may be reminded, and were not today: a day is one in England, also when it has 23 or 25 hours."""
    today = london_midnight(london_day(now))
    return (
        col(Post.reminders).is_(True),
        col(Post.level).in_(REMINDED),
        sa.or_(col(Post.reminded_at).is_(None), col(Post.reminded_at) < today),
        col(Person.disabled_at).is_(None),
        col(Organisation.kind).in_(PROVIDERS),
    )


def _queue(session: Session, person_id: str, organisation_id: str, *, now: datetime) -> bool:
    """Put an e-mail down and note that today's is made, in one transaction; False where another worker did."""
    today = london_midnight(london_day(now))
    taken = session.execute(
        sa.update(Post)
        .where(
            col(Post.person_id) == person_id,
            col(Post.organisation_id) == organisation_id,
            col(Post.reminders).is_(True),
            sa.or_(col(Post.reminded_at).is_(None), col(Post.reminded_at) < today),
        )
        .values(reminded_at=now)
        .returning(col(Post.person_id))
        .execution_options(synchronize_session=False)
    ).scalar_one_or_none()
    if taken is None:
        return False
    put_down(session, f"{JOB}{person_id}:{organisation_id}", now, after=now - timedelta(seconds=1))
    return True


def _send(database: Database, settings: Settings, job: str, slot: datetime, now: datetime) -> str | None:
    """What came of it; None where it is worth another attempt."""
    person_id, _, organisation_id = job.removeprefix(JOB).partition(":")
    with database.write() as session:
        row = session.get(JobRun, (job, slot))
        if row is None or row.outcome == HANDING:
            return UNKNOWN
        ready = _letter(session, person_id, organisation_id, settings=settings, slot=slot, now=now)
        if isinstance(ready, str):
            return ready
        row.outcome = HANDING
        session.add(row)
    outcome = asyncio.run(mail.send(ready.letter, settings=settings, now=now))
    if not outcome.ok and not outcome.gone:
        with database.write() as session:
            session.execute(
                sa.update(JobRun)
                .where(col(JobRun.job) == job, col(JobRun.slot) == slot)
                .values(outcome=None)
                .execution_options(synchronize_session=False)
            )
        return None
    with database.write() as session:
        detail = {"settings": ready.homes, "taken": outcome.ok}
        subject = f"{organisation_id}/{person_id}"
        record(session, caller=None, action="reminder.send", subject=subject, detail=detail, at=now)
    return SENT if outcome.ok else f"the address was refused: {outcome.status}"


def _letter(
    session: Session, person_id: str, organisation_id: str, *, settings: Settings, slot: datetime, now: datetime
) -> _Ready | str:
    """The letter with a new link in it, or why there is none any more."""
    person, post = session.get(Person, person_id), session.get(Post, (person_id, organisation_id))
    organisation = session.get(Organisation, organisation_id)
    if person is None or post is None or organisation is None or not post.reminders:
        return "no longer wanted"
    if not people.entitled(session, person_id, organisation_id=organisation_id, role=PROVIDER, scope="submit"):
        return "no longer wanted"
    due = homes_due(session, organisation_id, now, settings)
    if not due:
        return "nothing is due any more"
    named = due[:MOST]
    token = links.make(
        session,
        kind=links.UNCHANGED,
        person_id=person_id,
        organisation_id=organisation_id,
        detail={"urns": [age.urn for age in named]},
        lasts=LINK_FOR,
        now=now,
    )
    base = settings.base_url.rstrip("/")
    stop = f"{base}/reminders/stop/{stop_token(person_id, organisation_id, secret=secret_of(settings))}"
    reminder = Reminder(
        person=person.name,
        organisation=organisation.name,
        lines=_lines(named, base),
        more=len(due) - len(named),
        unchanged_address=f"{base}/unchanged/{token}",
        expires_at=now + LINK_FOR,
        homes_address=f"{base}/homes",
        stop_address=stop,
        now=now,
    )
    letter = mail.Letter(
        to=person.email,
        subject=SUBJECT,
        text=text(reminder),
        html=html(reminder),
        message=f"remind_{person_id}_{organisation_id}_{int(slot.timestamp())}",
        unsubscribe=stop,
    )
    return _Ready(letter, len(named))


def _lines(ages: Sequence[Age], base: str) -> list[Line]:
    return [
        Line(age.name, age.urn, age.as_of, age.unknown_at, f"{base}/homes/{age.urn}")
        for age in ages
        if age.as_of is not None and age.unknown_at is not None
    ]
