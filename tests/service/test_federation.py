"""Exchanges that follow each other: each comes to list what all have, with the providers' clocks, and then they are quiet."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
import structlog
import typer
from pytest_httpserver import HTTPServer
from sqlmodel import col, select
from typer.testing import CliRunner

from placefeed.adapters import rpde
from placefeed.service import jobs
from placefeed.service.access import keys, organisations, sources
from placefeed.service.channels.summary import make_summary
from placefeed.service.cli import register
from placefeed.service.clock import system_clock
from placefeed.service.db import secret_of
from placefeed.service.publishing.log import head
from placefeed.service.purge import purge
from placefeed.service.tables import Absence, Alert, Head, PublicSummary, Quarantine, Source, Standing, Submission
from tests.adapters.test_rpde import Peer, page
from tests.service.conftest import MovableClock
from tests.service.exchanges import BOTH, EVERYWHERE, Exchange, Start, settle, starting
from tests.service.feeds import rate

HOME, SECOND, THIRD = EVERYWHERE[:3]


both = pytest.mark.parametrize("start", BOTH, indirect=True)
"""What stores, or depends on the order in which it is read again, is proved on PostgreSQL too."""


@pytest.fixture
def start(request: pytest.FixtureRequest, tmp_path: Path, clock: MovableClock) -> Iterator[Start]:
    with starting(request, tmp_path, clock) as made:
        yield made


@pytest.fixture
def pair(start: Start) -> tuple[Exchange, Exchange]:
    """North, whose provider speaks for three homes, and south, which follows it."""
    north, south = start("north", *EVERYWHERE[:3]), start("south")
    south.follow(north)
    return north, south


# -- two that follow each other -----------------------------------------------------------------------------------------


@both
def test_two_that_follow_each_other_converge_and_are_quiet(start: Start, clock: MovableClock) -> None:
    north, south = start("north", *EVERYWHERE[:3]), start("south", *EVERYWHERE[3:5])
    north.follow(south)
    south.follow(north)
    north.offer(*EVERYWHERE[:3])
    clock.move(hours=1)
    south.offer(*EVERYWHERE[3:5])

    settle(north, south)

    assert sorted(north.listed()) == sorted(south.listed()) == list(EVERYWHERE[:5])
    there, here = north.listed()[HOME], south.listed()[HOME]
    assert here["clocks"]["asOf"] == there["clocks"]["asOf"] == "2026-07-01T14:00:00Z"
    assert (there["provenance"].get("via"), here["provenance"]["via"]) == (None, north.via)
    assert here["provenance"]["publisher"] == "Homes of north"
    assert (here["rates"], here["vacancy"]) == (there["rates"], there["vacancy"])
    before = north.position(), south.position()
    for _ in range(3):
        clock.move(minutes=1)
        assert (north.poll(south), south.poll(north)) == ("nothing new", "nothing new")
    assert (north.position(), south.position()) == before


@both
def test_what_the_provider_confirms_or_changes_arrives_and_does_not_come_back(
    start: Start, clock: MovableClock
) -> None:
    north, south = start("north", HOME), start("south", SECOND)
    north.follow(south)
    south.follow(north)
    north.offer(HOME)
    settle(north, south)
    clock.move(hours=2)
    north.offer(HOME)  # the same again: confirmed
    position = north.position()

    south.poll(north)
    clocks = south.listed()[HOME]["clocks"]

    assert (clocks["asOf"], clocks["attestedAt"]) == ("2026-07-01T14:00:00Z", "2026-07-01T16:00:00Z")
    assert north.poll(south) == "nothing new"
    clock.move(hours=1)
    north.offer(HOME, places=2)
    settle(north, south)
    assert south.listed()[HOME]["vacancy"]["places"] == 2
    assert south.listed()[HOME]["clocks"]["asOf"] == "2026-07-01T17:00:00Z"
    assert north.position() == position + 1  # its own change and nothing else
    assert north.standing(source_id="from-south", part="vacancy") == []


def test_a_setting_carries_its_providers_name_and_no_number_of_the_other_exchange(
    pair: tuple[Exchange, Exchange],
) -> None:
    north, south = pair
    north.offer(HOME)

    south.poll(north)

    (item,) = south.call("council", "GET", "/v1/feeds/settings").json()["items"]
    assert item["data"]["setting"]["name"] == f"House {HOME}"
    assert item["data"]["setting"]["provider"] == {"name": "Homes of north"}
    listing = south.call("council", "GET", "/v1/listings").json()["items"][0]
    assert listing["setting"]["provider"] == {"name": "Homes of north"}
    assert listing["ofsted"]["registerAsAt"] == "2026-03-31"  # south's own register


# -- withdrawals, hiding and showing again --------------------------------------------------------------------------------


def test_a_withdrawal_arrives_as_a_tombstone_and_leaves_one(
    pair: tuple[Exchange, Exchange], clock: MovableClock
) -> None:
    north, south = pair
    north.offer(HOME, SECOND)
    south.poll(north)
    listing = south.listed()[HOME]["id"]
    clock.move(minutes=5)

    north.withdraw(HOME)
    south.poll(north)

    assert sorted(south.listed()) == [SECOND]
    items = south.call("council", "GET", "/v1/feeds/vacancies").json()["items"]
    assert [item["state"] for item in items if item["id"] == listing] == ["deleted"]
    assert {row.part for row in south.standing(source_id="from-north", urn=HOME)} == set()


@both
def test_what_was_hidden_for_a_while_is_back_with_the_clock_that_it_had(
    pair: tuple[Exchange, Exchange], clock: MovableClock
) -> None:
    north, south = pair
    north.offer(HOME)
    south.poll(north)
    with north.database.write() as session:
        (taken,) = organisations.providers_of(session, "all")
        organisations.end_provider(session, taken.id or 0, valid_until=date(2026, 6, 30), now=clock())
    north.publish()
    clock.move(hours=1)
    south.poll(north)
    assert south.listed() == {}

    with north.database.write() as session:
        organisations.add_provider(session, "all", organisation_id="homes", valid_from=date(2026, 7, 1), now=clock())
    north.publish()
    clock.move(hours=1)
    south.poll(north)

    assert south.listed()[HOME]["clocks"]["asOf"] == "2026-07-01T14:00:00Z"


def test_a_provider_whose_clock_is_ahead_can_be_withdrawn_at_once(
    pair: tuple[Exchange, Exchange], clock: MovableClock
) -> None:
    north, south = pair
    clock.move(minutes=4)
    north.offer(HOME)
    clock.move(minutes=-4)
    south.poll(north)
    assert sorted(south.listed()) == [HOME]

    clock.move(minutes=4)
    north.withdraw(HOME)
    clock.move(minutes=-4)
    south.poll(north)

    assert south.listed() == {}


# -- time -----------------------------------------------------------------------------------------------------------------


def test_freshness_is_of_the_providers_clock_and_no_poll_renews_it(
    pair: tuple[Exchange, Exchange], clock: MovableClock
) -> None:
    north, south = pair
    north.offer(HOME)
    clock.move(hours=30)
    north.publish()

    south.poll(north)
    assert south.listed()[HOME]["freshness"] == "ageing"
    clock.move(hours=43)
    south.poll(north)
    north.publish()
    south.poll(north)

    seen = south.listed()[HOME]
    assert (seen["freshness"], seen["availability"], seen["availabilityReason"]) == ("stale", "unknown", "stale")
    assert seen["clocks"]["unknownSince"] == "2026-07-04T14:00:00Z"


def test_when_the_other_exchange_is_down_what_it_said_ages(
    pair: tuple[Exchange, Exchange], clock: MovableClock
) -> None:
    north, south = pair
    north.offer(HOME)
    south.poll(north)
    with south.database.write() as session:
        session.get_one(Source, "from-north").address = "http://127.0.0.1:9"
        session.get_one(Source, "from-north").expected_every = 3600
    clock.move(hours=80)

    said = south.poll(north)

    assert said.startswith("unreachable")
    assert south.source(north).state == "active"
    assert south.listed()[HOME]["availability"] == "unknown"
    assert "late" in jobs.late_sources(south.database, south.settings, clock)
    with south.database.read() as session:
        assert [alert.kind for alert in session.exec(select(Alert))] == ["source-late"]
    clock.move(days=11)
    south.publish()
    assert south.listed() == {}


# -- three and more -------------------------------------------------------------------------------------------------------


@both
def test_a_ring_of_three_comes_to_rest(start: Start, clock: MovableClock) -> None:
    north, south, east = start("north", HOME), start("south", SECOND), start("east", THIRD)
    south.follow(north)
    east.follow(south)
    north.follow(east)
    for one, urn in ((north, HOME), (south, SECOND), (east, THIRD)):
        one.offer(urn)

    settle(north, south, east)

    assert sorted(north.listed()) == sorted(south.listed()) == sorted(east.listed()) == [HOME, SECOND, THIRD]
    assert east.listed()[HOME]["provenance"]["via"] == f"{north.via} > {south.via}"
    assert east.listed()[HOME]["provenance"]["publisher"] == "Homes of north"
    clock.move(minutes=10)
    north.withdraw(HOME)
    settle(north, south, east)
    assert sorted(north.listed()) == sorted(south.listed()) == sorted(east.listed()) == [SECOND, THIRD]


def test_where_all_follow_all_each_offer_stands_once_by_the_shortest_way(start: Start, clock: MovableClock) -> None:
    every = north, south, east = start("north", HOME), start("south", SECOND), start("east", THIRD)
    for one in every:
        for other in every:
            if one is not other:
                one.follow(other)
    for one, urn in ((north, HOME), (south, SECOND), (east, THIRD)):
        one.offer(urn)

    settle(*every)

    for one in every:
        assert sorted(listing.urn for listing in one.listings()) == [HOME, SECOND, THIRD]
    assert east.listed()[HOME]["provenance"]["via"] == north.via
    clock.move(minutes=10)
    north.withdraw(HOME)
    east.poll(south)  # which still has it, from north
    east.poll(north)
    assert sorted(east.listed()) == [SECOND, THIRD]
    settle(*every)
    for one in every:
        assert sorted(one.listed()) == [SECOND, THIRD]


def test_an_exchange_counts_as_followed_once_it_is_read_and_until_it_is_paused(
    start: Start, clock: MovableClock
) -> None:
    north, south, east = start("north", HOME, SECOND), start("south"), start("east")
    south.follow(north)
    east.follow(south)
    north.offer(HOME)
    settle(north, south, east)
    through_south = f"{north.via} > {south.via}"

    east.follow(north)
    east.publish()
    assert east.listed()[HOME]["provenance"]["via"] == through_south
    with north.database.write() as session:  # which does not show it to the east
        (membership,) = [row for row in organisations.members_of(session, "all") if row.organisation_id == "east-reads"]
        organisations.end_member(session, membership.id or 0, valid_until=date(2026, 6, 30))
    north.publish()
    east.poll(north)
    assert east.listed() == {}

    with east.database.write() as session:
        sources.update_source(session, "from-north", secret=secret_of(east.settings), now=clock(), state="paused")
    east.publish()
    assert east.listed()[HOME]["provenance"]["via"] == through_south


# -- starting again --------------------------------------------------------------------------------------------------------


@both
def test_after_a_backup_is_put_back_all_is_read_again_and_what_is_gone_is_swept(
    pair: tuple[Exchange, Exchange], clock: MovableClock
) -> None:
    north, south = pair
    north.offer(HOME, SECOND)
    south.poll(north)
    before = {urn: listing["id"] for urn, listing in south.listed().items()}
    north.restored()
    with north.database.write() as session:  # the backup did not have this one
        session.execute(sa.delete(Standing).where(col(Standing.urn) == SECOND))
        session.execute(sa.text("DELETE FROM listing WHERE urn = :urn"), {"urn": SECOND})
        session.execute(sa.text("DELETE FROM shown_setting WHERE urn = :urn"), {"urn": SECOND})
    position = south.position()

    south.poll(north)

    assert {urn: listing["id"] for urn, listing in south.listed().items()} == {HOME: before[HOME]}
    assert south.listed()[HOME]["clocks"]["asOf"] == "2026-07-01T14:00:00Z"
    assert south.position() == position + 2  # the vacancy and its setting left; what was read again moved nothing
    assert {row.urn for row in south.standing(source_id="from-north")} == {HOME}
    assert south.poll(north) == "nothing new"


@both
def test_where_much_is_missing_after_reading_again_it_waits_for_a_word(start: Start, clock: MovableClock) -> None:
    homes = EVERYWHERE[:12]
    north, south = start("north", *homes), start("south")
    south.follow(north)
    north.offer(*homes)
    south.poll(north)
    north.restored()
    with north.database.write() as session:
        for table in ("listing", "shown_setting", "standing"):
            session.execute(sa.text(f"DELETE FROM {table} WHERE urn > :urn"), {"urn": homes[1]})
    clock.move(minutes=1)

    south.poll(north)

    unknown = {urn for urn, listing in south.listed().items() if listing["availability"] == "unknown"}
    assert unknown == set(homes[2:])
    assert south.listed()[homes[5]]["availabilityReason"] == "absence-unconfirmed"
    with south.database.read() as session:
        (submission,) = session.exec(select(Absence.submission_id).distinct()).all()
        assert (session.get_one(Submission, submission).report or {})["counts"]["held"] == 10
    south.call("operator", "POST", f"/v1/submissions/{submission}/absences", json={"confirm": True})
    south.publish()
    assert sorted(south.listed()) == list(homes[:2])


def test_a_cursor_older_than_the_tombstones_starts_again_and_sweeps(
    pair: tuple[Exchange, Exchange], clock: MovableClock
) -> None:
    north, south = pair
    north.offer(HOME, SECOND)
    south.poll(north)
    north.withdraw(SECOND)
    with north.database.write() as session:  # as the purge does: the tombstone is forgotten
        session.execute(sa.text("DELETE FROM listing WHERE state = 'deleted'"))
        session.execute(sa.text("DELETE FROM shown_setting WHERE state = 'deleted'"))
        session.get_one(Head, 1).tombstones_after = head(session).position

    south.poll(north)

    assert sorted(south.listed()) == [HOME]


def test_two_polls_at_once_do_not_undo_each_other(
    pair: tuple[Exchange, Exchange], clock: MovableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second comes while the first has a page in hand: the first gives way, and the next poll has all."""
    north, south = pair
    north.offer(HOME, SECOND)
    read = rpde.read_page
    came: list[str] = []

    def meanwhile(content: bytes, **about: Any) -> Any:
        if not came:
            came.append("")
            came[0] = south.poll(north)
        return read(content, **about)

    monkeypatch.setattr(rpde, "read_page", meanwhile)

    said = south.poll(north)

    assert "accepted" in came[0]
    assert said.startswith("failed: The source “from-north” was changed, or read by another process")
    assert south.source(north).state == "active"
    assert sorted(south.listed()) == [HOME, SECOND]
    assert south.poll(north) == "nothing new"


