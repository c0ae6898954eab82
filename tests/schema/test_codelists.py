"""Codelists: their form, their agreement with the schemas, and that every authority Ofsted has named is found."""

import csv
import re
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from placefeed.schema.codelists import (
    UnknownCodelist,
    codelist,
    codelist_names,
    fold,
    judgement,
    judgements,
    local_authorities,
    local_authority,
    rank,
    region,
    region_of,
)
from placefeed.schema.files import INPUTS, find, schema


def marked(node: Any) -> list[dict[str, Any]]:
    if isinstance(node, dict):
        return [*([node] if "x-codelist" in node else []), *(one for value in node.values() for one in marked(value))]
    return [one for value in node for one in marked(value)] if isinstance(node, list) else []


MARKED = [node for name in ("common", *INPUTS) for node in marked(schema(name))]


def test_every_file_is_in_the_index_and_the_other_way_round() -> None:
    files = {path.stem for path in find("codelists").glob("*.csv")} - {"index"}

    assert set(codelist_names()) == files


@pytest.mark.parametrize("name", codelist_names())
def test_a_codelist_has_the_columns_of_the_standard_and_each_code_once(name: str) -> None:
    rows = codelist(name).rows

    assert list(rows[0])[:4] == ["code", "title", "description", "deprecated"] or name in ("judgements",)
    keys = [(row.get("framework", ""), row["code"]) for row in rows]
    assert len(set(keys)) == len(keys)
    assert all(row["title"] and row["deprecated"] in ("", "yes") for row in rows)
    assert all(text == text.strip() for row in rows for text in row.values())


@pytest.mark.parametrize("name", sorted({node["x-codelist"] for node in MARKED if "enum" in node}))
def test_the_enums_of_the_schemas_are_the_codes_of_the_lists(name: str) -> None:
    for node in (node for node in MARKED if node["x-codelist"] == name and "enum" in node):
        assert sorted(node["enum"]) == sorted(codelist(name).codes)
        assert not codelist(name).open


def test_the_schemas_name_no_codelist_that_is_not_there() -> None:
    assert {node["x-codelist"] for node in MARKED} <= set(codelist_names())


@pytest.mark.parametrize("name", [name for name in codelist_names() if codelist(name).open and name != "given-names"])
def test_the_codes_of_open_lists_have_the_form_that_the_schema_asks_for(name: str) -> None:
    form = r"[A-Za-z0-9]+([-.][A-Za-z0-9]+)*"

    assert all(re.fullmatch(form, code) for code in codelist(name).codes)


def test_an_unknown_codelist_says_so() -> None:
    with pytest.raises(UnknownCodelist):
        codelist("beds")


@pytest.mark.parametrize(
    ("name", "word", "code"),
    [
        ("provision-types", "Children's Home", "children-home"),
        ("provision-types", "Residential special school (>295 days/year)", "residential-special-school-childrens-home"),
        ("provision-types", "children’s home", "children-home"),
        ("inspection-kinds", "SC – Emergency inspection", "emergency"),
        ("inspection-kinds", "Full Inspection", "full"),
        ("registration-statuses", "ACTIVE", "active"),
        ("sectors", "Health Authority", "health-authority"),
        ("needs", "Present Drug Problems", "drug-problems"),
        ("aspects", "Overall effectiveness", "overall"),
        ("judgement-gaps", "Not yet inspected", "not-yet-inspected"),
    ],
)
def test_ofsteds_words_are_found_however_they_are_written(name: str, word: str, code: str) -> None:
    assert codelist(name).find(word, "ofsted") == code


def test_a_mapping_gives_our_code_for_the_word_as_written_and_folded() -> None:
    mapping = codelist("provision-types").mapping("ssda903")

    assert mapping["K2"] == "children-home"
    assert mapping["k2"] == "children-home"


def test_folding_makes_blanks_dashes_and_width_alike() -> None:
    assert fold("  Brighton\u00a0&  Hove ") == fold("BRIGHTON and hove") == "brighton and hove"
    assert fold("Southend–on–Sea") == "southend on sea"


# --- grades -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("framework", "word", "code"),
    [
        ("sccif-2017", "Requires improvement to be good", "requires-improvement"),
        ("ofsted-homes-2015", "Requires Improvement", "requires-improvement"),
        ("ofsted-homes-2015", "Adequate", "adequate"),
        ("ofsted-interim", "Sustained effectiveness", "sustained"),
        ("supported-accommodation-2024", "Serious or widespread weaknesses", "serious-or-widespread-weaknesses"),
        ("ofsted-2014-numeric", "3", "3"),
        ("sccif-2017", "Adequate", None),
        ("sccif-2017", "NULL", None),
    ],
)
def test_a_grade_means_something_within_its_framework_only(framework: str, word: str, code: str | None) -> None:
    assert judgement(framework, word) == code


def test_grades_are_ranked_within_a_framework_and_numbers_of_2014_are_not() -> None:
    assert rank("sccif-2017", "outstanding") == 1
    assert rank("sccif-2017", "inadequate") == 4
    assert rank("ofsted-2014-numeric", "3") is None


def test_every_framework_has_grades() -> None:
    assert all(judgements(framework).codes for framework in codelist("frameworks").codes)


# --- where ------------------------------------------------------------------------------------------


