"""What is past its keeping time goes, in small steps; what is still needed stays."""

from datetime import timedelta

from sqlmodel import select

from placefeed.service.config import Settings
from placefeed.service.db import Database
from placefeed.service.publishing.log import head
from placefeed.service.publishing.publisher import publish_all
from placefeed.service.purge import keepings, purge
from placefeed.service.tables import Audit, Change, JobRun, Listing, ShownSetting, SightChange
from tests.service.conftest import MovableClock
from tests.service.world import World


def test_tombstones_live_long_enough_and_then_go_with_their_history(
    database: Database, settings: Settings, clock: MovableClock
) -> None:
    with database.write() as session:
        world = World(session, clock.instant)
        world.provider("acorn", "SC000001")
        world.consortium("north", "acorn")
        world.vacancy("SC000001")
    publish_all(database, settings, clock)
    with database.write() as session:
        World(session, clock.instant, {"SC000001": "acorn"}).say("SC000001", "vacancy", {}, item="v1", withdrawn=True)
    publish_all(database, settings, clock)

    clock.move(days=29)
    purge(database, settings, now=clock())
    with database.read() as session:
        assert session.exec(select(Listing.state)).all() == ["deleted"]

    clock.move(days=2)
    deleted = purge(database, settings, now=clock())
    assert deleted["listings that are gone"] == 1
    with database.read() as session:
        for table in (Listing, ShownSetting, Change, SightChange):
            assert session.exec(select(table)).all() == []
        at = head(session)
    assert 0 < at.history_after <= at.position
    assert 0 < at.tombstones_after <= at.position, "who stopped before the tombstone is told that it cannot go on"


def test_the_audit_is_kept_for_six_years(database: Database, settings: Settings, clock: MovableClock) -> None:
    with database.write() as session:
        session.add(Audit(at=clock() - timedelta(days=5 * 365), role="member", action="read"))
        session.add(Audit(at=clock() - timedelta(days=7 * 365), role="member", action="read"))
        session.add(JobRun(job="purge", slot=clock() - timedelta(days=31), worker="w", lease_until=clock()))

    assert purge(database, settings, now=clock()) == {"audit": 1, "job runs": 1}


def test_every_kind_of_thing_has_a_keeping_time(settings: Settings) -> None:
    assert len({keeping.what for keeping in keepings(settings)}) == len(keepings(settings)) >= 10
