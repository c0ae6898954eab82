"""The database: whether it answers, is the right one, has who leads and who listens, and how its replica does."""

import fcntl
import secrets
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import Session

from placefeed.service.checks import Finding, Patient, fail, ok, warn
from placefeed.service.clock import iso
from placefeed.service.config import Settings
from placefeed.service.db import CONNECT, LEADER_LOCK, OVERFLOW, POOL, Database, url_of
from placefeed.service.leader import LEADS_AS, lock_path
from placefeed.service.migrations import at_head
from placefeed.service.publishing.log import head

LEAST_POSTGRES = 17  # transaction_timeout, which cuts off a publisher that froze in mid-transaction
LEAST_SQLITE = (3, 35)  # RETURNING
THREADS = 40  # of the web server, each of which may hold a connection
ASIDE = 4  # connections beside the pool: listener, leader, an operator's command
BELL_SLOW, BELL_LOST = 0.25, 5.0  # seconds
SKEW_LARGE, SKEW_WRONG = timedelta(seconds=2), timedelta(seconds=60)
LAG_LARGE = timedelta(seconds=10)
FULL = 0.8  # share of the server's connections


def opened(settings: Settings) -> Database | Finding:
    """The database, or why there is none to be opened. Makes nothing."""
    try:
        url = url_of(settings.url)
        if url.get_backend_name() == "sqlite" and not Path(url.database or "").is_file():
            return fail(
                "database",
                f"There is no exchange in {settings.data}.",
                "Make one with `placefeed db upgrade`, or name its folder with --data.",
            )
        return Database(settings)
    except (ValueError, SQLAlchemyError) as error:  # its words may hold a password
        return fail(
            "database",
            f"Its address, or its replica's, cannot be read ({type(error).__name__}).",
            "Mend PLACEFEED_DATABASE_URL or PLACEFEED_REPLICA_URL: postgresql://user:password@host/database.",
        )


def answers(patient: Patient) -> Finding:
    """Whether it answers at all."""
    where = patient.database.url.render_as_string(hide_password=True)
    started = time.perf_counter()
    try:
        with patient.database.read() as session:
            session.execute(sa.text("SELECT 1"))
    except SQLAlchemyError as error:
        reason = str(getattr(error, "orig", None) or error).strip().partition("\n")[0]
        return fail("database", f"{where} does not answer: {reason}", "Start it, or mend PLACEFEED_DATABASE_URL.")
    return ok("database", f"{where} answers in {(time.perf_counter() - started) * 1000:.0f} ms.")


def shape(patient: Patient) -> Finding:
    """Whether the migrations have been run."""
    with patient.database.read() as session:
        fits = at_head(session.connection())
    if not fits:
        return fail("shape", "The database has another shape than this version expects.", "Run `placefeed db upgrade`.")
    return ok("shape", "The database has the shape of this version.")


def version(patient: Patient) -> Finding:
    """Whether it is new enough."""
    with patient.database.read() as session:
        if patient.database.dialect == "sqlite":
            text = session.execute(sa.text("SELECT sqlite_version()")).scalar_one()
            new = tuple(int(part) for part in text.split(".")[:2]) >= LEAST_SQLITE
            return (
                ok("version", f"SQLite {text}.")
                if new
                else fail("version", f"SQLite {text} is too old.", "Use 3.35 or newer.")
            )
        number = int(session.execute(sa.text("SELECT current_setting('server_version_num')")).scalar_one())
    if number // 10000 < LEAST_POSTGRES:
        return warn(
            "version",
            f"PostgreSQL {number // 10000} cannot cut off a publisher that froze in the middle of a transaction.",
            f"Use PostgreSQL {LEAST_POSTGRES} or newer.",
        )
    return ok("version", f"PostgreSQL {number // 10000}.{number % 10000}.")


def clocks(patient: Patient) -> Finding:
    """Whether this machine and the database agree on the time."""
    if patient.database.dialect == "sqlite":
        return ok("clocks", "The embedded database has this machine's clock.")
    with patient.database.read() as session:
        before = patient.clock()
        theirs: datetime = session.execute(sa.text("SELECT clock_timestamp()")).scalar_one()
        after = patient.clock()
    skew = abs(theirs - (before + (after - before) / 2))
    says = f"This machine's clock and the database's differ by {skew.total_seconds():.1f} s."
    do = "Let both follow the same time servers: freshness, leases and schedules go by them."
    return (
        fail("clocks", says, do)
        if skew > SKEW_WRONG
        else warn("clocks", says, do)
        if skew > SKEW_LARGE
        else ok("clocks", says)
    )


def leader(patient: Patient) -> Finding:
    """Who runs the schedule, and since when."""
    found = _file_leader(patient.database) if patient.database.dialect == "sqlite" else _leader(patient.database)
    if found is None:
        return fail(
            "leader",
            "Nobody runs the schedule: no feed is polled, no file is made.",
            "Start `placefeed worker`, or `placefeed serve` without --no-worker.",
        )
    return ok("leader", f"{found[0]} runs the schedule since {found[1]}.")