def test_there_are_153_live_english_authorities() -> None:
    assert sum(one.live and one.code.startswith("E") for one in local_authorities()) == 153


def test_every_abolished_authority_has_successors_that_follow_it() -> None:
    by_code = {one.code: one for one in local_authorities()}
    for one in local_authorities():
        assert one.live == (not one.successors)
        for code in one.successors:
            assert one.valid_until is not None
            assert (by_code[code].valid_from - one.valid_until).days == 1


def test_names_of_one_authority_never_overlap_in_time() -> None:
    for one in local_authorities():
        for day in (one.valid_from, one.valid_until or date(2026, 1, 1)):
            assert local_authority(one.code) == one
            assert local_authority(one.name, on=day) == one


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("Bristol", "E06000023"),
        ("Kingston upon Hull", "E06000010"),
        ("Herefordshire", "E06000019"),
        ("Southend on Sea", "E06000033"),
        ("Durham", "E06000047"),
        ("St Helens", "E08000013"),
        ("Bournemouth, Christchurch & Poole", "E06000058"),
        ("Northumberland", "E06000057"),
        ("Barnsley", "E08000038"),
        ("Cumbria", "E10000006"),
        ("Cardiff", "W06000015"),
        ("Conwy", "W06000003"),
        ("Newport", "W06000022"),
        ("Wrexham", "W06000006"),
        ("London Borough of Camden", "E09000007"),
        ("Leeds City Council", "E08000035"),
        (" e08000025 ", "E08000025"),
        ("(select)", None),
        ("", None),
        ("Middle-earth", None),
    ],
)
def test_an_authority_is_found_by_code_name_or_alias(text: str, code: str | None) -> None:
    found = local_authority(text)

    assert (found.code if found else None) == code


@pytest.mark.parametrize(
    ("text", "day", "code"),
    [
        ("Durham", date(2009, 2, 1), "E10000010"),
        ("Dorset", date(2018, 3, 31), "E10000009"),
        ("Dorset", date(2020, 3, 31), "E06000059"),
        ("Sheffield", date(2025, 4, 30), "E08000019"),
        ("Sheffield", date(2025, 5, 1), "E08000039"),
        ("Poole", date(2025, 3, 31), "E06000029"),
        ("Northumberland", date(1999, 1, 1), "E10000022"),
    ],
)
def test_a_name_means_the_authority_of_its_day(text: str, day: date, code: str) -> None:
    found = local_authority(text, on=day)

    assert found is not None
    assert found.code == code


def test_an_authority_lies_in_a_region() -> None:
    assert all(region_of(one.code) is not None for one in local_authorities())
    lewisham = region_of("E09000023")
    assert lewisham is not None
    assert lewisham.name == "London"
    assert region_of("E99999999") is None


@pytest.mark.parametrize("text", ["North East, Yorkshire and The Humber", "North East, Yorkshire and the Humber"])
def test_ofsteds_own_region_of_two_is_known(text: str) -> None:
    found = region(text)

    assert found is not None
    assert codelist("regions").row(found.code)["parts"] == "E12000001|E12000003"


def test_yorkshires_article_does_not_matter() -> None:
    assert region("Yorkshire and the Humber") == region("Yorkshire and The Humber") == region("E12000003")


@pytest.mark.shared
def test_every_authority_and_region_that_ofsted_has_named_is_found(shared_data: Path) -> None:
    unknown = set()
    for path in sorted((shared_data / "ofsted").glob("*.csv")):
        raw = path.read_bytes()
        text = raw.decode("utf-8-sig" if raw.startswith(b"\xef\xbb\xbf") else "cp1252", "replace")
        rows = list(csv.reader(text.splitlines(keepends=True)))
        start = next(index for index, row in enumerate(rows) if "URN" in row)
        headings = rows[start]
        authority = headings.index("Local authority")
        regions = [index for index, heading in enumerate(headings) if "region" in heading.lower()]
        for row in rows[start + 1 :]:
            if row[authority].strip() and local_authority(row[authority]) is None:
                unknown.add(row[authority])
            unknown.update(row[index] for index in regions if row[index].strip() and region(row[index]) is None)

    assert unknown == set()


@pytest.mark.shared
def test_the_list_agrees_with_the_offices_own_codes(shared_data: Path) -> None:
    with (shared_data / "la" / "local_authorities.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = [row for row in csv.DictReader(file) if re.fullmatch("E[0-9]{8}", row["new_la_code"])]

    for row in rows:
        found = local_authority(row["new_la_code"])
        assert found is not None
        assert (found.name, found.region, found.live) == (
            row["la_name"],
            row["parent_geography_code"],
            row["status"] == "live",
        )
    assert len(rows) == sum(one.code.startswith("E") for one in local_authorities())


# --- mappings ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["hsds", "ssda903", "placements-data-standard", "capacity-tracker"])
def test_a_mapping_has_known_relations_and_no_line_without_a_side(name: str) -> None:
    with find("mappings", f"{name}.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))

    assert rows
    assert {row["relation"] for row in rows} <= {"exact", "close", "broader", "narrower", "none"}
    assert all(row["placefeed"] or row["theirs"] for row in rows)
    assert all((row["relation"] == "none") == (not row["placefeed"] or not row["theirs"]) for row in rows)
