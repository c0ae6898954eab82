"""Who is who in the demo: providers for the register's owners, members in consortia, sources and keys.

Written in bulk, in the transaction that loads the register: nothing has been said yet, so nothing has to be published again.
"""

import secrets
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col

from placefeed.adapters.ofsted.owners import owner_key
from placefeed.schema.codelists import LocalAuthority, local_authorities
from placefeed.service.access import organisations
from placefeed.service.access.keys import PREFIX, digest_of
from placefeed.service.access.who import MEMBER, OPERATOR, PROVIDER, ROLE_SCOPES
from placefeed.service.clock import london_day
from placefeed.service.demo.keys import Keys
from placefeed.service.simulate.forms import MAPPING
from placefeed.service.simulate.names import MARK, slug
from placefeed.service.simulate.owners import OWN, OWN_WORKBOOK, WORKBOOK, Owner
from placefeed.service.tables import (
    ApiKey,
    Consortium,
    ConsortiumMember,
    ConsortiumProvider,
    Organisation,
    Source,
    SpeaksFor,
)

EVERYONE, NORTH, SMALL = "all-england", "north", "small-homes"
CONSORTIA = {
    EVERYONE: f"All England consortium {MARK}",
    NORTH: f"Northern consortium {MARK}",
    SMALL: f"Small homes framework {MARK}",
}
_NORTHERN = {"E12000001", "E12000002", "E12000003"}
_MEMBERS_EACH = 12
LATE_AFTER = timedelta(days=2)
CHUNK = 1000


def settle(session: Session, owners: Sequence[Owner], *, keys: Keys, data: Path, secret: bytes, now: datetime) -> None:
    """Write everyone, confirm what each provider speaks for, and put the keys made into `keys`."""
    members = _members()
    watched = next((owner for owner in owners if owner.form == OWN), None)
    keys.folder_of = watched.id if watched else None
    _insert(session, Organisation, [*_providers(owners, now), *_councils(members, now), _operator(now)])
    _insert(session, Source, [_source(owner, watched=owner is watched, data=data, now=now) for owner in owners])
    organisations.propose(session, now=now)
    session.execute(
        sa.update(SpeaksFor)
        .where(col(SpeaksFor.state) == "proposed")
        .values(state="confirmed", decided_by="demo", decided_at=now)
    )
    _join(session, owners, members, now)
    made: list[dict[str, Any]] = []
    keys.operator = _key(made, "operator", OPERATOR, secret, now)
    keys.members = {name: _key(made, name, MEMBER, secret, now) for name in members}
    keys.providers = {
        owner.id: _key(made, owner.id, PROVIDER, secret, now, source=_source_id(owner)) for owner in owners
    }
    _insert(session, ApiKey, made)


def _insert(session: Session, table: type[Any], rows: Sequence[dict[str, Any]]) -> None:
    for start in range(0, len(rows), CHUNK):
        session.execute(sa.insert(table), rows[start : start + CHUNK])


def _providers(owners: Iterable[Owner], now: datetime) -> list[dict[str, Any]]:
    return [
        {
            "id": owner.id, "kind": "provider", "name": owner.name, "owner_key": owner_key(owner.register_name), "la_code": None,
            "identifiers": [{"scheme": "XX-SIM", "id": owner.id}], "acts_for": [], "simulated": True, "created_at": now,
        }
        for owner in owners
    ]  # fmt: skip


def _source_id(owner: Owner) -> str:
    return f"{owner.id}-feed"


def _source(owner: Owner, *, watched: bool, data: Path, now: datetime) -> dict[str, Any]:
    transport = "folder" if watched else "upload" if owner.form in (WORKBOOK, OWN_WORKBOOK) else "push"
    return {
        "id": _source_id(owner), "organisation_id": owner.id, "name": owner.name, "transport": transport,
        "mapping": MAPPING if owner.form in (OWN, OWN_WORKBOOK) else None,
        "address": str(folder_of(owner.id, data)) if watched else None, "cron": "* * * * *" if watched else None,
        "expected_every": int(LATE_AFTER.total_seconds()), "precedence": 100, "state": "active", "simulated": True, "created_at": now,
    }  # fmt: skip


def folder_of(owner: str, data: Path) -> Path:
    """The watched folder of a provider."""
    return data.absolute() / "drop" / owner


# -- members ---------------------------------------------------------------------------------------------------------


def _members() -> dict[str, LocalAuthority]:
    """Local authorities of the north first, then of elsewhere; one is in two consortia."""
    live = [one for one in local_authorities() if one.live and one.code.startswith("E")]
    northern = [one for one in live if one.region in _NORTHERN][:_MEMBERS_EACH]
    others = [one for one in live if one.region not in _NORTHERN][:_MEMBERS_EACH]
    return {slug(one.name): one for one in (*northern, *others)}


def _councils(members: dict[str, LocalAuthority], now: datetime) -> list[dict[str, Any]]:
    return [
        {
            "id": name, "kind": "member", "name": f"{one.name} {MARK}", "owner_key": "", "la_code": one.code, "identifiers": [],
            "acts_for": [], "simulated": True, "created_at": now,
        }
        for name, one in members.items()
    ]  # fmt: skip


def _operator(now: datetime) -> dict[str, Any]:
    return {
        "id": "operator", "kind": "operator", "name": f"Operator of the demo {MARK}", "owner_key": "", "la_code": None, "identifiers": [],
        "acts_for": [], "simulated": True, "created_at": now,
    }  # fmt: skip


def _join(session: Session, owners: Sequence[Owner], members: dict[str, LocalAuthority], now: datetime) -> None:
    since = london_day(now)
    _insert(session, Consortium, [{"id": name, "name": title, "created_at": now} for name, title in CONSORTIA.items()])
    northern = [name for name, one in members.items() if one.region in _NORTHERN]
    others = [name for name in members if name not in northern]
    joined = [(EVERYONE, name) for name in (*northern[:1], *others[::2])]
    joined += [(NORTH, name) for name in northern]
    joined += [(SMALL, name) for name in others[1::2]]
    _insert(
        session,
        ConsortiumMember,
        [
            {"consortium_id": to, "organisation_id": name, "valid_from": since, "valid_until": None}
            for to, name in joined
        ],
    )
    taken = [(EVERYONE, owner.id) for owner in owners]
    taken += [(NORTH, owner.id) for owner in owners if any(row.region in _NORTHERN for row in owner.rows)]
    taken += [(SMALL, owner.id) for owner in owners if len(owner.rows) < 5]
    _insert(
        session,
        ConsortiumProvider,
        [
            {"consortium_id": by, "organisation_id": name, "valid_from": since, "valid_until": None}
            for by, name in taken
        ],
    )


def _key(
    made: list[dict[str, Any]], organisation: str, role: str, secret: bytes, now: datetime, *, source: str | None = None
) -> str:
    key_id = secrets.token_hex(6)
    text = f"{PREFIX}_{key_id}_{secrets.token_urlsafe(32)}"
    made.append(
        {
            "id": key_id, "organisation_id": organisation, "source_id": source, "role": role, "scopes": sorted(ROLE_SCOPES[role]),
            "label": "demo", "digest": digest_of(text, secret=secret), "created_at": now,
        }
    )  # fmt: skip
    return text


__all__ = ["CONSORTIA", "EVERYONE", "folder_of", "settle"]
