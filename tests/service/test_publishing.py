"""From what sources said to what members see: the publisher's rules, through the tables it reads and writes."""

from datetime import date, timedelta

import orjson
import pytest
import sqlalchemy as sa
from sqlmodel import col, select

from placefeed.service.clock import london_midnight
from placefeed.service.config import Settings
from placefeed.service.db import Database
from placefeed.service.pending import touch
from placefeed.service.publishing.log import head
from placefeed.service.publishing.publisher import publish_all, publish_once
from placefeed.service.publishing.restore import after_restore
from placefeed.service.publishing.sight import view_of
from placefeed.service.tables import (
    Absence,
    Alert,
    Change,
    ConsortiumProvider,
    Listing,
    Pending,
    RegisterSetting,
    SettingState,
    SightChange,
    Source,
    Standing,
)
from tests.service.conftest import MovableClock
from tests.service.world import World

HOME = "SC000001"


@pytest.fixture
def publish(database: Database, settings: Settings, clock: MovableClock):
    """Publish everything that is pending or due now."""
    return lambda: publish_all(database, settings, clock)


@pytest.fixture
def one_home(database: Database, clock: MovableClock):
    """A provider with one home that offers a place, taken by a consortium with one member."""
    with database.write() as session:
        world = World(session, clock.instant)
        world.provider("acorn", HOME)
        world.consortium("north", "acorn")
        world.member("leeds", "north")
        world.vacancy(HOME)
        world.rate(HOME)


def change(database: Database, clock: MovableClock, act) -> None:
    """Let `act(world)` change the world at the present moment."""
    with database.write() as session:
        world = World(session, clock.instant, {HOME: "acorn"})
        act(world)


def listings(database: Database) -> list[dict]:
    """The bodies of the live listings."""
    with database.read() as session:
        rows = session.exec(select(Listing).where(Listing.state == "updated").order_by(col(Listing.position))).all()
        return [orjson.loads(row.body) for row in rows]


def why(database: Database, urn: str = HOME) -> list[str]:
    with database.read() as session:
        return [code for entry in session.get(SettingState, urn).explanation for code in entry["why"]]


def events(database: Database) -> list[list[str]]:
    with database.read() as session:
        return [row.events for row in session.exec(select(Change).order_by(col(Change.position)))]


def test_an_offered_place_is_listed_with_its_price_and_grade(database, one_home, publish) -> None:
    publish()

    [listing] = listings(database)
    assert listing["availability"] == "available"
    assert listing["vacancy"]["places"] == 1
    assert listing["rates"][0]["weeklyEquivalentPence"] == 500_000
    assert listing["ofsted"]["status"] == "confirmed"
    assert listing["setting"]["localAuthority"] == {"code": "E08000035", "name": "Leeds"}
    assert "v1" not in orjson.dumps(listing["vacancy"]).decode()
    assert events(database) == [["vacancy.published"]]


def test_publishing_again_changes_nothing(database, one_home, publish, clock) -> None:
    publish()
    before = listings(database), events(database)

    with database.write() as session:
        touch(session, [HOME], at=clock(), bulk=True)
    publish()

    assert (listings(database), events(database)) == before


def test_a_withdrawn_vacancy_leaves_and_its_next_offer_has_a_new_id(database, one_home, publish, clock) -> None:
    publish()
    [first] = listings(database)

    change(database, clock, lambda world: world.say(HOME, "vacancy", {}, item="v1", withdrawn=True))
    publish()
    assert listings(database) == []

    clock.move(hours=1)
    document = {"id": "v1", "places": 1, "from": "2026-07-01"}
    change(database, clock, lambda world: world.say(HOME, "vacancy", document, offer=2))
    publish()
    [second] = listings(database)
    assert second["id"] != first["id"]
    assert events(database) == [["vacancy.published"], ["vacancy.withdrawn"], ["vacancy.published"]]


def test_a_home_that_fills_its_only_place_vanishes_at_once(database, one_home, publish, clock) -> None:
    publish()

    clock.move(minutes=5)
    change(database, clock, lambda world: world.capacity(HOME, registered=4, occupied=4, reserved=0, unavailable=[]))
    publish()

    assert listings(database) == []
    assert why(database) == ["full"]


def test_unknown_counts_are_not_zero(database, one_home, publish, clock) -> None:
    clock.move(minutes=5)
    change(database, clock, lambda world: world.capacity(HOME, registered=4, occupied=4))

    publish()

    assert len(listings(database)) == 1


