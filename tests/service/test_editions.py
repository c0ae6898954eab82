"""Scheduled files: one edition a view, shared by those who see the same, made once a slot, and nobody else's business."""

import hashlib
import io
from collections.abc import Iterator
from datetime import timedelta

import orjson
import pytest
import sqlalchemy as sa
from python_calamine import CalamineWorkbook

from placefeed.service.channels.editions import make_editions, purge_editions
from placefeed.service.config import Settings
from placefeed.service.db import Database
from placefeed.service.tables import Edition, EditionFile
from tests.service.conftest import MovableClock
from tests.service.factories import NOW, listing_row, member, publish, rate
from tests.service.reading import Reader, Reading, reading
from tests.service.test_lists import ids_in

LATEST = "/v1/editions/latest/manifest.json"


@pytest.fixture
def exchange(database: Database, settings: Settings, clock: MovableClock) -> Iterator[Reading]:
    with database.write() as session:
        member(session, "leeds", "north")
        member(session, "york", "north")
        member(session, "kent", "south")
        member(session, "operator", role="operator")
        publish(
            session,
            listing_row("n1", audiences=["north"]),
            listing_row("s1", audiences=["south"]),
            listing_row("bad", audiences=["north"], judgements=[["sccif-2017", "overall", "inadequate"]]),
        )
    with reading(database, settings, clock) as opened:
        yield opened


def make(exchange: Reading, **slot: int) -> int:
    return make_editions(exchange.database, exchange.settings, exchange.clock, slot=NOW + timedelta(**slot))


def file(reader: Reader, name: str) -> bytes:
    manifest = reader.get(LATEST).json()
    (entry,) = [entry for entry in manifest["files"] if entry["name"] == name]
    content = reader.get(entry["url"]).content
    assert (hashlib.sha256(content).hexdigest(), len(content)) == (entry["sha256"], entry["size"])
    return bytes(content)


def test_every_file_has_exactly_what_its_reader_sees(exchange: Reading) -> None:
    assert make(exchange) == 4

    for who, expected in (("leeds", {"n1", "bad"}), ("kent", {"s1"})):
        reader = exchange.reader(who)
        manifest = reader.get(LATEST).json()
        assert manifest["counts"] == {"listings": len(expected), "available": len(expected), "unknown": 0}
        assert (manifest["position"], manifest["epoch"], manifest["at"]) == (3, 1, "2026-07-01T14:00:00Z")
        assert {item["id"] for item in orjson.loads(file(reader, "listings.json"))["items"]} == expected
        assert {orjson.loads(line)["id"] for line in file(reader, "listings.ndjson").splitlines()} == expected
        assert {line.split(b",")[0].decode() for line in file(reader, "listings.csv").splitlines()[1:]} == expected
        sheet = (
            CalamineWorkbook.from_filelike(io.BytesIO(file(reader, "listings.xlsx")))
            .get_sheet_by_name("Listings")
            .to_python()
        )
        assert {row[0] for row in sheet[1:]} == expected
    everything = orjson.loads(file(exchange.reader("operator", "operator"), "listings.json"))["items"]
    assert len(everything) == 3


def test_those_who_see_the_same_share_the_files_and_others_get_none(exchange: Reading) -> None:
    make(exchange)
    leeds, york, kent = (exchange.reader(who) for who in ("leeds", "york", "kent"))
    address = {
        who: reader.get(LATEST).json()["files"][0]["url"]
        for who, reader in (("leeds", leeds), ("york", york), ("kent", kent))
    }

    with exchange.database.read() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(EditionFile)) == 3 * 5
    assert leeds.get(address["leeds"]).status_code == 200
    assert kent.get(address["leeds"]).status_code == york.get(address["leeds"]).status_code == 404
    bare = address["leeds"].replace(address["leeds"].split("/")[-2], address["leeds"].split("/")[-2].partition(".")[0])
    assert leeds.get(bare).status_code == 404


def test_a_rate_for_one_member_makes_that_members_files_its_own(exchange: Reading) -> None:
    with exchange.database.write() as session:
        publish(
            session,
            listing_row(
                "n1", audiences=["north"], rates=[rate(432_100, title="Block price", offered_to=["placefeed:leeds"])]
            ),
        )
    make(exchange)

    assert b"Block price" in file(exchange.reader("leeds"), "listings.csv")
    assert b"Block price" not in file(exchange.reader("york"), "listings.csv")


def test_a_slot_has_one_edition_and_an_unchanged_position_none(exchange: Reading, clock: MovableClock) -> None:
    assert make(exchange) == 4
    assert make(exchange) == 0
    assert make(exchange, hours=5) == 0

    with exchange.database.write() as session:
        publish(session, listing_row("n2", audiences=["north"]))
    assert make(exchange) == 0
    assert make(exchange, hours=5) == 4
    assert exchange.reader("leeds").get(LATEST).json()["position"] == 4


def test_a_member_that_joins_gets_an_edition_though_nothing_moved(exchange: Reading) -> None:
    make(exchange)
    with exchange.database.write() as session:
        member(session, "hull", "north")
    hull = exchange.reader("hull")
    assert hull.get(LATEST).status_code == 404

    assert make(exchange, hours=1) == 1

    assert {item["id"] for item in orjson.loads(file(hull, "listings.json"))["items"]} == {"n1", "bad"}


def test_an_overdue_row_is_unknown_in_the_files(exchange: Reading, clock: MovableClock) -> None:
    clock.move(hours=30)
    make(exchange, hours=30)

    manifest = exchange.reader("leeds").get(LATEST).json()
    assert manifest["counts"] == {"listings": 2, "available": 0, "unknown": 2}


def test_a_manifest_says_until_when_it_is_good(exchange: Reading) -> None:
    make(exchange)

    assert exchange.reader("leeds").get(LATEST).json()["goodUntil"] == "2026-07-02T14:00:00Z"


def test_an_unchanged_file_is_304_and_no_file_is_404(exchange: Reading) -> None:
    make(exchange)
    leeds = exchange.reader("leeds")
    manifest = leeds.get(LATEST)
    first = leeds.get(manifest.json()["files"][0]["url"])

    assert leeds.get(LATEST, If_None_Match=manifest.headers["etag"]).status_code == 304
    assert leeds.get(manifest.json()["files"][0]["url"], If_None_Match=first.headers["etag"]).status_code == 304
    assert leeds.get("/v1/editions/latest/nothing.csv").status_code == 404
    assert leeds.get("/v1/editions/nothing/listings.csv").status_code == 404
    assert ids_in("json", leeds.get("/v1/editions/latest/listings.json")) == {"n1", "bad"}


def test_old_editions_go_but_the_latest_of_each_view_stays(exchange: Reading, clock: MovableClock) -> None:
    make(exchange)
    with exchange.database.write() as session:
        publish(session, listing_row("n2", audiences=["north"]))
    make(exchange, hours=5)

    with exchange.database.write() as session:
        removed = purge_editions(session, settings=exchange.settings, now=NOW + timedelta(days=30))

    assert removed == 4
    with exchange.database.read() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(Edition)) == 4 + 3
        assert session.scalar(sa.select(sa.func.count()).select_from(EditionFile)) == 3 * 5
    assert exchange.reader("leeds").get(LATEST).status_code == 200
