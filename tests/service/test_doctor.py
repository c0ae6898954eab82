"""`placefeed doctor`: each check is well when all is well, and says what is wrong and what to do when it is not."""

import os
import socket
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import orjson
import pytest
import sqlalchemy as sa
import typer
from aiosmtpd.controller import Controller
from sqlmodel import SQLModel
from typer.testing import CliRunner

from placefeed.service.checks import Finding, examine, flow, machine, outside
from placefeed.service.checks import database as base
from placefeed.service.cli import register
from placefeed.service.clock import system_clock
from placefeed.service.config import Settings
from placefeed.service.db import Database
from placefeed.service.leader import lock_for, worker_name
from placefeed.service.pending import touch
from placefeed.service.running.metrics import Metrics, exposed
from placefeed.service.tables import Alert, JobRun, Organisation, Source, Submission, Subscription
from tests.service.factories import listing_row, publish


def found(settings: Settings, clock: Callable[[], object]) -> dict[str, Finding]:
    """Everything that the doctor finds, by check."""
    all_found = list(examine(settings, clock))  # type: ignore[arg-type]
    assert len({one.check for one in all_found}) == len(all_found)
    assert all(one.do for one in all_found if one.level != "ok")
    return {one.check: one for one in all_found}


def levels(settings: Settings, clock: Callable[[], object]) -> dict[str, str]:
    """Only how bad each is."""
    return {name: one.level for name, one in found(settings, clock).items()}


def add(database: Database, *rows: SQLModel) -> None:
    for row in rows:
        with database.write() as session:
            session.add(row)


@pytest.fixture
def well(settings: Settings, database: Database) -> Iterator[Settings]:
    """An exchange that lacks nothing: somebody leads, it answers, its list is as far as the log."""
    settings.data.chmod(0o750)
    with database.write() as session:
        position = publish(session, listing_row("a"))
    metrics = Metrics()
    metrics.gauge("placefeed_snapshot_position", "How far the list has come.", lambda: position)
    lock = lock_for(database)
    assert lock.hold()
    with exposed(metrics, host="127.0.0.1", port=0) as port:
        yield settings.model_copy(update={"base_url": f"http://127.0.0.1:{port}"})
    lock.release()


def test_all_is_well(well: Settings) -> None:
    seen = found(well, system_clock)

    assert {name: one.says for name, one in seen.items() if one.level != "ok"} == {}
    assert worker_name() in seen["leader"].says
    assert "position 1" in seen["list"].says
    assert ("bell" in seen) is (well.database_url is not None)


# -- the machine ----------------------------------------------------------------------------------------------------


def test_a_secret_that_is_too_short_or_read_by_others_fails(tmp_path: Path) -> None:
    assert machine.secret(Settings(data=tmp_path, secret="short")).level == "fail"

    path = tmp_path / "secret"
    path.write_text("s" * 48)
    path.chmod(0o644)
    readable = machine.secret(Settings(data=tmp_path))
    assert (readable.level, readable.do) == ("fail", f"Run: chmod 600 {path}")
    path.chmod(0o600)
    assert machine.secret(Settings(data=tmp_path)).level == "ok"
    path.write_text("s")
    assert machine.secret(Settings(data=tmp_path)).level == "fail"


def test_several_machines_need_one_secret(tmp_path: Path) -> None:
    shared = machine.secret(Settings(data=tmp_path, database_url="postgresql://db/placefeed"))

    assert shared.level == "warn"
    assert machine.secret(Settings(data=tmp_path)).level == "ok"


@pytest.mark.parametrize(
    ("url", "level"),
    [
        ("https://places.example", "ok"),
        ("http://127.0.0.1:8000", "ok"),
        ("http://places.example", "warn"),
        ("places.example", "fail"),
    ],
)
def test_an_address_without_tls_is_warned_of(url: str, level: str) -> None:
    assert machine.address(Settings(base_url=url)).level == level