def test_what_another_exchange_no_longer_lists_is_deleted_after_its_tombstone(
    pair: tuple[Exchange, Exchange], clock: MovableClock
) -> None:
    north, south = pair
    north.offer(HOME, SECOND)
    south.poll(north)
    north.withdraw(HOME)
    south.poll(north)
    clock.move(days=32)

    purge(south.database, south.settings, now=clock())

    with south.database.read() as session:
        assert set(session.exec(select(Standing.urn))) == {SECOND}


# -- who may speak ----------------------------------------------------------------------------------------------------------


def test_what_a_provider_here_speaks_for_is_not_taken_from_elsewhere(
    pair: tuple[Exchange, Exchange], clock: MovableClock
) -> None:
    north, south = pair
    south.speaks_for(HOME)
    south.offer(HOME, places=3)
    north.offer(HOME, SECOND)

    south.poll(north)

    assert sorted(listing.urn for listing in south.listings()) == [HOME, SECOND]
    assert south.listed()[HOME]["vacancy"]["places"] == 3
    assert "via" not in south.listed()[HOME]["provenance"]
    assert {row["source"]: row["why"] for row in south.why(HOME)} == {"homes-push": [], "from-north": ["other-source"]}
    with south.database.write() as session:  # its own provider leaves
        organisations.refuse(session, "homes", urns=[HOME], by="exchange", now=clock())
    south.publish()
    assert south.listed()[HOME]["provenance"]["via"] == north.via
    south.speaks_for(HOME)
    south.publish()
    assert "via" not in south.listed()[HOME]["provenance"]


