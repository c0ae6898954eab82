"""E-mails of subscriptions: when they go out, what they tell and keep back, and the whole way from a change to an inbox."""

import csv
import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from typing import Any, cast

import pytest
import sqlalchemy as sa
from pydantic import SecretStr
from sqlmodel import Session, col, select

from placefeed.service.access import keys
from placefeed.service.access.who import Caller
from placefeed.service.channels.subscriptions import life, owners, told, wishes
from placefeed.service.channels.subscriptions.digest import letter_of
from placefeed.service.channels.subscriptions.digest_forms import MOST, Digest, Line, csv_file, html, subject, text
from placefeed.service.channels.subscriptions.mail import Letter
from placefeed.service.channels.subscriptions.matching import Matcher
from placefeed.service.channels.subscriptions.outcomes import EVENTS, Job, Outside
from placefeed.service.channels.subscriptions.sending import Sender
from placefeed.service.channels.subscriptions.timetable import due_at
from placefeed.service.clock import LONDON
from placefeed.service.config import Settings
from placefeed.service.db import Database, secret_of
from placefeed.service.publishing.publisher import publish_all
from placefeed.service.tables import ConsortiumMember, JobRun, Notice, Organisation, Subscription
from tests.service.conftest import MovableClock
from tests.service.post import Inbox, mailbox, part, wait_for
from tests.service.world import World

URN, OTHER, THIRD = "SC000001", "SC000002", "SC000003"
TO = "team@leeds.example"


# -- when ---------------------------------------------------------------------------------------------------------------

DAILY = {"every": "daily", "at": "07:30"}
EARLY = {"every": "daily", "at": "01:30"}
TIMES = [
    (None, "2026-07-01T14:03:09Z", "2026-07-01T14:03:09Z"),
    ({"every": "instant"}, "2026-07-01T14:03:09Z", "2026-07-01T14:03:09Z"),
    ({"every": "hourly"}, "2026-07-01T14:03:09Z", "2026-07-01T15:00:00Z"),
    ({"every": "hourly"}, "2026-07-01T15:00:00Z", "2026-07-01T15:00:00Z"),
    ({"every": "hourly"}, "2026-10-25T00:59:59Z", "2026-10-25T01:00:00Z"),  # the hour that comes twice is two hours
    ({"every": "daily"}, "2026-07-01T14:00:00Z", "2026-07-02T06:30:00Z"),  # half past seven, summer time
    (DAILY, "2026-07-01T06:30:00Z", "2026-07-01T06:30:00Z"),
    (DAILY, "2026-07-01T06:30:01Z", "2026-07-02T06:30:00Z"),
    (DAILY, "2026-12-01T00:00:00Z", "2026-12-01T07:30:00Z"),
    ({"every": "daily", "at": "00:15"}, "2026-07-01T23:10:00Z", "2026-07-01T23:15:00Z"),  # already tomorrow in England
    # 29 March 2026: 01:30 does not come; an hour later by the clock on the wall.
    (EARLY, "2026-03-28T12:00:00Z", "2026-03-29T01:30:00Z"),
    (EARLY, "2026-03-29T01:30:01Z", "2026-03-30T00:30:00Z"),
    # 25 October 2026: it comes twice; the first counts.
    (EARLY, "2026-10-24T12:00:00Z", "2026-10-25T00:30:00Z"),
    (EARLY, "2026-10-25T00:30:01Z", "2026-10-26T01:30:00Z"),
    (EARLY, "2026-10-25T01:30:00Z", "2026-10-26T01:30:00Z"),
]


@pytest.mark.parametrize(("schedule", "now", "due"), TIMES)
def test_when_an_email_goes_out(schedule: dict[str, str] | None, now: str, due: str) -> None:
    document = {} if schedule is None else {"schedule": schedule}

    assert due_at(document, datetime.fromisoformat(now)) == datetime.fromisoformat(due)


def test_a_daily_email_goes_out_once_each_day_of_the_year() -> None:
    for at in ("00:00", "00:59", "01:00", "01:30", "02:00", "23:59"):
        document = {"schedule": {"every": "daily", "at": at}}
        moment, days = datetime(2025, 12, 31, 23, 59, 30, tzinfo=UTC), []
        while moment.year < 2027:
            moment = due_at(document, moment)
            days.append(moment.astimezone(LONDON).date())
            moment += timedelta(seconds=1)
        assert len(days) == len(set(days)) >= 365


# -- what ---------------------------------------------------------------------------------------------------------------


