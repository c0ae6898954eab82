"""“Nothing has changed”, and how old the word on a home is: through the sources that count, and no others."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlmodel import Session, select

from placefeed.service.config import Settings
from placefeed.service.db import Database
from placefeed.service.homes.home import home_of
from placefeed.service.intake.homes import Age, ageing, ages_of, attest_all
from placefeed.service.publishing.publisher import publish_all
from placefeed.service.tables import Delegation, Organisation, Source, Standing
from tests.service.world import World

NOW = datetime(2026, 7, 1, 14, 0, tzinfo=UTC)
URN, OTHER = "SC000001", "SC000002"


class Desk:
    """A world of one provider with two homes, published when asked."""

    def __init__(self, database: Database, settings: Settings, clock: Any) -> None:
        self.database, self.settings, self.clock = database, settings, clock

    def said(self, tell: Any) -> None:
        """Let sources speak, and publish."""
        with self.database.write() as session:
            tell(World(session, self.clock(), {URN: "oak", OTHER: "oak"}))
        publish_all(self.database, self.settings, self.clock)

    def confirm(self, *urns: str) -> list[Any]:
        with self.database.write() as session:
            done = attest_all(session, "oak", urns or None, now=self.clock())
        publish_all(self.database, self.settings, self.clock)
        return done

    def as_of(self, source: str, part: str, item: str, urn: str = URN) -> datetime:
        with self.database.read() as session:
            row = session.get(Standing, (source, urn, part, item))
            assert row is not None
            return row.as_of

    def age(self, urn: str = URN) -> Age:
        with self.database.read() as session:
            return next(age for age in ages_of(session, "oak", self.clock(), self.settings) if age.urn == urn)


@pytest.fixture
def desk(database: Database, settings: Settings, clock: Any) -> Desk:
    def people(world: World) -> None:
        world.provider("oak", URN, OTHER)
        world.consortium("south", "oak")

    found = Desk(database, settings, clock)
    found.said(people)
    return found


def test_one_word_confirms_a_home_and_all_of_its_parts(desk: Desk) -> None:
    desk.said(lambda world: (world.vacancy(URN), world.capacity(URN, available=1)))
    desk.clock.move(hours=30)
    assert desk.age().state == "ageing"

    done = desk.confirm(URN)

    assert [(each.urn, each.attested, each.why) for each in done] == [(URN, True, "")]
    assert desk.age().state == "fresh"
    assert desk.as_of("oak-push", "vacancy", "v1") == desk.as_of("oak-push", "capacity", "") == desk.clock()


def test_all_homes_are_confirmed_and_who_said_nothing_is_told_so(desk: Desk) -> None:
    desk.said(lambda world: world.vacancy(URN))

    done = {each.urn: each for each in desk.confirm()}

    assert done[URN].attested
    assert not done[OTHER].attested
    assert "nothing about this home yet" in done[OTHER].why
    assert desk.age(OTHER).state == "silent"


def test_an_outranked_source_is_not_confirmed(desk: Desk) -> None:
    def tell(world: World) -> None:
        world.source("oak-late", "oak", precedence=200)
        world.vacancy(URN, "first")
        world.vacancy(URN, "second", source="oak-late")

    desk.said(tell)
    desk.clock.move(hours=1)
    desk.confirm(URN)

    assert desk.as_of("oak-push", "vacancy", "first") == desk.clock()
    assert desk.as_of("oak-late", "vacancy", "second") == NOW


def test_a_dead_feed_is_not_brought_back_beside_a_newer_word(desk: Desk) -> None:
    desk.said(lambda world: world.vacancy(URN, "old"))
    desk.clock.move(days=15)

    def tell(world: World) -> None:
        world.source("oak-new", "oak")
        world.vacancy(URN, "new", source="oak-new")

    desk.said(tell)
    desk.clock.move(hours=1)
    desk.confirm(URN)

    assert desk.as_of("oak-new", "vacancy", "new") == desk.clock()
    assert desk.as_of("oak-push", "vacancy", "old") == NOW


def test_what_has_left_the_list_comes_back_by_one_word_where_nothing_newer_was_said(desk: Desk) -> None:
    desk.said(lambda world: world.vacancy(URN))
    desk.clock.move(days=15)
    assert desk.age().state == "gone"

    desk.confirm(URN)

    assert desk.age().state == "fresh"


@pytest.mark.parametrize("state", ["paused", "stopped"])
def test_a_closed_source_cannot_be_confirmed_and_says_so(desk: Desk, state: str) -> None:
    desk.said(lambda world: world.vacancy(URN))
    with desk.database.write() as session:
        source = session.get(Source, "oak-push")
        assert source is not None
        source.state = state

    (done,) = desk.confirm(URN)

    assert not done.attested
    assert state in done.why


def test_a_delegates_word_is_its_own_to_confirm(desk: Desk) -> None:
    def tell(world: World) -> None:
        world.session.add(Organisation(id="vendor", kind="vendor", name="The Vendor", created_at=NOW))
        world.session.flush()
        world.session.add(Delegation(provider_id="oak", delegate_id="vendor", created_at=NOW))
        world.source("vendor-push", "vendor")
        world.vacancy(URN, source="vendor-push")

    desk.said(tell)

    (done,) = desk.confirm(URN)
    assert not done.attested
    assert "The Vendor" in done.why
    with desk.database.write() as session:
        assert attest_all(session, "vendor", [URN], now=desk.clock())[0].attested


def test_another_providers_home_is_left_out(desk: Desk) -> None:
    desk.said(lambda world: world.provider("elm", "SC000009"))

    assert desk.confirm("SC000009") == []


def test_reminders_hear_of_the_homes_that_have_used_up_their_share(desk: Desk) -> None:
    desk.said(lambda world: (world.vacancy(URN), world.capacity(OTHER, available=0)))

    def heard(at: datetime) -> list[str]:
        with desk.database.read() as session:
            return [age.urn for age in ageing(session, "oak", at, desk.settings)]

    assert heard(NOW + timedelta(hours=17)) == []
    assert heard(NOW + timedelta(hours=18)) == [URN, OTHER]


def test_a_home_says_which_word_counts_and_whose_it_is(desk: Desk) -> None:
    def tell(world: World) -> None:
        world.source("oak-by-hand", "oak")
        world.capacity(URN, available=2, registered=4)
        world.later(minutes=5)
        world.capacity(URN, source="oak-by-hand", available=1, registered=4)

    desk.said(tell)

    with desk.database.read() as session:
        home = home_of(session, "oak", URN, settings=desk.settings, now=desk.clock())

    assert home.counts[""].by_hand
    assert home.counts[""].document["available"] == 1
    assert home.registered("") == 4
    assert home.target("") == home.counts[""]


def test_who_is_preferred_to_what_is_typed_is_known_before_it_is_typed(desk: Desk) -> None:
    def tell(world: World) -> None:
        world.source("oak-first", "oak", precedence=10)
        world.vacancy(URN, source="oak-first")
        world.capacity(URN, source="oak-first", available=1)
        source = session_source(world.session, "oak-first")
        source.state = "paused"

    desk.said(tell)

    with desk.database.read() as session:
        home = home_of(session, "oak", URN, settings=desk.settings, now=desk.clock())

    assert home.outranked == ["oak-first"]
    assert home.outcounted == {"": "oak-first"}
    assert home.target("") is None


def session_source(session: Session, id: str) -> Source:
    return session.exec(select(Source).where(Source.id == id)).one()
