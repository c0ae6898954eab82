"""The live list: who sees what in which form, conditional answers, pages while rows change, and what time does to it."""

import gzip
import io
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import orjson
import pytest
import sqlalchemy as sa
import zstandard
from jsonschema import Draft202012Validator
from python_calamine import CalamineWorkbook

from placefeed.schema import files
from placefeed.service.channels.cache import Ready, ReadyAnswers
from placefeed.service.channels.index import Moment
from placefeed.service.channels.snapshot import Snapshot
from placefeed.service.config import Settings
from placefeed.service.db import Database
from placefeed.service.publishing.log import Writer
from placefeed.service.tables import (
    Audit,
    Change,
    Consortium,
    ConsortiumMember,
    Head,
    Listing,
    Organisation,
    RegisterFile,
    RegisterHistory,
    RegisterInspection,
    RegisterSetting,
)
from tests.service.conftest import MovableClock
from tests.service.factories import NOW, listing_row, member, publish, rate
from tests.service.reading import Reading, reading

FORMS = ("json", "ndjson", "csv", "xlsx")


@pytest.fixture
def exchange(database: Database, settings: Settings, clock: MovableClock) -> Iterator[Reading]:
    """Two consortia: `leeds` and `york` in north, `kent` in south; an operator, and a provider."""
    with database.write() as session:
        member(session, "leeds", "north")
        member(session, "york", "north")
        member(session, "kent", "south")
        member(session, "operator", role="operator")
        member(session, "example", role="provider")
    with reading(database, settings, clock) as opened:
        yield opened


def put(exchange: Reading, *rows: dict[str, Any], gone: tuple[dict[str, Any], ...] = ()) -> None:
    with exchange.database.write() as session:
        publish(session, *rows, gone=gone, now=exchange.clock())
    exchange.refresh()


def ids_in(form: str, answer: Any) -> set[str]:
    """The ids in an answer, by what a reader of that form would do."""
    assert answer.status_code == 200, answer.text
    if form == "json":
        return {item["id"] for item in answer.json()["items"]}
    if form == "ndjson":
        return {orjson.loads(line)["id"] for line in answer.content.splitlines()}
    if form == "csv":
        return {line.split(",")[0] for line in answer.text.splitlines()[1:]}
    rows = CalamineWorkbook.from_filelike(io.BytesIO(answer.content)).get_sheet_by_name("Listings").to_python()
    return {str(row[0]) for row in rows[1:]}


# -- sight ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", FORMS)
def test_a_member_sees_exactly_its_own_in_every_form(exchange: Reading, form: str) -> None:
    put(
        exchange,
        listing_row("n1", audiences=["north"]),
        listing_row("s1", audiences=["south"]),
        listing_row("both", audiences=["north", "south"]),
        listing_row("nobody", audiences=[]),
    )

    seen = {
        who: ids_in(form, exchange.reader(who).get(f"/v1/listings?format={form}")) for who in ("leeds", "york", "kent")
    }
    all_of_it = ids_in(form, exchange.reader("operator", "operator").get(f"/v1/listings?format={form}"))

    assert seen == {"leeds": {"n1", "both"}, "york": {"n1", "both"}, "kent": {"s1", "both"}}
    assert all_of_it == {"n1", "s1", "both", "nobody"}


@pytest.mark.parametrize("form", FORMS)
def test_a_rate_reaches_only_those_it_is_offered_to(exchange: Reading, form: str) -> None:
    put(
        exchange,
        listing_row("a", rates=[rate(600_000), rate(432_100, title="Block price", offered_to=["placefeed:leeds"])]),
    )

    def has_it(who: str) -> bool:
        content = exchange.reader(who).get(f"/v1/listings?format={form}").content
        if form != "xlsx":
            return b"Block price" in content
        return any(
            "Block price" in row
            for sheet in ("Listings", "Rates")
            for row in CalamineWorkbook.from_filelike(io.BytesIO(content)).get_sheet_by_name(sheet).to_python()
        )

    assert has_it("leeds")
    assert not has_it("york")


def test_a_document_shows_not_that_there_is_a_rate_for_others(exchange: Reading) -> None:
    plain = listing_row("a", rates=[rate(600_000)])
    put(exchange, listing_row("a", rates=[rate(600_000), rate(1, offered_to=["placefeed:leeds"])]))

    answer = exchange.reader("york").get("/v1/listings?format=ndjson")

    assert answer.content.strip() == plain["body"]


