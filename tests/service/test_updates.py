"""The small updates: put, withdraw, attest; versions by ETag, an older time gets 409, and a provider reads its own writes."""

from datetime import timedelta
from typing import Any

import pytest

from placefeed.service.config import Settings
from placefeed.service.db import Database
from placefeed.service.errors import Conflict, Invalid, NotAllowed, NotFound, Stale
from placefeed.service.intake import updates
from placefeed.service.tables import Pending, Source, Submission, SubmissionRaw
from tests.service.conftest import MovableClock
from tests.service.feeds import Desk, capacity, feed, rate, record, vacancy

URN = "SC000001"


@pytest.fixture
def desk(database: Database, settings: Settings, clock: MovableClock) -> Desk:
    made = Desk(database, settings, clock)
    made.provider(speaks_for=[URN])
    return made


def put(
    desk: Desk, part: Any, document: Any, item: str = "", *, urn: str = URN, if_match: str | None = None
) -> updates.Result:
    with desk.database.write() as session:
        source = session.get_one(Source, desk.source_id)
        return updates.put(
            session, source=source, urn=urn, part=part, item=item, document=document, if_match=if_match, now=desk.now
        )


def withdraw(desk: Desk, part: Any, item: str = "", *, if_match: str | None = None) -> updates.Result:
    with desk.database.write() as session:
        return updates.withdraw(
            session,
            source=session.get_one(Source, desk.source_id),
            urn=URN,
            part=part,
            item=item,
            if_match=if_match,
            now=desk.now,
        )


def attest(desk: Desk, **more: Any) -> updates.Result:
    with desk.database.write() as session:
        return updates.attest(session, source=session.get_one(Source, desk.source_id), urn=URN, now=desk.now, **more)


def read(desk: Desk, part: Any, item: str = "") -> updates.Part:
    with desk.database.read() as session:
        return updates.read_part(session, source_ids=[desk.source_id], urn=URN, part=part, item=item)


def test_a_put_is_read_back_with_its_etag(desk: Desk) -> None:
    result = put(desk, "capacity", capacity(desk.now))

    assert result.created
    assert result.report["counts"] == {"records": 1, "accepted": 1}
    found = read(desk, "capacity")
    assert (found.document, found.etag) == (capacity(desk.now), result.etag)


def test_a_vacancy_gets_its_id_from_the_address(desk: Desk) -> None:
    document = {name: value for name, value in vacancy(desk.now).items() if name != "id"}

    put(desk, "vacancy", document, "upstairs")

    assert read(desk, "vacancy", "upstairs").document["id"] == "upstairs"
    with pytest.raises(Invalid) as refusal:
        put(desk, "vacancy", vacancy(desk.now, "downstairs"), "upstairs")
    assert refusal.value.errors[0]["pointer"] == "/id"


def test_the_second_put_changes_and_the_same_again_does_not(desk: Desk) -> None:
    first = put(desk, "rate", rate(desk.now), "core")
    desk.clock.move(minutes=1)
    second = put(desk, "rate", rate(desk.now, title="Standard"), "core")
    same = put(desk, "rate", rate(desk.now, title="Standard"), "core")

    assert (first.created, second.created, same.created) == (True, False, False)
    assert first.etag != second.etag == same.etag
    assert same.report["verdict"] == "unchanged"


def test_an_older_time_gets_a_conflict_that_says_what_is_known(desk: Desk) -> None:
    put(desk, "capacity", capacity(desk.now))

    with pytest.raises(Conflict, match=r"2026-07-01T14:00:00Z") as refusal:
        put(desk, "capacity", capacity(desk.ago(minutes=1), occupied=2, available=2))

    assert refusal.value.errors[0]["rule"] == "older-than-known"
    assert desk.kinds() == ["stated"]


def test_a_time_ahead_and_a_wrong_document_are_refused_with_pointers(desk: Desk) -> None:
    for document, pointer in (
        (capacity(desk.now + timedelta(minutes=6)), "/asOf"),
        (capacity(desk.now, occupied="three"), "/occupied"),
    ):
        with pytest.raises(Invalid) as refusal:
            put(desk, "capacity", document)
        assert refusal.value.errors[0]["pointer"] == pointer
        assert refusal.value.errors[0]["advice"]
    with pytest.raises(Invalid):
        put(desk, "capacity", ["not", "an", "object"])
    assert desk.rows(Submission) == []


