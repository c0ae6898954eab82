"""Ways to bring records from bytes into one table, the same on SQLite and PostgreSQL."""

import json
import time
from collections.abc import Callable, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from placefeed.schema.documents import SettingRecord
from placefeed.schema.files import explaining_validator, rs_validator

CHUNK = 1000


class Base(DeclarativeBase):
    """Tables of the peers."""


class Stored(Base):
    """One record."""

    __tablename__ = "stored"

    urn: Mapped[str] = mapped_column(primary_key=True)
    hash: Mapped[bytes] = mapped_column(sa.LargeBinary)
    body: Mapped[bytes] = mapped_column(sa.LargeBinary)


class Store:
    """A database with that table; `url` None is a new SQLite file in `folder`, as safe against power loss as ours."""

    def __init__(self, url: sa.URL | None, folder: Path) -> None:
        self.engine = sa.create_engine(url or f"sqlite:///{folder}/peers.db")
        if self.engine.dialect.name == "sqlite":

            @sa.event.listens_for(self.engine, "connect")
            def _safe(connection: Any, _record: Any) -> None:
                connection.execute("PRAGMA journal_mode=WAL")
                connection.execute("PRAGMA synchronous=FULL")

        Base.metadata.create_all(self.engine)

    def close(self) -> None:
        """Close the connections."""
        self.engine.dispose()

    def empty(self) -> None:
        """Take everything out."""
        with self.engine.begin() as connection:
            connection.execute(sa.delete(Stored))

    def _upsert(self, *, only_changed: bool) -> Any:
        insert = (postgresql if self.engine.dialect.name == "postgresql" else sqlite).insert(Stored)
        changed = Stored.hash != insert.excluded.hash if only_changed else None
        return insert.on_conflict_do_update(
            index_elements=["urn"], set_={"hash": insert.excluded.hash, "body": insert.excluded.body}, where=changed
        )

    def limit(self, records: Sequence[bytes]) -> None:
        """Nothing is looked at: an upsert of all in one transaction, whose keys and hashes were made before."""
        with self.engine.begin() as connection:
            connection.execute(
                self._upsert(only_changed=False),
                [{"urn": urn, "hash": digest, "body": raw} for urn, digest, raw in _ready(records)],
            )

    def picked(self, records: Sequence[bytes]) -> None:
        """Parse by orjson, check by jsonschema-rs, compare hashes, upsert what differs, 1,000 a transaction."""
        is_valid = rs_validator("settingRecord").is_valid
        for start in range(0, len(records), CHUNK):
            rows: dict[str, dict[str, Any]] = {}
            for raw in records[start : start + CHUNK]:
                document = orjson.loads(raw)
                if not is_valid(document):
                    raise RuntimeError("The sample is not valid.")
                body = orjson.dumps(document, option=orjson.OPT_SORT_KEYS)
                rows[document["urn"]] = {
                    "urn": document["urn"],
                    "hash": blake2b(body, digest_size=16).digest(),
                    "body": body,
                }
            with self.engine.begin() as connection:
                known = dict(
                    connection.execute(sa.select(Stored.urn, Stored.hash).where(Stored.urn.in_(list(rows))))
                    .tuples()
                    .all()
                )
                changed = [row for urn, row in rows.items() if known.get(urn) != row["hash"]]
                if changed:
                    connection.execute(self._upsert(only_changed=True), changed)

    def obvious(self, records: Sequence[bytes]) -> None:
        """json, jsonschema (its validator reused), a pydantic model, and the ORM's merge."""
        validator = explaining_validator("settingRecord")
        with Session(self.engine) as session:
            for raw in records:
                document = json.loads(raw)
                validator.validate(document)
                record = SettingRecord.model_validate(document)
                body = record.model_dump_json(by_alias=True, exclude_unset=True).encode()
                session.merge(Stored(urn=document["urn"], hash=b"", body=body))
            session.commit()


def _ready(records: Sequence[bytes]) -> list[tuple[str, bytes, bytes]]:
    return [(raw[8:15].decode(), blake2b(raw, digest_size=16).digest(), raw) for raw in records]


def figure(
    store: Store, way: Callable[[Sequence[bytes]], None], states: Sequence[Sequence[bytes]]
) -> Callable[[], float]:
    """Changed records a second: the first of `states` is stored beforehand, then each round stores another."""
    turn = 0

    def run() -> float:
        nonlocal turn
        if turn == 0:
            store.empty()
            store.limit(states[0])
        turn += 1
        records = states[turn % len(states)]
        started = time.perf_counter()
        way(records)
        return len(records) / (time.perf_counter() - started)

    return run