def test_one_listing_that_may_not_be_seen_is_as_if_there_were_none(exchange: Reading) -> None:
    put(exchange, listing_row("n1", audiences=["north"]))
    kent, leeds = exchange.reader("kent"), exchange.reader("leeds")

    hidden, missing = kent.get("/v1/listings/n1"), kent.get("/v1/listings/none")

    assert hidden.status_code == missing.status_code == 404
    assert hidden.json() == missing.json()
    assert leeds.get("/v1/listings/n1").json()["id"] == "n1"


def test_a_provider_and_a_stranger_get_no_list(exchange: Reading) -> None:
    put(exchange, listing_row("a"))
    with exchange.database.write() as session:
        session.add(Organisation(id="p2", kind="provider", name="P2", created_at=NOW))

    assert exchange.reader("p2", "provider").get("/v1/listings").status_code == 403
    assert exchange.client.get("/v1/listings").status_code == 401


def test_a_change_of_sight_alone_is_seen_at_once(exchange: Reading) -> None:
    row = listing_row("a", audiences=["north"])
    put(exchange, row)
    kent = exchange.reader("kent")
    assert kent.ids() == []

    with exchange.database.write() as session:  # as the publisher does: the listing's own position stays
        writer = Writer(session, NOW)
        standing = session.get(Listing, "a")
        assert standing is not None
        writer.listing(**{**row, "position": standing.position, "state": "updated", "audiences": ["south"]})
        writer.change(
            position=writer.next(),
            urn="SC000001",
            listing_id="a",
            events=[],
            audiences_before=["north"],
            audiences_after=["south"],
        )
        writer.close()
    exchange.refresh()

    assert kent.ids() == ["a"]
    assert exchange.reader("leeds").ids() == []


def test_a_member_that_leaves_sees_nothing_once_the_bell_has_rung(exchange: Reading) -> None:
    put(exchange, listing_row("a"))
    leeds = exchange.reader("leeds")
    assert leeds.ids() == ["a"]

    with exchange.database.write() as session:
        session.execute(
            sa.update(ConsortiumMember).where(ConsortiumMember.organisation_id == "leeds").values(applied_until=2)
        )
    exchange.database.bell.ring("access")

    assert leeds.ids() == []


def test_a_member_of_two_consortia_gets_each_listing_once(exchange: Reading) -> None:
    with exchange.database.write() as session:
        session.add(
            ConsortiumMember(consortium_id="south", organisation_id="leeds", valid_from=NOW.date(), applied_from=0)
        )
        assert session.get(Consortium, "south") is not None
    put(exchange, listing_row("both", audiences=["north", "south"]))

    assert exchange.reader("leeds").ids() == ["both"]


# -- conditional answers -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", FORMS)
def test_an_unchanged_list_is_304_and_a_changed_one_is_not(exchange: Reading, form: str) -> None:
    put(exchange, listing_row("a"))
    leeds = exchange.reader("leeds")
    first = leeds.get(f"/v1/listings?format={form}")
    tag = first.headers["etag"]

    again = leeds.get(f"/v1/listings?format={form}", If_None_Match=tag)
    put(exchange, listing_row("b"))
    changed = leeds.get(f"/v1/listings?format={form}", If_None_Match=tag)

    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    assert changed.status_code == 200
    assert changed.headers["etag"] != tag
    assert not tag.startswith("W/")
    assert first.headers["cache-control"] == "private, no-cache"
    assert first.headers["vary"] == "Authorization, Accept, Accept-Encoding"


def test_etags_differ_by_audience_form_filter_and_encoding_and_are_shared_by_those_who_see_the_same(
    exchange: Reading,
) -> None:
    put(exchange, listing_row("a", audiences=["north", "south"]))

    def tag(who: str, path: str = "/v1/listings", **headers: str) -> str:
        return str(exchange.reader(who).get(path, **headers).headers["etag"])

    tags = {
        tag("leeds"),
        tag("kent"),
        tag("leeds", "/v1/listings?format=csv"),
        tag("leeds", "/v1/listings?age=12"),
        tag("leeds", Accept_Encoding="gzip"),
    }
    assert len(tags) == 5
    assert tag("york") == tag("leeds")

    put(exchange, listing_row("b", rates=[rate(offered_to=["placefeed:york"])]))
    assert tag("york") != tag("leeds")


def test_a_head_request_has_the_headers_alone(exchange: Reading) -> None:
    put(exchange, listing_row("a"))
    key = exchange.key("leeds")

    answer = exchange.client.head("/v1/listings", headers={"Authorization": f"Bearer {key}"})

    assert (answer.status_code, answer.content) == (200, b"")
    assert int(answer.headers["content-length"]) > 100


