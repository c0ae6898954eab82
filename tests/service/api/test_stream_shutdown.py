"""A real server process with open streams ends within a second of being told to, and says goodbye first."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa
from tests.service.api.exchange import sqlite_settings
from tests.service.api.streams import HOST, PATIENCE, Stream
from tests.service.conftest import fresh_postgres

from placefeed.service.access import keys, organisations
from placefeed.service.clock import system_clock
from placefeed.service.config import Settings
from placefeed.service.db import Database, secret_of

PLACEFEED = Path(sys.executable).parent / "placefeed"


@contextmanager
def serving(settings: Settings, *more: str) -> Iterator[tuple["subprocess.Popen[bytes]", int]]:
    """`placefeed serve` in a process of its own; yields it when it listens."""
    with socket.socket() as found:
        found.bind((HOST, 0))
        port = found.getsockname()[1]
    env = {name: value for name, value in os.environ.items() if not name.startswith("PLACEFEED_")}
    env |= {"PLACEFEED_SECRET": "s" * 40}
    if settings.database_url:
        env["PLACEFEED_DATABASE_URL"] = settings.database_url
    command = [PLACEFEED, "serve", "--port", str(port), "--data", settings.data, *more]
    process = subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 2 * PATIENCE
        while not _listens(port):
            assert process.poll() is None, "the server ended"
            assert time.monotonic() < deadline
            time.sleep(0.05)
        yield process, port
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()


def _listens(port: int) -> bool:
    try:
        socket.create_connection((HOST, port), timeout=1).close()
    except OSError:
        return False
    return True


def an_operators_key(settings: Settings) -> str:
    database = Database(settings)
    with database.write() as session:
        organisations.create_organisation(session, "exchange", kind="operator", name="X", now=system_clock())
        key, _row = keys.issue(
            session, organisation_id="exchange", role="operator", secret=secret_of(settings), now=system_clock()
        )
    database.close()
    return key


def test_it_ends_within_a_second_of_a_signal(tmp_path: Path, sqlite_template: Path) -> None:
    settings = sqlite_settings(tmp_path, sqlite_template)
    key = an_operators_key(settings)
    with serving(settings) as (process, port):
        streams = [Stream(port, "/v1/listings/stream", key) for _ in range(20)]
        stuck = Stream(port, "/v1/listings/stream", key, buffer=4096)
        for stream in streams:
            stream.ready()

        process.send_signal(signal.SIGTERM)
        began = time.monotonic()
        ends = [stream.rest() for stream in streams]
        process.wait(PATIENCE)
        took = time.monotonic() - began

    assert [[frame.data["reason"] for frame in found] for found in ends] == [["shutdown"]] * len(streams)
    assert all(stream.clean for stream in streams)
    assert took < 2.5, "a second, and what a busy machine takes"
    stuck.close()


@pytest.fixture
def on_postgres(postgres: sa.URL, tmp_path: Path) -> Iterator[Settings]:
    yield from fresh_postgres(postgres, tmp_path)


@pytest.mark.postgres
def test_each_of_several_processes_says_goodbye(on_postgres: Settings) -> None:
    settings = on_postgres
    key = an_operators_key(settings)
    with serving(settings, "--workers", "2", "--no-worker") as (process, port):
        streams = [Stream(port, "/v1/listings/stream", key) for _ in range(20)]
        for stream in streams:
            stream.ready()

        process.send_signal(signal.SIGTERM)
        ends = [stream.rest() for stream in streams]
        process.wait(PATIENCE)

    assert [[frame.data["reason"] for frame in found] for found in ends] == [["shutdown"]] * len(streams)
    assert all(stream.clean for stream in streams)