def test_members_see_another_exchange_where_their_consortium_takes_it(
    pair: tuple[Exchange, Exchange], clock: MovableClock
) -> None:
    north, south = pair
    north.offer(HOME)
    south.poll(north)
    with south.database.write() as session:
        taken = next(row for row in organisations.providers_of(session, "all") if row.organisation_id == "north")
        organisations.end_provider(session, taken.id or 0, valid_until=date(2026, 6, 30), now=clock())
    south.publish()

    assert south.listed() == {}
    assert south.why(HOME)[0]["why"] == ["no-consortium"]
    assert sorted(south.listed("operator")) == [HOME]


def test_a_rate_that_is_offered_to_us_by_name_is_not_passed_on(
    pair: tuple[Exchange, Exchange], clock: MovableClock
) -> None:
    north, south = pair
    now = clock()
    to_us = {"buyers": [{"scheme": "placefeed", "id": "south-reads"}]}
    north.offer(
        HOME,
        rates=[
            rate(now, "open"),
            rate(now, "ours", offeredTo=to_us, title="For the south alone"),
            rate(now, "quiet", sharing="buyers-only", title="Not to be shown on"),
        ],
    )

    south.poll(north)

    assert [one.get("offeredTo") for one in south.listed()[HOME]["rates"]] == ["any"]
    held = b"".join(bytes(row.document) for row in south.standing())
    assert b"For the south alone" not in held
    assert b"Not to be shown on" not in held


