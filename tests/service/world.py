"""A small world to publish: providers, consortia, settings and what is said of them, in one line each."""

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

import orjson
import sqlalchemy as sa
from sqlmodel import Session

from placefeed.service.pending import touch
from placefeed.service.tables import (
    Consortium,
    ConsortiumMember,
    ConsortiumProvider,
    Organisation,
    RegisterInspection,
    RegisterSetting,
    Source,
    SpeaksFor,
    Standing,
)

LONG_AGO = date(2020, 1, 1)


@dataclass
class World:
    """Builds rows in a session; every method flushes and returns nothing unless it says so."""

    session: Session
    now: datetime
    providers: dict[str, str] = field(default_factory=dict)  # urn -> provider

    def provider(self, name: str, *urns: str, precedence: int = 100) -> None:
        """A provider that speaks for these settings, all on the register as good homes, through a source `<name>-push`."""
        self.session.add(Organisation(id=name, kind="provider", name=name.title(), created_at=self.now))
        self.session.flush()
        self.source(f"{name}-push", name, precedence=precedence)
        for urn in urns:
            self.on_register(urn)
            self.session.add(SpeaksFor(urn=urn, organisation_id=name, state="confirmed"))
            self.providers[urn] = name
        self.session.flush()

    def source(self, source_id: str, organisation: str, *, precedence: int = 100) -> None:
        self.session.add(
            Source(
                id=source_id,
                organisation_id=organisation,
                name=source_id,
                transport="push",
                precedence=precedence,
                created_at=self.now,
            )
        )
        self.session.flush()

    def on_register(self, urn: str, **facts: Any) -> None:
        values: dict[str, Any] = {
            "as_at": date(2026, 3, 31),
            "last_seen": date(2026, 3, 31),
            "provision_type": "children-home",
            "status": "active",
            "places": 4,
            "la_code": "E08000035",
            "region": "E12000003",
            "owner": "Example Homes Ltd",
        } | facts
        self.session.add(RegisterSetting(urn=urn, **values))
        self.session.add(
            RegisterInspection(
                urn=urn,
                event=f"{urn}-1",
                framework="sccif-2017",
                kind="full",
                inspected_on=date(2025, 11, 3),
                published_on=date(2025, 12, 1),
                judgements={"overall": "good"},
                as_at=date(2026, 3, 31),
            )
        )
        self.session.flush()

    def member(self, name: str, *consortia: str, la_code: str | None = None) -> None:
        """A member LA, in these consortia."""
        self.session.add(Organisation(id=name, kind="member", name=name.title(), la_code=la_code, created_at=self.now))
        self.session.flush()
        for consortium in consortia:
            self.join(name, consortium)

    def join(
        self, member: str, consortium: str, *, valid_from: date = LONG_AGO, valid_until: date | None = None
    ) -> None:
        self.session.add(
            ConsortiumMember(
                consortium_id=consortium, organisation_id=member, valid_from=valid_from, valid_until=valid_until
            )
        )
        self.session.flush()

    def consortium(self, name: str, *providers: str) -> None:
        """A consortium that takes these providers."""
        self.session.add(Consortium(id=name, name=name.title(), created_at=self.now))
        self.session.flush()
        for provider in providers:
            self.take(name, provider)

    def take(
        self, consortium: str, provider: str, *, valid_from: date = LONG_AGO, valid_until: date | None = None
    ) -> None:
        self.session.add(
            ConsortiumProvider(
                consortium_id=consortium, organisation_id=provider, valid_from=valid_from, valid_until=valid_until
            )
        )
        self.session.flush()

    def say(
        self,
        urn: str,
        part: str,
        document: dict[str, Any],
        *,
        source: str | None = None,
        item: str | None = None,
        as_of: datetime | None = None,
        withdrawn: bool = False,
        offer: int = 1,
    ) -> None:
        """Let a source say something: the standing row as intake would leave it, and the pending row."""
        source = source or f"{self.providers[urn]}-push"
        item = document.get("id", document.get("unit", "")) if item is None else item
        as_of = as_of or self.now
        key = (Standing.source_id == source, Standing.urn == urn, Standing.part == part, Standing.item == item)
        self.session.execute(sa.delete(Standing).where(*key))
        self.session.add(
            Standing(
                source_id=source, urn=urn, part=part, item=item, as_of=as_of, stated_at=as_of, offer=offer,
                withdrawn=withdrawn, hash=b"x", document=orjson.dumps(document),
            )
        )  # fmt: skip
        self.session.flush()
        touch(self.session, [urn], at=self.now, bulk=False)

    def vacancy(
        self,
        urn: str,
        vacancy_id: str = "v1",
        *,
        as_of: datetime | None = None,
        source: str | None = None,
        **facts: Any,
    ) -> None:
        """A source offers a place from today, unless said otherwise."""
        document = {"id": vacancy_id, "places": 1, "from": (as_of or self.now).date().isoformat(), **facts}
        self.say(urn, "vacancy", document, as_of=as_of, source=source)

    def rate(
        self, urn: str, rate_id: str = "core", *, pounds: int = 5000, source: str | None = None, **facts: Any
    ) -> None:
        """A weekly price, offered to any unless said otherwise."""
        document = {
            "id": rate_id, "price": {"pence": pounds * 100, "per": "week"}, "offeredTo": "any", "validFrom": "2026-01-01", **facts,
        }  # fmt: skip
        self.say(urn, "rate", document, source=source)

    def capacity(self, urn: str, *, as_of: datetime | None = None, source: str | None = None, **counts: Any) -> None:
        """A count of places."""
        self.say(urn, "capacity", counts, as_of=as_of, source=source)

    def later(self, **delta: float) -> None:
        """Move this world's idea of now."""
        self.now += timedelta(**delta)
