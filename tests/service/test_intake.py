"""A submission from bytes to report: what is good is taken, what is bad is refused with its reason, and nothing is lost or taken twice."""

from datetime import timedelta
from typing import Any

import orjson
import pytest

from placefeed.service.access import organisations
from placefeed.service.config import Settings
from placefeed.service.db import Database
from placefeed.service.errors import Conflict, Invalid
from placefeed.service.intake import submit, working
from placefeed.service.intake.keeping import quarantined, raw_records
from placefeed.service.intake.spool import Spool
from placefeed.service.tables import (
    Alert,
    Idempotency,
    Observation,
    Pending,
    RegisterSetting,
    Source,
    SpeaksFor,
    Submission,
    SubmissionRaw,
)
from tests.service.conftest import MovableClock
from tests.service.feeds import Desk, capacity, feed, lines, rate, record, urns, vacancy

NDJSON = "application/x-ndjson"
CSV = "text/csv"


@pytest.fixture
def desk(database: Database, settings: Settings, clock: MovableClock) -> Desk:
    made = Desk(database, settings, clock)
    made.provider(speaks_for=urns(20))
    return made


def rules_of(report: dict[str, Any]) -> dict[str, int]:
    return {issue["rule"]: issue["count"] for issue in report["issues"]}


def known_to_ofsted(desk: Desk, *names: str) -> None:
    with desk.database.write() as session:
        for urn in names:
            session.add(
                RegisterSetting(
                    urn=urn, as_at=desk.now.date(), last_seen=desk.now.date(), provision_type="children-home"
                )
            )


# -- the small way --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["json", "ndjson"])
def test_a_feed_is_taken_and_reported(desk: Desk, form: str) -> None:
    known_to_ofsted(desk, *urns(3))
    document = feed([record(urn, desk.ago(minutes=5)) for urn in urns(3)], desk.now)

    taken = desk.send(
        lines(document) if form == "ndjson" else document,
        content_type=NDJSON if form == "ndjson" else "application/json",
    )

    assert taken.status == 201
    assert taken.report["verdict"] == "accepted"
    assert taken.report["counts"] == {"accepted": 3, "records": 3}
    assert taken.report["issues"] == []
    assert [(entry["index"], entry["urn"], entry["outcome"]) for entry in taken.report["records"]] == [
        (n, urn, "accepted") for n, urn in enumerate(urns(3))
    ]
    assert set(desk.standing()) == {
        (urn, part, item) for urn in urns(3) for part, item in [("capacity", ""), ("vacancy", "v1"), ("rate", "core")]
    }
    (row,) = desk.rows(Submission)
    assert (row.state, row.record_offset, row.complete, row.published_at) == ("done", 3, False, desk.now)


def test_the_same_bytes_again_change_nothing(desk: Desk) -> None:
    document = feed([record(urn, desk.ago(minutes=5)) for urn in urns(3)], desk.now)
    desk.send(document)
    before = (len(desk.rows(Observation)), len(desk.rows(Pending)), len(desk.rows(SubmissionRaw)))
    desk.clock.move(hours=1)

    for _ in range(3):  # the third time it is not even looked at part by part
        taken = desk.send(document)
        assert (taken.status, taken.report["verdict"], taken.report["counts"]) == (
            200,
            "unchanged",
            {"unchanged": 3, "records": 3},
        )

    assert (len(desk.rows(Observation)), len(desk.rows(Pending)), len(desk.rows(SubmissionRaw))) == before


def test_what_changed_elsewhere_is_noticed_in_a_feed_that_is_remembered(desk: Desk) -> None:
    document = feed([record("SC000001", desk.ago(minutes=5))], desk.now)
    for _ in range(3):
        desk.send(document)
    later = feed([{"urn": "SC000001", "capacity": capacity(desk.ago(minutes=1), occupied=4, available=0)}], desk.now)
    desk.send(later)

    taken = desk.send(document)

    assert taken.report["counts"]["records"] == 1
    assert rules_of(taken.report)["older-than-known"] == 1
    assert b'"occupied":4' in desk.standing("capacity")[("SC000001", "capacity", "")].document


