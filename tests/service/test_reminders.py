"""Reminders: who gets one, when, once a day; what its link does, once; and what becomes of failures and dead workers."""

import re
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from zoneinfo import ZoneInfo

import pytest
from apscheduler.triggers.cron import CronTrigger
from httpx2 import Response
from pydantic import SecretStr
from sqlmodel import col, select

from placefeed.service.access import people
from placefeed.service.channels.reminders import answers, sending
from placefeed.service.errors import NotFound
from placefeed.service.schedule import table
from placefeed.service.tables import Audit, JobRun, OneUse, Post, Standing
from tests.browser.looking import assert_parses
from tests.service.api.conftest import make_app  # noqa: F401 - a fixture
from tests.service.api.exchange import OURS, OURS_TOO, World, feed_of, peopled
from tests.service.conftest import MovableClock
from tests.service.people import somebody
from tests.service.post import Inbox, mailbox, part

LONDON = ZoneInfo("Europe/London")
AT = datetime(2026, 7, 1, 14, 0, tzinfo=UTC)


@pytest.fixture
def inbox() -> Iterator[Inbox]:
    with mailbox() as opened:
        yield opened


@pytest.fixture
def world(make_app: Callable[..., World], inbox: Inbox) -> World:  # noqa: F811
    """An exchange with a mail server, and an editor of the provider, whose two homes were told of at 13:50."""
    made = peopled(make_app(smtp_url=SecretStr(f"smtp://127.0.0.1:{inbox.port}"), base_url="https://exchange.example"))
    person(made)
    told(made, OURS, OURS_TOO, at=AT - timedelta(minutes=10))
    return made


def person(
    world: World, name: str = "Sam Carter", *, level: str = "editor", organisation: str = "example-homes"
) -> str:
    return somebody(world.database, world.settings, organisation, level=level, name=name, now=world.clock())[0]


def told(world: World, *urns: str, at: datetime) -> None:
    answer = world.push("provider", feed_of(*urns, as_of=at.isoformat().replace("+00:00", "Z")))
    assert answer.status_code == 201, answer.text
    world.publish()


def remind(world: World) -> str:
    return sending.remind(world.database, world.settings, world.clock)


def link_in(message: EmailMessage) -> str:
    found = re.search(r"https://exchange\.example(/unchanged/\S+)", part(message, "text/plain"))
    assert found is not None
    return found.group(1)


def open_link(world: World, path: str, method: str = "GET") -> Response:
    return world.client.request(method, path, headers={"Accept": "text/html"}, follow_redirects=False)


def since(world: World, urn: str) -> datetime:
    with world.database.read() as session:
        return max(session.exec(select(Standing.as_of).where(Standing.urn == urn, Standing.part == "vacancy")).all())


def test_nobody_is_written_to_while_the_word_is_fresh_and_then_once_a_day(world: World, inbox: Inbox) -> None:
    world.clock.move(hours=17)
    remind(world)
    assert inbox.taken == []
    world.clock.move(hours=1)
    assert remind(world) == "1 put down, 1 sent"
    assert remind(world) == "0 put down, 0 sent"
    (message,) = inbox.taken
    text, html = part(message, "text/plain"), part(message, "text/html")
    for content in (text, html):
        assert OURS in content
        assert OURS_TOO in content
        assert f"https://exchange.example/homes/{OURS}" in content
    assert_parses(html)
    assert "SC" not in str(message["Subject"])
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    world.clock.move(hours=24)
    remind(world)
    assert len(inbox.taken) == 2
    world.clock.move(days=14)  # it left the list: nobody is nagged about it
    remind(world)
    assert len(inbox.taken) == 2


def test_only_people_who_can_update_and_want_it(world: World, inbox: Inbox) -> None:
    person(world, "A Reader", level="reader")
    leaver, silent = person(world, "A Leaver"), person(world, "B Silent")
    person(world, "A Rival", organisation="other-homes")
    person(world, "A Member", organisation="lewisham")
    with world.database.write() as session:
        people.disable(session, leaver, now=world.clock())
        post = session.get(Post, (silent, "example-homes"))
        assert post is not None
        post.reminders = False
        session.add(post)
    world.clock.move(hours=30)
    remind(world)
    assert [message["To"] for message in inbox.taken] == ["sam.carter.example-homes.editor@example.org"]