@dataclass
class Exchange:
    """An exchange with two members of one consortium, `leeds` and `york`, and a provider of three homes."""

    database: Database
    settings: Settings
    clock: MovableClock
    callers: dict[str, Caller]

    @contextmanager
    def world(self) -> Iterator[World]:
        """Say something, and have it published and matched."""
        with self.database.write() as session:
            yield World(session, self.clock(), dict.fromkeys((URN, OTHER, THIRD), "example"))
        self.publish()

    def publish(self) -> None:
        publish_all(self.database, self.settings, self.clock)
        matcher = Matcher(self.database, self.clock)
        while matcher.step():
            pass

    def subscribe(self, who: str = "leeds", **document: Any) -> str:
        """An e-mail subscription whose code came back."""
        asked = wishes.accept({"channel": "email", "email": TO, **document}, "member", now=self.clock())
        with self.database.write() as session:
            row, _ = life.create(
                session, self.callers[who], asked, settings=self.settings, secret=secret_of(self.settings), now=self.clock()
            )  # fmt: skip
            row.state, row.code, row.next_attempt_at = "active", None, None
            session.execute(sa.update(Notice).where(col(Notice.subscription_id) == row.id).values(state="sent"))
        return row.id

    def job(self, subscription: str) -> Job:
        """All that waits, as the sender claims it."""
        with self.database.read() as session:
            row = session.get_one(Subscription, subscription)
            notices = session.exec(
                select(Notice)
                .where(Notice.subscription_id == subscription, Notice.state == "waiting")
                .order_by(col(Notice.id))
            ).all()
            session.expunge_all()
        return Job("claim", row, tuple(notices), EVENTS, notices[0].message, 1, self.clock())

    def letter(self, subscription: str) -> Letter | None:
        return letter_of(self.job(subscription), self.outside)

    @property
    def outside(self) -> Outside:
        return Outside(self.settings, self.database, self.clock, http=cast("Any", None))


@pytest.fixture
def exchange(database: Database, settings: Settings, clock: MovableClock) -> Exchange:
    chosen = settings.model_copy(
        update={"smtp_url": SecretStr("smtp://127.0.0.1:1"), "base_url": "https://ex.example", "operator_email": "op@ex.example"}
    )  # fmt: skip
    callers = {}
    with database.write() as session:
        world = World(session, clock())
        world.provider("example", URN, OTHER, THIRD)
        world.consortium("north", "example")
        for member in ("leeds", "york"):
            world.member(member, "north", la_code={"leeds": "E08000035", "york": "E06000014"}[member])
            _, key = keys.issue(session, organisation_id=member, role="member", secret=secret_of(chosen), now=clock())
            callers[member] = Caller(key.id, member, "member", frozenset(key.scopes))
        for urn in (URN, OTHER, THIRD):
            world.say(urn, "setting", {"provisionType": "children-home", "name": f"Home <b>{urn[-1]}</b>"})
    made = Exchange(database, chosen, clock, callers)
    made.publish()
    return made


def rows(letter: Letter) -> list[dict[str, str]]:
    (file,) = letter.attachments
    return list(csv.DictReader(io.StringIO(file.content.decode("utf-8-sig"))))


