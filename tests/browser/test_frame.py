"""The frame of every page: header, navigation, refusals, static files."""

from tests.browser.conftest import Open, expected
from tests.browser.looking import inspect


def test_the_first_page_for_nobody(visit: Open) -> None:
    page = visit(None, "/")
    inspect(page)
    assert page.locator("h1").count() == 1


def test_an_address_that_is_not_there_is_a_page(visit: Open) -> None:
    page = visit(None, "/")
    with expected(page, 404):
        page.goto("/nowhere")
    inspect(page)
    assert "nothing here" in page.locator("h1").inner_text()
