"""The matcher: nobody misses a number, whoever crashes; and the index says what `news()` says."""

import os
import random
import signal
import subprocess
import sys
import textwrap
import threading
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from sqlmodel import col, select

from placefeed.service.channels.many_views import views_of
from placefeed.service.channels.news import TOPICS, Reader
from placefeed.service.channels.query import Filter
from placefeed.service.channels.subscriptions.interests import Interests, Who
from placefeed.service.channels.subscriptions.matching import BEYOND, Matcher
from placefeed.service.channels.subscriptions.notices import Asked, numbered
from placefeed.service.config import Settings
from placefeed.service.db import Database
from placefeed.service.publishing import restore
from placefeed.service.publishing.publisher import publish_all
from placefeed.service.publishing.sight import OPERATOR_VIEW, View, view_at, view_of
from placefeed.service.publishing.steps import Step
from placefeed.service.tables import (
    Change,
    ChannelCursor,
    ConsortiumMember,
    ConsortiumProvider,
    Head,
    Notice,
    Organisation,
    Subscription,
)
from tests.service.conftest import MovableClock
from tests.service.factories import NOW, listing_row, rate
from tests.service.subscribed import notices, row_of, subscribe
from tests.service.world import World

ROOT = Path(__file__).parents[2]
HOMES = [f"SC{number:06}" for number in range(6)]


# -- the index agrees with news() ------------------------------------------------------------------------------------------

FILTERS: list[dict[str, list[str]]] = [
    {},
    {"la": ["E06000023"]},
    {"la": ["E06000023", "E08000035"], "showHidden": ["true"]},
    {"gender": ["female"]},
    {"age": ["14"]},
    {"need": ["autism"]},
    {"need": ["autism"], "needsStated": ["true"]},
    {"risk": ["self-harm"]},
    {"communication": ["makaton"]},
    {"placesAtLeast": ["2"]},
    {"availableBy": ["2026-07-10"]},
    {"judgement": ["sccif-2017:good"]},
    {"notJudgement": ["sccif-2017:requires-improvement"]},
    {"weeklyAtMostPence": ["450000"]},
    {"contractType": ["spot"], "weeklyAtMostPence": ["600000"]},
    {"q": ["wil"]},
    {"q": ["willow bristol"]},
    {"simulated": ["false"], "shortBreaksOnly": ["false"]},
    {"age": ["12"], "gender": ["male"], "la": ["E08000035"], "placementType": ["emergency"]},
    {"near": ["51.46,-0.01"]},
    {"near": ["51.46,-0.01"], "withinMiles": ["20"]},
    {"near": ["51.46,-0.01"], "withinMiles": ["300"], "placesAtLeast": ["2"]},
    {"near": ["53.8,-1.55"], "withinMiles": ["40"]},
]
PLACES = [None, [51.5, -0.05], [51.8, 0.3], [53.4, -2.2], [55.0, -1.6]]
AUDIENCES = ["north", "south", "west"]
PARSED = [Filter.parse(each) for each in FILTERS]


def some(chance: random.Random, *values: Any) -> list[Any]:
    return chance.sample(values, k=chance.randint(0, len(values)))


def any_facts(chance: random.Random) -> dict[str, Any]:
    pick = chance.choice
    rates = [
        rate(
            pick([None, 400_000, 500_000, 700_000]),
            offered_to=pick(["any", ["placefeed:leeds"], ["placefeed:south", "gss:E08000035"]]),
            contract=pick([None, "spot", "framework"]),
        )
        for _ in range(chance.randint(0, 2))
    ]
    row = listing_row(
        la=pick(["E06000023", "E08000035", None]),
        genders=some(chance, "female", "male", "any-gender"),
        ages=pick([[None, None], [11, 16], [13, None], [None, 12]]),
        needsAccepted=some(chance, "autism"),
        needsExcluded=some(chance, "autism"),
        risksExcluded=some(chance, "self-harm"),
        communication=some(chance, "makaton"),
        places=pick([1, 2, 3]),
        judgements=[["sccif-2017", "overall", each] for each in some(chance, "good", "requires-improvement")],
        placementTypes=some(chance, "planned", "emergency"),
        text=pick(["willow house bristol", "oak lodge", "the willows of bristol willow"]),
        simulated=chance.random() < 0.5,
        shortBreaksOnly=chance.random() < 0.5,
        asOf=pick(["2026-07-01T12:00:00Z", "2026-07-01T13:00:00Z"]),
        at=pick(PLACES),
        rates=rates,
        **{"from": pick([None, "2026-07-01", "2026-08-01"])},
    )
    return row["facts"]


