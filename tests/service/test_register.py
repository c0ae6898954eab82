"""Ofsted's files into the register: newer facts win, older ones become history, absence only from a complete list."""

import csv
import io
from collections import Counter
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlmodel import col, select

from placefeed.adapters.base import ChangedShape
from placefeed.service.access import organisations
from placefeed.service.access.who import Caller
from placefeed.service.db import Database
from placefeed.service.errors import Conflict, Invalid, NotFound
from placefeed.service.register import certificates
from placefeed.service.register.load import import_file
from placefeed.service.register.result import ImportResult
from placefeed.service.tables import (
    Alert,
    Certificate,
    Pending,
    RegisterFile,
    RegisterHistory,
    RegisterInspection,
    RegisterSetting,
    SpeaksFor,
)

NOW = datetime(2026, 7, 1, 14, 0, tzinfo=UTC)
OPERATOR = Caller(key_id="k", organisation_id="exchange", role="operator", scopes=frozenset({"operate"}))

HEADINGS = {
    "urn": "URN",
    "kind": "Provision type",
    "registered": "Registration date",
    "status": "Registration status",
    "name": "Name",
    "region": "Government Office Region",
    "la": "Local authority",
    "sector": "Sector",
    "places": "Places",
    "owner": "Organisation which owns the provider",
    "event_type": "Latest full inspection event type",
    "inspected": "Latest full inspection date",
    "published": "Latest full inspection publication date",
    "event": "Latest full inspection event number",
    "overall": "Overall experiences and progress of children and young people",
    "helped": "How well children and young people are helped and protected",
    "leaders": "The effectiveness of leaders and managers",
}
HOME = {
    "kind": "Children's home",
    "registered": "25/06/2020",
    "status": "Active",
    "name": "REDACTED",
    "region": "London",
    "la": "Lewisham",
    "sector": "Private",
    "places": "4",
    "owner": "Example Homes Ltd",
    "event_type": "Full inspection",
    "inspected": "05/11/2023",
    "published": "14/01/2024",
    "event": "10000001",
    "overall": "Good",
    "helped": "Good",
    "leaders": "Good",
}


def ofsted(year: int, *homes: dict[str, str], without: tuple[str, ...] = ()) -> bytes:
    """An invented list in the shape of Ofsted's of 31 March of a year: title rows, then headings, then settings."""
    columns = [name for name in HEADINGS if name not in without]
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow([f"Children's social care data in England {year} – Provider level as at 31 March {year}"])
    writer.writerow(["This worksheet contains one table."])
    writer.writerow([HEADINGS[name] for name in columns])
    for home in homes:
        row = {**HOME, **home}
        writer.writerow([row[name] for name in columns])
    return out.getvalue().encode("utf-8-sig")


def take(database: Database, data: bytes, **options: Any) -> ImportResult:
    with database.write() as session:
        return import_file(session, data, now=NOW, **options)


def setting(database: Database, urn: str) -> RegisterSetting:
    with database.read() as session:
        found = session.get(RegisterSetting, urn)
    assert found is not None
    return found


def story(database: Database, urn: str) -> list[tuple[int, str, dict[str, Any]]]:
    """A setting's history as (year, what, changed)."""
    with database.read() as session:
        rows = session.exec(
            select(RegisterHistory)
            .where(RegisterHistory.urn == urn)
            .order_by(col(RegisterHistory.as_at), col(RegisterHistory.id))
        ).all()
    return [(row.as_at.year, row.what, row.changed) for row in rows]


def touched(database: Database) -> Counter[str]:
    """What waits for the publisher; taken away, as the publisher would."""
    with database.write() as session:
        found = Counter(session.exec(select(Pending.urn)))
        session.execute(sa.delete(Pending))
    return found


def test_a_file_is_taken_in_and_counted(database: Database) -> None:
    result = take(
        database,
        ofsted(
            2025,
            {"urn": "SC000001"},
            {"urn": "SC000002", "places": "3"},
            {"urn": "1000001", "kind": "Independent Fostering Agency", "places": ""},
        ),
    )

    counts = result.to_dict()
    assert {name: counts[name] for name in ("rows", "settings", "childrensHomes", "places", "added", "changed", "unchanged", "rejected")} == {
        "rows": 3, "settings": 3, "childrensHomes": 2, "places": 7, "added": 3, "changed": 0, "unchanged": 0, "rejected": 0,
    }  # fmt: skip
    home = setting(database, "SC000001")
    assert (home.provision_type, home.status, home.places, home.la_code, home.as_at) == (
        "children-home",
        "active",
        4,
        "E09000023",
        date(2025, 3, 31),
    )
    assert home.name is None, "Ofsted withholds it"
    assert home.facts["overall"] == "good"
    assert setting(database, "1000001").places is None
    assert touched(database) == {"SC000001": 1, "SC000002": 1, "1000001": 1}


