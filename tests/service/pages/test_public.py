"""What anyone may read: the first page, the open summary, the standard, the statements."""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import html5lib
import pytest

from placefeed.schema.codelists import codelist_names, local_authorities
from placefeed.schema.files import DOCUMENTS, find
from placefeed.schema.reference_parts import MAPPINGS, codelist_table, document, examples
from placefeed.service import pages
from placefeed.service.channels.summary import MADE_AT, next_edition, summary_document
from placefeed.service.config import Settings
from placefeed.service.pages.prose import prose
from placefeed.service.pages.public import tiles
from placefeed.service.pages.public.standard import _examples
from placefeed.service.pages.public.statements import cookies
from placefeed.service.pages.sign_in.elsewhere import _cookie
from placefeed.service.pages.sign_in.session import HALF_WAY
from placefeed.service.running.origin import KNOWN_BROWSER, cookie_name
from placefeed.service.schedule import job
from placefeed.service.tables import PublicSummary
from tests.service.api.exchange import World
from tests.service.test_query import as_row

Visit = Callable[..., Any]
EVIL = "<img src=x onerror=alert(1)>"


def edition(world: World, *, name: str = "Lewisham") -> dict[str, Any]:
    """An edition with a count in Lewisham and another in Bristol; all others are kept back."""
    rows = [
        as_row(f"{la}-{number}", la=la, urn=f"{la}{number}", places=3)
        for la, count in (("E09000023", 20), ("E06000023", 12), ("E06000026", 2), ("E08000035", 9), ("E08000003", 30))
        for number in range(count)
    ]
    made = summary_document(rows, week=datetime(2026, 6, 29, tzinfo=UTC))
    for region in made["regions"]:
        for part in region["localAuthorities"]:
            part["name"] = name if part["code"] == "E09000023" else part["name"]
    with world.database.write() as session:
        session.add(PublicSummary(week=datetime(2026, 6, 28, 23, tzinfo=UTC), made_at=world.clock(), document=made))
    return made


@pytest.fixture
def open_world(world: World) -> World:
    """The exchange with its open summary switched on."""
    world.app.state.exchange.settings = world.settings.model_copy(update={"public": True})
    return world


def parsed(answer: Any) -> str:
    """A page's text; it has no mistake in its HTML and one first heading."""
    assert answer.status_code == 200, answer.text[:300]
    html5lib.HTMLParser(strict=True).parse(answer.text)
    assert answer.text.count("<h1") == 1
    return str(answer.text)


def test_the_first_page_says_what_it_is_and_leads_on(visit: Visit) -> None:
    text = parsed(visit().get("/"))

    for to in ("/sign-in", "/check", "/standard", "/docs", "/terms", "/accessibility", "/privacy"):
        assert f'href="{to}"' in text
    assert "Example House" in text
    assert ">Invented<" in text
    assert "/summary" not in text


def test_the_summary_is_a_page_only_where_it_is_switched_on(world: World, visit: Visit) -> None:
    edition(world)
    assert visit().get("/summary").status_code == 404

    world.app.state.exchange.settings = world.settings.model_copy(update={"public": True})
    assert visit().get("/summary").status_code == 200
    assert 'href="/summary"' in parsed(visit().get("/"))


def test_before_the_first_summary_the_page_says_when_it_comes(open_world: World, visit: Visit) -> None:
    assert "5am on 6 July 2026" in parsed(visit().get("/summary"))


def test_the_summary_shows_counts_and_what_is_kept_back(open_world: World, visit: Visit) -> None:
    made = edition(open_world)
    text = parsed(visit().get("/summary"))

    shown = {part["code"]: part["places"] for region in made["regions"] for part in region["localAuthorities"]}
    assert shown["E08000003"] == 90
    assert shown["E06000026"] is None
    assert "<title>Manchester: 90 places</title>" in text
    assert "<title>Plymouth: kept back</title>" in text
    assert text.count("<g><title>") == 153
    assert len(re.findall(r"<g><title>[^<]*: kept back</title>", text)) == sum(
        1 for tile in tiles.england().tiles if shown[tile.code] is None
    )
    assert "rounded to the nearest 5" in text
    assert 'href="/v1/public/summary"' in text
    assert visit().get("/v1/public/summary").json() == made