def test_freshness_runs_its_course_by_time_alone(database, one_home, publish, clock) -> None:
    publish()
    seen = []
    for hours in (24, 48, 264):
        clock.move(hours=hours)
        publish()
        seen.append([(listing["freshness"], listing["availability"]) for listing in listings(database)])

    assert seen == [[("ageing", "available")], [("stale", "unknown")], []]
    assert why(database) == ["too-old"]


def test_an_attestation_moves_clock_and_position_but_is_no_event(database, one_home, publish, clock) -> None:
    publish()
    clock.move(hours=30)
    publish()
    before = head_of(database)
    with database.write() as session:
        session.execute(sa.update(Standing).values(as_of=clock()))
        touch(session, [HOME], at=clock(), bulk=False)
    publish()

    [listing] = listings(database)
    assert listing["freshness"] == "fresh"
    assert listing["clocks"]["attestedAt"].startswith("2026-07-02T20:00")
    assert events(database)[-1] == []
    assert head_of(database).position > before.position


def test_changes_at_is_the_next_moment_that_matters(database, one_home, publish, clock) -> None:
    change(database, clock, lambda world: world.vacancy(HOME, until="2026-07-01"))

    publish()

    with database.read() as session:
        assert session.get(SettingState, HOME).changes_at == london_midnight(date(2026, 7, 2))
    clock.move(hours=9, minutes=30)  # half past midnight in England is half past eleven in UTC
    publish()
    assert why(database) == ["ended"]


def test_a_place_from_a_later_day_is_listed_and_counts_do_not_touch_it(database, one_home, publish, clock) -> None:
    change(database, clock, lambda world: world.vacancy(HOME, **{"from": "2026-07-09"}))
    change(database, clock, lambda world: world.capacity(HOME, available=0))

    publish()

    [listing] = listings(database)
    assert listing["vacancy"]["from"] == "2026-07-09"


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        ({"status": "suspended"}, "suspended"),
        ({"absent_since": date(2026, 6, 30)}, "not-on-register"),
        ({"provision_type": "secure-childrens-home"}, "provision-type-not-listable"),
    ],
)
def test_what_the_register_says_keeps_a_place_off_the_list(database, one_home, publish, clock, facts, reason) -> None:
    publish()
    with database.write() as session:
        row = session.get(RegisterSetting, HOME)
        for name, value in facts.items():
            setattr(row, name, value)
        session.add(row)
        touch(session, [HOME], at=clock(), bulk=True)

    publish()

    assert listings(database) == []
    assert reason in why(database)


def test_a_suspension_is_an_event_and_an_alert(database, one_home, publish, clock) -> None:
    publish()
    with database.write() as session:
        row = session.get(RegisterSetting, HOME)
        row.status = "suspended"
        session.add(row)
        touch(session, [HOME], at=clock(), bulk=True)

    publish()

    assert ["setting.suspended"] in events(database)
    with database.read() as session:
        assert [alert.kind for alert in session.exec(select(Alert))] == ["setting-suspended"]


def test_an_unknown_urn_stays_unlisted(database, publish, clock) -> None:
    with database.write() as session:
        world = World(session, clock.instant)
        world.provider("acorn", HOME)
        session.execute(sa.delete(RegisterSetting))
        world.vacancy(HOME)

    publish()

    assert listings(database) == []
    assert why(database) == ["unverified"]


def test_a_preferred_source_is_listed_and_the_other_is_not(database, one_home, publish, clock) -> None:
    change(
        database,
        clock,
        lambda world: (
            world.source("acorn-sheet", "acorn", precedence=10),
            world.vacancy(HOME, "s1", source="acorn-sheet", places=2),
        ),
    )

    publish()

    assert [listing["vacancy"]["places"] for listing in listings(database)] == [2]
    assert why(database) == ["other-source"]


def test_sources_of_equal_rank_are_joined(database, one_home, publish, clock) -> None:
    change(
        database,
        clock,
        lambda world: (world.source("acorn-sheet", "acorn"), world.vacancy(HOME, "s1", source="acorn-sheet")),
    )

    publish()

    assert len(listings(database)) == 2


def test_a_dead_source_does_not_silence_the_others(database, one_home, publish, clock) -> None:
    change(
        database,
        clock,
        lambda world: (
            world.source("old", "acorn", precedence=1),
            world.vacancy(HOME, "o1", source="old", as_of=clock.instant - timedelta(days=20)),
        ),
    )

    publish()

    assert len(listings(database)) == 1


def test_an_absence_that_waits_shows_unknown(database, one_home, publish, clock) -> None:
    publish()
    with database.write() as session:
        session.add(Absence(source_id="acorn-push", urn=HOME, parts="vacancy", submission_id="s", as_of=clock()))
        touch(session, [HOME], at=clock(), bulk=True)

    publish()

    [listing] = listings(database)
    assert (listing["availability"], listing["availabilityReason"]) == ("unknown", "absence-unconfirmed")


