"""A real browser (Chromium) on a running exchange. What a page does wrong fails its test: a console message, a breach of its
policy, a request elsewhere, a server's error."""

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tests.browser.site import Site, opened

FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
]  # fmt: skip
PHONE = {"width": 375, "height": 740}
DESKTOP = {"width": 1280, "height": 900}


@pytest.fixture(scope="session")
def chromium() -> str:
    """Where Chromium is; the test is skipped, saying so, where there is none."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        found = shutil.which(name)
        if found:
            return found
    pytest.skip("MISSING: Chromium; install the package chromium to try the pages in a browser")


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    """One browser a module: Playwright keeps a loop running in this thread, which tests of other modules could not bear."""
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        yield launched
        launched.close()


@pytest.fixture(scope="module")
def site(sqlite_template: Path) -> Iterator[Site]:
    """The exchange of the routes' tests at a port of this machine, for all tests of a module: see site.py."""
    with tempfile.TemporaryDirectory() as folder, opened(Path(folder), sqlite_template) as running:
        yield running


Open = Callable[..., Page]


@pytest.fixture
def visit(browser: Browser, site: Site) -> Iterator[Open]:
    """`visit("member", "/list", phone=True, scripts=False)`: a page in a browser of its own, watched; checked at the end of the test."""
    watched: list[tuple[BrowserContext, list[str]]] = []

    def visit_page(
        role: str | None, path: str, *, phone: bool = False, scripts: bool = True, level: str = "manager", **more: Any
    ) -> Page:
        context = browser.new_context(
            base_url=site.address, viewport=PHONE if phone else DESKTOP, java_script_enabled=scripts, has_touch=phone,
            locale="en-GB", timezone_id="Europe/London", **more,
        )  # fmt: skip
        context.set_default_timeout(10_000)
        if role is not None:
            site.sign_in(context, role, level=level)
        watched.append((context, watch(context, site.address)))
        page = context.new_page()
        page.goto(path)
        return page

    yield visit_page
    wrong: list[str] = []
    for context, found in watched:
        context.close()
        wrong += found
    assert not wrong, "\n".join(wrong)


@contextmanager
def expected(page: Page, *statuses: int) -> Iterator[None]:
    """Within this, the browser may grumble about answers of these statuses."""
    page.context.expected = {*getattr(page.context, "expected", set()), *statuses}  # type: ignore[attr-defined]
    yield


def watch(context: BrowserContext, address: str) -> list[str]:
    """Collect whatever goes wrong in a context."""
    wrong: list[str] = []

    def console(message: Any) -> None:
        known = getattr(context, "expected", set())
        if not any(f"status of {status}" in message.text for status in known):
            wrong.append(f"console ({message.page.url if message.page else ''}): {message.type}: {message.text}")

    def asked(request: Any) -> None:
        if urlsplit(request.url).netloc != urlsplit(address).netloc and not request.url.startswith(("data:", "blob:")):
            wrong.append(f"asked elsewhere: {request.url}")

    def answered(response: Any) -> None:
        if response.status >= 500:
            wrong.append(f"answered {response.status}: {response.url}")
        if "text/html" in response.headers.get("content-type", "") and "default-src 'none'" not in response.headers.get(
            "content-security-policy", ""
        ):
            wrong.append(f"without a strict policy: {response.url}")

    context.on("console", console)
    context.on("weberror", lambda error: wrong.append(f"script: {error.error}"))
    context.on("request", asked)
    context.on("response", answered)
    return wrong
