"""Cells, headings, dates and words of Ofsted's lists, one at a time."""

from datetime import date, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from placefeed.adapters.base import AdapterError
from placefeed.adapters.ofsted import owner_key, read_ofsted, values, words
from placefeed.adapters.ofsted.dates import as_at_in, as_at_in_name, cell_date
from placefeed.adapters.ofsted.headers import INSPECTION, SETTING, find_headings
from placefeed.schema.codelists import codelist

CHARACTERS = st.characters(exclude_categories=("Cs", "Cc"))
HEAD = (
    "URN,Provision type,Registration status,Local authority,Places,Event type,Inspection date,Overall effectiveness\n"
)


@pytest.mark.parametrize("cell", [None, "", " ", "\xa0", "NULL", "-", "???", "–", "(select)", "n/a"])
def test_a_cell_that_says_nothing_is_blank(cell: str | None) -> None:
    assert values.text(cell) is None


@pytest.mark.parametrize(
    ("cell", "urn"),
    [
        (2590934.0, "2590934"),
        ("2590934.0", "2590934"),
        (2590934, "2590934"),
        (" sc064050 ", "SC064050"),
        ("SC 064050", "SC064050"),
    ],
)
def test_a_urn_is_a_text_however_the_file_kept_it(cell: float | str, urn: str) -> None:
    assert values.urn(cell) == urn


@pytest.mark.parametrize("cell", ["128851", "SC64050", "SC0640501", "Total", 25909340.0])
def test_what_is_no_urn_is_refused(cell: float | str) -> None:
    with pytest.raises(ValueError, match=r"."):
        values.urn(cell)


@pytest.mark.parametrize(
    "cell",
    ["05/11/2024", "5/11/2024", "05.11.2024", "2024-11-05", "2024-11-05 00:00:00", "5 November 2024", "5-Nov-24", 45601, 45601.0,
     date(2024, 11, 5), datetime(2024, 11, 5)],  # noqa: DTZ001  (spreadsheets know no time zones)
)  # fmt: skip
def test_a_date_in_any_form(cell: str | float | date) -> None:
    assert cell_date(cell) == date(2024, 11, 5)


@pytest.mark.parametrize("cell", ["31/02/2024", "11/2024", "soon", "01/01/0001", 7])
def test_what_is_no_date_is_refused(cell: str | int) -> None:
    with pytest.raises(ValueError, match=r"."):
        cell_date(cell)


@pytest.mark.parametrize(
    ("title", "day"),
    [
        ("Children's social care data in England 2025 –\n Provider level as at 31 March 2025", date(2025, 3, 31)),
        ("Children's social care data in England 2022 - Provider level as at March 2022", date(2022, 3, 31)),
        ("Children's social care data in England 2024 – Provider level in year 2023-24", date(2024, 3, 31)),
        ("Provider_level_at_30_09_25", date(2025, 9, 30)),
        ("Provider_level_at_31_Mar_2025", date(2025, 3, 31)),
        ("Providers+places_at_31_Mar_2025", date(2025, 3, 31)),
        ("Provider_level_in_year_2024-25", date(2025, 3, 31)),
        ("Registration status (as at 31 March 2022)", date(2022, 3, 31)),
        ("Provider_Level_at_310821", date(2021, 8, 31)),
        ("Inspections between 1 April 2023 and 31st March 2024", date(2024, 3, 31)),
        ("As at 2025-09-30", date(2025, 9, 30)),
        ("Provider level in year 2023-29", None),
        ("Registration status (as at @enddate)", None),
        ("this table begins in cell A4", None),
        ("Children's social care data in England 2025", None),
    ],
)
def test_the_day_of_a_list_from_its_words(title: str, day: date | None) -> None:
    assert as_at_in(title) == day


@pytest.mark.parametrize(
    ("name", "day"),
    [
        ("Ofsted Social care providers list for LAs - April 2023 CH.csv", date(2023, 4, 30)),
        ("lists/september_2023_non_CH.csv", date(2023, 9, 30)),
        ("providers 31.03.2021.csv", date(2021, 3, 31)),
        ("providers_20210331.csv", date(2021, 3, 31)),
        ("inspections_in_year_2023_24.csv", date(2024, 3, 31)),
        ("provider_level_2016.csv", None),  # a year alone could be March or September
        ("market 2023.csv", None),
    ],
)
def test_the_day_of_a_list_from_its_files_name(name: str, day: date | None) -> None:
    assert as_at_in_name(name) == day


def test_every_word_of_the_tables_is_a_code_of_the_standard() -> None:
    assert {name.removeprefix("need:") for name in SETTING if name.startswith("need:")} <= set(codelist("needs").codes)
    aspects = set(INSPECTION) - {"kind", "inspected_on", "published_on", "event", "outcome"}
    assert aspects <= set(codelist("aspects").codes)
    assert {code for _, code in words._TYPE_SIGNS} == set(codelist("provision-types").codes)
    assert {code for _, code in words._KIND_SIGNS} <= set(codelist("inspection-kinds").codes)


@pytest.mark.parametrize(
    ("printed", "code"),
    [
        ("Voluntary Adoption Agency Branch", "voluntary-adoption-agency"),
        ("Secure Children’s Homes", "secure-childrens-home"),
        ("Residential special school (registered as a Childrens Home)", "residential-special-school-childrens-home"),
        ("Children's Home ", "children-home"),
        ("Nursery", None),
    ],
)
def test_a_provision_type_in_new_words(printed: str, code: str | None) -> None:
    assert words.provision_type(printed) == code


