"""Where homes are, from the lookup to the list: sectors stored and replaced, listings placed, and nobody told but who asked for it."""

from datetime import UTC, datetime
from typing import Any

import pytest
from sqlmodel import col, select

from placefeed.adapters.federation import FEDERATION
from placefeed.adapters.postcodes import Postcode
from placefeed.schema.codelists import local_authorities
from placefeed.service.access.who import MEMBER, OPERATOR
from placefeed.service.channels import near
from placefeed.service.channels.news import Reader, news
from placefeed.service.channels.query import Filter
from placefeed.service.channels.snapshot import Snapshot
from placefeed.service.config import Settings
from placefeed.service.db import Database
from placefeed.service.errors import Invalid
from placefeed.service.pending import touch
from placefeed.service.publishing.log import head
from placefeed.service.publishing.publisher import publish_all
from placefeed.service.publishing.sight import OPERATOR_VIEW, view_at, view_of
from placefeed.service.publishing.steps import steps
from placefeed.service.register.postcodes import Imported, Middles, means, naming, store
from placefeed.service.simulate import places
from placefeed.service.tables import Change, Listing, Pending, PostcodeSector, Source
from tests.service.conftest import MovableClock
from tests.service.world import World

NOW = datetime(2026, 7, 1, 14, 0, tzinfo=UTC)
HOME, OTHER = "SC000001", "SC000002"


def lookup(**sectors: tuple[float, float]) -> Middles:
    """Sectors (`ZZ1_1` is ZZ1 1) of one postcode each, as a lookup would have them."""
    postcodes = [Postcode(f"{name.replace('_', ' ')}AA", *place) for name, place in sectors.items()]
    return Middles(means(postcodes), len(postcodes), len(postcodes), 0, 0)


def sectors(database: Database) -> dict[str, tuple[float, float, int]]:
    with database.read() as session:
        rows = session.exec(select(PostcodeSector)).all()
        return {row.sector: (row.latitude, row.longitude, row.postcodes) for row in rows}


# -- stored ------------------------------------------------------------------------------------------------------------


def test_the_middle_of_a_sector_is_the_mean_of_its_postcodes() -> None:
    found = means(
        [Postcode("ZZ1 1AA", 51.0, -1.0), Postcode("ZZ1 1AB", 51.1, -1.2), Postcode("ZZ1 2AA", 52.123456, 0.654321)]
    )

    assert found == {"ZZ1 1": (51.05, -1.1, 2), "ZZ1 2": (52.1235, 0.6543, 1)}


def test_a_newer_lookup_replaces_and_the_same_again_changes_nothing(database: Database) -> None:
    def imported(middles: Middles) -> Imported:
        with database.write() as session:
            return store(session, middles, now=NOW)

    first = imported(lookup(ZZ1_1=(51.0, -1.0), ZZ1_2=(51.1, -1.0), ZZ1_3=(51.2, -1.0)))
    again = imported(lookup(ZZ1_1=(51.0, -1.0), ZZ1_2=(51.1, -1.0), ZZ1_3=(51.2, -1.0)))
    newer = imported(lookup(ZZ1_1=(51.0, -1.0), ZZ1_2=(51.15, -1.0), ZZ2_1=(53.0, -2.0)))

    assert (first.new, first.moved, first.gone, first.unchanged) == (3, 0, 0, 0)
    assert (again.new, again.moved, again.gone, again.unchanged) == (0, 0, 0, 3)
    assert (newer.new, newer.moved, newer.gone, newer.unchanged) == (1, 1, 1, 1)
    assert sectors(database) == {"ZZ1 1": (51.0, -1.0, 1), "ZZ1 2": (51.15, -1.0, 1), "ZZ2 1": (53.0, -2.0, 1)}


