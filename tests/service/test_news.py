"""What a step of the log is to each reader: the same whatever the channel."""

from datetime import date
from typing import Any

import pytest
from sqlmodel import select

from placefeed.service.access.who import MEMBER, OPERATOR, PROVIDER
from placefeed.service.channels.news import Reader, event_document, news
from placefeed.service.channels.query import Filter
from placefeed.service.config import Settings
from placefeed.service.db import Database
from placefeed.service.publishing.log import head
from placefeed.service.publishing.publisher import publish_all
from placefeed.service.publishing.sight import NOTHING, OPERATOR_VIEW, view_at, view_of
from placefeed.service.publishing.steps import seen_alone, steps, window
from placefeed.service.tables import ConsortiumMember, RegisterSetting
from tests.service.conftest import MovableClock
from tests.service.world import World

HOME = "SC000001"


class Exchange:
    """A provider with a home, two members in one consortium, and what each is told since `mark()`."""

    def __init__(self, database: Database, settings: Settings, clock: MovableClock) -> None:
        self.database, self.settings, self.clock = database, settings, clock
        self.after = 0
        with database.write() as session:
            world = World(session, clock())
            world.provider("acorn", HOME)
            world.provider("birch", "SC000002")
            world.consortium("north", "acorn")
            world.member("leeds", "north")
            world.member("york", "north")
            world.member("kent")
            world.vacancy(HOME)
            world.rate(HOME)
            world.capacity(HOME, registered=4, available=2)
        self.mark()

    def say(self, what: str, *arguments: Any, **facts: Any) -> None:
        """Something is said in the world, a minute later, and published."""
        self.clock.move(minutes=1)
        with self.database.write() as session:
            getattr(World(session, self.clock(), {HOME: "acorn"}), what)(*arguments, **facts)
        publish_all(self.database, self.settings, self.clock)

    def mark(self) -> None:
        """From here on is news."""
        publish_all(self.database, self.settings, self.clock)
        with self.database.read() as session:
            self.after = head(session).position

    def told(self, who: str, *, role: str = MEMBER, attestations: bool = False, **asked: str) -> list[list[str]]:
        """The types of each event that a reader is told."""
        with self.database.read() as session:
            upto = head(session).position
            happened = steps(session, self.after, upto)
            view = was = OPERATOR_VIEW if role == OPERATOR else NOTHING
            if role == MEMBER:
                view, was = view_of(session, who, self.clock()), view_at(session, who, self.after)
                happened += seen_alone(session, who, self.after, upto, known=happened)
        reader = Reader(role, who, view=view, was=was)
        filter = Filter.parse({name: [value] for name, value in asked.items()})
        found = [news(step, reader, filter, attestations=attestations) for step in happened]
        return [list(each.types) for each in found if each is not None]


@pytest.fixture
def exchange(database: Database, settings: Settings, clock: MovableClock) -> Exchange:
    return Exchange(database, settings, clock)


def test_a_change_is_told_to_who_sees_it_and_to_nobody_else(exchange: Exchange) -> None:
    exchange.say("vacancy", HOME, places=2)

    assert exchange.told("leeds") == [["vacancy.changed"]]
    assert exchange.told("kent") == []
    assert exchange.told("acorn", role=PROVIDER) == [], "a provider is not told of listings"


def test_what_came_and_went_in_between_was_never_there(exchange: Exchange) -> None:
    exchange.say("vacancy", HOME, "v2")
    exchange.say("say", HOME, "vacancy", {}, item="v2", withdrawn=True)

    assert exchange.told("leeds") == []


def test_what_went_and_came_again_has_changed(exchange: Exchange) -> None:
    exchange.say("capacity", HOME, registered=4, available=0)
    exchange.say("capacity", HOME, registered=4, available=1)

    assert exchange.told("leeds") == [["vacancy.changed"]]


def test_a_filter_sees_things_come_and_go(exchange: Exchange) -> None:
    exchange.say("vacancy", HOME, places=2)
    assert exchange.told("leeds", placesAtLeast="2") == [["vacancy.published"]]

    exchange.mark()
    exchange.say("vacancy", HOME, places=1)
    assert exchange.told("leeds", placesAtLeast="2") == [["vacancy.withdrawn"]]


