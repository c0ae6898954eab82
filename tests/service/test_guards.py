"""Complete feeds: what they leave out is withdrawn, no more than that, and a sudden loss waits for a person's word."""

from typing import Any

import orjson
import pytest

from placefeed.service.access import organisations
from placefeed.service.access.who import Caller
from placefeed.service.config import Settings
from placefeed.service.db import Database
from placefeed.service.errors import Conflict, NotAllowed, NotFound
from placefeed.service.intake import guards
from placefeed.service.tables import Absence, Alert, Audit, Observation, Source
from tests.service.conftest import MovableClock
from tests.service.feeds import Desk, capacity, feed, lines, rate, record, urns, vacancy

NDJSON = "application/x-ndjson"
OPERATOR = Caller(key_id="k", organisation_id="operator", role="operator", scopes=frozenset({"operate"}))


@pytest.fixture
def desk(database: Database, settings: Settings, clock: MovableClock) -> Desk:
    made = Desk(database, settings, clock)
    made.provider(speaks_for=urns(40))
    return made


def complete(desk: Desk, records: list[dict[str, Any]], **header: Any) -> dict[str, Any]:
    return feed(records, desk.now, complete=True, **header)


def full(desk: Desk, count: int, **parts: Any) -> list[dict[str, Any]]:
    return [record(urn, desk.ago(minutes=5), **parts) for urn in urns(count)]


def start(desk: Desk, count: int) -> None:
    """The source has so many settings; an hour passes."""
    assert desk.send(complete(desk, full(desk, count))).report["verdict"] == "accepted"
    desk.clock.move(hours=1)


def vacancies(desk: Desk) -> set[tuple[str, str]]:
    return {(urn, item) for urn, _, item in desk.standing("vacancy")}


def decide(desk: Desk, submission_id: str, *, confirm: bool, caller: Caller = OPERATOR) -> dict[str, int]:
    with desk.database.write() as session:
        return guards.decide(session, submission_id=submission_id, confirm=confirm, caller=caller, now=desk.now)


# -- items ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("large", [False, True])
def test_an_item_absent_within_a_present_array_is_withdrawn(desk: Desk, large: bool) -> None:
    two = [vacancy(desk.now, "v1"), vacancy(desk.now, "v2")]
    desk.send(complete(desk, [record("SC000001", desk.now, vacancies=two)]))
    desk.clock.move(hours=1)
    less = complete(desk, [record("SC000001", desk.ago(minutes=1), vacancies=[vacancy(desk.ago(minutes=1), "v1")])])

    taken = desk.send_large(less) if large else desk.send(less)

    assert taken.report["counts"]["withdrawn"] == 1
    assert vacancies(desk) == {("SC000001", "v1")}
    assert desk.kinds(item="v2") == ["stated", "withdrawn"]
    (row,) = (row for row in desk.rows(Observation) if row.kind == "withdrawn")
    assert row.as_of == desk.now


def test_a_home_that_fills_its_only_place_vanishes_at_once(desk: Desk) -> None:
    start(desk, 1)

    taken = desk.send(complete(desk, [record("SC000001", desk.ago(minutes=1), vacancies=[])]))

    assert taken.report["counts"]["withdrawn"] == 1
    assert vacancies(desk) == set()


def test_an_absent_part_leaves_all_as_it_was(desk: Desk) -> None:
    start(desk, 1)

    desk.send(complete(desk, [record("SC000001", desk.ago(minutes=1), vacancies=None)]))

    assert vacancies(desk) == {("SC000001", "v1")}


def test_a_feed_that_is_not_complete_withdraws_nothing(desk: Desk) -> None:
    start(desk, 2)

    desk.send(feed([record("SC000001", desk.ago(minutes=1), vacancies=[])], desk.now))

    assert vacancies(desk) == {("SC000001", "v1"), ("SC000002", "v1")}


def test_an_export_does_not_erase_a_later_update(desk: Desk) -> None:
    start(desk, 1)
    published = desk.now
    desk.clock.move(minutes=5)
    desk.send(feed([{"urn": "SC000001", "vacancies": [vacancy(desk.now, "v1"), vacancy(desk.now, "v9")]}], desk.now))

    desk.send(feed([record("SC000001", published, vacancies=[])], published, complete=True))

    assert vacancies(desk) == {("SC000001", "v1"), ("SC000001", "v9")}


def test_one_source_does_not_erase_what_another_says(desk: Desk) -> None:
    start(desk, 1)
    desk.provider("vendor", name="A Vendor Ltd")
    with desk.database.write() as session:
        organisations.delegate(session, "example-homes", delegate_id="vendor", now=desk.now)

    desk.send(
        complete(desk, [record("SC000001", desk.now, vacancies=[vacancy(desk.now, "theirs")])]), source_id="vendor-push"
    )

    assert vacancies(desk) == {("SC000001", "v1"), ("SC000001", "theirs")}