def test_if_match_names_the_version_that_was_read(desk: Desk) -> None:
    with pytest.raises(Stale):
        put(desk, "capacity", capacity(desk.now), if_match="*")
    first = put(desk, "capacity", capacity(desk.now))
    desk.clock.move(minutes=1)
    second = put(desk, "capacity", capacity(desk.now, occupied=2, available=2), if_match=first.etag)
    desk.clock.move(minutes=1)

    with pytest.raises(Stale):
        put(desk, "capacity", capacity(desk.now, occupied=1, available=3), if_match=first.etag)
    with pytest.raises(Stale):
        put(desk, "capacity", capacity(desk.now, occupied=1, available=3), if_match=f"W/{second.etag}")
    put(desk, "capacity", capacity(desk.now, occupied=1, available=3), if_match=f'"other", {second.etag}')


def test_the_setting_of_another_cannot_be_written(desk: Desk) -> None:
    with pytest.raises(NotAllowed, match="operator"):
        put(desk, "capacity", capacity(desk.now), urn="SC000002")


def test_a_childs_data_is_refused_and_kept_nowhere(desk: Desk) -> None:
    for document, item in (
        (vacancy(desk.now, notes="For a child born 12/03/2011"), "v1"),
        (vacancy(desk.now, "943 476 5919"), "943 476 5919"),
    ):
        with pytest.raises(Invalid) as refusal:
            put(desk, "vacancy", document, item)
        said = str(refusal.value) + str(refusal.value.errors)
        assert "2011" not in said
        assert "5919" not in said
    assert desk.rows(Submission) == desk.rows(SubmissionRaw) == []
    assert b"2011" not in desk.everything()


def test_a_withdrawal_is_of_now_and_ends_what_stands(desk: Desk) -> None:
    put(desk, "vacancy", vacancy(desk.now + timedelta(minutes=3)), "v1")

    result = withdraw(desk, "vacancy", "v1")

    assert result.report["counts"]["withdrawn"] == 1
    with pytest.raises(NotFound):
        read(desk, "vacancy", "v1")
    with pytest.raises(NotFound):
        withdraw(desk, "vacancy", "v1")


def test_a_withdrawal_checks_the_version_too(desk: Desk) -> None:
    first = put(desk, "vacancy", vacancy(desk.now), "v1")
    desk.clock.move(minutes=1)
    put(desk, "vacancy", vacancy(desk.now, places=2), "v1")

    with pytest.raises(Stale):
        withdraw(desk, "vacancy", "v1", if_match=first.etag)


def test_an_attestation_renews_the_clock_and_not_the_value(desk: Desk) -> None:
    desk.send(feed([record(URN, desk.now)], desk.now))
    before = read(desk, "capacity")
    desk.clock.move(hours=12)

    result = attest(desk)

    after = read(desk, "capacity")
    assert result.report["counts"] == {"records": 1, "attested": 1}
    assert (after.as_of, after.stated_at) == (desk.now, before.stated_at)
    assert after.document == {**before.document, "asOf": "2026-07-02T02:00:00Z"}
    assert after.etag != before.etag
    assert desk.kinds()[3:] == ["attested"] * 3


def test_an_attestation_has_limits(desk: Desk) -> None:
    with pytest.raises(NotFound):
        attest(desk)
    put(desk, "capacity", capacity(desk.now))
    with pytest.raises(Invalid):
        attest(desk, as_of=desk.now + timedelta(minutes=6))
    with pytest.raises(Conflict):
        attest(desk, as_of=desk.ago(hours=1))


def test_small_updates_are_published_before_bulk(desk: Desk) -> None:
    bulk = {row.id for row in desk.rows(Pending)}
    put(desk, "capacity", capacity(desk.now))

    assert [row.bulk for row in desk.rows(Pending) if row.id not in bulk] == [False]


def test_a_warning_is_in_the_report(desk: Desk) -> None:
    result = put(desk, "vacancy", vacancy(desk.now, until="2026-06-01", **{"from": "2026-05-01"}), "v1")

    assert "past-until" in {issue["rule"] for issue in result.report["issues"]}
    assert result.report["verdict"] == "accepted"