def any_step(chance: random.Random) -> Step:
    def side() -> dict[str, Any]:
        listings = range(chance.randint(0, 2))
        return {"listings": [{"audiences": some(chance, *AUDIENCES), "facts": any_facts(chance)} for _ in listings]}

    if chance.random() < 0.2:
        event = chance.choice(["ofsted.changed", "setting.suspended", "capacity.changed"])
        organisation = chance.choice(["acorn", "oak", None])
        return Step(7, NOW, "SC000001", None, (event,), side(), side(), organisation_id=organisation)
    before = chance.choice([None, any_facts(chance)])
    after = any_facts(chance) if before is None else chance.choice([None, before, any_facts(chance)])
    events = some(chance, "vacancy.changed", "rate.changed", "ofsted.changed", "vacancy.published", "vacancy.withdrawn")
    if before and after and chance.random() < 0.3:
        after = {**before, "at": chance.choice(PLACES)}
    audiences = [frozenset(some(chance, *AUDIENCES)) for _ in range(2)]
    return Step(
        7, NOW, "SC000001", "listing-1", tuple(events[:2]), before, after, *audiences,
        changed=tuple(some(chance, "/vacancy/places", "/clocks")),
        offered_to=frozenset(some(chance, "any", "placefeed:leeds", "placefeed:south")), organisation_id="acorn",
    )  # fmt: skip


def any_view(chance: random.Random) -> View:
    audiences = frozenset(some(chance, *AUDIENCES))
    buyers = {*some(chance, "placefeed:leeds", "gss:E08000035"), *(f"placefeed:{each}" for each in audiences)}
    return View(everything=False, audiences=audiences, buyers=frozenset(buyers))


@hypothesis_settings(max_examples=60, deadline=None)
@given(st.integers(min_value=0))
def test_the_index_says_what_news_says(seed: int) -> None:
    chance = random.Random(seed)
    nothing = View(everything=False, audiences=frozenset(), buyers=frozenset())
    readers = {
        Who("provider", "acorn"): Reader("provider", "acorn", nothing, nothing),
        Who("operator", "us"): Reader("operator", "us", OPERATOR_VIEW, OPERATOR_VIEW),
    }
    for name in ("leeds", "york", "hull"):
        view = any_view(chance)
        was = view if chance.random() < 0.6 else any_view(chance)
        readers[Who("member", name)] = Reader("member", name, view, was)
    interests = Interests()
    everyone: dict[str, Asked] = {}
    for turn in range(2):  # some come, some change, some go
        for who in readers:
            for number, parsed in enumerate(PARSED):
                name = f"{who.organisation_id}-{number}"
                if chance.random() < 0.3:
                    interests.drop(name)
                    everyone.pop(name, None)
                elif chance.random() < 0.8:
                    types = chance.sample(TOPICS[who.role], k=chance.randint(1, len(TOPICS[who.role])))
                    asked = Asked(*who, parsed, frozenset(types), chance.random() < 0.5, "ids")
                    interests.put(name, 0, asked)
                    everyone[name] = asked
        if turn == 0:
            interests.look({who: Reader(*who, any_view(chance), nothing) for who in readers})
    moved = interests.look(readers)

    for _ in range(6):
        step = any_step(chance)
        found = {name for _, slot in interests.each(interests.concerned(step, moved)) for name in slot.subscriptions}
        expected = {
            name
            for name, asked in everyone.items()
            if asked.news(step, readers[Who(asked.role, asked.organisation_id)]) is not None
        }
        assert found == expected


# -- numbers ---------------------------------------------------------------------------------------------------------------