def test_compressed_forms_hold_the_same(exchange: Reading) -> None:
    put(exchange, *(listing_row(f"id-{number}") for number in range(20)))
    leeds = exchange.reader("leeds")
    plain = leeds.get("/v1/listings").content

    for encoding, unpack in (
        ("gzip", gzip.decompress),
        ("zstd", lambda body: zstandard.ZstdDecompressor().decompressobj().decompress(body)),
    ):
        request = exchange.client.build_request(
            "GET",
            "/v1/listings",
            headers={"Authorization": leeds._headers["Authorization"], "Accept-Encoding": encoding},
        )
        answer = exchange.client.send(request, stream=True)
        raw = b"".join(answer.iter_raw())
        assert answer.headers["content-encoding"] == encoding
        assert unpack(raw) == plain


def test_the_form_is_chosen_by_accept(exchange: Reading) -> None:
    put(exchange, listing_row("a"))
    leeds = exchange.reader("leeds")

    def kind(accept: str) -> str:
        return str(leeds.get("/v1/listings", Accept=accept).headers["content-type"]).partition(";")[0]

    assert kind("*/*") == "application/json"
    assert kind("text/html,application/xhtml+xml,*/*;q=0.8") == "application/json"
    assert kind("text/csv") == "text/csv"
    assert kind("application/json;q=0.5, application/x-ndjson") == "application/x-ndjson"
    assert leeds.get("/v1/listings", Accept="image/png").status_code == 406
    assert leeds.get("/v1/listings?format=xslx").json()["detail"].endswith("Did you mean `xlsx`?")


# -- time ----------------------------------------------------------------------------------------------------------------


def test_a_row_past_its_changes_at_is_never_served_as_available(exchange: Reading, clock: MovableClock) -> None:
    put(
        exchange,
        listing_row("a", changes_at=NOW + timedelta(hours=1)),
        listing_row("b", changes_at=NOW + timedelta(hours=2)),
    )
    leeds = exchange.reader("leeds")
    before = leeds.get("/v1/listings")
    assert before.json()["totals"] == {"available": 2, "unknown": 0, "hidden": 0}

    clock.move(hours=1)
    after = leeds.get("/v1/listings", If_None_Match=before.headers["etag"])

    assert after.status_code == 200
    (late,) = [item for item in after.json()["items"] if item["id"] == "a"]
    assert (late["availability"], late["availabilityReason"], late["freshness"]) == (
        "unknown",
        "being-checked",
        "unknown",
    )
    assert [item["id"] for item in after.json()["items"]] == ["b", "a"]
    assert after.json()["totals"] == {"available": 1, "unknown": 1, "hidden": 0}
    assert leeds.ids("/v1/listings?availability=available") == ["b"]
    assert leeds.ids("/v1/listings?freshness=fresh") == ["b"]
    assert leeds.get("/v1/listings/a").json()["availability"] == "unknown"
    assert leeds.get("/v1/listings", If_None_Match=after.headers["etag"]).status_code == 304

    clock.move(hours=1)
    assert leeds.get("/v1/listings", If_None_Match=after.headers["etag"]).json()["totals"]["unknown"] == 2


# -- pages ---------------------------------------------------------------------------------------------------------------


def walk(exchange: Reading, path: str, between: Any = lambda page: None) -> list[str]:
    """Follow `next` to the end; returns the ids in the order in which they came."""
    leeds = exchange.reader("leeds")
    found: list[str] = []
    url: str | None = path
    for page in range(100):
        if url is None:
            return found
        answer = leeds.get(url)
        assert answer.status_code == 200, answer.text
        document = answer.json()
        found += [item["id"] for item in document["items"]]
        url = document.get("next")
        assert (f'<{url}>; rel="next"' in answer.headers["link"]) is (url is not None)
        assert url is None or url.startswith(exchange.settings.base_url)
        between(page)
    raise AssertionError("the pages never end")


@pytest.mark.parametrize("sort", ["default", "price", "newest"])
def test_pages_are_complete_and_repeat_nothing(exchange: Reading, sort: str) -> None:
    rows = [
        listing_row(
            f"id-{number:02}",
            response=["today", None][number % 2],
            rates=[rate(400_000 + number % 3)],
            asOf=(NOW - timedelta(minutes=number % 4)).isoformat(),
        )
        for number in range(23)
    ]
    put(exchange, *rows)

    found = walk(exchange, f"/v1/listings?limit=5&sort={sort}&provisionType=children-home")

    assert sorted(found) == [f"id-{number:02}" for number in range(23)]
    assert found == exchange.reader("leeds").ids(f"/v1/listings?limit=2000&sort={sort}")