def test_a_part_of_a_lookup_does_not_replace_the_whole(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("placefeed.service.register.postcodes._WHOLE", 3)
    whole = lookup(ZZ1_1=(51.0, -1.0), ZZ1_2=(51.1, -1.0), ZZ1_3=(51.2, -1.0))
    with database.write() as session:
        store(session, whole, now=NOW)

    with pytest.raises(Invalid, match="only a part of the lookup"), database.write() as session:
        store(session, lookup(ZZ1_1=(51.0, -1.0)), now=NOW)

    assert len(sectors(database)) == 3


def test_what_somebody_types_is_found_by_its_sector(database: Database) -> None:
    with database.write() as session:
        store(session, lookup(ZZ1_1=(51.0, -1.0), ZZ1_2=(51.1, -1.2), ZZ12_1=(54.0, -2.0)), now=NOW)

    with database.read() as session:
        assert near.find(session, "zz1 1ab") == ("ZZ1 1", 51.0, -1.0)
        assert near.find(session, "ZZ12 1") == ("ZZ12 1", 54.0, -2.0)
        assert near.find(session, "zz1") == ("ZZ1", 51.05, -1.1)
        for unknown in ("ZZ9 9AA", "ZZ9", "somewhere", ""):
            assert near.find(session, unknown) is None


# -- published ---------------------------------------------------------------------------------------------------------


class Exchange:
    """A provider with a home in the sector ZZ1 1, which no lookup has yet, and a member who sees it."""

    def __init__(self, database: Database, settings: Settings, clock: MovableClock) -> None:
        self.database, self.settings, self.clock = database, settings, clock
        with database.write() as session:
            world = World(session, clock())
            world.provider("acorn", HOME, OTHER)
            world.consortium("north", "acorn")
            world.member("leeds", "north")
            world.say(HOME, "setting", {"units": [{"id": "main", "kind": "building", "postcodeSector": "ZZ1 1"}]})
            world.vacancy(HOME)
            world.vacancy(OTHER)
        self.publish()

    def publish(self) -> None:
        publish_all(self.database, self.settings, self.clock)

    def imports(self, **sectors: tuple[float, float]) -> int:
        """Import a lookup and publish; returns how many settings were worked out again."""
        self.clock.move(minutes=1)
        with self.database.write() as session:
            settings = store(session, lookup(**sectors), now=self.clock()).settings
        self.publish()
        return settings

    def say(self, what: str, *arguments: Any, **facts: Any) -> None:
        with self.database.write() as session:
            getattr(World(session, self.clock(), {HOME: "acorn"}), what)(*arguments, **facts)
        self.publish()

    def listing(self, urn: str = HOME) -> Listing:
        with self.database.read() as session:
            return session.exec(select(Listing).where(Listing.urn == urn, col(Listing.state) == "updated")).one()

    def position(self) -> int:
        with self.database.read() as session:
            return head(session).position

    def told(self, after: int, *, role: str = MEMBER, attestations: bool = True, **asked: str) -> list[tuple[str, ...]]:
        """The types of what a reader is told of since a position."""
        filter = Filter.parse({name: [value] for name, value in asked.items()})
        with self.database.read() as session:
            happened = steps(session, after, head(session).position)
            view, was = view_of(session, "leeds", self.clock()), view_at(session, "leeds", after)
        if role == OPERATOR:
            view = was = OPERATOR_VIEW
        found = [news(step, Reader(role, "leeds", view, was), filter, attestations=attestations) for step in happened]
        return [each.types for each in found if each is not None]


@pytest.fixture
def exchange(database: Database, settings: Settings, clock: MovableClock) -> Exchange:
    return Exchange(database, settings, clock)


def test_a_listing_lies_where_its_units_sector_does_and_its_body_does_not_say_so(exchange: Exchange) -> None:
    before = exchange.listing()

    assert exchange.imports(ZZ1_1=(51.0, -1.0), ZZ1_2=(52.0, -1.0)) == 1

    after = exchange.listing()
    assert before.facts["at"] is None
    assert after.facts == {**before.facts, "at": [51.0, -1.0]}
    assert after.body == before.body
    assert b"51.0" not in after.body
    assert exchange.listing(OTHER).facts["at"] is None


def test_only_settings_of_sectors_that_changed_are_worked_out_again(exchange: Exchange) -> None:
    exchange.imports(ZZ1_1=(51.0, -1.0), ZZ1_2=(52.0, -1.0))

    assert exchange.imports(ZZ1_1=(51.0, -1.0), ZZ1_2=(52.5, -1.0)) == 0
    assert exchange.imports(ZZ1_1=(51.5, -1.0), ZZ1_2=(52.5, -1.0)) == 1
    assert exchange.listing().facts["at"] == [51.5, -1.0]
    assert exchange.imports(ZZ1_2=(52.5, -1.0)) == 1
    assert exchange.listing().facts["at"] is None


@pytest.mark.parametrize("attestations", [False, True])
@pytest.mark.parametrize("role", [MEMBER, OPERATOR])
def test_a_place_that_becomes_known_is_no_event(exchange: Exchange, role: str, attestations: bool) -> None:
    after, listed = exchange.position(), exchange.listing()

    exchange.imports(ZZ1_1=(51.0, -1.0))
    exchange.imports(ZZ1_1=(51.2, -1.0))

    assert exchange.position() > after
    assert exchange.told(after, role=role, attestations=attestations) == []
    assert exchange.told(after, role=role, attestations=attestations, near="51.1,-1") == []
    # nor does a change feed, which goes by the listing's own position, have anything new
    assert exchange.listing().position == listed.position
    assert exchange.listing().modified_at == listed.modified_at
    with exchange.database.read() as session:
        changes = session.exec(select(Change).where(Change.position > after)).all()
    assert all(change.events == [] and change.changed == [] for change in changes)


def test_who_filters_by_distance_is_told_that_a_home_has_come_in_or_gone_out(exchange: Exchange) -> None:
    asked = {"near": "51,-1", "withinMiles": "10"}
    start = exchange.position()
    exchange.imports(ZZ1_1=(51.05, -1.0))
    known = exchange.position()
    exchange.imports(ZZ1_1=(51.1, -1.0))
    moved = exchange.position()
    exchange.imports(ZZ1_1=(53.0, -1.0))

    assert exchange.told(moved, **asked) == [("vacancy.withdrawn",)]
    assert exchange.told(start, near="53,-1", withinMiles="10") == [("vacancy.published",)]
    assert exchange.told(known, near="51.05,-1", withinMiles="300") == []


def test_a_home_that_says_another_sector_is_a_change_of_what_is_shown(exchange: Exchange) -> None:
    exchange.imports(ZZ1_1=(51.0, -1.0), ZZ2_2=(53.0, -2.0))
    after = exchange.position()

    exchange.say("say", HOME, "setting", {"units": [{"id": "main", "kind": "building", "postcodeSector": "ZZ2 2"}]})

    assert exchange.listing().facts["at"] == [53.0, -2.0]
    assert exchange.told(after) == [("vacancy.changed",)]
    assert exchange.told(after, near="51,-1", withinMiles="10") == [("vacancy.withdrawn",)]
    assert exchange.told(after, near="53,-2", withinMiles="10") == [("vacancy.published",)]


def test_a_vacancy_lies_where_the_unit_that_it_names_does(exchange: Exchange) -> None:
    units = [
        {"id": id, "kind": "building", "postcodeSector": sector} for id, sector in (("a", "ZZ1 1"), ("b", "ZZ2 2"))
    ]
    exchange.say("say", HOME, "setting", {"units": units})
    exchange.say("vacancy", HOME, unit="b")
    exchange.imports(ZZ1_1=(51.0, -1.0), ZZ2_2=(53.0, -2.0))

    assert exchange.listing().facts["at"] == [53.0, -2.0]
    exchange.say("vacancy", HOME)  # in neither of the two: nobody knows
    assert exchange.listing().facts["at"] is None


def test_what_another_exchange_lists_has_a_place_too(exchange: Exchange) -> None:
    document = {
        "id": "v",
        "places": 1,
        "from": "2026-01-01",
        "extensions": {FEDERATION: {"unit": {"postcodeSector": "ZZ3 3"}}},
    }
    with exchange.database.write() as session:
        world = World(session, exchange.clock(), {"SC000003": "peer"})
        world.provider("peer")
        world.on_register("SC000003")
        world.take("north", "peer")
        source = session.get(Source, "peer-push")
        assert source is not None
        source.transport, source.address, source.cursor = "rpde", "https://peer.example", {"whole": True}
        world.say("SC000003", "vacancy", document)
    exchange.publish()

    assert exchange.imports(ZZ3_3=(54.0, -2.0)) == 1
    assert exchange.listing("SC000003").facts["at"] == [54.0, -2.0]


def test_a_listing_of_an_older_version_without_the_fact_counts_as_unknown(exchange: Exchange) -> None:
    with exchange.database.write() as session:
        for row in session.exec(select(Listing)).all():
            row.facts = {name: value for name, value in row.facts.items() if name != "at"}
    before = exchange.position()
    snapshot = Snapshot(exchange.database)
    asked = Filter.parse({"near": ["51,-1"], "withinMiles": ["300"]})

    assert snapshot.refresh().select(asked, OPERATOR_VIEW, NOW).items == []
    with exchange.database.write() as session:
        touch(session, [HOME, OTHER], at=exchange.clock(), bulk=True)
    exchange.publish()
    assert exchange.position() == before
    exchange.imports(ZZ1_1=(51.0, -1.0))
    assert [row.urn for _key, row, _overdue in snapshot.refresh().select(asked, OPERATOR_VIEW, NOW).items] == [HOME]


def test_settings_are_found_by_the_sectors_that_they_name(exchange: Exchange) -> None:
    with exchange.database.read() as session:
        assert naming(session, {"ZZ1 1", "ZZ9 9"}) == [HOME]
        assert naming(session, {"ZZ1 2"}) == []
        assert naming(session, set()) == []
        assert session.exec(select(Pending)).all() == []


# -- the invented England ----------------------------------------------------------------------------------------------


def test_the_invented_england_has_places_of_its_own_in_every_authority() -> None:
    found = list(places.sectors())
    live = {one.code for one in local_authorities() if one.live and one.code.startswith("E")}

    assert found == list(places.sectors())
    assert places._areas().keys() == live
    assert len({each.sector for each in found}) == len(found) > 4000
    assert all(near.sector_of(each.sector) == each.sector for each in found)
    assert all(49.7 < each.latitude < 55.6 and -6.5 < each.longitude < 1.8 for each in found)