class Page(HTMLParser):
    """What a reader's mail program would show, run or fetch."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.said = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.said += data


def test_net_changes_are_told_once_and_what_came_and_went_is_left_out(exchange: Exchange) -> None:
    with exchange.world() as world:
        world.vacancy(OTHER)
        world.vacancy(THIRD)
    subscription = exchange.subscribe(content="full", title="Leeds")
    with exchange.world() as world:
        world.vacancy(URN, "stays")
        world.vacancy(URN, "goes")
        world.vacancy(OTHER, as_of=world.now, places=2)
    exchange.clock.move(minutes=5)
    with exchange.world() as world:
        world.vacancy(URN, "stays", places=3)
        world.say(URN, "vacancy", {"id": "goes"}, withdrawn=True)
        world.vacancy(OTHER, as_of=world.now, places=3)
        world.say(THIRD, "vacancy", {"id": "v1"}, withdrawn=True)

    letter = exchange.letter(subscription)

    assert letter is not None
    assert letter.subject == "Leeds: 1 new, 1 changed, 1 withdrawn"
    told = {(row["change"], row["setting"]): row for row in rows(letter)}
    assert set(told) == {("new", URN), ("changed", OTHER), ("withdrawn", THIRD)}
    assert told["new", URN]["vacancy.places"] == "3"
    assert told["changed", OTHER]["vacancy.places"] == "3"
    assert told["withdrawn", THIRD]["setting.name"] == ""  # of what is gone only the numbers that it was known by
    assert "3 places, from 1 July 2026" in letter.text
    assert "https://ex.example/v1/listings/" in letter.text
    assert subscription in letter.text
    page = Page(letter.html or "")
    assert "3 places, from 1 July 2026" in page.said


def test_all_that_came_has_gone_and_no_email_is_sent(exchange: Exchange) -> None:
    subscription = exchange.subscribe()
    with exchange.world() as world:
        world.vacancy(URN)
    with exchange.world() as world:
        world.say(URN, "vacancy", {"id": "v1"}, withdrawn=True)

    assert len(exchange.job(subscription).notices) == 2
    assert exchange.letter(subscription) is None


def test_prices_are_each_readers_own(exchange: Exchange) -> None:
    for_leeds = {"buyers": [{"scheme": "gss", "id": "E08000035"}]}
    mine, theirs = exchange.subscribe("leeds", content="full"), exchange.subscribe("york", content="full")
    with exchange.world() as world:
        world.rate(URN, "core", pounds=5000)
        world.rate(URN, "cheap", pounds=3333, offeredTo=for_leeds)
        world.vacancy(URN, rates=["core", "cheap"])

    own, others = exchange.letter(mine), exchange.letter(theirs)

    assert own is not None
    assert others is not None
    assert "£3,333.00 a week" in own.text
    assert "£5,000.00 a week" in others.text
    for form in (others.text, others.html or "", others.attachments[0].content.decode()):
        assert "3333" not in form
        assert "3,333" not in form
    assert "£" not in own.subject + others.subject


def test_content_says_how_much_leaves(exchange: Exchange) -> None:
    named = {content: exchange.subscribe(content=content) for content in ("empty", "ids", "full")}
    with exchange.world() as world:
        world.rate(URN)
        world.vacancy(URN, rates=["core"])
    letters = {content: exchange.letter(subscription) for content, subscription in named.items()}

    said = {}
    for content, letter in letters.items():
        assert letter is not None
        files = [file.content.decode() for file in letter.attachments]
        said[content] = "\n".join([letter.subject, letter.text, letter.html or "", *files])
    assert URN not in said["empty"]
    assert "there is news" in said["empty"]
    assert "/events?from=1&until=1" in (letters["empty"] or Letter("", "", "", "")).text
    assert not (letters["empty"] or Letter("", "", "", "")).attachments
    assert URN in said["ids"]
    assert "Home" not in said["ids"]
    assert "£" not in said["ids"]
    assert "Home" in said["full"]
    assert "£5,000.00 a week" in said["full"]


def test_who_lost_sight_is_told_that_something_is_withheld(exchange: Exchange) -> None:
    subscription = exchange.subscribe(content="full")
    with exchange.world() as world:
        world.vacancy(URN)
        world.vacancy(OTHER)
    with exchange.database.write() as session:
        session.execute(
            sa.update(ConsortiumMember)
            .where(col(ConsortiumMember.organisation_id) == "leeds")
            .values(valid_until=exchange.clock().date())
        )
    exchange.clock.move(days=1)

    assert exchange.letter(subscription) is None  # nothing is left that it may be told


def test_what_is_no_longer_kept_is_said(exchange: Exchange) -> None:
    subscription = exchange.subscribe()
    with exchange.world() as world:
        world.vacancy(URN)
    with exchange.database.write() as session:
        session.execute(sa.text("UPDATE head SET history_after = position"))

    letter = exchange.letter(subscription)

    assert letter is not None
    assert "1 earlier messages can no longer be told" in letter.text


def test_html_is_a_plain_table_that_fetches_and_runs_nothing(exchange: Exchange) -> None:
    subscription = exchange.subscribe(
        content="full", title="<script>alert(1)</script>", filter={"la": ["Leeds", "York"]}
    )
    with exchange.world() as world:
        world.vacancy(URN, notes="<img src=https://evil.example/x>")

    letter = exchange.letter(subscription)

    assert letter is not None
    page = Page(letter.html or "")
    names = [tag for tag, _ in page.tags]
    assert not {"script", "img", "link", "style", "iframe", "form", "b"} & set(names)
    assert not any(name.startswith("on") or name == "src" for _, attributes in page.tags for name in attributes)
    assert page.tags[0] == ("html", {"lang": "en"})
    assert names.count("caption") == names.count("table") == 1
    assert all(attributes.get("scope") in ("col", "row") for tag, attributes in page.tags if tag == "th")
    assert "Home <b>1</b>" in page.said
    links = {attributes["href"] for tag, attributes in page.tags if tag == "a"}
    assert all(str(link).startswith("https://ex.example/v1/") for link in links)
    assert "https://ex.example/v1/listings?la=Leeds&la=York" in links


def line(**changes: Any) -> Line:
    values: dict[str, Any] = {
        "change": "new", "at": datetime(2026, 7, 1, 14, tzinfo=UTC), "types": ("vacancy.published",), "urn": URN,
        "listing_id": "a", "address": "https://ex.example/v1/listings/a",
    }  # fmt: skip
    return Line(**{**values, **changes})


def digest(**changes: Any) -> Digest:
    values: dict[str, Any] = {
        "title": None, "content": "ids", "counts": {"new": 1}, "lines": (line(),), "more": 0, "withheld": 0, "lost": 0,
        "list_address": "https://ex.example/v1/listings", "events_address": "", "subscription": "s",
        "at": datetime(2026, 7, 1, 14, tzinfo=UTC),
    }  # fmt: skip
    return Digest(**{**values, **changes})


def test_a_cell_never_begins_as_a_formula() -> None:
    listing = {"id": "a", "setting": {"name": '=HYPERLINK("https://evil.example")'}, "vacancy": {}}

    found = csv_file(digest(content="full", lines=(line(listing=listing),))).decode("utf-8-sig")

    assert "'=HYPERLINK" in found


def test_a_long_digest_is_cut_and_says_so(exchange: Exchange) -> None:
    made = digest(counts={"new": MOST + 7}, lines=tuple(line() for _ in range(MOST)), more=7)

    assert "And 7 more: read the list." in text(made)
    assert "And 7 more: read the list." in html(made)
    assert subject(made) == f"Vacancies: {MOST + 7} new"


def test_a_listing_with_hardly_anything_known_is_shown() -> None:
    bare = line(listing={"id": "a", "urn": URN, "vacancy": {"ages": {"to": 16}}, "ofsted": {}})
    source = line(change="changed", types=("source.late",), urn="", listing_id=None, address=None)

    assert "ages ? to 16" in text(digest(content="full", lines=(bare, source)))
    assert "A source" in html(digest(content="full", lines=(bare, source)))
    assert "A source is late" in text(digest(lines=(source,)))


# -- the whole way ------------------------------------------------------------------------------------------------------


@contextmanager
def sending(exchange: Exchange, inbox: Inbox) -> Iterator[None]:
    """A sender at work, with this mail server."""
    exchange.settings = exchange.settings.model_copy(update={"smtp_url": SecretStr(f"smtp://127.0.0.1:{inbox.port}")})
    sender = Sender(exchange.database, exchange.settings, exchange.clock, look_again=0.05)
    sender.start()
    try:
        yield
    finally:
        sender.stop()


def state_of(exchange: Exchange, subscription: str) -> Subscription:
    with exchange.database.read() as session:
        return session.get_one(Subscription, subscription)


def test_from_a_change_to_an_inbox(exchange: Exchange) -> None:
    caller = exchange.callers["leeds"]
    asked = wishes.accept({"channel": "email", "email": TO, "content": "full"}, "member", now=exchange.clock())
    secret = secret_of(exchange.settings)
    with mailbox() as inbox, sending(exchange, inbox):
        with exchange.database.write() as session:
            row, _ = life.create(
                session, caller, asked, settings=exchange.settings, secret=secret, now=exchange.clock()
            )
        wait_for(lambda: len(inbox.taken) == 1)
        code = part(inbox.taken[0], "text/plain").split("\n\n")[2].strip()
        assert inbox.taken[0]["subject"] == f"Your code is {code}"
        wait_for(lambda: state_of(exchange, row.id).claim is None)
        assert state_of(exchange, row.id).state == "requested"  # that it was sent proves nothing
        with exchange.world() as world:
            world.vacancy(URN)
        with exchange.database.write() as session:
            _, verdict = life.confirm(session, caller, row.id, code, secret=secret, now=exchange.clock())
        assert verdict == "confirmed"
        wait_for(lambda: len(inbox.taken) == 2)  # what happened while it was asked for is told now
        assert inbox.taken[1]["subject"] == "Vacancies: 1 new"
        assert [each.get_content_type() for each in inbox.taken[1].walk() if not each.is_multipart()] == [
            "text/plain", "text/html", "text/csv",
        ]  # fmt: skip
        wait_for(lambda: state_of(exchange, row.id).delivered == 1)
        with exchange.database.write() as session:
            life.test(session, caller, row.id, now=exchange.clock())
        wait_for(lambda: len(inbox.taken) == 3)
        with exchange.database.write() as session:
            told.resend(session, caller, row.id, 1, 1, now=exchange.clock())
        wait_for(lambda: len(inbox.taken) == 4)
    assert inbox.taken[3]["message-id"] == inbox.taken[1]["message-id"]


def test_a_day_is_one_email(exchange: Exchange) -> None:
    subscription = exchange.subscribe(schedule=DAILY)
    with mailbox() as inbox, sending(exchange, inbox):
        for urn in (URN, OTHER, THIRD):
            with exchange.world() as world:
                world.vacancy(urn)
            exchange.clock.move(hours=1)
        assert state_of(exchange, subscription).next_attempt_at == datetime(2026, 7, 2, 6, 30, tzinfo=UTC)
        exchange.clock.instant = datetime(2026, 7, 2, 6, 30, tzinfo=UTC)
        wait_for(lambda: state_of(exchange, subscription).delivered == 3)
    assert [mail["subject"] for mail in inbox.taken] == ["Vacancies: 3 new"]


def test_an_address_that_is_no_more_ends_it_and_its_owner_is_told(exchange: Exchange) -> None:
    subscription = exchange.subscribe(ownerEmail="boss@leeds.example")
    with mailbox() as inbox, sending(exchange, inbox):
        inbox.refuse[TO] = "550 No such user"
        with exchange.world() as world:
            world.vacancy(URN)
        wait_for(lambda: state_of(exchange, subscription).state == "error")
        assert tell(exchange) == 0  # not before a moment has passed
        exchange.clock.move(minutes=1)
        assert tell(exchange) == 1
        exchange.clock.move(hours=1)
        assert tell(exchange) == 0
    (mail,) = inbox.taken
    assert mail["to"] == "boss@leeds.example"
    assert "550" in part(mail, "text/plain")
    assert f"/v1/subscriptions/{subscription}/resume" in part(mail, "text/plain")


def tell(exchange: Exchange) -> int:
    return owners.tell_owners(exchange.database, exchange.settings, exchange.clock)


def stop(exchange: Exchange, subscription: str) -> None:
    with exchange.database.write() as session:
        life.fail(session, session.get_one(Subscription, subscription), "Nobody is there.", exchange.clock())
    exchange.clock.move(minutes=1)


def test_the_operator_is_told_where_the_owner_left_no_address_and_again_while_mail_is_down(exchange: Exchange) -> None:
    subscription = exchange.subscribe()
    stop(exchange, subscription)
    assert tell(exchange) == 0  # no server there
    with mailbox() as inbox:
        exchange.settings = exchange.settings.model_copy(
            update={"smtp_url": SecretStr(f"smtp://127.0.0.1:{inbox.port}")}
        )
        assert tell(exchange) == 0  # it waits for its next attempt
        exchange.clock.move(minutes=16)
        assert tell(exchange) == 1
    assert inbox.taken[0]["to"] == "op@ex.example"


@pytest.mark.parametrize(
    ("prepare", "outcome"),
    [
        (lambda row: row.__setattr__("state", "active"), "no longer stopped"),
        (lambda row: None, "nobody to tell by e-mail"),
    ],
)
def test_who_need_not_be_told_is_not(prepare: Callable[[Subscription], None], outcome: str, exchange: Exchange) -> None:
    subscription = exchange.subscribe()
    stop(exchange, subscription)
    exchange.settings = exchange.settings.model_copy(update={"operator_email": None})
    with exchange.database.write() as session:
        prepare(session.get_one(Subscription, subscription))

    assert tell(exchange) == 0

    with exchange.database.read() as session:
        job = session.exec(select(JobRun).where(col(JobRun.job).startswith("tell-owner:"))).one()
    assert (job.outcome, job.finished_at) == (outcome, exchange.clock())


def test_the_first_email_to_an_address_says_nothing_that_its_asker_wrote(exchange: Exchange) -> None:
    asked = wishes.accept(
        {"channel": "email", "email": TO, "title": "WIN A PRIZE at https://evil.example"},
        "member",
        now=exchange.clock(),
    )
    with exchange.database.write() as session:
        row, _ = life.create(
            session, exchange.callers["leeds"], asked, settings=exchange.settings, secret=secret_of(exchange.settings), now=exchange.clock()
        )  # fmt: skip
        name = _name(session)
    with exchange.database.read() as session:
        notice = session.exec(select(Notice).where(Notice.subscription_id == row.id)).one()
        session.expunge_all()

    letter = letter_of(Job("c", row, (notice,), "handshake", notice.message, 1, exchange.clock()), exchange.outside)

    assert letter is not None
    assert "evil" not in letter.text + letter.subject
    assert name in letter.text


def _name(session: Session) -> str:
    return session.get_one(Organisation, "leeds").name