def test_the_same_bytes_change_nothing(database: Database) -> None:
    data = ofsted(2025, {"urn": "SC000001"})
    take(database, data)
    touched(database)

    again = take(database, data)

    assert again.repeated
    assert (again.added, again.changed, again.unchanged, again.rows, again.places) == (0, 0, 1, 1, 4)
    assert touched(database) == {}


def test_the_same_records_in_other_bytes_change_nothing(database: Database) -> None:
    data = ofsted(2025, {"urn": "SC000001"})
    take(database, data)
    touched(database)

    again = take(database, data.replace(b"\r\n", b"\n"))

    assert (again.added, again.changed, again.unchanged) == (0, 0, 1)
    assert touched(database) == {}
    assert len(story(database, "SC000001")) == 1


def test_a_newer_file_replaces_facts_and_keeps_what_they_were(database: Database) -> None:
    take(database, ofsted(2024, {"urn": "SC000001"}))

    result = take(
        database,
        ofsted(
            2025,
            {
                "urn": "SC000001",
                "places": "5",
                "overall": "Inadequate",
                "event": "10000002",
                "inspected": "01/02/2025",
                "published": "01/03/2025",
            },
        ),
    )

    assert (result.added, result.changed) == (0, 1)
    assert dict(result.changes) == {"places": 1, "overall": 1, "overallOn": 1}
    home = setting(database, "SC000001")
    assert (home.places, home.facts["overall"]) == (5, "inadequate")
    assert [(year, what) for year, what, _ in story(database, "SC000001")] == [(2024, "joined"), (2025, "changed")]
    assert story(database, "SC000001")[1][2] == {
        "places": [4, 5],
        "overall": ["good", "inadequate"],
        "overallOn": ["2023-11-05", "2025-02-01"],
    }
    with database.read() as session:
        kept = session.exec(select(RegisterInspection).order_by(col(RegisterInspection.inspected_on))).all()
    assert [(each.event, each.judgements["overall"]) for each in kept] == [
        ("10000001", "good"),
        ("10000002", "inadequate"),
    ]


def test_an_older_file_becomes_history_and_never_overwrites(database: Database) -> None:
    newer = {"urn": "SC000001", "places": "5", "event": "10000002", "inspected": "01/02/2025", "overall": "Outstanding"}
    take(database, ofsted(2025, newer))
    before = setting(database, "SC000001")

    result = take(database, ofsted(2024, {"urn": "SC000001", "places": "3"}))

    assert (result.added, result.changed, result.unchanged, result.older) == (0, 0, 1, 1)
    after = setting(database, "SC000001")
    assert after.model_dump() == before.model_dump()
    assert [(year, what) for year, what, _ in story(database, "SC000001")] == [(2024, "joined"), (2025, "changed")]
    assert story(database, "SC000001")[1][2]["places"] == [3, 5]


def test_history_is_the_same_in_whatever_order_files_come(database: Database) -> None:
    files = {
        2022: ofsted(2022, {"urn": "SC000001", "places": "2"}),
        2024: ofsted(2024, {"urn": "SC000001", "places": "6"}),
        2025: ofsted(2025, {"urn": "SC000001", "places": "2"}),
    }
    take(database, files[2022])
    take(database, files[2025])
    assert [(year, what) for year, what, _ in story(database, "SC000001")] == [(2022, "joined")]

    take(database, files[2024])

    assert [(year, what, changed.get("places")) for year, what, changed in story(database, "SC000001")] == [
        (2022, "joined", [None, 2]),
        (2024, "changed", [2, 6]),
        (2025, "changed", [6, 2]),
    ]


def test_only_a_list_said_to_be_complete_makes_absent(database: Database) -> None:
    homes = [{"urn": f"SC00000{number}"} for number in range(1, 6)]
    take(database, ofsted(2024, *homes))
    touched(database)
    data = ofsted(2025, *homes[:4])

    partial = take(database, data)
    assert (partial.missing, partial.left) == (1, 0)
    assert setting(database, "SC000005").absent_since is None
    touched(database)

    whole = take(database, data, complete=True)
    assert (whole.missing, whole.left, whole.unchanged) == (1, 1, 4)
    assert setting(database, "SC000005").absent_since == date(2025, 3, 31)
    assert touched(database) == {"SC000005": 1}
    assert [(year, what) for year, what, _ in story(database, "SC000005")] == [(2024, "joined"), (2025, "left")]
    with database.read() as session:
        alerts = session.exec(select(Alert)).all()
        files = session.exec(select(RegisterFile).order_by(col(RegisterFile.as_at))).all()
    assert [alert.kind for alert in alerts] == ["register-left"]
    assert [file.complete for file in files] == [False, True]