def test_a_price_for_another_buyer_is_no_news(exchange: Exchange) -> None:
    special = {"buyers": [{"scheme": "placefeed", "id": "york"}]}
    exchange.say("rate", HOME, "special", pounds=4000, offeredTo=special)
    assert exchange.told("leeds") == []
    assert exchange.told("york") == [["rate.changed"]]

    exchange.mark()
    exchange.say("rate", HOME, pounds=5100)
    assert exchange.told("leeds") == exchange.told("york") == [["rate.changed"]]


def test_an_attestation_is_told_only_when_asked_for(exchange: Exchange) -> None:
    exchange.say("vacancy", HOME)

    assert exchange.told("leeds") == []
    assert exchange.told("leeds", attestations=True) == [["vacancy.confirmed"]]


def test_counts_that_move_are_told_to_the_provider_and_the_operator_only(exchange: Exchange) -> None:
    exchange.say("capacity", HOME, registered=4, available=1)

    assert exchange.told("leeds") == []
    assert exchange.told("acorn", role=PROVIDER) == exchange.told("", role=OPERATOR) == [["capacity.changed"]]
    assert exchange.told("birch", role=PROVIDER) == []

    assert exchange.told("", role=OPERATOR, region="North East") == [], "the operator's filter narrows these, too"
    assert exchange.told("", role=OPERATOR, la="Leeds") == [["capacity.changed"]]

    exchange.mark()
    exchange.say("capacity", HOME, registered=4, available=1)
    assert exchange.told("acorn", role=PROVIDER) == [], "the same counts again are no change"


def test_a_suspension_withdraws_and_is_told_as_such(exchange: Exchange) -> None:
    with exchange.database.write() as session:
        row = session.get_one(RegisterSetting, HOME)
        row.status = "suspended"
        session.add(row)
    exchange.say("capacity", HOME, registered=4, available=2)

    told = exchange.told("leeds")
    assert told[0] == ["vacancy.withdrawn"]
    assert ["setting.suspended"] in told
    assert exchange.told("kent") == []
    assert ["setting.suspended"] in exchange.told("acorn", role=PROVIDER)


def test_who_joins_gains_and_who_leaves_loses(exchange: Exchange) -> None:
    exchange.say("join", "kent", "north", valid_from=date(2026, 7, 1))
    assert exchange.told("kent") == [["vacancy.published"]]
    assert exchange.told("leeds") == []

    exchange.mark()
    exchange.say("vacancy", HOME, places=3)
    with exchange.database.write() as session:
        membership = session.exec(select(ConsortiumMember).where(ConsortiumMember.organisation_id == "kent")).one()
        membership.valid_until = date(2026, 6, 30)
        session.add(membership)
    publish_all(exchange.database, exchange.settings, exchange.clock)
    assert exchange.told("kent") == [["vacancy.withdrawn"]]


def test_the_event_says_what_changed_and_never_more_than_was_asked_for(exchange: Exchange) -> None:
    exchange.say("vacancy", HOME, places=2)
    exchange.say("rate", HOME, pounds=5200)
    with exchange.database.read() as session:
        at = head(session)
        (step,) = [step for step in steps(session, exchange.after, at.position) if step.listing_id]
        view = view_of(session, "leeds", exchange.clock())
    found = news(step, Reader(MEMBER, "leeds", view=view, was=view), Filter.parse({}))

    assert found is not None
    document = event_document(found, epoch=at.epoch, types=("rate.changed",))
    assert document["types"] == ["rate.changed"]
    assert document["id"] == f"{at.epoch}-{step.position}"
    assert "/vacancy/places" in document["changed"]


def test_a_window_holds_at_most_so_many_changes(exchange: Exchange) -> None:
    exchange.mark()
    for places in (2, 3, 4):
        exchange.say("vacancy", HOME, places=places)
    with exchange.database.read() as session:
        upto = head(session).position
        first = window(session, exchange.after, upto, most=1)
        assert len(steps(session, exchange.after, first)) == 1
        assert exchange.after < first < upto
        assert window(session, exchange.after, upto, most=500) == upto