def test_nothing_that_stood_all_the_time_is_missed_while_rows_move(exchange: Reading, clock: MovableClock) -> None:
    def row(number: int, minutes: int) -> dict[str, Any]:
        return listing_row(f"id-{number:02}", asOf=(NOW + timedelta(minutes=minutes)).isoformat())

    put(exchange, *(row(number, -number) for number in range(20)))

    def disturb(page: int) -> None:
        clock.move(minutes=1)
        if page < 4:  # a row from the end is attested, and jumps ahead of the cursor; another goes, another comes
            put(
                exchange,
                row(19 - page, page + 1),
                listing_row(f"new-{page}"),
                gone=(row(10 + page, 0),) if page == 0 else (),
            )

    found = walk(exchange, "/v1/listings?limit=4", disturb)

    stood = {f"id-{number:02}" for number in range(20)} - {"id-10"}
    assert stood <= set(found)
    moved = {f"id-{19 - page:02}" for page in range(4)} | {f"new-{page}" for page in range(4)}
    assert {name for name in found if found.count(name) > 1} <= moved


def test_a_cursor_that_is_not_ours_is_refused_with_advice(exchange: Reading) -> None:
    put(exchange, *(listing_row(f"id-{number}") for number in range(3)))
    leeds = exchange.reader("leeds")
    url = leeds.get("/v1/listings?limit=1").json()["next"]

    for path in (
        "/v1/listings?cursor=abc",
        "/v1/listings?cursor=W10",
        "/v1/listings?limit=0",
        "/v1/listings?limit=2001",
        f"{url}&sort=price",
    ):
        answer = leeds.get(path)
        assert answer.status_code == 400, path
        assert answer.json()["detail"].startswith("The parameter `")


def test_a_cursor_from_before_a_backup_was_put_back_is_gone(exchange: Reading) -> None:
    put(exchange, *(listing_row(f"id-{number}") for number in range(3)))
    leeds = exchange.reader("leeds")
    url = leeds.get("/v1/listings?limit=1").json()["next"]
    with exchange.database.write() as session:
        session.execute(sa.text("UPDATE head SET epoch = 2"))
    exchange.refresh()

    assert leeds.get(url).status_code == 410
    assert leeds.get("/v1/listings").json()["epoch"] == 2


def test_the_list_says_where_it_stands(exchange: Reading) -> None:
    put(exchange, listing_row("a"))

    document = exchange.reader("leeds").get("/v1/listings").json()

    assert (document["standard"], document["version"], document["position"], document["epoch"]) == (
        "placefeed",
        "1.0",
        1,
        1,
    )
    assert document["lastUpdated"] == "2026-07-01T14:00:00Z"
    assert "next" not in document


@pytest.mark.parametrize("path", ["/v1/listings?limit=1", "/v1/listings/a"])
def test_what_is_served_keeps_the_published_schema(exchange: Reading, path: str) -> None:
    put(exchange, listing_row("a", rates=[rate(validFrom="2026-04-01")]), listing_row("b"))
    document = exchange.reader("leeds").get(path).json()
    schema = files.schema("list" if "items" in document else "listing")

    Draft202012Validator(
        schema, registry=files.registry(), format_checker=Draft202012Validator.FORMAT_CHECKER
    ).validate(document)


# -- one listing ---------------------------------------------------------------------------------------------------------