@pytest.mark.parametrize(
    "heading", [spelling for spellings in SETTING.values() for spelling in spellings if len(spelling) > 9]
)
def test_a_misprint_in_a_heading_is_taken_with_a_warning(heading: str) -> None:
    misprint = heading[:4] + heading[5:]

    found = find_headings([["URN", "Local authority", "Provision type", "Sector", misprint]])

    assert found is not None
    assert [printed for _, printed in found.near] == [misprint]


def test_a_heading_that_nobody_knows_is_told() -> None:
    file = read_ofsted(
        b"URN,Provision type,Places,Sector,Report card grade\n2900001,Children's home,3,Private,Strong\n",
        as_at=date(2026, 3, 31),
    )

    assert [(one.rule, one.severity) for one in file.warnings] == [("ofsted-heading-unknown", "advice")]


def test_words_that_are_new_are_grouped_and_the_rows_are_kept() -> None:
    body = "".join(f"290000{n},Cave,Dormant,Atlantis,3,Stroll,01/02/2025,Splendid\n" for n in range(3))

    file = read_ofsted((HEAD + body).encode(), as_at=date(2025, 3, 31))

    assert len(file.rows) == 3
    assert len({(one.rule, one.message) for one in file.warnings}) == 5
    assert [one.place.cell for one in file.warnings[:5]] == ["B2", "C2", "D2", "F2", "H2"]
    assert file.rows[0].provision_type is None
    assert file.rows[0].provision_type_text == "Cave"
    assert (file.rows[0].inspections[0].kind, file.rows[0].inspections[0].judgements) == ("other", {})


def test_rows_without_a_urn_are_rejected_with_their_place_and_never_quoted() -> None:
    body = ",Children's home,Active,Wigan,3,,,\nJane Example,Children's home,Active,Wigan,3,,,\n,,,,,,,\n URN,Provision type\n"

    file = read_ofsted((HEAD + body).encode(), as_at=date(2025, 3, 31))

    assert (file.data_rows, file.blank_rows, file.rows) == (2, 1, ())
    assert [(one.rule, one.place.cell) for one in file.rejected] == [
        ("ofsted-urn-missing", "A2"),
        ("ofsted-urn-unreadable", "A3"),
    ]
    assert not any("Jane" in one.message + one.advice for one in file.rejected)


@pytest.mark.parametrize(
    ("helped", "leaders", "overall", "broken"),
    [
        ("Inadequate", "Good", "Good", True),
        ("Inadequate", "Good", "Inadequate", False),
        ("Good", "Inadequate", "Good", True),
        ("Good", "Inadequate", "Requires improvement to be good", False),
    ],
)
def test_the_limiting_judgements_are_a_warning(helped: str, leaders: str, overall: str, broken: bool) -> None:
    text = (
        "URN,Provision type,Inspection event type,Inspection date,Overall experiences and progress of children and young people,"
        "How well children and young people are helped and protected,The effectiveness of leaders and managers\n"
        f"2900001,Children's home,Full inspection,01/02/2024,{overall},{helped},{leaders}\n"
    )

    file = read_ofsted(text.encode(), as_at=date(2024, 3, 31))

    assert [one.rule for one in file.warnings] == (["ofsted-limiting-judgement"] if broken else [])
    assert file.rows[0].latest_grade() is not None


def test_the_newer_of_two_status_columns_dates_the_list() -> None:
    text = "URN,Provision type,Local authority,Registration status (as at 1 April 2024),Registration status (as at 31 March 2025)\n"

    assert read_ofsted((text + "2900001,Children's home,Wigan,Active,Resigned\n").encode()).as_at == date(2025, 3, 31)


def test_an_inspection_after_the_lists_day_is_told() -> None:
    file = read_ofsted(
        (HEAD + "2900001,Children's home,Active,Wigan,3,Full inspection,01/05/2025,Good\n").encode(),
        as_at=date(2025, 3, 31),
    )

    assert [one.rule for one in file.warnings] == ["ofsted-after-as-at"]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Example Homes Ltd", "EXAMPLE HOMES LIMITED"),
        ("Example Homes Ltd.", "Example  Homes Ltd "),
        ("E&E Care Ltd", "E & E Care Limited"),
        ("Example Children's Services", "Example Childrens Services"),
        ("Example 2 Be Ltd", "Example2Be Ltd"),
    ],
)
def test_two_spellings_of_one_owner(one: str, other: str) -> None:
    assert owner_key(one) == owner_key(other) != ""


def test_owners_are_not_joined_by_guesswork() -> None:
    assert owner_key("Example Homes (North) Ltd") != owner_key("Example Homes (South) Ltd")
    assert owner_key(None) == owner_key("") == ""


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(st.text(CHARACTERS, max_size=12), min_size=8, max_size=8), max_size=6))
def test_no_row_makes_the_reader_fall_over(rows: list[list[str]]) -> None:
    body = "\n".join(",".join('"' + cell.replace('"', "''") + '"' for cell in row) for row in rows)

    file = read_ofsted((HEAD + body).encode("utf-8", "replace"), as_at=date(2025, 3, 31))

    assert file.data_rows >= len(file.rows) + len(file.rejected) - 1


@settings(max_examples=80, deadline=None)
@given(st.binary(max_size=400))
def test_any_other_bytes_are_refused_in_words(data: bytes) -> None:
    with pytest.raises(AdapterError):
        read_ofsted(data)