@both
def test_a_rate_that_is_offered_no_longer_is_not_kept(pair: tuple[Exchange, Exchange], clock: MovableClock) -> None:
    north, south = pair
    north.offer(HOME, rates=[rate(clock(), "one"), rate(clock(), "two", title="Second")])
    south.poll(north)
    assert len(south.standing(part="rate")) == 2
    clock.move(minutes=1)

    north.offer(HOME, rates=[rate(clock(), "one")])
    south.poll(north)

    assert len(south.listed()[HOME]["rates"]) == len(south.standing(part="rate")) == 1


def test_nobody_can_push_as_another_exchange(pair: tuple[Exchange, Exchange], clock: MovableClock) -> None:
    _, south = pair
    with south.database.write() as session:
        south.keys["peer"], _ = keys.issue(
            session, organisation_id="north", role="provider", source_id="from-north",
            secret=secret_of(south.settings), now=clock(),
        )  # fmt: skip

    answer = south.call("peer", "POST", "/v1/submissions", json={})

    assert answer.status_code == 409


def test_another_exchanges_places_are_not_counted_in_our_open_summary(start: Start, clock: MovableClock) -> None:
    north, south = start("north", HOME), start("south", public=True)
    south.follow(north)
    north.offer(HOME, places=20)
    south.poll(north)

    make_summary(south.database, south.settings, clock)

    with south.database.read() as session:
        document: Any = session.exec(select(PublicSummary.document)).one()
    assert document["places"] in (None, 0)


