"""`make screenshots`: the pictures of the README, taken of the demo: python -m tests.browser.screenshots [FOLDER]."""

import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.request import urlopen

from playwright.sync_api import BrowserContext, sync_playwright
from sqlmodel import col, func, select

from placefeed.service.clock import system_clock
from placefeed.service.config import Settings
from placefeed.service.db import Database
from placefeed.service.demo.people import EVERYONE
from placefeed.service.running.origin import cookie_name
from placefeed.service.tables import ConsortiumMember, Listing, Organisation, SpeaksFor, Standing
from tests.browser.conftest import DESKTOP, FLAGS, PHONE
from tests.service.api.serving import a_port, base_of
from tests.service.people import somebody

ROOT = Path(__file__).parents[2]
SIZE = 400  # settings of the demo
PATIENCE = 120.0  # seconds until it is full


@contextmanager
def demo(folder: Path) -> Iterator[str]:
    """The demo at a free port; its address."""
    with a_port() as held:
        address = base_of(held)
    command = [
        ROOT / ".venv/bin/placefeed",
        "demo",
        "--port",
        address.rpartition(":")[2],
        "--data",
        folder,
        "--settings",
        str(SIZE),
    ]
    with subprocess.Popen(
        [str(part) for part in command], stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT
    ) as running:
        try:
            yield address
        finally:
            running.send_signal(signal.SIGTERM)
            running.wait(30)


def until_full(address: str, settings: Settings) -> Database:
    """Wait until the demo's providers have all been heard, and open its database beside it."""
    ends = time.monotonic() + PATIENCE
    while time.monotonic() < ends:
        try:
            with urlopen(f"{address}/readyz", timeout=2):
                break
        except OSError:
            time.sleep(0.5)
    database = Database(settings)
    before = -1
    while time.monotonic() < ends:
        with database.read() as session:
            there = session.exec(select(func.count()).select_from(Listing)).one()
        if there and there == before:
            return database
        before = there
        time.sleep(4)
    raise RuntimeError("The demo did not come up.")


def take(folder: Path, address: str, database: Database, settings: Settings) -> None:
    """Every picture."""
    with database.read() as session:
        member = session.exec(
            select(ConsortiumMember.organisation_id).where(ConsortiumMember.consortium_id == EVERYONE)
        ).first()
        small = session.exec(
            select(SpeaksFor.organisation_id)
            .where(col(SpeaksFor.urn).in_(select(Listing.urn).where(Listing.state == "updated")))
            .group_by(SpeaksFor.organisation_id).having(func.count() == 2).order_by(SpeaksFor.organisation_id)
        ).first()  # fmt: skip
        urn = session.exec(
            select(SpeaksFor.urn).where(SpeaksFor.organisation_id == small).order_by(SpeaksFor.urn)
        ).first()
        rated = session.exec(
            select(Standing.urn).where(Standing.part == "rate", col(Standing.urn).in_(select(Listing.urn).where(Listing.state == "updated")))
        ).first()  # fmt: skip
        operator = session.exec(select(Organisation.id).where(Organisation.kind == "operator")).one()
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)

        def signed_in(organisation: str, *, phone: bool = False) -> BrowserContext:
            _person, cookie = somebody(database, settings, organisation, name="Sam Carter", now=system_clock())
            context = browser.new_context(
                base_url=address, viewport=PHONE if phone else DESKTOP, device_scale_factor=1, locale="en-GB"
            )
            context.add_cookies([{"name": cookie_name(settings), "value": cookie, "url": address}])
            return context

        for name, organisation, path, phone in (
            ("list", member, "/list?age=12&region=E12000002", False),
            ("setting", member, f"/settings/{rated}", False),
            ("update", small, f"/homes/{urn}/update", True),
            ("homes", small, "/homes", True),
            ("control", operator, "/control", False),
        ):
            context = signed_in(str(organisation), phone=phone)
            page = context.new_page()
            page.goto(path)
            page.screenshot(path=folder / f"{name}.png")
            context.close()
        browser.close()


def main() -> None:
    """Start the demo, fill it, look."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs" / "screens"
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as data, demo(Path(data)) as address:
        secret = Settings(data=Path(data), base_url=address)
        database = until_full(address, secret)
        try:
            take(folder, address, database, secret)
        finally:
            database.close()


if __name__ == "__main__":
    main()