def test_a_data_folder_that_anybody_may_write_to_or_that_is_none_is_told(tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    assert machine.folder(Settings(data=tmp_path)).level == "fail"
    tmp_path.chmod(0o750)
    assert machine.folder(Settings(data=tmp_path)).level == "ok"
    assert machine.folder(Settings(data=tmp_path / "none")).level == "warn"
    assert machine.folder(Settings(data=Path("/proc/self"))).level == "fail"


def test_a_disk_that_fills_up_warns_and_then_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert machine.disk(Settings(data=tmp_path)) is not None
    monkeypatch.setattr(machine, "LOW_DISK", 2**60)
    assert machine.disk(Settings(data=tmp_path)).level == "warn"  # type: ignore[union-attr]
    monkeypatch.setattr(machine, "LEAST_DISK", 2**60)
    assert machine.disk(Settings(data=tmp_path)).level == "fail"  # type: ignore[union-attr]


# -- the database ---------------------------------------------------------------------------------------------------


def test_no_exchange_yet_is_told_and_none_is_made(tmp_path: Path) -> None:
    seen = found(Settings(data=tmp_path / "exchange", secret="s" * 40), system_clock)

    assert seen["database"].level == "fail"
    assert "placefeed db upgrade" in seen["database"].do
    assert list(tmp_path.iterdir()) == []
    assert "leader" not in seen


@pytest.mark.parametrize("url", ["postgresql://127.0.0.1:1/none", "nonsense", "mongodb://x/y"])
def test_a_database_that_does_not_answer_ends_the_looking(tmp_path: Path, url: str) -> None:
    seen = found(Settings(data=tmp_path, secret="s" * 40, database_url=url), system_clock)

    assert seen["database"].level == "fail"
    assert list(seen)[-1] == "database"


def test_a_database_of_another_shape_ends_the_looking(well: Settings, database: Database) -> None:
    with database.write() as session:
        session.execute(sa.text("UPDATE alembic_version SET version_num = '0001'"))

    seen = found(well, system_clock)

    assert (seen["shape"].level, list(seen)[-1]) == ("fail", "shape")


def test_an_old_server_is_warned_of(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(base, "LEAST_POSTGRES", 99)
    monkeypatch.setattr(base, "LEAST_SQLITE", (99, 0))

    assert levels(settings, system_clock)["version"] == ("warn" if settings.database_url else "fail")


def test_clocks_that_differ_are_told(settings: Settings) -> None:
    def ahead(seconds: float) -> str:
        return levels(settings, lambda: system_clock() + timedelta(seconds=seconds))["clocks"]

    assert (ahead(30), ahead(-3600)) == (("warn", "fail") if settings.database_url else ("ok", "ok"))


def test_nobody_leads(settings: Settings) -> None:
    assert levels(settings, system_clock)["leader"] == "fail"


def test_too_few_connections_are_told(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(base, "FULL", 0.0)
    assert levels(settings, system_clock)["connections"] == ("warn" if settings.database_url else "ok")
    monkeypatch.setattr(base, "THREADS", 1000)
    assert levels(settings, system_clock)["connections"] == "fail"


# -- what flows -----------------------------------------------------------------------------------------------------


def test_a_publisher_that_is_behind_fails(settings: Settings, database: Database) -> None:
    with database.write() as session:
        touch(session, ["SC000001"], at=system_clock() - timedelta(minutes=5), bulk=False)

    assert levels(settings, system_clock)["publisher"] == "fail"


def source(id: str, **more: object) -> Source:
    return Source(id=id, organisation_id="acorn", name=id, transport="push", created_at=system_clock(), **more)  # type: ignore[arg-type]


def test_late_and_stopped_sources_are_named(settings: Settings, database: Database) -> None:
    add(database, Organisation(id="acorn", kind="provider", name="Acorn", created_at=system_clock()))
    add(database, source("good"), source("slow", late_since=system_clock()), source("broken", state="stopped"))

    seen = found(settings, system_clock)["sources"]

    assert seen.level == "warn"
    assert "1 late (slow) and 1 stopped (broken)" in seen.says


def test_subscriptions_that_ended_and_those_that_wait_long_are_told(settings: Settings, database: Database) -> None:
    from placefeed.service.tables import Notice

    now = system_clock()
    add(database, Organisation(id="acorn", kind="provider", name="Acorn", created_at=now))

    def subscription(id: str, state: str, **more: object) -> Subscription:
        return Subscription(
            id=id, organisation_id="acorn", role="provider", key_id="k", channel="webhook", state=state, created_at=now,
            changed_at=now, start=0, **more,  # type: ignore[arg-type]
        )  # fmt: skip

    add(database, subscription("s1", "active", number=1))
    add(
        database,
        Notice(subscription_id="s1", kind="events", number=1, message="m", at=now - timedelta(hours=2)),
    )
    waits = found(settings, system_clock)["subscriptions"]
    assert (waits.level, "1 notices wait" in waits.says) == ("warn", True)

    add(database, subscription("s2", "error"))
    assert "s2" in found(settings, system_clock)["subscriptions"].says


def test_slots_that_failed_or_were_left_are_told(settings: Settings, database: Database) -> None:
    now = system_clock()

    def run(job: str, minutes: int, **more: object) -> JobRun:
        slot = now - timedelta(minutes=minutes)
        return JobRun(job=job, slot=slot, worker="w", lease_until=slot + timedelta(minutes=1), **more)  # type: ignore[arg-type]

    add(database, run("editions", 30, finished_at=now - timedelta(minutes=30), outcome="done"))
    assert levels(settings, system_clock)["schedule"] == "ok"

    add(database, run("purge", 20, finished_at=now - timedelta(minutes=20), outcome="failed: OSError: no room"))
    add(database, run("publish", 10))
    seen = found(settings, system_clock)["schedule"]
    assert seen.level == "warn"
    assert "1 failed in the last day (purge: 1) and 1 were left by a worker that died (publish: 1)" in seen.says


def test_spooled_bytes_that_are_lost_or_left_over_are_told(settings: Settings, database: Database) -> None:
    now = system_clock()
    folder = settings.data / "spool"
    folder.mkdir()
    name = "a" * 32
    (folder / name).write_bytes(b"")
    os.utime(folder / name, (1, 1))
    left = found(settings, system_clock)["spool"]
    assert (left.level, "1 files" in left.says) == ("warn", True)

    add(database, Organisation(id="acorn", kind="provider", name="Acorn", created_at=now), source("push"))
    add(
        database,
        Submission(
            id="one", source_id="push", organisation_id="acorn", received_at=now, content_type="x", sha256="", size=1, state="working",
            spool="b" * 32,
        ),
    )  # fmt: skip
    lost = found(settings, system_clock)["spool"]
    assert (lost.level, "(one)" in lost.says) == ("fail", True)


def test_urgent_alerts_are_told(settings: Settings, database: Database) -> None:
    add(database, Alert(at=system_clock(), kind="x", severity="urgent", message="Look."))

    assert levels(settings, system_clock)["alerts"] == "warn"


# -- outside --------------------------------------------------------------------------------------------------------


def test_a_list_that_is_behind_the_log_fails(
    well: Settings, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outside, "PATIENCE", 0.3)
    with database.write() as session:
        publish(session, listing_row("b"))

    seen = found(well, system_clock)["list"]

    assert seen.level == "fail"
    assert "is at position 1, the log at 2" in seen.says


def test_an_exchange_that_does_not_answer_is_told(settings: Settings) -> None:
    unheard = settings.model_copy(update={"base_url": "http://127.0.0.1:1"})

    assert levels(unheard, system_clock)["list"] == "warn"


class Quiet:
    """A mail server that says hello."""


def test_a_mail_server_is_greeted(settings: Settings) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    controller = Controller(Quiet(), hostname="127.0.0.1", port=port)
    controller.start()
    try:
        there = settings.model_copy(update={"smtp_url": _url(f"smtp://127.0.0.1:{port}")})
        assert levels(there, system_clock)["mail"] == "ok"
        secretive = settings.model_copy(update={"smtp_url": _url(f"smtp://user:opensesame@127.0.0.1:{port}")})
        clear = found(secretive, system_clock)["mail"]
        assert (clear.level, "opensesame" in clear.says) == ("fail", False)
    finally:
        controller.stop()
    gone = settings.model_copy(update={"smtp_url": _url(f"smtp://127.0.0.1:{port}")})
    assert levels(gone, system_clock)["mail"] == "fail"
    assert "mail" not in levels(settings, system_clock)


def _url(text: str) -> object:
    return Settings(smtp_url=text).smtp_url  # type: ignore[arg-type]


# -- the command ----------------------------------------------------------------------------------------------------


def test_the_command_says_it_in_lines_and_ends_with_how_bad_it_is(
    well: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = typer.Typer()
    register(app)
    monkeypatch.setenv("PLACEFEED_DATA", str(well.data))
    monkeypatch.setenv("PLACEFEED_SECRET", "s" * 40)
    monkeypatch.setenv("PLACEFEED_BASE_URL", well.base_url)
    if well.database_url:
        monkeypatch.setenv("PLACEFEED_DATABASE_URL", well.database_url)

    def run(*words: str) -> tuple[int, str]:
        result = CliRunner().invoke(app, ["doctor", *words], catch_exceptions=False)
        return result.exit_code, result.stdout

    code, text = run()
    assert code == 0, text
    assert all(line.startswith("ok ") for line in text.splitlines())

    monkeypatch.setattr(machine, "LOW_DISK", 2**60)
    code, text = run("--json")
    document = orjson.loads(text)
    assert (code, document["worst"]) == (1, "warn")
    assert {"check": "disk", "level": "warn"}.items() <= next(
        one for one in document["items"] if one["check"] == "disk"
    ).items()

    monkeypatch.setenv("PLACEFEED_BASE_URL", "nowhere")
    assert run()[0] == 2
    assert "s" * 40 not in text


def test_a_check_that_stumbles_is_a_finding_and_the_others_go_on(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stumbles(_patient: object) -> None:
        raise KeyError("what somebody sent")

    monkeypatch.setattr(flow, "CHECKS", (stumbles, *flow.CHECKS))

    seen = found(settings, system_clock)

    assert (seen["stumbles"].level, "sent" in seen["stumbles"].says) == ("fail", False)
    assert "alerts" in seen