def test_of_a_hostile_exchange_only_what_is_sound_is_taken(start: Start, clock: MovableClock) -> None:
    south = start("south", SECOND)
    south.offer(SECOND)
    number = "943 476 5919"  # an NHS number of the documentation's
    with HTTPServer(host="127.0.0.1") as server:
        peer = Peer(server)
        north = Exchange("north", peer.url, south.client, south.settings, clock)
        with south.database.write() as session:
            organisations.create_organisation(session, "north", kind="vendor", name="North", now=clock())
            organisations.add_provider(
                session, "all", organisation_id="north", valid_from=date(2020, 1, 1), now=clock()
            )
            sources.create_source(
                session, "north", source_id="from-north", name="North", transport="rpde", address=peer.url,
                secret=secret_of(south.settings), now=clock(),
            )  # fmt: skip
        place = {"places": 1, "from": "2026-07-01"}
        peer.offer("good", urn=HOME)
        peer.offer("child", urn=HOME, vacancy={**place, "notes": f"Suits {number}"})
        peer.offer("ours", urn=SECOND)
        peer.offer("ahead", urn=THIRD, clocks={"asOf": "2026-07-01T14:06:00Z"})
        peer.offer("unclocked", urn=THIRD, clocks={})
        peer.offer("nowhere", urn="9999999")
        peer.offer("nothing", urn=None, vacancy=None, rates=None, clocks=None, provenance=None)

        south.poll(north)

        listed = {row.item: row.urn for row in south.listings()}
        assert listed == {"v1": SECOND, "good": HOME}
        assert number.encode() not in b"".join(bytes(row.document) for row in south.standing())
        with south.database.read() as session:
            kept = session.exec(select(Quarantine)).all()
        assert {issue["rule"] for row in kept for issue in row.issues} >= {"personal-nhs-number"}
        assert all(row.record is None for row in kept if row.issues[0]["rule"] == "personal-nhs-number")
        assert south.source(north).state == "active"
        peer.answer = lambda path: page("https://elsewhere.example/v1/feeds/settings", [])
        assert south.poll(north).startswith("stopped")
        assert "next-origin" in (south.source(north).stopped_why or "")