def test_one_listing_has_lines_and_history_and_la_only_changes_for_las_alone(exchange: Reading) -> None:
    put(exchange, listing_row("a", rates=[rate(500_000, lines=[{"code": "care-staff", "pence": 500_000}])]))
    with exchange.database.write() as session:
        session.add(
            RegisterSetting(urn="SC000001", as_at=NOW.date(), last_seen=NOW.date(), provision_type="children-home")
        )
        for number, restricted in ((1, False), (2, True)):
            session.add(
                RegisterFile(
                    id=number,
                    sha256=str(number),
                    kind="la-list",
                    as_at=NOW.date(),
                    restricted=restricted,
                    imported_at=NOW,
                )
            )
            session.flush()
            session.add(
                RegisterHistory(
                    urn="SC000001",
                    as_at=NOW.date(),
                    file_id=number,
                    what="changed",
                    changed={"places": [number, number + 1]},
                )
            )
        session.add(
            RegisterInspection(
                urn="SC000001",
                framework="sccif-2017",
                kind="full",
                inspected_on=NOW.date(),
                judgements={"overall": "good"},
                as_at=NOW.date(),
            )
        )

    seen = exchange.reader("leeds").get("/v1/listings/a").json()
    operators = exchange.reader("operator", "operator").get("/v1/listings/a").json()

    assert seen["rates"][0]["lines"] == [{"code": "care-staff", "pence": 500_000}]
    assert seen["ofsted"]["history"][0]["judgements"] == [
        {"framework": "sccif-2017", "aspect": "overall", "code": "good"}
    ]
    assert len(seen["ofsted"]["registerChanges"]) == 2
    assert [change["changed"] for change in operators["ofsted"]["registerChanges"]] == [{"places": [1, 2]}]


def test_one_listing_is_304_when_unchanged(exchange: Reading) -> None:
    put(exchange, listing_row("a"))
    leeds = exchange.reader("leeds")
    tag = leeds.get("/v1/listings/a").headers["etag"]

    assert leeds.get("/v1/listings/a", If_None_Match=tag).status_code == 304


# -- memory and audit ----------------------------------------------------------------------------------------------------


def test_reads_are_audited(exchange: Reading) -> None:
    put(exchange, listing_row("a"))
    leeds = exchange.reader("leeds")
    for _ in range(3):
        leeds.get("/v1/listings?age=12")
    leeds.get("/v1/listings?q=typed-name")
    leeds.get("/v1/listings/a")
    exchange.exchange.reads.flush()

    with exchange.database.read() as session:
        rows = {
            (row.action, row.subject): row.times
            for row in session.scalars(sa.select(Audit).where(Audit.organisation_id == "leeds"))
        }
    assert rows == {("list.read", "json age=12"): 3, ("list.read", "json q"): 1, ("listing.read", "a"): 1}


def test_the_cache_stays_within_its_room_and_drops_what_is_no_longer_true() -> None:
    moment = Moment(1, 1, None, NOW, None)
    cache = ReadyAnswers(100_000)

    for number in range(100):
        cache.put(number, Ready(moment, b"", [], [], b"x" * 8_000))
    cache.put("large", Ready(moment, b"", [], [], b"x" * 50_000))

    assert cache.size <= 100_000
    assert cache.get(99, moment) is not None
    assert cache.get(0, moment) is None
    assert cache.get("large", moment) is None
    held = len(cache)
    assert cache.get(99, Moment(1, 2, None, NOW, None)) is None
    assert len(cache) == held - 1


def test_a_second_request_is_answered_from_memory(exchange: Reading) -> None:
    put(exchange, listing_row("a"))
    leeds, york = exchange.reader("leeds"), exchange.reader("york")
    leeds.get("/v1/listings?age=12")
    held = len(exchange.lists.ready)

    york.get("/v1/listings?age=12")

    assert len(exchange.lists.ready) == held


def test_a_snapshot_follows_by_itself_and_deleted_rows_drop_out(database: Database, clock: MovableClock) -> None:
    import time

    snapshot = Snapshot(database)
    with database.write() as session:
        publish(session, listing_row("a"), listing_row("b"))
    snapshot.start()
    try:
        assert snapshot.state.position == 2
        with database.write() as session:
            publish(session, listing_row("c"), gone=[listing_row("a")])
        deadline = time.monotonic() + 5
        while snapshot.state.position < 4 and time.monotonic() < deadline:
            time.sleep(0.01)
        assert snapshot.find("a", snapshot.state) is None
        assert snapshot.find("c", snapshot.state) is not None
    finally:
        snapshot.close()


def test_a_snapshot_whose_history_was_purged_reads_everything_again(database: Database) -> None:
    snapshot = Snapshot(database)
    with database.write() as session:
        publish(session, listing_row("a"), listing_row("b"))
    snapshot.refresh()
    with database.write() as session:
        publish(session, listing_row("c"), gone=[listing_row("a")])
    with database.write() as session:
        publish(session, listing_row("d"))
        session.execute(sa.delete(Change).where(Change.position < 5))
        session.execute(sa.delete(Listing).where(Listing.state == "deleted"))
        session.execute(sa.update(Head).values(history_after=4))  # as the purge does

    state = snapshot.refresh()

    assert {row.id for block in state.blocks for row in block.rows_in(block.used)} == {"b", "c", "d"}