def test_two_records_of_one_setting_are_one_word(desk: Desk) -> None:
    two = [vacancy(desk.now, "v1"), vacancy(desk.now, "v2")]
    desk.send(complete(desk, [record("SC000001", desk.now, vacancies=two)]))
    desk.clock.move(hours=1)

    desk.send(
        complete(
            desk, [{"urn": "SC000001", "vacancies": [vacancy(desk.ago(minutes=1), each)]} for each in ("v1", "v2")]
        )
    )

    assert vacancies(desk) == {("SC000001", "v1"), ("SC000001", "v2")}


# -- what was refused withdraws nothing -----------------------------------------------------------------------------


def test_a_corrupt_vacancy_is_not_a_withdrawal_of_it(desk: Desk) -> None:
    two = [vacancy(desk.now, "v1"), vacancy(desk.now, "v2")]
    desk.send(complete(desk, [record("SC000001", desk.now, vacancies=two)]))
    desk.clock.move(hours=1)
    later = desk.ago(minutes=1)

    desk.send(complete(desk, [record("SC000001", later, vacancies=[vacancy(later, "v1", places=-1)])]))

    assert vacancies(desk) == {("SC000001", "v1")}  # v2 is absent; v1 was said badly


def test_a_vacancy_whose_id_cannot_be_read_shields_all_of_its_setting(desk: Desk) -> None:
    two = [vacancy(desk.now, "v1"), vacancy(desk.now, "v2")]
    desk.send(complete(desk, [record("SC000001", desk.now, vacancies=two)]))
    desk.clock.move(hours=1)
    later = desk.ago(minutes=1)
    nameless = {name: value for name, value in vacancy(later).items() if name != "id"}

    desk.send(complete(desk, [record("SC000001", later, vacancies=[nameless])]))

    assert vacancies(desk) == {("SC000001", "v1"), ("SC000001", "v2")}


def test_a_setting_whose_record_was_refused_is_not_absent(desk: Desk) -> None:
    start(desk, 3)
    records = full(desk, 3)
    records[1]["unheard-of"] = True

    taken = desk.send(complete(desk, records))

    assert taken.report["counts"].get("withdrawn", 0) == 0
    assert len(vacancies(desk)) == 3


def test_a_setting_refused_for_a_childs_data_is_not_absent(desk: Desk) -> None:
    start(desk, 3)
    records = full(desk, 3)
    records[1]["vacancies"][0]["notes"] = "NHS 943 476 5919"

    taken = desk.send(complete(desk, records))

    assert taken.report["counts"]["rejected"] == 1
    assert len(vacancies(desk)) == 3


def test_a_record_whose_urn_is_garbled_may_be_any_of_the_absent_ones(desk: Desk) -> None:
    start(desk, 3)
    records = full(desk, 3)
    records[1]["urn"] = "SCO00002"

    taken = desk.send(complete(desk, records))

    assert taken.report["counts"]["held"] == 1
    assert len(vacancies(desk)) == 3
    assert [row.urn for row in desk.rows(Absence)] == ["SC000002"]


@pytest.mark.parametrize("trailer", [None, 5])
def test_a_feed_cut_short_withdraws_nothing(desk: Desk, trailer: int | None) -> None:
    start(desk, 3)
    less = complete(
        desk,
        [record("SC000001", desk.ago(minutes=1), vacancies=[])],
        withdrawn=[{"urn": "SC000002", "part": "vacancy", "id": "v1"}],
    )

    taken = desk.send(lines(less, trailer=trailer), content_type=NDJSON)

    assert len(vacancies(desk)) == 3
    assert "truncated" in {issue["rule"] for issue in taken.report["issues"]}
    assert taken.report["counts"]["records"] == 1