@pytest.fixture
def world(database: Database, settings: Settings, clock: MovableClock) -> None:
    """Six homes of acorn's; north takes acorn, and leeds is in north; york is in nothing."""
    with database.write() as session:
        made = World(session, clock.instant)
        made.provider("acorn", *HOMES)
        made.consortium("north", "acorn")
        made.member("leeds", "north")
        made.member("york")
    publish_all(database, settings, clock)


def offer(database: Database, clock: MovableClock, *homes: str, **facts: Any) -> None:
    with database.write() as session:
        made = World(session, clock.instant, dict.fromkeys(HOMES, "acorn"))
        for home in homes:
            made.vacancy(home, **facts)


def match_all(matcher: Matcher) -> None:
    while matcher.step():
        pass


def told(database: Database, clock: MovableClock, subscription: str = "sub-1") -> list[tuple[int, str]]:
    """The number and main type of each event that a subscription may be told of now."""
    row = row_of(database, subscription)
    with database.read() as session:
        return [
            (each.number, event["type"])
            for each in numbered(session, row, 1, row.number, now=clock())
            for event in each.events
        ]


def test_each_publication_that_concerns_a_subscription_is_its_next_number(database, settings, clock, world) -> None:
    with database.write() as session:
        subscribe(session, settings, "leeds", now=clock())
        subscribe(session, settings, "leeds", now=clock(), id="sub-2", filter={"age": 3})
        subscribe(session, settings, "york", now=clock(), id="sub-3")
        subscribe(session, settings, "acorn", now=clock(), id="sub-4", role="provider")
    matcher = Matcher(database, clock)

    offer(database, clock, *HOMES[:2], ages={"from": 11, "to": 16})
    publish_all(database, settings, clock)
    match_all(matcher)
    clock.move(minutes=5)
    offer(database, clock, HOMES[0], places=2, ages={"from": 11, "to": 16})
    publish_all(database, settings, clock)
    match_all(matcher)

    assert [notice.number for notice in notices(database)] == [1, 2]
    assert told(database, clock) == [
        (1, "vacancy.published"), (1, "vacancy.published"), (2, "vacancy.changed"),
    ]  # fmt: skip
    row = row_of(database)
    assert (row.number, row.events, row.next_attempt_at) == (2, 3, NOW)  # due since the first was matched
    assert [each.message for each in notices(database)] == ["msg_sub-1_1_1", "msg_sub-1_1_2"]
    for other in ("sub-2", "sub-3", "sub-4"):
        assert notices(database, other) == []


def test_without_subscriptions_nothing_is_written_and_nothing_is_missed_later(database, settings, clock, world) -> None:
    matcher = Matcher(database, clock)
    offer(database, clock, *HOMES[:3])
    publish_all(database, settings, clock)
    match_all(matcher)
    with database.read() as session:
        assert (
            session.exec(select(ChannelCursor)).all() == [] or session.exec(select(ChannelCursor.position)).one() == 0
        )

    with database.write() as session:
        subscribe(session, settings, "leeds", now=clock())
    offer(database, clock, HOMES[3])
    publish_all(database, settings, clock)
    match_all(matcher)

    assert told(database, clock) == [(1, "vacancy.published")]


def test_a_subscription_that_begins_within_a_stretch_is_told_of_what_came_after(
    database, settings, clock, world
) -> None:
    with database.write() as session:
        subscribe(session, settings, "leeds", now=clock(), id="first")
    offer(database, clock, HOMES[0])
    publish_all(database, settings, clock)
    with database.write() as session:
        second = subscribe(session, settings, "leeds", now=clock(), id="second")
    with database.write() as session:
        World(session, clock.instant, dict.fromkeys(HOMES, "acorn")).say(
            HOMES[0], "vacancy", {"id": "v1", "places": 1}, withdrawn=True
        )
    publish_all(database, settings, clock)

    match_all(Matcher(database, clock))  # one stretch: for the first it came and went

    assert told(database, clock, "first") == []
    assert told(database, clock, "second") == [(1, "vacancy.withdrawn")]
    assert notices(database, "second")[0].after == second.start