# -- the operator's doors -----------------------------------------------------------------------------------------------------


def test_the_operator_registers_another_exchange_and_its_listings_are_read(start: Start, clock: MovableClock) -> None:
    north, south = start("north", HOME), start("south")
    south.follow(north)  # who it is, and the key that north gave
    with south.database.read() as session:
        key = sources.credential_of(session.get_one(Source, "from-north"), secret=secret_of(south.settings))
    north.offer(HOME)
    body = {
        "id": "the-north", "organisation": "north", "name": "The North", "transport": "rpde", "address": north.url,
        "credential": key, "cron": "* * * * *", "expectedEvery": 900,
    }  # fmt: skip

    made = south.call("operator", "POST", "/v1/sources", json=body)
    polled = south.call("operator", "POST", "/v1/sources/the-north/polls")
    south.publish()

    assert (made.status_code, made.json()["hasCredential"]) == (201, True)
    assert (polled.status_code, polled.json().get("lastError"), polled.json()["state"]) == (200, None, "active")
    assert sorted(south.listed()) == [HOME]
    for address in (
        "https://user:word@north.example",
        "north.example",
        "https://north.example/?key=1",
        "https://[",
        "https://north.example:99999999",
    ):
        wrong = south.call("operator", "POST", "/v1/sources", json={**body, "id": "wrong", "address": address})
        assert wrong.status_code == 422
        assert wrong.json()["errors"][0]["pointer"] == "/address"


def test_the_commands_register_and_poll_another_exchange(
    start: Start, clock: MovableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock.instant = system_clock()  # a command's clock cannot be moved
    north, south = start("north", HOME), start("south")
    south.follow(north)
    with south.database.read() as session:
        key = sources.credential_of(session.get_one(Source, "from-north"), secret=secret_of(south.settings))
    north.offer(HOME)
    monkeypatch.setenv("PLACEFEED_DATA", str(south.settings.data))
    monkeypatch.setenv("PLACEFEED_SECRET", secret_of(south.settings).decode())
    monkeypatch.setenv("PLACEFEED_BASE_URL", south.url)
    monkeypatch.setenv("PLACEFEED_ALLOW_LOOPBACK", "true")
    commands = typer.Typer()
    register(commands)

    added = CliRunner().invoke(
        commands,
        ["source", "add", "north", "--name", "North", "--transport", "rpde", "--id", "n", "--address", north.url, "--credential"],
        input=f"{key}\n",
    )  # fmt: skip
    polled = CliRunner().invoke(commands, ["source", "poll", "n", "--json"])
    structlog.reset_defaults()
    south.publish()

    assert (added.exit_code, polled.exit_code) == (0, 0), added.output + polled.output
    assert "accepted" in polled.stdout
    assert sorted(south.listed()) == [HOME]


def test_the_schedule_follows_it_each_minute(pair: tuple[Exchange, Exchange], clock: MovableClock) -> None:
    north, south = pair
    north.offer(HOME)
    clock.move(minutes=2)

    said = jobs.poll_sources(south.database, south.settings, clock)

    assert said.startswith("from-north: ")
    assert "accepted" in said
    assert south.source(north).cursor is not None


def test_a_key_that_no_longer_holds_stops_the_source_and_says_so(
    pair: tuple[Exchange, Exchange], clock: MovableClock
) -> None:
    north, south = pair
    with south.database.write() as session:
        sources.update_source(
            session, "from-north", secret=secret_of(south.settings), now=clock(), credential="Bearer pf_wrong_key"
        )

    said = south.poll(north)

    assert said.startswith("stopped: 127.0.0.1 answered 401")
    assert south.source(north).state == "stopped"