def test_a_right_that_ended_is_noticed_in_a_feed_that_is_remembered(desk: Desk) -> None:
    document = feed([record("SC000001", desk.ago(minutes=5))], desk.now)
    for _ in range(3):
        desk.send(document)
    with desk.database.write() as session:
        organisations.refuse(session, "example-homes", urns=["SC000001"], by="operator", now=desk.now)

    taken = desk.send(document)

    assert (taken.status, taken.report["verdict"]) == (422, "rejected")
    assert rules_of(taken.report) == {"not-your-setting": 1}


def test_a_newer_clock_is_an_attestation(desk: Desk) -> None:
    desk.send(feed([record("SC000001", desk.ago(hours=2))], desk.ago(hours=2)))

    taken = desk.send(feed([record("SC000001", desk.ago(minutes=1))], desk.now))

    assert (taken.status, taken.report["counts"]["attested"]) == (201, 1)
    assert set(desk.kinds()[3:]) == {"attested"}


def test_a_setting_without_a_clock_of_its_own_is_not_attested_by_being_sent_again(desk: Desk) -> None:
    identity = {"provisionType": "children-home", "provider": {"name": "Example Homes Ltd"}}
    desk.send(feed([record("SC000001", desk.ago(hours=2), setting=identity)], desk.ago(hours=1)))

    taken = desk.send(feed([record("SC000001", desk.ago(hours=2), setting=identity)], desk.now))

    assert taken.report["counts"] == {"unchanged": 1, "records": 1}
    assert desk.standing("setting")[("SC000001", "setting", "")].as_of == desk.ago(hours=1)


def test_a_bad_record_is_quarantined_and_the_rest_goes_on(desk: Desk) -> None:
    good = [record(urn, desk.ago(minutes=5)) for urn in urns(3)]
    bad = {"urn": "SC000004", "vacances": []}

    taken = desk.send(feed([*good[:2], bad, *good[2:]], desk.now))

    assert (taken.status, taken.report["verdict"]) == (201, "partly-accepted")
    assert taken.report["counts"]["rejected"] == 1
    assert taken.report["counts"]["accepted"] == 3
    (issue,) = (issue for issue in taken.report["issues"] if issue["severity"] == "error")
    assert issue["rule"] == "schema-unknown-property"
    assert issue["places"][0]["pointer"].startswith("/settings/2")
    with desk.database.read() as session:
        (row,) = quarantined(session, taken.submission_id)
        assert orjson.loads(row.record or b"") == bad
        assert (row.record_index, row.urn, row.issues[0]["rule"]) == (2, "SC000004", "schema-unknown-property")
        assert [line["index"] for line in raw_records(session, taken.submission_id)] == [0, 1, 3]


def test_a_bad_item_does_not_cost_the_rest_of_its_setting(desk: Desk) -> None:
    whole = record(
        "SC000001",
        desk.ago(minutes=5),
        vacancies=[vacancy(desk.ago(minutes=5)), vacancy(desk.ago(minutes=5), "v2", places="two")],
    )

    taken = desk.send(feed([whole], desk.now))

    assert taken.report["verdict"] == "partly-accepted"
    assert taken.report["counts"]["accepted"] == 1
    assert taken.report["counts"]["rejected"] == 1
    assert ("SC000001", "vacancy", "v1") in desk.standing()
    assert ("SC000001", "vacancy", "v2") not in desk.standing()
    assert {"index": 0, "outcome": "rejected", "urn": "SC000001", "part": "vacancy", "id": "v2"} in taken.report[
        "records"
    ]
    with desk.database.read() as session:
        (row,) = quarantined(session, taken.submission_id)
        assert b'"v2"' in (row.record or b"")
        (line,) = raw_records(session, taken.submission_id)
        assert [each["id"] for each in line["record"]["vacancies"]] == ["v1"]


def test_a_time_more_than_five_minutes_ahead_is_refused(desk: Desk) -> None:
    ahead = desk.now + timedelta(minutes=6)
    whole = record("SC000001", desk.now, capacity=capacity(ahead))

    taken = desk.send(feed([whole, record("SC000002", desk.now + timedelta(minutes=4))], desk.now))

    assert rules_of(taken.report)["time-in-future"] == 1
    assert ("SC000001", "capacity", "") not in desk.standing()
    assert ("SC000002", "capacity", "") in desk.standing()


