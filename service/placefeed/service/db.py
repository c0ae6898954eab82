"""The database: engines, sessions, the publisher's lock, and the bell that wakes whoever waits for news.

SQLite has a read engine (plain BEGIN) and a write engine (BEGIN IMMEDIATE) behind one in-process lock: with IMMEDIATE on
reads a small update took five seconds. PostgreSQL has one pool, and another for a read replica where there is one (see
replica); NOTIFY rings the bell in every process.
"""

import contextlib
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from enum import Enum
from pathlib import Path
from typing import Any, Final

import orjson
import psycopg
import sqlalchemy as sa
import structlog
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import make_url
from sqlmodel import Session

from placefeed.service.config import Settings
from placefeed.service.replica import Reached, Replica
from placefeed.service.telemetry import OFF, Telemetry

log = structlog.get_logger(__name__)

PUBLISHER_LOCK = 0x504C4143  # "PLAC": the advisory lock that every publishing transaction begins with
LEADER_LOCK = 0x504C4C44  # "PLLD": who runs the schedule
CHANNEL = "placefeed"  # NOTIFY channel; the payload names what happened
BELLS = ("pending", "published", "submission", "access", "subscription")  # what is rung, in every process
POOL = 50  # at least as many connections as the web server has threads (40), or requests queue on the pool
OVERFLOW = 10  # connections beyond the pool, closed again after use
CONNECT: dict[str, Any] = {
    "connect_timeout": 10, "keepalives_idle": 10, "keepalives_interval": 3, "keepalives_count": 3, "tcp_user_timeout": 15_000,
}  # fmt: skip
"""A server that vanished without a word (a machine lost, a cable pulled) is noticed within seconds rather than hours."""
REPLICA_TIMEOUT = 2  # seconds to connect to the replica, or to get a connection of its pool, before the primary answers
LISTEN_PROOF = 10.0  # seconds after which the listening connection is asked whether it lives
PUBLISH_TIMEOUT = "30s"


def _dumps(value: Any) -> str:
    return orjson.dumps(value).decode()


JSON_BY_ORJSON: dict[str, Any] = {"json_serializer": _dumps, "json_deserializer": orjson.loads, "hide_parameters": True}
"""JSON columns are written and read several times faster than by the standard library; errors, which reach logs and
reports, never carry the values of a statement."""


class Where(Enum):
    """Who answers a read."""

    PRIMARY = "primary"


PRIMARY: Final = Where.PRIMARY


class Bell:
    """Wakes waiters in this process. A missed ring costs a polling period, never a change."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._rung: dict[str, int] = {}
        self._hooks: list[Callable[[str], None]] = []

    def ring(self, what: str) -> None:
        """Tell everyone in this process that `what` (one of `BELLS`) has happened."""
        with self._condition:
            self._rung[what] = self._rung.get(what, 0) + 1
            self._condition.notify_all()
        for hook in list(self._hooks):
            try:
                hook(what)
            except Exception as error:  # noqa: BLE001 - one that fails must not keep the others, or the listener, from hearing
                log.error("a listener to the bell failed", bell=what, error=type(error).__name__)

    def count(self, what: str) -> int:
        """How often it has rung: give it to `wait`."""
        with self._condition:
            return self._rung.get(what, 0)

    def wait(self, what: str, seen: int, timeout: float) -> bool:
        """Wait until it has rung more than `seen` times, or `timeout` seconds."""
        with self._condition:
            return self._condition.wait_for(lambda: self._rung.get(what, 0) > seen, timeout)

    def hook(self, call: Callable[[str], None]) -> Callable[[], None]:
        """Call `call(what)` at each ring, from whatever thread rang; returns how to stop it."""
        self._hooks.append(call)
        return lambda: self._hooks.remove(call)


class Turns:
    """A lock that is given in the order in which it was asked for: a small update waits for one bulk chunk, never for many."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._asked = 0
        self._served = 0

    def __enter__(self) -> None:
        with self._changed:
            ours = self._asked
            self._asked += 1
            self._changed.wait_for(lambda: self._served == ours)

    def __exit__(self, *_exception: object) -> None:
        with self._changed:
            self._served += 1
            self._changed.notify_all()