def _leader(database: Database) -> tuple[str, str] | None:
    query = sa.text(
        "SELECT a.application_name, a.backend_start FROM pg_locks l JOIN pg_stat_activity a USING (pid)"
        " WHERE l.locktype = 'advisory' AND l.granted AND l.classid = 0 AND l.objid = :key AND l.objsubid = 1"
        " AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    )
    with database.read() as session:
        row = session.execute(query, {"key": LEADER_LOCK}).first()
    return None if row is None else (row[0].removeprefix(LEADS_AS) or "A process", iso(row[1].replace(microsecond=0)))


def _file_leader(database: Database) -> tuple[str, str] | None:
    path = Path(lock_path(database))
    try:
        file = path.open()
    except FileNotFoundError:
        return None
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            since = datetime.fromtimestamp(int(path.stat().st_mtime), UTC)
            return file.read().strip() or "A process", iso(since)
    return None


def bell(patient: Patient) -> Finding | None:
    """Whether what one process tells, another hears: a pooler that shares connections between transactions breaks it."""
    if patient.database.dialect == "sqlite":
        return None
    channel = f"placefeed_doctor_{secrets.token_hex(4)}"
    conninfo = patient.database.conninfo
    do = "Give PLACEFEED_DATABASE_URL the server itself, not a pooler in transaction mode."
    try:
        with psycopg.connect(conninfo, autocommit=True, **CONNECT) as listening:
            listening.execute(f"LISTEN {channel}")
            with psycopg.connect(conninfo, autocommit=True, **CONNECT) as telling:
                started = time.perf_counter()
                telling.execute("SELECT pg_notify(%s, '')", (channel,))
            heard = any(True for _ in listening.notifies(timeout=BELL_LOST, stop_after=1))
            took = time.perf_counter() - started
    except psycopg.Error as error:
        return fail("bell", f"Processes cannot wake each other: {str(error).strip().partition(chr(10))[0]}", do)
    if not heard:
        return fail("bell", f"What one process told was not heard by another within {BELL_LOST:.0f} s.", do)
    says = f"What one process tells is heard by another in {took * 1000:.1f} ms."
    return (
        warn("bell", says, "Look for what slows the database or the network.") if took > BELL_SLOW else ok("bell", says)
    )


def connections(patient: Patient) -> Finding:
    """Whether there are connections enough: for the threads of a process, and on the server for all processes."""
    if POOL < THREADS:
        return fail(
            "connections",
            f"{THREADS} threads share {POOL} connections.",
            "Requests wait for each other: raise the pool.",
        )
    if patient.database.dialect == "sqlite":
        return ok("connections", f"{POOL} connections for {THREADS} threads.")
    with patient.database.read() as session:
        most, used = session.execute(
            sa.text(
                "SELECT current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int,"
                " (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend')"
            )
        ).one()
    each = POOL + OVERFLOW + ASIDE
    says = f"{used} of the server's {most} connections are in use; one process opens up to {each}."
    if most < each or used > most * FULL:
        return warn(
            "connections", says, f"Raise max_connections to {each} for each process that you run, and some more."
        )
    return ok("connections", says)


def replica(patient: Patient) -> Finding | None:
    """Whether the read replica answers, is one, and how far it is behind."""
    copy = patient.database.replica
    if copy is None:
        if patient.settings.replica_url:
            return warn(
                "replica", "PLACEFEED_REPLICA_URL is set, but the embedded database has no replica.", "Take it away."
            )
        return None
    with patient.database.read() as session:
        ours = head(session)
    try:
        with Session(copy.engine) as session:
            theirs = head(session)
            standby, replayed = session.execute(
                sa.text("SELECT pg_is_in_recovery(), now() - pg_last_xact_replay_timestamp()")
            ).one()
    except SQLAlchemyError as error:
        reason = str(getattr(error, "orig", None) or error).strip().partition("\n")[0]
        return fail(
            "replica",
            f"The replica does not answer: {reason}",
            "The primary answers for it meanwhile. Start it, or mend PLACEFEED_REPLICA_URL.",
        )
    if not standby:
        return fail(
            "replica",
            "What PLACEFEED_REPLICA_URL names is no replica: it takes writes.",
            "Name a standby of this database.",
        )
    behind = ours.position - theirs.position
    if theirs.epoch != ours.epoch or (behind > 0 and replayed is not None and replayed > LAG_LARGE):
        since = f", {replayed.total_seconds():.0f} s" if replayed is not None else ""
        return warn(
            "replica",
            f"The replica is {behind:,} positions behind{since}.",
            "It is not used until it has caught up: look at its log and its load.",
        )
    return ok(
        "replica",
        "The replica is up to date." if behind <= 0 else f"The replica is {behind:,} positions behind, for a moment.",
    )


FIRST = (answers, shape)
"""Without these nothing else can be looked at."""
CHECKS = (version, clocks, leader, bell, connections, replica)