def test_one_that_returns_is_present_again(database: Database) -> None:
    homes = [{"urn": f"SC00000{number}"} for number in range(1, 6)]
    take(database, ofsted(2023, *homes))
    take(database, ofsted(2024, *homes[:4]), complete=True)

    result = take(database, ofsted(2025, *homes[:4], {"urn": "SC000005", "places": "2"}))

    assert result.returned == 1
    assert setting(database, "SC000005").absent_since is None
    assert [(year, what, changed.get("places")) for year, what, changed in story(database, "SC000005")] == [
        (2023, "joined", [None, 4]),
        (2024, "left", None),
        (2025, "returned", [4, 2]),
    ]


def test_an_old_list_does_not_bring_back_what_a_newer_complete_one_lacks(database: Database) -> None:
    homes = [{"urn": f"SC00000{number}"} for number in range(1, 6)]
    take(database, ofsted(2025, *homes[:4]), complete=True)

    result = take(database, ofsted(2024, *homes))

    assert (result.added, result.older) == (1, 4)
    assert setting(database, "SC000005").absent_since == date(2025, 3, 31)
    assert [(year, what) for year, what, _ in story(database, "SC000005")] == [(2024, "joined"), (2025, "left")]


def test_the_first_complete_list_without_it_says_since_when(database: Database) -> None:
    homes = [{"urn": f"SC00000{number}"} for number in range(1, 6)]
    take(database, ofsted(2022, *homes))
    take(database, ofsted(2025, *homes[:4]), complete=True)

    take(database, ofsted(2023, *homes[:4], {"urn": "SC000009"}), complete=True)

    assert setting(database, "SC000005").absent_since == date(2023, 3, 31)
    assert [(year, what) for year, what, _ in story(database, "SC000005")] == [(2022, "joined"), (2023, "left")]


def test_a_piece_of_a_list_is_not_taken_for_a_complete_one(database: Database) -> None:
    homes = [{"urn": f"SC00000{number}"} for number in range(1, 6)]
    take(database, ofsted(2024, *homes))

    with pytest.raises(Conflict, match="lacks 4 of the 5"):
        take(database, ofsted(2025, *homes[:1]), complete=True)

    assert setting(database, "SC000001").as_at == date(2024, 3, 31), "nothing of it was taken in"


def test_what_a_file_has_no_column_for_stays(database: Database) -> None:
    take(database, ofsted(2024, {"urn": "SC000001"}))

    take(database, ofsted(2025, {"urn": "SC000001"}, without=("places", "owner")))

    home = setting(database, "SC000001")
    assert (home.places, home.owner, home.as_at) == (4, "Example Homes Ltd", date(2025, 3, 31))


def test_a_name_that_is_withheld_later_is_forgotten(database: Database) -> None:
    take(database, ofsted(2022, {"urn": "SC000001", "name": "Invented Lodge"}))
    assert setting(database, "SC000001").name == "Invented Lodge"

    take(database, ofsted(2025, {"urn": "SC000001"}))

    assert setting(database, "SC000001").name is None
    assert "Invented Lodge" not in str(story(database, "SC000001"))


def test_a_status_that_is_blank_does_not_lift_a_suspension(database: Database) -> None:
    take(database, ofsted(2024, {"urn": "SC000001", "status": "Suspended"}))

    take(database, ofsted(2025, {"urn": "SC000001", "status": ""}))

    assert setting(database, "SC000001").status == "suspended"


def test_a_row_of_an_unknown_type_is_rejected_and_the_rest_kept(database: Database) -> None:
    result = take(database, ofsted(2025, {"urn": "SC000001", "kind": "Floating hostel"}, {"urn": "SC000002"}))

    assert (result.rejected, result.settings) == (1, 1)
    assert "ofsted-type-missing" in {issue["rule"] for issue in result.issues}


def test_a_file_needs_a_date_that_is_not_to_come(database: Database) -> None:
    undated = (
        ofsted(2025, {"urn": "SC000001"})
        .replace(b"Provider level as at 31 March 2025", b"Provider level")
        .replace(b"2025", b"")
    )

    with pytest.raises(Invalid, match="Give the date"):
        take(database, undated)
    assert take(database, undated, as_at=date(2025, 3, 31)).as_at == date(2025, 3, 31)
    with pytest.raises(Invalid, match="still to come"):
        take(database, ofsted(2031, {"urn": "SC000001"}))
    with pytest.raises(Conflict, match="another date"):
        take(database, undated, as_at=date(2024, 3, 31))
    with pytest.raises(ChangedShape):
        take(database, b"not,a,list\n1,2,3\n")