def test_a_feed_published_in_the_future_is_refused_whole(desk: Desk) -> None:
    taken = desk.send(feed([record("SC000001", desk.now)], desk.now + timedelta(minutes=6)))

    assert (taken.status, taken.report["verdict"]) == (422, "rejected")
    assert rules_of(taken.report) == {"time-in-future": 1}
    assert desk.standing() == {}


def test_an_older_part_becomes_history(desk: Desk) -> None:
    desk.send(feed([record("SC000001", desk.ago(minutes=5))], desk.now))

    older = record("SC000001", desk.ago(hours=3), capacity=capacity(desk.ago(hours=3), occupied=2, available=2))
    taken = desk.send(feed([older], desk.ago(hours=3)))

    assert rules_of(taken.report)["older-than-known"] == 1
    assert desk.kinds(part="capacity") == ["stated", "superseded"]


def test_nothing_readable_is_rejected_and_says_so(desk: Desk) -> None:
    for body in (b"", b"nonsense", b"[1, 2]", b'{"settings": 3}', b"%PDF-1.4", b"\x00\x01\x02"):
        taken = desk.send(body)
        assert (taken.status, taken.report["verdict"]) == (422, "rejected")
        assert all(issue["message"] for issue in taken.report["issues"])


# -- whose it is ----------------------------------------------------------------------------------------------------


def test_another_providers_setting_is_refused_and_the_rest_is_not(desk: Desk) -> None:
    desk.provider("other-homes", name="Other Homes Ltd", speaks_for=["SC000099"])

    taken = desk.send(feed([record("SC000099", desk.now), record("SC000001", desk.now)], desk.now))

    assert rules_of(taken.report)["not-your-setting"] == 1
    assert taken.report["counts"]["accepted"] == 1
    assert not any(urn == "SC000099" for urn, _, _ in desk.standing())
    assert not [row for row in desk.rows(SpeaksFor) if row.urn == "SC000099" and row.organisation_id == "example-homes"]


def test_a_setting_that_nobody_is_confirmed_for_is_refused_and_proposed(desk: Desk) -> None:
    taken = desk.send(feed([record("SC000077", desk.now)], desk.now))

    assert (taken.status, rules_of(taken.report)) == (422, {"not-your-setting": 1})
    assert "operator" in taken.report["issues"][0]["advice"]
    (row,) = (row for row in desk.rows(SpeaksFor) if row.urn == "SC000077")
    assert (row.organisation_id, row.state) == ("example-homes", "proposed")


def test_a_setting_that_no_register_knows_is_taken_with_a_warning(desk: Desk) -> None:
    known_to_ofsted(desk, "SC000001")

    taken = desk.send(feed([record("SC000001", desk.now), record("SC000002", desk.now)], desk.now))

    (issue,) = taken.report["issues"]
    assert (issue["rule"], issue["severity"], issue["places"][0]["urn"]) == ("unknown-setting", "warning", "SC000002")
    assert taken.report["counts"]["accepted"] == 2


def test_a_vendor_speaks_for_whoever_lets_it_until_that_ends(desk: Desk) -> None:
    desk.provider("vendor", name="A Vendor Ltd")
    document = feed([record("SC000001", desk.now)], desk.now)
    assert desk.send(document, source_id="vendor-push").status == 422
    with desk.database.write() as session:
        delegation = organisations.delegate(session, "example-homes", delegate_id="vendor", now=desk.now)

    assert desk.send(document, source_id="vendor-push").status == 201
    with desk.database.write() as session:
        organisations.revoke_delegation(session, delegation.id or 0, now=desk.now)
    assert desk.send(document, source_id="vendor-push").status == 422


def test_a_paused_source_takes_nothing(desk: Desk) -> None:
    with desk.database.write() as session:
        session.get_one(Source, desk.source_id).state = "paused"

    with pytest.raises(Conflict, match="paused"):
        desk.send(feed([record("SC000001", desk.now)], desk.now))


# -- retries --------------------------------------------------------------------------------------------------------


def test_a_key_gets_the_same_answer_and_makes_one_submission(desk: Desk) -> None:
    document = feed([record("SC000001", desk.now)], desk.now)

    first = desk.send(document, idempotency_key="abc")
    again = desk.send(document, idempotency_key="abc")

    assert (again.submission_id, again.status) == (first.submission_id, first.status)
    assert len(desk.rows(Submission)) == 1
    assert "abc" not in {row.key for row in desk.rows(Idempotency)}


