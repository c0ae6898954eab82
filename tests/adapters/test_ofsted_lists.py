"""Every shape of list that Ofsted has published, in small invented samples: told apart by content, read into one form."""

from datetime import date
from pathlib import Path

import pytest

from placefeed.adapters.base import ChangedShape
from placefeed.adapters.ofsted import AsAtMissing, OfstedFile, OfstedRow, read_ofsted

SAMPLES = Path(__file__).parent / "samples" / "ofsted"


def sample(name: str, *, as_at: date | None = None, hint: str | None = None) -> OfstedFile:
    return read_ofsted((SAMPLES / name).read_bytes(), as_at=as_at, name_hint=hint)


def row(file: OfstedFile, urn: str) -> OfstedRow:
    return next(one for one in file.rows if one.urn == urn)


def rules(file: OfstedFile) -> list[str]:
    return [issue.rule for issue in (*file.warnings, *file.rejected)]


@pytest.mark.parametrize(
    ("name", "kind", "as_at", "data_rows", "settings"),
    [
        ("provider_level_2015.csv", "provider-level", None, 5, 4),
        ("provider_level_2017.csv", "provider-level", None, 3, 3),
        ("provider_level_2019.csv", "provider-level", None, 3, 3),
        ("provider_level_2022.csv", "provider-level", date(2022, 3, 31), 3, 3),
        ("provider_level_2024.csv", "provider-level", date(2024, 3, 31), 3, 3),
        ("provider_level_2025.csv", "provider-level", date(2025, 3, 31), 4, 4),
        ("workbook_2025.ods", "provider-level", date(2025, 3, 31), 4, 4),
        ("workbook_september_2025.xlsx", "provider-level", date(2025, 9, 30), 4, 4),
        ("in_year_2015_16.csv", "in-year", date(2016, 3, 31), 3, 2),
        ("in_year_2023_24.csv", "in-year", date(2024, 3, 31), 5, 2),
        ("la_list_april_2023_ch.csv", "la-list", None, 2, 2),
        ("la_list_september_2023_non_ch.xlsx", "la-list", None, 2, 2),
        ("providers_and_places_2014.csv", "places", None, 3, 3),
        ("numbers_2014.csv", "provider-level", None, 2, 2),
    ],
)
def test_a_list_is_told_by_its_content(name: str, kind: str, as_at: date | None, data_rows: int, settings: int) -> None:
    file = sample(name)

    assert (file.kind, file.as_at, file.data_rows, len(file.rows)) == (kind, as_at, data_rows, settings)


def test_the_same_list_as_csv_and_as_workbook_reads_the_same() -> None:
    text, book = sample("provider_level_2025.csv"), sample("workbook_2025.ods")

    assert text.rows == book.rows
    assert text.columns == book.columns
    assert "Provider_level_in_year_2024-25" in book.notes[-1]


def test_the_list_of_2015_has_no_places_and_keeps_numbers_of_another_scheme_out() -> None:
    file = sample("provider_level_2015.csv", as_at=date(2015, 3, 31))

    assert rules(file) == ["ofsted-urn-other-scheme"]
    assert file.rejected[0].place.cell == "B6"
    assert file.blank_rows == 3
    assert not {"places", "owner"} & file.columns
    school = row(file, "SC900002")
    assert school.provision_type == "residential-special-school-childrens-home"
    assert school.local_authority == "E06000047"  # `Durham` is also the name of an authority that has ended
    assert school.inspections[0].framework == "ofsted-homes-2015"
    assert school.inspections[0].judgements == {
        "overall": "adequate",
        "outcomes": "good",
        "quality-of-care": "good",
        "helped-and-protected": "adequate",
        "leaders-and-managers": "adequate",
    }
    assert row(file, "SC900004").local_authority == "E10000006"  # Cumbria, as it was then
    assert row(file, "SC900001").short_breaks_only is True
    assert row(file, "SC900003").latest_grade() == "satisfactory"


