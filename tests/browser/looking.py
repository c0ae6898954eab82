"""What every page must stand: axe, a parser of HTML, no sideways scrolling."""

import html5lib
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


def inspect(page: Page) -> None:
    """Fail for anything that axe finds, HTML that does not parse, or a page wider than its window."""
    found = Axe().run(page, options={"runOnly": TAGS}).response["violations"]
    told = [f"{each['id']}: {each['help']}: {node['html'][:200]}" for each in found for node in each["nodes"][:3]]
    assert not told, f"{page.url}\n" + "\n".join(told)
    assert_parses(page.content())
    wide = page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth")
    assert not wide, f"{page.url} scrolls sideways"


def assert_parses(text: str) -> None:
    """HTML without a mistake."""
    html5lib.HTMLParser(strict=True).parse(text)