def test_a_key_with_another_body_is_refused(desk: Desk) -> None:
    desk.send(feed([record("SC000001", desk.now)], desk.now), idempotency_key="abc")

    with pytest.raises(Invalid, match="another body"):
        desk.send(feed([record("SC000002", desk.now)], desk.now), idempotency_key="abc")


def test_a_key_in_flight_keeps_others_out_until_its_lease_ends(desk: Desk) -> None:
    document = feed([record("SC000001", desk.now)], desk.now)
    with desk.database.write() as session:
        submit.reserve(
            session,
            source=session.get_one(Source, desk.source_id),
            idempotency_key="abc",
            settings=desk.settings,
            now=desk.now,
        )

    with pytest.raises(Conflict, match="under way") as refusal:
        desk.send(document, idempotency_key="abc")
    assert "Retry-After" in refusal.value.headers
    assert desk.send(document, idempotency_key="abc", reserved=True).status == 201

    with desk.database.write() as session:
        submit.reserve(
            session,
            source=session.get_one(Source, desk.source_id),
            idempotency_key="def",
            settings=desk.settings,
            now=desk.now,
        )
    desk.clock.move(minutes=11)
    assert desk.send(document, idempotency_key="def").status == 200


def test_a_refused_transaction_leaves_the_key_free(desk: Desk) -> None:
    with desk.database.write() as session:
        session.get_one(Source, desk.source_id).state = "paused"
    document = feed([record("SC000001", desk.now)], desk.now)
    with pytest.raises(Conflict):
        desk.send(document, idempotency_key="abc")
    with desk.database.write() as session:
        session.get_one(Source, desk.source_id).state = "active"

    assert desk.send(document, idempotency_key="abc").status == 201


# -- the large way --------------------------------------------------------------------------------------------------


def many(desk: Desk, count: int, **more: Any) -> dict[str, Any]:
    with desk.database.write() as session:
        organisations.confirm(session, "example-homes", urns=urns(count), by="operator", now=desk.now)
    return feed([record(urn, desk.ago(minutes=5)) for urn in urns(count)], desk.now, **more)


@pytest.mark.parametrize("form", ["json", "ndjson"])
def test_a_large_feed_is_safe_first_and_worked_in_chunks(desk: Desk, form: str) -> None:
    document = many(desk, 1300)
    body = lines(document) if form == "ndjson" else orjson.dumps(document)

    taken = desk.send_large(body, content_type=NDJSON if form == "ndjson" else "application/json", work=False)

    assert (taken.status, taken.report["verdict"]) == (202, "working")
    (row,) = desk.rows(Submission)
    assert row.state == "working"
    assert (Spool(desk.settings).folder / str(row.spool)).exists()

    assert submit.work(desk.database, settings=desk.settings, clock=desk.clock)
    assert not submit.work(desk.database, settings=desk.settings, clock=desk.clock)

    report = desk.report(taken.submission_id)
    assert (report["verdict"], report["counts"]["accepted"], report["counts"]["records"]) == ("accepted", 1300, 1300)
    assert len(desk.standing()) == 3900
    (row,) = desk.rows(Submission)
    assert (row.state, row.spool, row.record_offset) == ("done", None, 1300)
    assert list(Spool(desk.settings).folder.iterdir()) == []
    assert {pending.bulk for pending in desk.rows(Pending)} == {True}


def test_a_small_body_with_very_many_settings_goes_the_large_way(desk: Desk) -> None:
    desk.settings.small_records = 10
    document = many(desk, 12)

    taken = desk.send(document)

    assert taken.status == 202
    submit.work(desk.database, settings=desk.settings, clock=desk.clock)
    assert desk.report(taken.submission_id)["counts"]["accepted"] == 12


def test_a_large_feed_sent_again_is_unchanged(desk: Desk) -> None:
    document = many(desk, 1100)
    desk.send_large(document)
    observations = len(desk.rows(Observation))

    for _ in range(2):
        assert desk.send_large(document).report["counts"] == {"unchanged": 1100, "records": 1100}
    assert len(desk.rows(Observation)) == observations