def test_a_band_over_the_headings_is_understood_and_not_judged_is_no_grade() -> None:
    file = sample("provider_level_2017.csv", as_at=date(2017, 3, 31))

    assert [one.short_breaks_only for one in file.rows] == [False, True, None]
    assert row(file, "1900002").inspections[0].judgements == {"overall": "good", "leaders-and-managers": "good"}
    assert row(file, "1900001").name is None  # REDACTED
    assert row(file, "1900003").education_urn == "199999"


def test_a_grade_belongs_to_the_framework_of_its_day_whatever_the_heading() -> None:
    file = sample("provider_level_2019.csv", as_at=date(2019, 3, 31))

    assert row(file, "1900001").inspections[0].framework == "sccif-2017"
    assert row(file, "1900005").inspections[0].framework == "ofsted-homes-2015"
    assert row(file, "1900001").latest_grade() == "requires-improvement"
    assert "ofsted-limiting-judgement" not in rules(file)


def test_windows_text_the_misprint_and_a_month_in_the_title() -> None:
    file = sample("provider_level_2022.csv")

    assert file.as_at_from == "title"
    assert row(file, "2900002").inspections[0].judgements["health"] == "outstanding"
    assert row(file, "2900002").owner == "Example Council"
    centre = row(file, "2900003")
    assert (centre.name, centre.owner) == ("Example Centre – North", "Café Example Ltd")
    assert (centre.registration_status, centre.places, centre.inspections) == ("suspended", None, ())
    assert rules(file) == []


def test_mac_text_and_the_inspection_before() -> None:
    file = sample("provider_level_2024.csv")

    assert file.title == "Children's social care data in England 2024 – Provider level as at 31 March 2024"
    home = row(file, "2900001")
    assert [(one.event, one.judgements["overall"]) for one in home.inspections] == [
        ("10900041", "good"),
        ("10900021", "inadequate"),
    ]
    assert [one.framework for one in row(file, "SC900003").inspections] == ["sccif-2017", "ofsted-homes-2015"]
    assert row(file, "SC900003").name == "Example Fostering – South"


def test_a_visit_under_full_inspection_with_a_grade_is_read_as_ofsted_prints_it() -> None:
    file = sample("provider_level_2024.csv")

    regraded = row(file, "2900004")
    assert (regraded.inspections[0].kind, regraded.latest_grade()) == ("full", "good")
    assert rules(file) == ["ofsted-visit-with-grade"]


def test_supported_accommodation_has_one_outcome_and_many_premises() -> None:
    lodgings = row(sample("provider_level_2025.csv"), "2900005")

    assert lodgings.premises == 12
    assert lodgings.local_authority == "W06000006"
    assert lodgings.inspections[0].framework == "supported-accommodation-2024"
    assert lodgings.inspections[0].judgements == {"overall": "inconsistent-quality"}


def test_a_list_of_inspections_has_several_for_one_setting_and_visits_carry_no_grade() -> None:
    file = sample("in_year_2023_24.csv")

    home = row(file, "2900001")
    assert [one.kind for one in home.inspections] == ["emergency", "monitoring", "full", "full"]
    assert home.latest_grade() == "good"
    left = row(file, "2900007")
    assert left.registration_status == "resigned"
    assert all(one.judgements == {} for one in left.inspections if one.kind in ("monitoring", "assurance"))
    assert left.latest_grade() == "inadequate"
    assert rules(file) == ["ofsted-visit-with-grade"]


def test_interim_inspections_have_a_framework_of_their_own() -> None:
    home = row(sample("in_year_2015_16.csv"), "SC900001")

    assert [(one.kind, one.framework, one.judgements["overall"]) for one in home.inspections] == [
        ("interim", "ofsted-interim", "improved"),
        ("full", "ofsted-homes-2015", "good"),
    ]
    assert home.latest_grade() == "good"


