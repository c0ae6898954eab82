"""An invented England has the proportions of the real one, its feeds are right unless messy, and all of it says that it is simulated."""

import re
import time
from collections import Counter
from datetime import UTC, date, datetime
from pathlib import Path
from random import Random
from typing import Any

import orjson
import pytest

from placefeed.adapters.formats import open_document
from placefeed.adapters.ofsted import OfstedRow, read_ofsted
from placefeed.schema.codelists import local_authorities
from placefeed.schema.prices import weekly_equivalent
from placefeed.schema.validation import check_header, check_record, validate
from placefeed.schema.wording import holds_name
from placefeed.service.db import Database
from placefeed.service.register.load import import_file
from placefeed.service.simulate.england import SETTINGS, england
from placefeed.service.simulate.forms import Sending, sendings
from placefeed.service.simulate.mess import messed
from placefeed.service.simulate.names import MARK
from placefeed.service.simulate.owners import FORMS, owners_of
from placefeed.service.simulate.register import ofsted_csv, registered
from placefeed.service.simulate.world import World, last_march
from placefeed.service.simulate.writing import write

AS_AT = date(2026, 3, 31)
NOW = datetime(2026, 7, 1, 14, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
def rows() -> list[OfstedRow]:
    return england(seed=1, as_at=AS_AT)


@pytest.fixture(scope="module")
def world(rows: list[OfstedRow]) -> World:
    return World.begin(rows, seed=1, now=NOW)


# -- the invented England --------------------------------------------------------------------------------------------


def test_it_has_as_many_settings_homes_and_places_as_the_real_one(rows: list[OfstedRow]) -> None:
    homes = [row for row in rows if row.provision_type == "children-home"]

    assert len({row.urn for row in rows}) == len(rows) == SETTINGS == 5600
    assert len(homes) == 3946
    assert sum(row.places or 0 for row in homes) == 14275
    assert sum((row.places or 0) < 5 for row in homes) == 2981
    assert len({row.provision_type for row in rows}) == 13


def test_every_live_english_authority_has_settings(rows: list[OfstedRow]) -> None:
    live = {one.code for one in local_authorities() if one.live and one.code.startswith("E")}

    assert {row.local_authority for row in rows} == live


def test_nine_in_ten_owners_have_fewer_than_five_settings(rows: list[OfstedRow]) -> None:
    owners = Counter(row.owner for row in rows)

    assert 0.90 <= sum(size < 5 for size in owners.values()) / len(owners) <= 0.92
    assert max(owners.values()) > 100


def test_no_urn_or_name_can_be_taken_for_a_real_one(rows: list[OfstedRow]) -> None:
    assert all(re.fullmatch(r"SC9\d{5}|99\d{5}", row.urn) for row in rows)
    assert all((row.name or "").endswith(MARK) and (row.owner or "").endswith(MARK) for row in rows)
    assert not any(holds_name(row.name or "") or holds_name(row.owner or "") for row in rows)


def test_grades_come_in_about_the_real_proportions(rows: list[OfstedRow]) -> None:
    grades = Counter(row.latest_grade() for row in rows if row.provision_type == "children-home")

    assert 0.63 < grades["good"] / 3946 < 0.69
    assert 0.07 < grades[None] / 3946 < 0.12
    assert grades["inadequate"] > 10


def test_it_is_the_same_for_a_seed_and_another_for_another() -> None:
    assert england(seed=7, as_at=AS_AT, settings=50) == england(seed=7, as_at=AS_AT, settings=50)
    assert england(seed=7, as_at=AS_AT, settings=50) != england(seed=8, as_at=AS_AT, settings=50)


@pytest.mark.parametrize("size", [10, 333, 2000])
def test_a_smaller_one_has_the_size_asked_for(size: int) -> None:
    rows = england(seed=1, as_at=AS_AT, settings=size)

    assert len(rows) == size
    assert 0.6 < sum(row.provision_type == "children-home" for row in rows) / size < 0.8


def test_its_register_comes_back_through_the_door_of_ofsteds_files(rows: list[OfstedRow]) -> None:
    file = read_ofsted(ofsted_csv(rows, as_at=AS_AT))

    assert (file.as_at, file.kind, len(file.rows)) == (AS_AT, "provider-level", SETTINGS)
    assert not file.warnings
    assert not file.rejected
    for before, after in zip(rows, file.rows, strict=True):
        assert after.inspections == before.inspections
        assert (after.urn, after.places, after.owner, after.local_authority, after.registration_status) == (
            before.urn, before.places, before.owner, before.local_authority, before.registration_status,
        )  # fmt: skip


def test_the_register_of_a_database_gives_the_same_rows(database: Database) -> None:
    rows = england(seed=3, as_at=AS_AT, settings=60)
    with database.write() as session:
        import_file(session, ofsted_csv(rows, as_at=AS_AT), complete=True, simulated=True, now=NOW)

    with database.read() as session:
        found = {row.urn: row for row in registered(session)}

    assert found.keys() == {row.urn for row in rows}
    for row in rows:
        assert found[row.urn].inspections == row.inspections
        assert (found[row.urn].owner, found[row.urn].places, found[row.urn].premises) == (
            row.owner,
            row.places,
            row.premises,
        )


# -- what providers say ----------------------------------------------------------------------------------------------


def test_no_record_breaks_a_rule_now_or_later(world: World, rows: list[OfstedRow]) -> None:
    later = World.begin(rows[:800], seed=2, now=NOW)

    for _ in range(4):
        later.step(NOW, share=0.7)

    for life in (*world.lives.values(), *later.lives.values()):
        assert [issue for issue in check_record(life.record(), now=NOW) if issue.severity != "advice"] == []


def test_four_places_in_five_are_occupied_and_stay_so(rows: list[OfstedRow]) -> None:
    world = World.begin(rows, seed=1, now=NOW)

    assert 0.80 <= _occupancy(world) <= 0.85
    for _ in range(10):
        world.step(NOW, share=0.2)
    assert 0.78 <= _occupancy(world) <= 0.87


def _occupancy(world: World) -> float:
    counted = [life for life in world.lives.values() if life.profile.kind == "children-home" and life.registered]
    return sum(life.occupied or 0 for life in counted) / sum(life.registered or 0 for life in counted)


def test_a_week_in_a_home_costs_about_what_is_known(world: World) -> None:
    weekly = [
        weekly_equivalent(life.rates[0]) or 0
        for life in world.lives.values()
        if life.profile.kind == "children-home" and not life.row.short_breaks_only
    ]

    assert 5_200_00 < sum(weekly) / len(weekly) < 5_900_00


def test_declared_grades_mostly_agree_with_the_register(world: World) -> None:
    agreeing = Counter()  # type: Counter[str]
    for life in world.lives.values():
        if not life.ofsted or "inspections" not in life.ofsted or not life.row.inspections:
            continue
        said, known = life.ofsted["inspections"][0], life.row.inspections[0]
        if said["inspectedOn"] != str(known.inspected_on):
            agreeing["newer"] += 1
        else:
            grades = {entry["aspect"]: entry["code"] for entry in said.get("judgements", [])}
            agreeing["same" if grades == known.judgements else "other"] += 1

    assert agreeing["same"] / agreeing.total() > 0.9
    assert agreeing["newer"] > 20
    assert agreeing["other"] > 20


def test_all_that_is_offered_varies(world: World) -> None:
    offers = [offer for life in world.lives.values() for offer in life.offers]
    words = {code for offer in offers for code in offer.traits["placementTypes"]}

    assert {"planned", "emergency", "short-break", "parent-and-child"} <= words
    assert {offer.traits["response"] for offer in offers} == {"today", "under-5-days", "over-5-days"}
    assert any("uses" in offer.traits for offer in offers)
    assert any(offer.begins > NOW.date() for offer in offers)
    assert any(life.closed for life in world.lives.values())


def test_a_buyer_is_offered_lower_rates(rows: list[OfstedRow]) -> None:
    world = World.begin(rows[:300], seed=1, now=NOW, buyers=(("placefeed", "north"),))
    agreed = [rate for life in world.lives.values() for rate in life.rates if rate["offeredTo"] != "any"]

    assert agreed
    assert all(rate["offeredTo"] == {"buyers": [{"scheme": "placefeed", "id": "north"}]} for rate in agreed)


# -- forms -----------------------------------------------------------------------------------------------------------


def _read(sending: Sending) -> tuple[list[Any], list[Any], bool]:
    """Records, their issues, and whether the document ended well, as intake would read it."""
    document = open_document(
        sending.content, content_type=sending.content_type, mapping=sending.mapping, received_at=NOW
    )
    records = list(document.records())
    issues = [issue for record in records for issue in record.issues]
    if sending.content_type.endswith("json"):
        issues += check_header(document.header, now=NOW)
        assert document.header["simulated"] is True
        assert document.header["publisher"]["name"].endswith(MARK)
    return records, issues, bool(document.finished and document.finished.ok)


@pytest.mark.parametrize("form", FORMS)
def test_each_form_is_read_without_an_error_and_says_the_same(world: World, form: str) -> None:
    owner = next(owner for owner in world.owners if len(owner.rows) == 6)
    records = world.records(owner)

    for sending in sendings(owner, records, now=NOW, form=form):
        read, issues, ended = _read(sending)

        assert ended
        assert [issue for issue in issues if issue.severity == "error"] == []
        for record in read:
            assert [issue for issue in check_record(record.document, now=NOW) if issue.severity == "error"] == []
        if "settings" in sending.name or "." not in sending.name.removesuffix(f".{sending.name.rsplit('.', 1)[1]}"):
            assert {record.document["urn"] for record in read} == {row.urn for row in owner.rows}


def test_the_form_of_their_own_keeps_counts_offers_and_fees(world: World) -> None:
    owner = next(owner for owner in world.owners if {row.provision_type for row in owner.rows} == {"children-home"})
    records = {record["urn"]: record for record in world.records(owner)}

    (sending,) = sendings(owner, list(records.values()), now=NOW, form="own-csv")
    read, _, _ = _read(sending)

    for document in (record.document for record in read):
        known = records[document["urn"]]
        assert document["capacity"]["occupied"] == known["capacity"]["occupied"]
        assert [one["places"] for one in document["vacancies"]] == [one["places"] for one in known["vacancies"]]
        if known["rates"][0]["price"]["per"] == "week":
            assert document["rates"][0]["price"] == {"pence": known["rates"][0]["price"]["pence"], "per": "week"}


def test_all_forms_are_in_use(rows: list[OfstedRow]) -> None:
    forms = Counter(owner.form for owner in owners_of(rows))

    assert forms.keys() == set(FORMS)
    assert forms["xlsx"] + forms["own-xlsx"] < 60


def test_owners_that_differ_only_in_their_spelling_are_one() -> None:
    rows = [
        OfstedRow("9900001", 1, owner="Some Homes Ltd"),
        OfstedRow("9900002", 2, owner="SOME HOMES LIMITED."),
        OfstedRow("9900003", 3),
    ]

    (owner,) = owners_of(rows)

    assert (owner.id, owner.name, len(owner.rows)) == ("some-homes-ltd", f"Some Homes Ltd {MARK}", 2)


def test_a_messy_feed_has_one_broken_record_and_no_more(world: World) -> None:
    owner = next(owner for owner in world.owners if 5 < len(owner.rows) < 20)

    for form in ("json", "ndjson"):
        (sending,) = sendings(owner, world.records(owner), now=NOW, form=form)
        broken = messed(sending, Random(4))
        report = validate(broken.content, now=NOW).to_dict()

        assert broken.messy
        assert (report["counts"]["rejected"], report["counts"]["records"]) == (1, len(owner.rows))


def test_an_untidy_sheet_is_read_all_the_same(world: World) -> None:
    owner = next(owner for owner in world.owners if 5 < len(owner.rows) < 20)
    (sending,) = sendings(owner, world.records(owner), now=NOW, form="own-csv")

    for seed in range(8):
        read, issues, ended = _read(messed(sending, Random(seed)))

        assert ended
        assert [issue for issue in issues if issue.severity == "error"] == []
        assert {record.document["urn"] for record in read} == {row.urn for row in owner.rows}


def test_one_feed_holds_everything(world: World) -> None:
    sending = world.one_feed(now=NOW)

    assert sending.settings == sum(len(owner.rows) for owner in world.owners) == SETTINGS
    assert sending.content.count(b"\n") == SETTINGS + 2
    assert orjson.loads(sending.content.splitlines()[-1]) == {"line": "trailer", "count": SETTINGS}


# -- folders ---------------------------------------------------------------------------------------------------------


def test_the_same_seed_and_moment_write_the_same_bytes(tmp_path: Path) -> None:
    rows = england(seed=1, as_at=AS_AT, settings=40)
    for name in ("a", "b"):
        write(
            World.begin(rows, seed=1, now=NOW, messy=True),
            tmp_path / name,
            begun=NOW,
            changes=2,
            register=(rows, AS_AT),
        )

    ours = {
        path.relative_to(tmp_path / "a"): path.read_bytes() for path in (tmp_path / "a").rglob("*") if path.is_file()
    }
    theirs = {
        path.relative_to(tmp_path / "b"): path.read_bytes() for path in (tmp_path / "b").rglob("*") if path.is_file()
    }

    assert len(ours) > 40
    assert ours == theirs


def test_later_states_hold_only_who_has_something_to_say(tmp_path: Path) -> None:
    rows = england(seed=1, as_at=AS_AT, settings=200)

    manifest = write(World.begin(rows, seed=1, now=NOW), tmp_path, begun=NOW, changes=2)

    first, second, third = manifest["states"]
    assert len(first["files"]) > len(second["files"]) > 0
    assert second["changed"].keys() <= {"filled", "freed", "attested"}
    assert first["at"] < second["at"] < third["at"]
    assert orjson.loads((tmp_path / "manifest.json").read_bytes()) == manifest
    assert all((tmp_path / entry["file"]).is_file() for state in manifest["states"] for entry in state["files"])


def test_the_register_is_of_the_last_day_of_march() -> None:
    assert last_march(datetime(2026, 3, 31, 12, tzinfo=UTC)) == date(2025, 3, 31)
    assert last_march(datetime(2026, 4, 1, 12, tzinfo=UTC)) == date(2026, 3, 31)


def test_all_england_is_made_in_seconds() -> None:
    began = time.process_time()
    world = World.begin(england(seed=5, as_at=AS_AT), seed=5, now=NOW)
    world.one_feed(now=NOW)

    assert time.process_time() - began < 6  # a quarter of it on a machine that does nothing else