def test_the_link_shows_and_its_button_renews_exactly_those_homes_once(world: World, inbox: Inbox) -> None:
    told(world, OURS_TOO, at=AT)
    world.clock.move(hours=17, minutes=55)  # of the first home 18 hours are over, of the second not
    remind(world)
    path = link_in(inbox.taken[0])
    world.clock.move(minutes=1)
    for _ in range(3):  # a scanner
        page = open_link(world, path)
        assert page.status_code == 200
        assert OURS in page.text
        assert OURS_TOO not in page.text
    assert since(world, OURS) == AT - timedelta(minutes=10)

    done = open_link(world, path, "POST")

    assert "Thank you" in done.text
    assert_parses(done.text)
    assert since(world, OURS) == world.clock()
    assert since(world, OURS_TOO) == AT
    assert open_link(world, path, "POST").status_code == 404
    over = open_link(world, path)
    assert over.status_code == 404
    assert "cannot be used any more" in over.text
    with world.database.read() as session:
        audit = session.exec(select(Audit).where(Audit.action == "reminder.confirm")).one()
    assert audit.detail == {"attested": [OURS], "left": 0}
    assert audit.person_id


def test_two_at_once_have_one_effect(world: World, inbox: Inbox) -> None:
    world.clock.move(hours=20)
    remind(world)
    token = link_in(inbox.taken[0]).rpartition("/")[2]
    outcomes: list[str] = []
    gate = threading.Barrier(2)

    def press() -> None:
        gate.wait()
        try:
            with world.database.write() as session:
                answers.confirm(session, token, now=world.clock())
            outcomes.append("done")
        except NotFound:
            outcomes.append("used")

    threads = [threading.Thread(target=press) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["done", "used"]


def test_what_was_said_since_is_left_alone(world: World, inbox: Inbox) -> None:
    world.clock.move(hours=20)
    remind(world)
    world.clock.move(hours=1)
    newer = world.clock() - timedelta(minutes=1)
    told(world, OURS, at=newer)
    world.clock.move(hours=1)
    page = open_link(world, link_in(inbox.taken[0]), "POST").text
    assert "Somebody has told us about it since this e-mail was sent" in page
    assert since(world, OURS) == newer
    assert since(world, OURS_TOO) == world.clock()


def test_a_link_ends_with_its_time_and_the_right_behind_it(world: World, inbox: Inbox) -> None:
    person(world, "The Manager", level="manager")
    leaver, lowered, closed = (person(world, name) for name in ("A Leaver", "A Reader", "A Closed"))
    world.clock.move(hours=20)
    remind(world)
    assert len(inbox.taken) == 5
    with world.database.write() as session:
        people.end_post(session, leaver, "example-homes")
        people.give_post(session, lowered, "example-homes", level="reader", now=world.clock())
        people.disable(session, closed, now=world.clock())
    good = {}
    for message in inbox.taken:
        path = link_in(message)
        good[str(message["To"]).partition(".example")[0]] = open_link(world, path).status_code == 200
        if not open_link(world, path).is_success:
            assert open_link(world, path, "POST").status_code == 404
    assert good == {"sam.carter": True, "the.manager": True, "a.leaver": False, "a.reader": False, "a.closed": False}
    world.clock.move(hours=48)
    for message in inbox.taken:
        for method in ("GET", "POST"):
            assert open_link(world, link_in(message), method).status_code == 404
    assert since(world, OURS) == AT - timedelta(minutes=10)


def test_what_the_mail_server_does_not_take_now_is_tried_again(world: World, inbox: Inbox) -> None:
    inbox.at_data = "451 Not now"
    world.clock.move(hours=20)
    assert remind(world) == "1 put down, 0 sent"
    inbox.at_data = None
    assert sending.send_waiting(world.database, world.settings, world.clock) == 0  # the lease is on
    world.clock.move(minutes=16)
    assert sending.send_waiting(world.database, world.settings, world.clock) == 1
    assert sending.send_waiting(world.database, world.settings, world.clock) == 0
    assert open_link(world, link_in(inbox.taken[0]), "POST").status_code == 200

    world.clock.move(hours=24)  # and an address that is refused for good is not tried again
    inbox.refuse["sam.carter.example-homes.editor@example.org"] = "550 Nobody of that name"
    remind(world)
    world.clock.move(minutes=16)
    sending.send_waiting(world.database, world.settings, world.clock)
    with world.database.read() as session:
        rows = session.exec(select(JobRun).order_by(col(JobRun.slot))).all()
    row = [each for each in rows if each.job.startswith(sending.JOB)][-1]
    assert (row.attempt, row.outcome) == (1, "the address was refused: 550")


@pytest.mark.parametrize("when", ["before it was handed over", "after it was handed over"])
def test_a_worker_that_dies_sends_no_second_e_mail(
    world: World, inbox: Inbox, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    whole = sending.mail.send

    class Killed(BaseException):
        """As if the process had been killed."""

    async def dies(*arguments: object, **options: object) -> object:
        if when.startswith("after"):
            await whole(*arguments, **options)  # type: ignore[arg-type]
        raise Killed

    world.clock.move(hours=20)
    monkeypatch.setattr(sending.mail, "send", dies)
    with pytest.raises(Killed):
        remind(world)
    monkeypatch.setattr(sending.mail, "send", whole)
    world.clock.move(minutes=16)
    remind(world)
    assert len(inbox.taken) == (1 if when.startswith("after") else 0)
    world.clock.move(hours=24)
    remind(world)  # and tomorrow's comes
    assert len(inbox.taken) == (2 if when.startswith("after") else 1)


def test_two_workers_at_once_send_one(world: World, inbox: Inbox) -> None:
    world.clock.move(hours=20)
    threads = [threading.Thread(target=remind, args=[world]) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(inbox.taken) == 1
    with world.database.read() as session:
        assert len(session.exec(select(OneUse)).all()) == 1


def test_a_footer_stops_them_with_one_press_and_no_sign_in(world: World, inbox: Inbox) -> None:
    world.clock.move(hours=20)
    remind(world)
    address = str(inbox.taken[0]["List-Unsubscribe"]).strip("<>").removeprefix("https://exchange.example")
    assert f"{address}\n" in part(inbox.taken[0], "text/plain")
    page = open_link(world, address)
    assert_parses(page.text)
    assert "Stop reminders" in page.text
    press = world.client.post(address, data={"List-Unsubscribe": "One-Click"})  # as a mail program does
    assert press.status_code == 200
    assert open_link(world, address[:-1] + "x").status_code == 404
    world.clock.move(hours=24)
    remind(world)
    assert len(inbox.taken) == 1
    with world.database.read() as session:
        assert session.exec(select(Audit.action).where(Audit.action == "reminder.stop")).all() == ["reminder.stop"]


def test_without_a_mail_server_nothing_is_put_down(make_app: Callable[..., World]) -> None:  # noqa: F811
    world = peopled(make_app())
    assert remind(world) == "no mail server is set up"


def test_at_both_ends_of_summer_time_one_comes_each_day(world: World, inbox: Inbox, clock: MovableClock) -> None:
    cron = next(job.cron for job in table(world.settings) if job.name == "remind")
    trigger = CronTrigger.from_crontab(cron, timezone=LONDON)
    for day in (datetime(2026, 10, 24, tzinfo=LONDON), datetime(2027, 3, 27, tzinfo=LONDON)):
        clock.instant = day.astimezone(UTC) - timedelta(hours=20)
        told(world, OURS, at=clock.instant)
        inbox.taken.clear()
        fired: list[datetime] = []
        moment = day
        while len(fired) < 6:  # the day before, the day itself and the day after
            moment = trigger.get_next_fire_time(None, moment + timedelta(seconds=1))
            fired.append(moment)
            clock.instant = moment.astimezone(UTC)
            remind(world)
        assert [f"{each:%H:%M}" for each in fired] == ["09:30", "16:30"] * 3
        assert len({each.date() for each in fired}) == 3
        assert len({each.utcoffset() for each in fired}) == 2
        assert len(inbox.taken) == 3