def test_a_changed_filter_counts_from_the_next_stretch(database, settings, clock, world) -> None:
    with database.write() as session:
        subscribe(session, settings, "leeds", now=clock(), filter={"age": "3"})
    matcher = Matcher(database, clock)
    offer(database, clock, HOMES[0], ages={"from": 11, "to": 16})
    publish_all(database, settings, clock)
    match_all(matcher)
    assert notices(database) == []

    with database.write() as session:
        row = session.get_one(Subscription, "sub-1")
        row.document, row.version = {**row.document, "filter": {"age": 14}}, 2
        session.add(row)
    offer(database, clock, HOMES[1], ages={"from": 11, "to": 16})
    publish_all(database, settings, clock)
    match_all(matcher)

    assert told(database, clock) == [(1, "vacancy.published")]


def test_who_joins_is_told_of_what_it_now_sees_and_who_leaves_of_what_it_lost(database, settings, clock, world) -> None:
    offer(database, clock, *HOMES[:2])
    publish_all(database, settings, clock)
    with database.write() as session:
        subscribe(session, settings, "york", now=clock())
    matcher = Matcher(database, clock)
    match_all(matcher)

    with database.write() as session:
        World(session, clock.instant).join("york", "north", valid_until=clock().date())
    publish_all(database, settings, clock)
    match_all(matcher)
    assert told(database, clock) == [(1, "vacancy.published"), (1, "vacancy.published")]

    clock.move(days=1)
    publish_all(database, settings, clock)
    # one of them goes for all before anybody has matched; it is a loss to york all the same
    with database.write() as session:
        World(session, clock.instant, dict.fromkeys(HOMES, "acorn")).say(
            HOMES[0], "vacancy", {"id": "v1", "places": 1}, withdrawn=True
        )
    publish_all(database, settings, clock)
    match_all(matcher)

    assert told(database, clock) == [
        (1, "withheld"), (1, "withheld"), (2, "vacancy.withdrawn"), (2, "vacancy.withdrawn"),
    ]  # fmt: skip


def test_what_was_lost_is_told_though_it_has_ended_since(database, settings, clock, world) -> None:
    offer(database, clock, HOMES[0])
    with database.write() as session:
        World(session, clock.instant).join("york", "north", valid_until=clock().date())
    publish_all(database, settings, clock)
    with database.write() as session:
        subscribe(session, settings, "york", now=clock())
    clock.move(days=1)
    publish_all(database, settings, clock)
    matcher = Matcher(database, clock)
    match_all(matcher)
    with database.write() as session:
        World(session, clock.instant, dict.fromkeys(HOMES, "acorn")).say(
            HOMES[0], "vacancy", {"id": "v1", "places": 1}, withdrawn=True
        )
    publish_all(database, settings, clock)
    match_all(matcher)

    assert told(database, clock) == [(1, "vacancy.withdrawn")]


def test_the_provider_leaving_withholds_what_was_published_and_tells_that_it_went(
    database, settings, clock, world
) -> None:
    with database.write() as session:
        subscribe(session, settings, "leeds", now=clock())
    matcher = Matcher(database, clock)
    offer(database, clock, HOMES[0])
    publish_all(database, settings, clock)
    match_all(matcher)
    with database.write() as session:
        take = session.exec(select(ConsortiumProvider)).one()
        take.valid_until = clock().date()
        session.add(take)
    clock.move(days=1)
    with database.write() as session:
        made = World(session, clock.instant, dict.fromkeys(HOMES, "acorn"))
        made.vacancy(HOMES[0])
    publish_all(database, settings, clock)
    match_all(matcher)

    assert told(database, clock) == [(1, "withheld"), (2, "vacancy.withdrawn")]


