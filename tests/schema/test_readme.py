"""What the README of the standard shows is valid, and names what there is."""

import json
import re
from datetime import UTC, datetime

import pytest

from placefeed.schema.codelists import codelist
from placefeed.schema.files import DOCUMENTS, PROVISIONAL, VERSION, explaining_validator, find
from placefeed.schema.template import columns
from placefeed.schema.validation import validate

NOW = datetime(2026, 11, 21, 18, 5, tzinfo=UTC)


@pytest.fixture(scope="module")
def readme() -> str:
    path = find("README.md")
    if not path.exists():
        pytest.skip("an installed package has no README of the standard")
    return path.read_text(encoding="utf-8")


def blocks(text: str) -> list[dict[str, object]]:
    return [json.loads(block) for block in re.findall(r"```json\n(.*?)```", text, flags=re.DOTALL)]


def test_the_worked_example_is_valid_and_breaks_no_rule(readme: str) -> None:
    feed, _ = blocks(readme)

    assert validate(json.dumps(feed), now=NOW).issues == []


def test_the_shown_extension_is_valid(readme: str) -> None:
    _, capacity = blocks(readme)

    assert list(explaining_validator("capacity").iter_errors(capacity)) == []


def test_every_document_is_named_and_the_provisional_ones_are_marked(readme: str) -> None:
    for name in DOCUMENTS:
        mark = r"\) \*" if name in PROVISIONAL else r"\)"
        assert re.search(rf"\[`{name}`\]\({re.escape(VERSION)}/{name}\.schema\.json{mark}", readme), name


def test_every_link_leads_to_a_file(readme: str) -> None:
    for link in re.findall(r"\]\(([^)#]+)", readme):
        assert find(link).exists(), link


def test_the_row_of_the_spreadsheet_has_headings_and_words_of_the_form(readme: str) -> None:
    heading, row = re.search(r"^\| (URN \|.*) \|\n\|[-|]+\|\n\| (.*) \|$", readme, flags=re.MULTILINE).groups()  # type: ignore[union-attr]
    form = {column.heading.rstrip(" *"): column for column in columns() if column.sheet == "Vacancies"}

    for shown, cell in zip(heading.split(" | "), row.split(" | "), strict=True):
        assert shown in form
        if form[shown].kind in ("code", "codes"):
            titles = [codelist(form[shown].codelist).title(code) for code in codelist(form[shown].codelist).codes]
            assert set(cell.split("; ")) <= set(titles), shown