def test_the_table_is_sorted_and_filtered_by_links(open_world: World, visit: Visit) -> None:
    edition(open_world)

    def names(query: str) -> list[str]:
        body = visit().get(f"/summary?{query}").text.partition('id="authorities"')[2]
        return re.findall(r'govuk-!-font-weight-regular">([^<]*)<', body)

    assert names("") == sorted(names(""))
    assert len(names("")) == sum(authority.live for authority in local_authorities())
    assert names("sort=places")[0] == "Manchester"
    assert names("region=E12000007&sort=nonsense") == sorted(
        authority.name for authority in local_authorities() if authority.live and authority.region == "E12000007"
    )
    assert names("region=nowhere") == names("")


def test_names_in_a_summary_are_text(open_world: World, visit: Visit) -> None:
    edition(open_world, name=EVIL)

    text = parsed(visit().get("/summary"))

    assert EVIL not in text
    assert "&lt;img src=x" in text


def test_invented_counts_are_marked(open_world: World, visit: Visit) -> None:
    made = edition(open_world)
    assert "Invented data" not in visit().get("/summary").text

    with open_world.database.write() as session:
        row = session.get(PublicSummary, datetime(2026, 6, 28, 23, tzinfo=UTC))
        assert row is not None
        row.document = {**made, "simulated": True}
        session.add(row)
    assert "Invented data" in visit().get("/summary").text


def test_the_next_summary_is_when_the_schedule_makes_it() -> None:
    assert job(Settings(), "public-summary").cron == f"0 {MADE_AT} * * 1"
    assert next_edition(datetime(2026, 7, 6, 3, 59, tzinfo=UTC)) == datetime(2026, 7, 6, 4, tzinfo=UTC)
    assert next_edition(datetime(2026, 7, 6, 4, 0, tzinfo=UTC)) == datetime(2026, 7, 13, 4, tzinfo=UTC)
    assert next_edition(datetime(2026, 10, 24, tzinfo=UTC)) == datetime(2026, 10, 26, 5, tzinfo=UTC)


def test_the_map_has_a_square_for_every_live_english_authority() -> None:
    squares = tiles.england().tiles
    live = {one.code for one in local_authorities() if one.live and one.code.startswith("E")}

    assert {tile.code for tile in squares} == live
    assert len({(tile.x, tile.y) for tile in squares}) == len({tile.short for tile in squares}) == len(live) == 153
    assert len(tiles.england().regions) == 9
    assert [tiles.step_of(count) for count in (None, 0, 10, 15, 45, 50, 500)] == ["kept", "1", "1", "2", "3", "4", "4"]


def test_no_region_writes_its_name_over_a_square() -> None:
    drawn = tiles.england()
    for name, x, y in drawn.regions:
        wide = len(name) * 8.5
        for tile in drawn.tiles:
            beside = tile.x >= x + wide or tile.x + tiles.SIZE <= x
            assert beside or not tile.y - 4 < y < tile.y + tiles.SIZE + 11, (name, tile.name)


def test_every_page_of_the_standard_is_there_and_its_links_lead_somewhere(visit: Visit) -> None:
    pages = {
        "/standard", "/standard/changes", "/standard/rules", "/standard/examples",
        *(f"/standard/{name}" for name in DOCUMENTS),
        *(f"/standard/codelists/{name}" for name in codelist_names()),
        *(f"/standard/mappings/{name}" for name in MAPPINGS),
    }  # fmt: skip
    browser, texts, files = visit(), {}, set()
    for path in sorted(pages):
        answer = browser.get(path)
        assert answer.status_code == 200, path
        texts[path] = answer.text
    for path, text in texts.items():
        ids = set(re.findall(r' id="([^"]+)"', text))
        for link in re.findall(r'<a [^>]*href="([^"]+)"', text.partition("<main")[2].partition("</main>")[0]):
            to, _, anchor = link.partition("#")
            if to.startswith("/schema/"):
                files.add(to)
            elif to.startswith("/standard/examples/"):
                assert to.rpartition("/")[2] in _examples(), link
            elif to.startswith("/standard"):
                assert to in pages, f"{path}: {link}"
                assert not anchor or f'id="{anchor}"' in texts[to], f"{path}: {link}"
            elif not to:
                assert anchor in ids, f"{path}: {link}"
    assert len(files) > len(DOCUMENTS) + len(codelist_names())
    for path in sorted(files)[::12]:
        assert browser.get(path).status_code == 200, path