def test_after_a_restore_every_subscription_stops_and_its_numbers_go_past_any_given(
    database, settings, clock, world
) -> None:
    with database.write() as session:
        subscribe(session, settings, "leeds", now=clock())
        subscribe(session, settings, "leeds", now=clock(), id="sub-2", state="paused")
    offer(database, clock, HOMES[0])
    publish_all(database, settings, clock)
    matcher = Matcher(database, clock)
    match_all(matcher)

    with database.write() as session:
        restore.after_restore(session, now=clock())
    match_all(matcher)

    for name in ("sub-1", "sub-2"):
        row = row_of(database, name)
        assert (row.state, row.epoch, row.number) == ("error", 2, 1 + BEYOND)
        assert "restored" in row.reason
        assert [(each.number, each.state) for each in notices(database, name)] == [
            (1, "expired"), (1 + BEYOND, "expired"),
        ]  # fmt: skip
    publish_all(database, settings, clock)
    clock.move(minutes=1)
    offer(database, clock, HOMES[1])
    publish_all(database, settings, clock)
    match_all(matcher)
    last = notices(database)[-1]
    assert (last.number, last.message) == (2 + BEYOND, f"msg_sub-1_2_{2 + BEYOND}")


def test_what_the_log_no_longer_has_is_a_number_that_expired(database, settings, clock, world) -> None:
    with database.write() as session:
        subscribe(session, settings, "leeds", now=clock())
    offer(database, clock, *HOMES[:2])
    publish_all(database, settings, clock)
    with database.write() as session:
        head = session.get_one(Head, 1)
        session.execute(sa.delete(Change).where(col(Change.position) <= head.position))
        head.history_after = head.position
        session.add(head)
    offer(database, clock, HOMES[3])
    publish_all(database, settings, clock)
    match_all(Matcher(database, clock))

    assert [(each.number, each.state) for each in notices(database)] == [(1, "expired"), (2, "waiting")]
    assert told(database, clock) == [(2, "vacancy.published")]


def test_a_filter_that_is_no_longer_understood_stops_its_subscription_and_no_other(
    database, settings, clock, world
) -> None:
    with database.write() as session:
        subscribe(session, settings, "leeds", now=clock(), filter={"gender": "no-such-code"})
        subscribe(session, settings, "leeds", now=clock(), id="sub-2")
    offer(database, clock, HOMES[0])
    publish_all(database, settings, clock)
    match_all(Matcher(database, clock))

    assert row_of(database).state == "error"
    assert "gender" in row_of(database).reason
    assert told(database, clock, "sub-2") == [(1, "vacancy.published")]


def test_many_views_are_what_sight_says_of_each(database, settings, clock, world) -> None:
    with database.write() as session:
        made = World(session, clock.instant)
        made.consortium("south", "acorn")
        made.join("york", "south", valid_until=clock().date())
        session.add(Organisation(id="trust", kind="member", name="Trust", acts_for=["leeds"], created_at=clock()))
        leeds = session.get_one(Organisation, "leeds")
        leeds.la_code, leeds.identifiers = "E08000035", [{"scheme": "GB-LAE", "id": "LDS"}]
        session.add(leeds)
    publish_all(database, settings, clock)
    positions = [0]
    for _ in range(2):
        with database.read() as session:
            positions.append(session.exec(select(Head.position)).one())
        clock.move(days=1)
        publish_all(database, settings, clock)

    with database.read() as session:
        names = ["leeds", "york", "trust", "acorn", "nobody"]
        views = views_of(session, names)
        assert views_of(session, names, known=views) is views
        for name in names[:-1]:
            assert views.now(name, clock()) == view_of(session, name, clock())
            for position in positions:
                assert views.at(name, position) == view_at(session, name, position)
        assert views.now("nobody", clock()) == view_of(session, "nobody", clock())
        assert session.exec(select(ConsortiumMember).where(col(ConsortiumMember.applied_until).is_not(None))).all()


# -- together, and when something dies ---------------------------------------------------------------------------------------


def whole(database: Database, subscription: str, *, start: int) -> None:
    """Numbers from 1 without a gap; stretches that follow each other and never overlap."""
    row, position = row_of(database, subscription), start
    for index, notice in enumerate(notices(database, subscription)):
        assert notice.number == index + 1
        assert position <= notice.after < notice.upto
        position = notice.upto
    assert row.number == len(notices(database, subscription))


