"""Feeds for tests of intake: an exchange with one provider that speaks for some settings, and documents about them."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import orjson
import sqlalchemy as sa
from sqlmodel import col, select

from placefeed.service.access import organisations, sources
from placefeed.service.clock import iso
from placefeed.service.config import Settings
from placefeed.service.db import Database, secret_of
from placefeed.service.intake import submit
from placefeed.service.tables import Observation, Source, Standing, metadata
from tests.service.conftest import MovableClock

JSON = "application/json"


def urns(count: int, first: int = 1) -> list[str]:
    """Invented URNs."""
    return [f"SC{number:06d}" for number in range(first, first + count)]


def capacity(as_of: datetime, **more: Any) -> dict[str, Any]:
    """The counts of a home of four."""
    return {
        "asOf": iso(as_of),
        "registered": 4,
        "occupied": 3,
        "reserved": 0,
        "available": 1,
        "acceptingReferrals": True,
        **more,
    }


def vacancy(as_of: datetime, item: str = "v1", **more: Any) -> dict[str, Any]:
    """One place, from the day of the tests."""
    return {
        "id": item,
        "asOf": iso(as_of),
        "places": 1,
        "from": "2026-07-01",
        "ages": {"from": 11, "to": 16},
        "rates": ["core"],
        **more,
    }


def rate(as_of: datetime, item: str = "core", **more: Any) -> dict[str, Any]:
    """A weekly price with its lines."""
    return {
        "id": item,
        "asOf": iso(as_of),
        "price": {"pence": 512500, "per": "week"},
        "validFrom": "2026-04-01",
        "offeredTo": "any",
        "lines": [{"code": "care-staff", "pence": 301000}, {"code": "accommodation", "pence": 211500}],
        **more,
    }


def record(urn: str, as_of: datetime, **parts: Any) -> dict[str, Any]:
    """A setting with capacity, one vacancy and one rate, unless told otherwise; a part given as None is left out."""
    found = {"capacity": capacity(as_of), "vacancies": [vacancy(as_of)], "rates": [rate(as_of)], **parts}
    return {"urn": urn, **{name: value for name, value in found.items() if value is not None}}


def feed(records: Iterable[dict[str, Any]], published_at: datetime, **header: Any) -> dict[str, Any]:
    """A feed of these records."""
    return {
        "standard": "placefeed",
        "version": "1.0",
        "publisher": {"id": "GB-COH-00000001", "name": "Example Homes Ltd"},
        "publishedAt": iso(published_at),
        **header,
        "settings": list(records),
    }


def lines(document: dict[str, Any], *, trailer: int | None = -1) -> bytes:
    """The same feed as NDJSON; `trailer` another count, or None for no trailer."""
    settings, withdrawn = document["settings"], document.get("withdrawn", [])
    head = {name: value for name, value in document.items() if name not in ("settings", "withdrawn")}
    rows = [
        {"line": "header", **head},
        *({"line": "setting", **each} for each in settings),
        *({"line": "withdrawn", **each} for each in withdrawn),
    ]
    if trailer is not None:
        rows.append({"line": "trailer", "count": len(settings) + len(withdrawn) if trailer < 0 else trailer})
    return b"\n".join(orjson.dumps(row) for row in rows) + b"\n"


@dataclass
class Desk:
    """An exchange at which one provider sends feeds."""

    database: Database
    settings: Settings
    clock: MovableClock
    source_id: str = "example-homes-push"
    made: set[str] = field(default_factory=set)

    @property
    def now(self) -> datetime:
        return self.clock()

    def ago(self, **delta: float) -> datetime:
        """An instant before now: `ago(minutes=5)`."""
        return self.clock() - timedelta(**delta)

    def provider(
        self,
        organisation_id: str = "example-homes",
        *,
        name: str = "Example Homes Ltd",
        speaks_for: Iterable[str] = (),
        transport: str = "push",
        **source: Any,
    ) -> str:
        """Add a provider with a source and the settings that it speaks for; returns the source's id."""
        with self.database.write() as session:
            organisations.create_organisation(session, organisation_id, kind="provider", name=name, now=self.now)
            made = sources.create_source(
                session,
                organisation_id,
                name=name,
                transport=transport,
                source_id=f"{organisation_id}-{transport}",
                secret=secret_of(self.settings),
                now=self.now,
                **source,
            )
            organisations.confirm(session, organisation_id, urns=speaks_for, by="operator", now=self.now)
            return made.id

    def send(
        self, document: dict[str, Any] | bytes, *, content_type: str = JSON, source_id: str | None = None, **more: Any
    ) -> submit.Taken:
        """Send a small submission."""
        body = document if isinstance(document, bytes) else orjson.dumps(document)
        with self.database.write() as session:
            source = session.get_one(Source, source_id or self.source_id)
            return submit.take(
                session,
                source=source,
                body=body,
                content_type=content_type,
                settings=self.settings,
                now=self.now,
                **more,
            )

    def send_large(
        self, document: dict[str, Any] | bytes, *, content_type: str = JSON, work: bool = True, **more: Any
    ) -> submit.Taken:
        """Spool a submission, hand it over, and work it to its end."""
        from placefeed.service.intake.spool import Spool

        body = document if isinstance(document, bytes) else orjson.dumps(document)
        writer = Spool(self.settings).writer()
        writer.write(body)
        writer.close()
        with self.database.write() as session:
            taken = submit.take_large(
                session,
                source=session.get_one(Source, self.source_id),
                spool_name=writer.name,
                size=writer.size,
                sha256=writer.sha256,
                content_type=content_type,
                settings=self.settings,
                now=self.now,
                **more,
            )
        if not work:
            return taken
        while submit.work(self.database, settings=self.settings, clock=self.clock):
            pass
        return submit.Taken(taken.submission_id, taken.status, self.report(taken.submission_id))

    def report(self, submission_id: str) -> dict[str, Any]:
        with self.database.read() as session:
            return submit.report_of(session, submission_id)

    def standing(self, part: str | None = None) -> dict[tuple[str, str, str], Standing]:
        """What stands and is not withdrawn, by (urn, part, item)."""
        with self.database.read() as session:
            rows = session.exec(select(Standing).where(col(Standing.withdrawn).is_(False)))
            return {(row.urn, row.part, row.item): row for row in rows if part in (None, row.part)}

    def kinds(self, **where: Any) -> list[str]:
        """The kinds of observations, in their order."""
        with self.database.read() as session:
            query = select(Observation).order_by(col(Observation.id))
            for name, value in where.items():
                query = query.where(getattr(Observation, name) == value)
            return [row.kind for row in session.exec(query)]

    def rows(self, table: Any) -> list[Any]:
        with self.database.read() as session:
            return list(session.exec(select(table)))

    def everything(self) -> bytes:
        """Every value of every table, for tests that search for what must not be there."""
        found: list[bytes] = []
        with self.database.read() as session:
            for table in metadata.sorted_tables:
                for row in session.execute(sa.select(table)):
                    found += [
                        bytes(value) if isinstance(value, bytes | memoryview) else str(value).encode() for value in row
                    ]
        return b"\n".join(found)