def test_settings_are_proposed_to_the_provider_that_owns_them(database: Database) -> None:
    with database.write() as session:
        organisations.create_organisation(
            session, "example-homes", kind="provider", name="EXAMPLE HOMES LIMITED", now=NOW
        )

    result = take(database, ofsted(2025, {"urn": "SC000001"}, {"urn": "SC000002", "owner": "Another Co"}))

    assert result.proposed == 1
    with database.read() as session:
        rows = session.exec(select(SpeaksFor)).all()
    assert [(row.urn, row.organisation_id, row.state) for row in rows] == [("SC000001", "example-homes", "proposed")]


def test_a_certificate_is_kept_and_publishes_again(database: Database) -> None:
    with database.write() as session:
        certificates.record(
            session,
            "SC999999",
            provision_type="children-home",
            registered_on=date(2026, 6, 1),
            places=3,
            la_code="E09000023",
            caller=OPERATOR,
            now=NOW,
        )
    assert touched(database) == {"SC999999": 1}

    with database.write() as session:
        certificates.record(
            session,
            "SC999999",
            provision_type="children-home",
            registered_on=date(2026, 6, 1),
            places=4,
            caller=OPERATOR,
            now=NOW,
        )
    with database.read() as session:
        kept = session.exec(select(Certificate)).one()
    assert (kept.places, kept.recorded_by) == (4, "exchange")

    with database.write() as session:
        certificates.withdraw(session, "SC999999", caller=OPERATOR, now=NOW)
    with database.read() as session, pytest.raises(NotFound):
        certificates.get(session, "SC999999")


def test_a_certificate_with_errors_is_refused(database: Database) -> None:
    with database.write() as session, pytest.raises(Invalid) as refused:
        certificates.record(
            session,
            "SC999999",
            provision_type="lighthouse",
            registered_on=date(2027, 1, 1),
            places=0,
            la_code="E00000000",
            caller=OPERATOR,
            now=NOW,
        )

    assert {error["pointer"] for error in refused.value.errors} == {
        "/provisionType",
        "/registeredOn",
        "/places",
        "/localAuthority",
    }


@pytest.mark.shared
def test_the_real_files_give_the_known_figures(database: Database, shared_data: Path) -> None:
    folder = shared_data / "ofsted"

    first = take(database, (folder / "provider_level_2024.csv").read_bytes(), name="provider_level_2024.csv")
    second = take(
        database, (folder / "provider_level_2025.csv").read_bytes(), name="provider_level_2025.csv", complete=True
    )

    assert (first.settings, first.added) == (3876, 3876)
    assert (second.settings, second.childrens_homes, second.places) == (5600, 3946, 14275)
    assert (second.left, second.added, second.changed + second.unchanged) == (183, 1907, 3693)
    assert (second.changes["places"], second.changes["overall"]) == (152, 1084)
    again = take(database, (folder / "provider_level_2025.csv").read_bytes(), name="renamed.csv")
    assert (again.added, again.changed, again.unchanged) == (0, 0, 5600)


@pytest.mark.shared
@pytest.mark.slow
def test_the_workbook_and_the_csv_are_the_same_register(database: Database, shared_data: Path) -> None:
    folder = shared_data / "ofsted"
    take(database, (folder / "provider_level_2025.csv").read_bytes(), name="a.csv")

    workbook = take(database, (folder / "provider_level_2025.ods").read_bytes(), name="a.ods")

    assert (workbook.settings, workbook.childrens_homes, workbook.places) == (5600, 3946, 14275)
    assert (workbook.added, workbook.changed, workbook.unchanged) == (0, 0, 5600)


@pytest.mark.shared
def test_real_files_tell_one_story_in_either_order(database: Database, shared_data: Path) -> None:
    folder = shared_data / "ofsted"
    take(database, (folder / "provider_level_2025.csv").read_bytes(), complete=True)

    late = take(database, (folder / "provider_level_2024.csv").read_bytes())

    assert (late.added, late.older) == (183, 3693)
    with database.read() as session:
        counts = Counter(session.exec(select(RegisterHistory.what)))
        places = sum(
            "places" in changed
            for changed in session.exec(select(RegisterHistory.changed).where(RegisterHistory.what == "changed"))
        )
    assert (counts["joined"], counts["left"], places) == (5783, 183, 152)