def test_columns_alike_are_told_apart_by_urns_that_repeat() -> None:
    lines = (SAMPLES / "in_year_2015_16.csv").read_text().splitlines()[1:]  # without the title
    repeated = "\n".join([lines[0], *[lines[1].replace("2900001", f"29000{n}") for n in range(10, 14)], *lines[2:]])

    assert read_ofsted(repeated.encode()).kind == "in-year"


def test_the_la_list_says_needs_and_a_grade_without_a_day() -> None:
    file = sample("la_list_april_2023_ch.csv", hint="Social care list - April 2023 CH.csv")

    assert file.restricted
    assert (file.as_at, file.as_at_from) == (date(2023, 4, 30), "file name")
    home, secure = file.rows
    assert home.needs == ("emotional-and-behavioural-difficulties", "learning-difficulty")
    assert home.inspections[0].inspected_on is None
    assert home.inspections[0].judgements["overall"] == "requires-improvement"
    assert secure.provision_type == "secure-childrens-home"  # said in the second column only
    assert (secure.local_authority, secure.inspections, secure.needs) == (None, (), ())
    assert rules(file) == ["ofsted-as-at"]


def test_what_is_inspected_with_the_authority_has_no_grade() -> None:
    file = sample("la_list_september_2023_non_ch.xlsx", hint="September 2023 non CH.xlsx")

    agency = row(file, "2900010")
    assert (agency.inspections, agency.local_authority) == ((), "E06000058")
    assert row(file, "SC900003").latest_grade() == "good"


def test_a_list_of_places_knows_authorities_by_their_old_names() -> None:
    file = sample("providers_and_places_2014.csv", as_at=date(2014, 9, 30))

    assert [one.local_authority for one in file.rows] == ["E06000023", "E06000015", "E06000008"]
    assert [one.places for one in file.rows] == [0, 6, None]
    assert "inspections" not in file.columns
    assert rules(file) == []


def test_numbers_from_0_to_5_stay_numbers() -> None:
    file = sample("numbers_2014.csv", as_at=date(2014, 9, 30))

    assert [(one.inspections[0].framework, one.latest_grade()) for one in file.rows] == [
        ("ofsted-2014-numeric", "2"),
        ("ofsted-2014-numeric", "0"),
    ]


def test_the_premises_alone_are_joined_into_one_setting() -> None:
    text = (
        "URN,Provider name,Provision type,Registration status,Service category (Note 4),Places,Premises Local Authority\n"
        "2900005,Example,Supported Accommodation,Active,Category 3,4,Wigan\n"
        "2900005,Example,Supported Accommodation,Active,Category 1,1,Leeds\n"
    )

    file = read_ofsted(text.encode(), as_at=date(2025, 3, 31))

    (lodgings,) = file.rows
    assert (file.kind, lodgings.premises, lodgings.places, lodgings.local_authority) == ("premises", 2, None, None)
    assert [(site.category, site.places) for site in lodgings.sites] == [("Category 3", 4), ("Category 1", 1)]


def test_a_list_without_a_date_says_what_to_do() -> None:
    file = sample("provider_level_2017.csv", hint="provider_level_2017.csv")

    assert file.as_at is None
    (issue,) = file.warnings
    assert (issue.rule, issue.severity) == ("ofsted-as-at-missing", "error")
    assert "--as-at 2017-03-31" in issue.advice
    with pytest.raises(AsAtMissing, match="--as-at"):
        file.dated()


def test_the_date_given_counts_before_the_files_own() -> None:
    file = sample("provider_level_2025.csv", as_at=date(2025, 4, 1))

    assert (file.as_at, file.as_at_from) == (date(2025, 4, 1), "given")
    assert rules(file) == ["ofsted-as-at"]


def test_only_a_whole_list_of_england_may_be_complete() -> None:
    assert not sample("provider_level_2025.csv").complete_hint  # four rows are a selection


def test_another_file_is_refused_with_its_reason() -> None:
    with pytest.raises(ChangedShape, match="URN"):
        read_ofsted(b"Home,Beds free\nExample House,2\n")