def test_rival_matchers_and_new_subscriptions_while_writers_publish(database, settings, clock, world) -> None:
    failures: list[BaseException] = []
    stop = threading.Event()
    starts: dict[str, int] = {}

    def guarded(call) -> threading.Thread:
        def run() -> None:
            try:
                call()
            except BaseException as error:
                failures.append(error)
                raise

        thread = threading.Thread(target=run)
        thread.start()
        return thread

    def match() -> None:
        matcher = Matcher(database, clock)
        while not stop.is_set():
            matcher.step()

    def write() -> None:
        for turn in range(12):
            offer(database, clock, HOMES[turn % 6], places=turn + 1)
            publish_all(database, settings, clock)

    def make() -> None:
        for number in range(10):
            with database.write() as session:
                name = f"new-{number}"
                starts[name] = subscribe(session, settings, "leeds", now=clock(), id=name).start

    with database.write() as session:
        starts["sub-1"] = subscribe(session, settings, "leeds", now=clock()).start
    matchers = [guarded(match) for _ in range(2)]
    others = [guarded(write), guarded(make)]
    for thread in others:
        thread.join()
    stop.set()
    for thread in matchers:
        thread.join()
    match_all(Matcher(database, clock))

    assert not failures
    with database.read() as session:
        changes = session.exec(select(Change.position).where(col(Change.listing_id).is_not(None))).all()
    for name, start in starts.items():
        whole(database, name, start=start)
        held = notices(database, name)
        for position in changes:  # each change after its start lies in exactly one of its notices
            within = sum(each.after < position <= each.upto for each in held)
            assert within == (position > start), (name, position)


CHILD = """
import os, signal, sys
from datetime import datetime, UTC
from placefeed.service.channels.subscriptions import matching
from placefeed.service.config import Settings
from placefeed.service.db import Database

settings = Settings.model_validate_json(os.environ["SETTINGS"])
database = Database(settings)
step = sys.argv[1]
real = matching.Matcher._number if step == "before-numbers" else matching.tell

def faulty(*args, **kwargs):
    print("at the fault", flush=True)
    os.kill(os.getpid(), signal.SIGKILL)

if step == "before-numbers":
    matching.Matcher._number = faulty
else:
    matching.tell = faulty
matching.Matcher(database, lambda: datetime(2026, 7, 1, 14, tzinfo=UTC)).step()
"""


@pytest.mark.parametrize("step", ["before-numbers", "before-commit"])
def test_a_matcher_that_is_killed_leaves_no_gap_and_no_double(database, settings, clock, world, step) -> None:
    with database.write() as session:
        start = subscribe(session, settings, "leeds", now=clock()).start
    offer(database, clock, HOMES[0])
    publish_all(database, settings, clock)

    process = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(CHILD), step],
        env={**os.environ, "SETTINGS": settings.model_copy(update={"secret": None}).model_dump_json()},
        cwd=ROOT, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert process.returncode == -signal.SIGKILL, process.stderr
    assert notices(database) == []
    offer(database, clock, HOMES[1])
    publish_all(database, settings, clock)
    match_all(Matcher(database, clock))

    whole(database, "sub-1", start=start)
    assert sorted(type for _, type in told(database, clock)) == ["vacancy.published"] * 2


@pytest.mark.postgres
@pytest.mark.parametrize("settings", [pytest.param("postgresql", marks=pytest.mark.postgres)], indirect=True)
def test_the_matcher_does_not_move_past_a_subscription_that_is_being_made(database, settings, clock, world) -> None:
    with database.write() as session:
        subscribe(session, settings, "leeds", now=clock(), id="other")
    matcher = Matcher(database, clock)
    match_all(matcher)
    with database.write() as session:
        subscribe(session, settings, "leeds", now=clock())  # not committed yet
        offer(database, clock, HOMES[0])
        publish_all(database, settings, clock)
        assert matcher.step()  # there is more to do, but not now
        assert notices(database, "other") == []
    match_all(matcher)

    assert told(database, clock) == [(1, "vacancy.published")]
    assert told(database, clock, "other") == [(1, "vacancy.published")]
    with database.read() as session:
        assert len(session.exec(select(Notice)).all()) == 2
