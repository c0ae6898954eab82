"""The reference has a page for every document, works from a disk, and loads nothing from anywhere else."""

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from placefeed.schema.files import DOCUMENTS, schema
from placefeed.schema.reference import CSS, PAGES, page, write_reference

VOID = {"meta", "link", "br", "hr"}


class Page(HTMLParser):
    """Reads a page strictly: every tag closed in its turn, links and anchors kept."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.links: list[str] = []
        self.anchors: list[str] = []
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        for name, value in attrs:
            self.attributes.add(name)
            if name in ("href", "src"):
                self.links.append(value or "")
            if name == "id":
                self.anchors.append(value or "")
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.fixture(scope="module")
def pages() -> dict[str, Page]:
    return {name: Page(page(name)) for name in PAGES}


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_whole_and_nothing_in_it_runs_or_is_styled_in_place(pages: dict[str, Page], name: str) -> None:
    read = pages[name]

    assert {"html", "head", "title", "main", "h1", "nav"} <= read.tags
    assert not {"script", "style", "img", "iframe", "form", "base"} & read.tags
    assert not {"style", "src"} & read.attributes
    assert not [attribute for attribute in read.attributes if attribute.startswith("on")]
    assert len(read.anchors) == len(set(read.anchors))


def test_every_link_leads_to_a_page_and_an_anchor_of_the_reference(pages: dict[str, Page]) -> None:
    for name, read in pages.items():
        for link in read.links:
            target, _, anchor = link.partition("#")
            assert target in ("", CSS, *(f"{other}.html" for other in PAGES)), f"{name}: {link} leads outside"
            if anchor:
                assert anchor in pages[target.removesuffix(".html") or name].anchors, f"{name}: {link} leads nowhere"


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_document_shows_each_of_its_properties_and_an_example(name: str) -> None:
    text = page(name)

    for key in schema(name)["properties"]:
        assert f"<code>{key}</code>" in text
    assert "<h2>Example</h2>" in text


def test_words_of_the_schemas_are_escaped() -> None:
    assert "provider&#x27;s" in page("rate")


def test_a_page_that_is_not_there_is_an_error() -> None:
    with pytest.raises(KeyError):
        page("beds")


def test_all_pages_are_written_with_one_style_sheet(tmp_path: Path) -> None:
    written = write_reference(tmp_path / "reference")

    assert sorted(path.name for path in written) == sorted([CSS, *(f"{name}.html" for name in PAGES)])
    style = (tmp_path / "reference" / CSS).read_text(encoding="utf-8")
    assert not re.search(r"url\(|@import|https?:", style)