class Database:
    """The engines of one process. Made by `create_app` or a command; closed with `close()`."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.url = url_of(settings.url)
        self.dialect = self.url.get_backend_name()
        self.bell = Bell()
        self._turns = Turns()
        self._stop = threading.Event()
        self._listener: threading.Thread | None = None
        self.telemetry: Telemetry = OFF
        self.replica: Replica | None = None
        if self.dialect == "sqlite":
            Path(self.url.database or "").parent.mkdir(parents=True, exist_ok=True)
            self.reader = _sqlite_engine(self.url, begin="BEGIN")
            self.writer = _sqlite_engine(self.url, begin="BEGIN IMMEDIATE")
        else:
            self.writer = _postgres_engine(self.url, isolation_level="READ COMMITTED")
            # Who reads sees one instant, as on SQLite: a view and the log read after it must not be of two.
            self.reader = self.writer.execution_options(isolation_level="REPEATABLE READ")
            if settings.replica_url:
                self.replica = Replica(_replica_engine(settings.replica_url))

    def trace(self, telemetry: Telemetry) -> None:
        """Make spans of statements from now on, below the spans of who asks."""
        self.telemetry = telemetry
        for engine in {self.writer, self.writer if self.dialect == "postgresql" else self.reader}:
            telemetry.watch(engine, self.dialect)
        if self.replica is not None:
            telemetry.watch(self.replica.engine, self.dialect)

    @contextlib.contextmanager
    def read(self, *, at_least: Reached | Where | None = PRIMARY) -> Iterator[Session]:
        """A session that only reads, at one instant; keep it short, an open one holds back SQLite's checkpoint.

        With `at_least` a read replica may answer, if it has come at least as far as that place in the log (a cursor's; None
        where any will do), else the primary. Without it the primary answers: what a provider reads back, who may do what.
        """
        replica = None if at_least is PRIMARY else self.replica
        session = None if replica is None or isinstance(at_least, Where) else replica.open(at_least)
        if replica is None or session is None:
            with Session(self.reader, expire_on_commit=False) as session:
                yield session
            return
        with replica.reading(session):
            yield session

    @contextlib.contextmanager
    def write(self) -> Iterator[Session]:
        """A session that commits when the block ends well and rolls back when it does not; then rings what was told."""
        turn = self._turns if self.dialect == "sqlite" else contextlib.nullcontext()
        with turn, Session(self.writer, expire_on_commit=False) as session:
            yield session
            session.commit()
            rings = session.info.get("rings", ())
        for what in rings:
            self.bell.ring(what)

    def listen(self) -> None:
        """On PostgreSQL, ring this process's bell for what other processes notify. Starts a thread; `close()` ends it."""
        if self.dialect == "postgresql" and self._listener is None:
            self._listener = threading.Thread(target=self._listen, name="placefeed-listen", daemon=True)
            self._listener.start()

    def _listen(self) -> None:
        while not self._stop.is_set():
            try:
                with psycopg.connect(self.conninfo, autocommit=True, **CONNECT) as connection:
                    connection.execute(f"LISTEN {CHANNEL}")
                    for what in BELLS:  # whatever was told while nobody listened
                        self.bell.ring(what)
                    proved = time.monotonic()
                    while not self._stop.is_set():
                        for notify in connection.notifies(timeout=0.5):
                            self.bell.ring(notify.payload)
                        if time.monotonic() - proved > LISTEN_PROOF:
                            connection.execute("SELECT 1")
                            proved = time.monotonic()
            except psycopg.Error as error:
                # Polling covers what is missed while the connection is away.
                log.warning("listening to the database was cut; trying again", error=type(error).__name__)
                self._stop.wait(1.0)

    @property
    def conninfo(self) -> str:
        """For a connection of one's own, beside the pool: PostgreSQL only."""
        return self.url.set(drivername="postgresql").render_as_string(hide_password=False)

    def close(self) -> None:
        """End the listener and close every connection."""
        self._stop.set()
        if self._listener is not None:
            self._listener.join(timeout=5)
        self.reader.dispose()
        self.writer.dispose()
        if self.replica is not None:
            self.replica.close()


