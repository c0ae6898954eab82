"""The real lists beside the checkout: the figures of Ofsted's own releases, and how long reading takes."""

import csv
import time
from collections import defaultdict
from datetime import date
from functools import cache
from pathlib import Path

import pytest

from placefeed.adapters.ofsted import OfstedFile, OfstedRow, owner_key, read_ofsted
from placefeed.schema.codelists import codelist

pytestmark = pytest.mark.shared


@cache
def _read(path: Path, as_at: date | None = None) -> OfstedFile:
    return read_ofsted(path.read_bytes(), name_hint=path.name, as_at=as_at)


@pytest.fixture
def ofsted(shared_data: Path) -> Path:
    return shared_data / "ofsted"


def by_urn(file: OfstedFile) -> dict[str, OfstedRow]:
    return {row.urn: row for row in file.rows}


@pytest.mark.parametrize(
    ("name", "as_at", "given", "kind", "data_rows", "settings", "complete"),
    [
        ("provider_level_2025.csv", date(2025, 3, 31), None, "provider-level", 5600, 5600, True),
        ("provider_level_2025.ods", date(2025, 3, 31), None, "provider-level", 5600, 5600, True),
        ("provider_level_2024.csv", date(2024, 3, 31), None, "provider-level", 3876, 3876, False),
        ("provider_level_2022.csv", date(2022, 3, 31), None, "provider-level", 3576, 3576, False),
        ("provider_level_2016.csv", date(2016, 3, 31), date(2016, 3, 31), "provider-level", 2647, 2647, False),
        ("inspections_in_year_2023_24.csv", date(2024, 3, 31), None, "in-year", 4160, 3327, False),
    ],
)
def test_the_figures_of_each_list(
    ofsted: Path, name: str, as_at: date, given: date | None, kind: str, data_rows: int, settings: int, complete: bool
) -> None:
    file = _read(ofsted / name, given)

    assert (file.as_at, file.kind, file.data_rows, len(file.rows), file.complete_hint) == (
        as_at,
        kind,
        data_rows,
        settings,
        complete,
    )
    assert file.rejected == ()
    assert {issue.rule for issue in file.warnings} <= {"ofsted-limiting-judgement", "ofsted-visit-with-grade"}
    assert all(
        row.local_authority and row.provision_type and row.registration_status and row.region and row.sector
        for row in file.rows
    )


def test_csv_and_workbook_of_2025_are_equal(ofsted: Path) -> None:
    text, book = by_urn(_read(ofsted / "provider_level_2025.csv")), by_urn(_read(ofsted / "provider_level_2025.ods"))

    assert text == book


def test_the_homes_of_2025_are_ofsteds_own_total(ofsted: Path) -> None:
    homes = [row for row in _read(ofsted / "provider_level_2025.csv").rows if row.provision_type == "children-home"]

    assert len(homes) == 3946
    assert sum(row.places or 0 for row in homes) == 14275
    assert sum((row.places or 0) < 5 for row in homes) == 2981


def test_from_2024_to_2025(ofsted: Path) -> None:
    before, after = by_urn(_read(ofsted / "provider_level_2024.csv")), by_urn(_read(ofsted / "provider_level_2025.csv"))
    both = before.keys() & after.keys()

    assert (len(before.keys() - after.keys()), len(after.keys() - before.keys()), len(both)) == (183, 1907, 3693)
    assert sum(before[urn].places != after[urn].places for urn in both) == 152
    # the owner's text, whatever its case
    assert sum((before[urn].owner or "").lower() != (after[urn].owner or "").lower() for urn in both) == 497
    assert sum(before[urn].latest_grade() != after[urn].latest_grade() for urn in both) == 1084


def test_40_owners_differ_in_spelling_only(ofsted: Path) -> None:
    with (ofsted / "provider_level_2025.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.reader(file))
    column = rows[3].index("Organisation which owns the provider")
    spellings: defaultdict[str, set[str]] = defaultdict(set)
    for row in rows[4:]:
        spellings[owner_key(row[column])].add(row[column])  # as printed: one differs by a blank at its end only

    assert sum(len(names) - 1 for key, names in spellings.items() if key) == 40


@pytest.mark.parametrize(
    "name", ["provider_level_2025.csv", "provider_level_2024.csv", "inspections_in_year_2023_24.csv"]
)
def test_grades_are_codes_of_their_framework_and_visits_have_none(ofsted: Path, name: str) -> None:
    grades = {(row["framework"], row["code"]) for row in codelist("judgements").rows}

    for row in _read(ofsted / name).rows:
        assert list(row.inspections) == sorted(
            row.inspections, key=lambda one: one.inspected_on or date.min, reverse=True
        )
        for one in row.inspections:
            assert {(one.framework, code) for code in one.judgements.values()} <= grades
            assert one.kind == "full" or not one.judgements
            before = one.inspected_on is not None and one.inspected_on < date(2017, 4, 1)
            assert (one.framework == "ofsted-homes-2015") == before


def test_an_event_number_may_cover_several_branches(ofsted: Path) -> None:
    events = [row.inspections[0].event for row in _read(ofsted / "provider_level_2025.csv").rows if row.inspections]

    assert len(set(events)) < len(events)


def test_a_yearly_list_is_read_in_a_moment(ofsted: Path) -> None:
    data = (ofsted / "provider_level_2025.csv").read_bytes()
    started = time.perf_counter()

    read_ofsted(data)

    assert time.perf_counter() - started < 1.5


def test_the_workbook_of_75_mb_is_read_in_seconds(ofsted: Path) -> None:
    data = (ofsted / "provider_level_2025.ods").read_bytes()
    started = time.perf_counter()

    read_ofsted(data)

    assert time.perf_counter() - started < 6