def test_the_key_of_a_large_feed_makes_one_submission(desk: Desk) -> None:
    document = many(desk, 30)

    first = desk.send_large(document, idempotency_key="abc")
    again = desk.send_large(document, idempotency_key="abc")

    assert first.submission_id == again.submission_id
    assert again.status == 202


def test_a_spooled_file_that_was_damaged_is_rejected_not_retried_for_ever(desk: Desk) -> None:
    taken = desk.send_large(many(desk, 30), work=False)
    (row,) = desk.rows(Submission)
    path = Spool(desk.settings).folder / str(row.spool)
    path.write_bytes(path.read_bytes()[:-20])

    assert submit.work(desk.database, settings=desk.settings, clock=desk.clock)
    report = desk.report(taken.submission_id)
    assert report["verdict"] == "rejected"
    assert "again" in report["issues"][0]["message"] + report["issues"][0]["advice"]


def test_a_submission_that_kills_every_worker_is_set_aside_with_an_alert(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.send_large(many(desk, 30), work=False)

    def dies(*_: Any, **__: Any) -> None:
        raise MemoryError

    monkeypatch.setattr(working, "_records", dies)
    for _ in range(working.ATTEMPTS):
        with pytest.raises(MemoryError):
            submit.work(desk.database, settings=desk.settings, clock=desk.clock)
        assert not submit.work(desk.database, settings=desk.settings, clock=desk.clock)  # the lease
        desk.clock.move(minutes=2)
    submit.work(desk.database, settings=desk.settings, clock=desk.clock)

    (row,) = desk.rows(Submission)
    assert row.state == "failed"
    assert (Spool(desk.settings).folder / str(row.spool)).exists()
    assert [alert.kind for alert in desk.rows(Alert)] == ["submission-failed"]


# -- what is published ----------------------------------------------------------------------------------------------


def test_a_report_says_whether_it_is_published(desk: Desk) -> None:
    taken = desk.send(feed([record("SC000001", desk.now)], desk.now))

    assert desk.report(taken.submission_id)["publication"]["status"] == "pending"
    from placefeed.service.publishing.publisher import publish_all

    desk.clock.move(seconds=1)
    publish_all(desk.database, desk.settings, desk.clock)
    assert desk.report(taken.submission_id)["publication"] == {
        "status": "published",
        "publishedAt": "2026-07-01T14:00:01Z",
    }


def test_rates_alone_may_be_sent(desk: Desk) -> None:
    taken = desk.send(feed([{"urn": "SC000001", "rates": [rate(desk.now)]}], desk.now))

    assert taken.report["counts"]["accepted"] == 1
    assert list(desk.standing()) == [("SC000001", "rate", "core")]


# -- sheets ---------------------------------------------------------------------------------------------------------

SHEET = "URN,Vacancy ID,Places,Available from,Ages from,Ages to\nSC000001,v1,1,01/07/2026,11,16\nSC000002,v1,2,01/07/2026,8,12\n"


def test_a_sheet_is_taken_at_the_time_it_came_and_the_same_sheet_again_is_no_news(desk: Desk) -> None:
    taken = desk.send(SHEET.encode(), content_type=CSV, name="vacancies.csv")
    assert taken.report["counts"]["accepted"] == 2, taken.report
    desk.clock.move(hours=5)

    again = desk.send(SHEET.encode(), content_type=CSV, name="vacancies.csv")

    assert again.report["counts"] == {"unchanged": 2, "records": 2}
    assert {row.as_of for row in desk.standing().values()} == {desk.ago(hours=5)}


def test_an_unreadable_cell_costs_its_row_and_says_where(desk: Desk) -> None:
    taken = desk.send(SHEET.replace("SC000002,v1,2", "SC000002,v1,lots").encode(), content_type=CSV)

    assert taken.report["counts"]["accepted"] == 1
    assert taken.report["counts"]["rejected"] == 1
    (issue,) = (issue for issue in taken.report["issues"] if issue["severity"] == "error")
    assert issue["places"][0]["cell"] == "C3"
    with desk.database.read() as session:
        rows = {line["record"]["urn"]: line for line in raw_records(session, taken.submission_id)}
    assert rows["SC000001"]["row"][0]["cells"]["Places"] == "1"