def test_pages_are_html_without_a_mistake(visit: Visit) -> None:
    browser = visit()
    for path in (
        "/standard", "/standard/changes", "/standard/rules", "/standard/vacancy", "/standard/list",
        "/standard/codelists/local-authorities", "/standard/mappings/ssda903", "/standard/examples",
        "/standard/examples/feed-three-lines.ndjson", "/standard/examples/ages-reversed.json", "/accessibility", "/privacy",
    ):  # fmt: skip
        parsed(browser.get(path))


def test_a_document_shows_every_property_and_an_example(visit: Visit) -> None:
    text = visit().get("/standard/vacancy").text

    for section in document("vacancy").sections:
        for row in section.properties:
            assert f'<span class="pf-word">{row.name}</span>' in text
    assert "/standard/codelists/support-needs" in text
    assert "&#34;asOf&#34;" in text


def test_what_is_not_in_the_standard_is_not_found(visit: Visit) -> None:
    for path in (
        "/standard/beds",
        "/standard/common",
        "/standard/codelists/index",
        "/standard/mappings/x",
        "/standard/examples/..%2frules",
    ):
        assert visit().get(path).status_code == 404, path


def test_a_wrong_example_names_its_rule(visit: Visit) -> None:
    text = visit().get("/standard/examples/ages-reversed.json").text

    assert "/standard/rules#ages-reversed" in text
    assert 'id="ages-reversed"' in visit().get("/standard/rules").text


def test_every_wrong_example_leads_to_a_rule() -> None:
    known = {row[0] for row in codelist_table_of_rules()}
    assert {path.stem for path in _examples().values() if path.parent.name == "invalid"} <= known
    assert len(_examples()) == len(examples()) + len(list(find("examples", "invalid").glob("*.json")))


def codelist_table_of_rules() -> tuple[tuple[str, ...], ...]:
    from placefeed.schema.reference_parts import rules

    return rules().rows


def test_codes_show_others_words(visit: Visit) -> None:
    assert "SSDA903" in visit().get("/standard/codelists/provision-types").text
    assert codelist_table("given-names").rows == ()


def test_the_privacy_notice_names_every_cookie_and_its_time(world: World, visit: Visit) -> None:
    text = visit().get("/privacy").text

    for cookie in cookies(world.settings):
        assert cookie.name in text
        assert cookie.kept in text
    assert "180 days" in text
    assert "6 years" in text
    assert "placefeed-elsewhere" not in text


def test_every_cookie_that_the_pages_set_is_told() -> None:
    elsewhere = {
        "oidc": {"la": {"title": "LA", "issuer": "https://la.example", "client_id": "a", "client_secret": "b"}}
    }
    for base_url in ("http://127.0.0.1:8000", "https://exchange.example"):
        settings = Settings(base_url=base_url, **elsewhere)  # type: ignore[arg-type]
        exchange = type("E", (), {"settings": settings})()
        set_here = {
            cookie_name(settings), cookie_name(settings, KNOWN_BROWSER), cookie_name(settings, HALF_WAY), _cookie(exchange),
        }  # fmt: skip
        assert {cookie.name for cookie in cookies(settings)} == set_here
    folder = Path(pages.__file__).parent
    setting = sum(path.read_text().count("set_cookie(") for path in folder.rglob("*.py"))
    assert setting == 4, "another cookie? Put it into public/statements.py"


def test_prose_takes_no_html_and_no_strange_links() -> None:
    text = prose(
        "# Title\n\nA <b>bold</b> [one](javascript:alert(1)), [two](README.md), [three](//evil.example), "
        "[four](/standard) ![x](https://evil.example/x.png)\n\n| a | b |\n|--:|---|\n| 1 | <i>2</i> |\n",
        prefix="/pf",
    )

    assert "<b>" not in text
    assert "<i>" not in text
    assert "Title" not in text
    assert "javascript:" not in re.sub(r"\[one\]\(javascript:alert\(1\)\)", "", text)
    assert re.findall(r'href="([^"]*)"', text) == [
        "/pf/standard",
        "https://evil.example/x.png",
    ]  # an image is but a link
    assert "style=" not in text
    assert "<img" not in text


def test_what_is_tested_is_dated() -> None:
    from placefeed.service.pages.public.statements import TESTED_ON

    assert datetime.fromisoformat(TESTED_ON).year >= 2026