def test_json_cut_short_is_taken_as_far_as_it_goes(desk: Desk) -> None:
    start(desk, 8)
    body = orjson.dumps(complete(desk, [record(urn, desk.ago(minutes=1)) for urn in urns(8)]))

    taken = desk.send(body[: len(body) // 2])

    assert 0 < taken.report["counts"]["records"] < 8
    assert len(vacancies(desk)) == 8


# -- settings -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("large", [False, True])
def test_a_few_settings_that_are_gone_are_withdrawn(desk: Desk, large: bool) -> None:
    start(desk, 10)
    less = complete(desk, full(desk, 6))

    taken = desk.send_large(less) if large else desk.send(less)

    assert taken.report["counts"]["withdrawn"] == 4 * 3
    assert len(vacancies(desk)) == 6


@pytest.mark.parametrize("large", [False, True])
def test_a_sudden_loss_waits_and_all_that_is_present_is_taken(desk: Desk, large: bool) -> None:
    start(desk, 20)
    fuller = [
        record(urn, desk.ago(minutes=1), capacity=capacity(desk.ago(minutes=1), occupied=4, available=0))
        for urn in urns(14)
    ]

    taken = desk.send_large(complete(desk, fuller)) if large else desk.send(complete(desk, fuller))

    assert taken.report["counts"]["held"] == 6
    assert taken.report["counts"]["accepted"] == 14
    assert len(vacancies(desk)) == 20
    assert {(row.urn, row.state) for row in desk.rows(Absence)} == {(urn, "waiting") for urn in urns(6, first=15)}
    (issue,) = (issue for issue in taken.report["issues"] if issue["rule"] == "withdrawal-held")
    assert (issue["severity"], issue["count"]) == ("warning", 6)


def test_settings_that_are_new_do_not_hide_a_loss(desk: Desk) -> None:
    start(desk, 10)

    taken = desk.send(complete(desk, [record(urn, desk.ago(minutes=1)) for urn in urns(25, first=6)]))

    assert taken.report["counts"]["held"] == 5


def test_a_loss_is_confirmed(desk: Desk) -> None:
    start(desk, 20)
    taken = desk.send(complete(desk, full(desk, 14)))

    assert decide(desk, taken.submission_id, confirm=True) == {"settings": 6, "withdrawn": 18}

    assert len(vacancies(desk)) == 14
    assert {row.state for row in desk.rows(Absence)} == {"confirmed"}
    assert [row.action for row in desk.rows(Audit)] == ["absence.confirm"]
    with pytest.raises(Conflict):
        decide(desk, taken.submission_id, confirm=True)


def test_a_loss_is_refused_and_not_asked_about_again(desk: Desk) -> None:
    start(desk, 20)
    taken = desk.send(complete(desk, full(desk, 14)))

    assert decide(desk, taken.submission_id, confirm=False) == {"settings": 6, "withdrawn": 0}
    desk.clock.move(hours=1)
    again = desk.send(complete(desk, full(desk, 14)))

    assert again.report["counts"].get("held", 0) == 0
    assert len(vacancies(desk)) == 20


def test_what_comes_back_is_settled_by_itself(desk: Desk) -> None:
    start(desk, 20)
    taken = desk.send(complete(desk, full(desk, 14)))
    desk.clock.move(hours=1)

    desk.send(complete(desk, full(desk, 20)))

    assert {row.state for row in desk.rows(Absence)} == {"returned"}
    assert len(vacancies(desk)) == 20
    with pytest.raises(Conflict):
        decide(desk, taken.submission_id, confirm=True)


def test_what_came_back_unchanged_is_settled_too(desk: Desk) -> None:
    twenty = full(desk, 20)
    desk.send(complete(desk, twenty))
    desk.clock.move(hours=1)
    desk.send(complete(desk, twenty[:14]))
    desk.clock.move(hours=1)

    desk.send(complete(desk, twenty))

    assert {row.state for row in desk.rows(Absence)} == {"returned"}


def test_a_loss_that_goes_on_is_one_question(desk: Desk) -> None:
    start(desk, 20)
    first = desk.send(complete(desk, full(desk, 14)))
    desk.clock.move(hours=1)
    second = desk.send(complete(desk, full(desk, 14)))

    assert len(desk.rows(Absence)) == 6
    assert {row.submission_id for row in desk.rows(Absence)} == {first.submission_id}
    assert second.report["counts"]["held"] == 6
    assert decide(desk, second.submission_id, confirm=True)["settings"] == 6


def test_an_update_after_the_loss_outlives_its_confirmation(desk: Desk) -> None:
    start(desk, 20)
    taken = desk.send(complete(desk, full(desk, 14)))
    desk.clock.move(minutes=5)
    desk.send(feed([{"urn": "SC000020", "vacancies": [vacancy(desk.now, "v1", places=2)]}], desk.now))

    assert decide(desk, taken.submission_id, confirm=True)["settings"] == 5
    assert ("SC000020", "v1") in vacancies(desk)


def test_only_the_provider_itself_or_the_operator_decides(desk: Desk) -> None:
    start(desk, 20)
    taken = desk.send(complete(desk, full(desk, 14)))

    with pytest.raises(NotFound):
        decide(desk, taken.submission_id, confirm=True, caller=Caller("k", "other-homes", "provider"))
    with pytest.raises((NotAllowed, NotFound)):
        decide(desk, taken.submission_id, confirm=True, caller=Caller("k", "example-homes", "member"))
    assert (
        decide(desk, taken.submission_id, confirm=True, caller=Caller("k", "example-homes", "provider"))["settings"]
        == 6
    )


def test_only_the_parts_that_the_feed_speaks_of_are_withdrawn(desk: Desk) -> None:
    start(desk, 3)
    only = [{"urn": "SC000001", "vacancies": [vacancy(desk.ago(minutes=1))]}]

    desk.send(complete(desk, only))

    assert vacancies(desk) == {("SC000001", "v1")}
    assert len(desk.standing("rate")) == len(desk.standing("capacity")) == 3


# -- outright -------------------------------------------------------------------------------------------------------


def test_what_is_withdrawn_outright_is_gone(desk: Desk) -> None:
    start(desk, 2)
    entries = [{"urn": "SC000001", "part": "vacancy", "id": "v1"}, {"urn": "SC000002", "part": "rate", "id": "core"}]

    taken = desk.send(feed([], desk.now, withdrawn=entries))

    assert taken.report["counts"]["withdrawn"] == 2
    assert vacancies(desk) == {("SC000002", "v1")}
    assert set(desk.standing("rate")) == {("SC000001", "rate", "core")}


def test_an_outright_withdrawal_of_anothers_setting_is_refused(desk: Desk) -> None:
    desk.provider("other-homes", name="Other Homes Ltd", speaks_for=["SC000099"])
    desk.send(feed([record("SC000099", desk.now)], desk.now), source_id="other-homes-push")

    taken = desk.send(feed([], desk.now, withdrawn=[{"urn": "SC000099", "part": "vacancy", "id": "v1"}]))

    assert taken.report["counts"]["rejected"] == 1
    assert ("SC000099", "v1") in vacancies(desk)


def test_a_vacancy_offered_again_is_a_new_offer(desk: Desk) -> None:
    start(desk, 1)
    desk.send(complete(desk, [record("SC000001", desk.ago(minutes=1), vacancies=[])]))
    desk.clock.move(hours=1)

    desk.send(complete(desk, [record("SC000001", desk.ago(minutes=1))]))

    assert desk.standing("vacancy")[("SC000001", "vacancy", "v1")].offer == 2


# -- shape ----------------------------------------------------------------------------------------------------------


def test_a_polled_source_that_changes_shape_stops_and_says_so(desk: Desk) -> None:
    desk.provider(
        "polled",
        name="Polled Ltd",
        speaks_for=urns(8, first=101),
        transport="http",
        address="https://feeds.example/x.json",
    )
    good = [record(urn, desk.ago(minutes=5)) for urn in urns(8, first=101)]
    desk.send(complete(desk, good), source_id="polled-http")
    desk.clock.move(hours=1)
    odd = [{"urn": each["urn"], "Capacity": each["capacity"]} for each in good[:6]]

    taken = desk.send(complete(desk, [*odd, *good[6:]]), source_id="polled-http")

    with desk.database.read() as session:
        source = session.get_one(Source, "polled-http")
    assert source.state == "stopped"
    assert source.stopped_why
    assert [alert.kind for alert in desk.rows(Alert)] == ["source-stopped"]
    assert "changed-shape" in {issue["rule"] for issue in taken.report["issues"]}
    assert len(vacancies(desk)) == 8


def test_a_pushed_feed_of_nonsense_alerts_but_does_not_lock_its_provider_out(desk: Desk) -> None:
    start(desk, 8)
    desk.send(complete(desk, [{"urn": urn, "nonsense": 1} for urn in urns(8)]))
    desk.clock.move(hours=1)

    assert [alert.kind for alert in desk.rows(Alert)] == ["source-stopped"]
    assert desk.send(complete(desk, full(desk, 8))).status == 201


def test_rates_that_are_said_again_keep(desk: Desk) -> None:
    start(desk, 1)
    later = desk.ago(minutes=1)

    desk.send(complete(desk, [record("SC000001", later, rates=[rate(later), rate(later, "solo")])]))

    assert set(desk.standing("rate")) == {("SC000001", "rate", "core"), ("SC000001", "rate", "solo")}


def test_an_old_complete_feed_that_comes_late_erases_nothing(desk: Desk) -> None:
    old = feed(full(desk, 2), desk.now, complete=True)
    desk.clock.move(hours=1)
    desk.send(complete(desk, full(desk, 4)))

    taken = desk.send(old)

    assert taken.report["counts"].get("withdrawn", 0) == 0
    assert len(vacancies(desk)) == 4