def tell(session: Session, what: str) -> None:
    """Ring `what` when this transaction commits: in every process on PostgreSQL, in this one always."""
    rings = session.info.setdefault("rings", [])
    if what in rings:
        return
    rings.append(what)
    if is_postgres(session):
        session.execute(sa.text("SELECT pg_notify(:channel, :what)"), {"channel": CHANNEL, "what": what})


def is_postgres(session: Session) -> bool:
    """Whether this session speaks to PostgreSQL."""
    return session.get_bind().dialect.name == "postgresql"


def insert(session: Session, table: Any) -> Any:
    """The dialect's INSERT, which knows ON CONFLICT and RETURNING on both."""
    return postgresql.insert(table) if is_postgres(session) else sqlite.insert(table)


def lock_publishing(session: Session) -> None:
    """Begin a publishing transaction: nobody else's positions can appear above ours until we commit.

    SQLite's write transaction is the lock. On PostgreSQL an advisory lock on the writing connection, and a time limit
    on the transaction, so that a frozen publisher is cut off rather than waited for (17 and newer).
    """
    if not is_postgres(session):
        return
    session.execute(sa.text("SELECT pg_advisory_xact_lock(:key)"), {"key": PUBLISHER_LOCK})
    if session.execute(sa.text("SELECT current_setting('server_version_num')::int")).scalar_one() >= 170000:
        session.execute(sa.text(f"SET LOCAL transaction_timeout = '{PUBLISH_TIMEOUT}'"))


def url_of(text: str) -> sa.URL:
    """A database's URL with the driver that we use."""
    url = make_url(text)
    return url.set(drivername="postgresql+psycopg") if url.drivername in ("postgresql", "postgres") else url


def _postgres_engine(url: sa.URL, *, isolation_level: str, **options: Any) -> sa.Engine:
    return sa.create_engine(
        url,
        pool_size=POOL,
        max_overflow=OVERFLOW,
        pool_pre_ping=True,
        isolation_level=isolation_level,
        **{"connect_args": CONNECT, **options},
        **JSON_BY_ORJSON,
    )


def _replica_engine(text: str) -> sa.Engine:
    url = url_of(text)
    if url.get_backend_name() != "postgresql":
        raise ValueError("PLACEFEED_REPLICA_URL is not one of PostgreSQL.")
    impatient = {**CONNECT, "connect_timeout": REPLICA_TIMEOUT}
    return _postgres_engine(
        url, isolation_level="REPEATABLE READ", connect_args=impatient, pool_timeout=REPLICA_TIMEOUT
    )


def _sqlite_engine(url: sa.URL, *, begin: str) -> sa.Engine:
    engine = sa.create_engine(
        url,
        connect_args={"check_same_thread": False, "timeout": 30},
        pool_size=POOL,
        max_overflow=OVERFLOW,
        **JSON_BY_ORJSON,
    )

    @sa.event.listens_for(engine, "connect")
    def _configure(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # we say BEGIN ourselves, below
        cursor = connection.cursor()
        for pragma in (
            "journal_mode=WAL",
            "synchronous=FULL",
            "busy_timeout=30000",
            "foreign_keys=ON",
            "cache_size=-65536",
        ):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @sa.event.listens_for(engine, "begin")
    def _begin(connection: sa.Connection) -> None:
        connection.exec_driver_sql(begin)

    return engine


def secret_of(settings: Settings) -> bytes:
    """The exchange's secret, from the settings or from a file in the data folder that only we can read."""
    if settings.secret is not None:
        value = settings.secret.get_secret_value().encode()
        if len(value) < 32:
            raise ValueError("PLACEFEED_SECRET is too short: give at least 32 characters.")
        return value
    path = settings.data / "secret"
    if not path.exists():
        settings.data.mkdir(parents=True, exist_ok=True)
        scratch = path.with_name(f"secret.{secrets.token_hex(4)}")
        scratch.touch(mode=0o600)
        scratch.write_text(secrets.token_urlsafe(48))
        with contextlib.suppress(FileExistsError):  # the first process to get here wins; all read the same
            path.hardlink_to(scratch)
        scratch.unlink()
    return path.read_text().strip().encode()