def test_a_price_for_named_buyers_is_in_no_open_part_of_the_listing(database, one_home, publish, clock) -> None:
    offered = {"buyers": [{"scheme": "gss", "id": "E08000035"}]}
    change(database, clock, lambda world: world.rate(HOME, "block", pounds=4321, offeredTo=offered))

    publish()

    with database.read() as session:
        [row] = session.exec(select(Listing))
        assert b"432100" not in row.body
        assert row.restricted[0]["offeredTo"] == ["gss:E08000035"]
        assert row.restricted[0]["rate"]["weeklyEquivalentPence"] == 432_100


def test_overlapping_offers_say_that_they_share_places(database, one_home, publish, clock) -> None:
    change(
        database,
        clock,
        lambda world: (world.vacancy(HOME, "solo", places=1, cared="solo"), world.capacity(HOME, available=1)),
    )

    publish()

    ids = {listing["id"]: listing["vacancy"]["sharesPlacesWith"] for listing in listings(database)}
    assert all(others == [other for other in ids if other != own] for own, others in ids.items())


def test_a_consortium_that_takes_a_provider_gains_sight_without_a_new_position(
    database, one_home, publish, clock
) -> None:
    publish()
    with database.read() as session:
        [before] = session.exec(select(Listing.position))
    change(
        database,
        clock,
        lambda world: (world.consortium("south", "acorn"), touch(world.session, [HOME], at=clock(), bulk=True)),
    )

    publish()

    with database.read() as session:
        [row] = session.exec(select(Listing))
        assert (row.position, row.audiences) == (before, ["north", "south"])
        assert {(sight.audience, sight.visible) for sight in session.exec(select(SightChange))} >= {
            ("c:north", True),
            ("c:south", True),
        }


def test_losing_sight_happens_by_date(database, one_home, publish, clock) -> None:
    with database.write() as session:
        taken = session.exec(select(ConsortiumProvider)).one()
        taken.valid_until = date(2026, 7, 1)
        session.add(taken)
    publish()
    clock.move(hours=10)

    publish()

    with database.read() as session:
        [row] = session.exec(select(Listing))
        assert row.audiences == []


def test_a_member_sees_only_while_its_membership_runs(database, one_home, publish, clock) -> None:
    with database.write() as session:
        world = World(session, clock.instant)
        world.member("york")
        world.join("york", "north", valid_from=date(2026, 7, 2), valid_until=date(2026, 7, 3))
    seen = []
    for _day in range(4):
        publish()
        with database.read() as session:
            seen.append(view_of(session, "york", clock()).audiences)
        clock.move(days=1)

    assert seen == [frozenset(), {"north"}, {"north"}, frozenset()]


def test_small_updates_are_published_before_bulk(database, one_home, settings, clock) -> None:
    with database.write() as session:
        session.execute(sa.delete(Pending))
        world = World(session, clock.instant)
        world.provider("oak", *[f"SC1{number:05}" for number in range(30)])
        touch(session, [f"SC1{number:05}" for number in range(30)], at=clock(), bulk=True)
        touch(session, [HOME], at=clock(), bulk=False)

    with database.write() as session:
        step = publish_once(session, settings=settings.model_copy(update={"publish_batch": 10}), now=clock())

    assert (step.settings, step.more) == (1, True)
    assert len(listings(database)) == 1


def test_after_a_restored_backup_positions_pass_any_issued_and_all_is_published_again(
    database, one_home, publish, clock
) -> None:
    publish()
    before = head_of(database)
    [listing] = listings(database)

    with database.write() as session:
        after_restore(session, now=clock())
    publish()

    after = head_of(database)
    assert after.position > before.position + 2**31
    assert after.epoch == before.epoch + 1
    assert [entry["id"] for entry in listings(database)] == [listing["id"]]
    with database.read() as session:
        assert session.exec(select(Listing.position)).one() > before.position + 2**31


def test_a_source_whose_organisation_no_longer_speaks_for_a_home_is_not_heard(
    database, one_home, publish, clock
) -> None:
    publish()
    with database.write() as session:
        session.execute(sa.text("UPDATE speaks_for SET state = 'refused'"))
        touch(session, [HOME], at=clock(), bulk=True)

    publish()

    assert listings(database) == []


def head_of(database: Database):
    with database.read() as session:
        return head(session)


def test_the_source_table_is_not_written_by_publishing(database, one_home, publish) -> None:
    with database.read() as session:
        before = session.exec(select(Source)).one().model_dump()

    publish()

    with database.read() as session:
        assert session.exec(select(Source)).one().model_dump() == before
