"""Organisations: providers, members, vendors and the operator. What alters a listing wakes the publisher in the same transaction."""

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col, select

from placefeed.adapters.ofsted.owners import owner_key
from placefeed.service.db import tell
from placefeed.service.errors import Conflict, Invalid, NotFound
from placefeed.service.pending import touch
from placefeed.service.tables import MemberChange, Organisation, Source, SpeaksFor, Standing

SLUG = re.compile(r"[a-z0-9][a-z0-9-]{0,79}")
KINDS = ("provider", "member", "vendor", "operator")
SIGHT = {"la_code", "identifiers", "acts_for"}
"""What of a member decides what it may see: the publisher compares before and after."""
GSS = re.compile(r"[EWSN][0-9]{8}")


def create_organisation(
    session: Session,
    organisation_id: str,
    *,
    kind: str,
    name: str,
    la_code: str | None = None,
    identifiers: Sequence[dict[str, Any]] = (),
    acts_for: Sequence[str] = (),
    simulated: bool = False,
    now: datetime,
) -> Organisation:
    """Add an organisation. Raises Invalid, or Conflict where the id is taken."""
    check_id(organisation_id)
    if kind not in KINDS:
        raise Invalid(f"The kind of an organisation is one of {', '.join(KINDS)}.", errors=[{"pointer": "/kind"}])
    if session.get(Organisation, organisation_id) is not None:
        raise Conflict(f"There is an organisation “{organisation_id}” already. Choose another id, or change that one.")
    organisation = Organisation(id=organisation_id, kind=kind, name="", created_at=now, simulated=simulated)
    _apply(
        session,
        organisation,
        {"name": name, "la_code": la_code, "identifiers": list(identifiers), "acts_for": list(acts_for)},
    )
    session.add(organisation)
    session.flush()
    if acts_for:
        _note_as_it_was(session, organisation)
        tell(session, "pending")
    tell(session, "access")
    return organisation


def get_organisation(session: Session, organisation_id: str) -> Organisation:
    """One organisation. Raises NotFound."""
    found = session.get(Organisation, organisation_id)
    if found is None:
        raise NotFound(f"There is no organisation “{organisation_id}”.")
    return found


def list_organisations(session: Session, kind: str | None = None) -> list[Organisation]:
    """All organisations, or those of one kind, by id."""
    query = select(Organisation).order_by(col(Organisation.id))
    return list(session.exec(query if kind is None else query.where(Organisation.kind == kind)))


def update_organisation(session: Session, organisation_id: str, *, now: datetime, **changes: Any) -> Organisation:
    """Change `name`, `la_code`, `identifiers` or `acts_for`. A new name stands on every listing at once. Raises NotFound or Invalid."""
    organisation = get_organisation(session, organisation_id)
    if SIGHT & changes.keys():
        _note_as_it_was(session, organisation)
    _apply(session, organisation, changes)
    session.add(organisation)
    session.flush()
    touch_settings_of(session, [organisation_id], now=now)
    tell(session, "access")
    tell(session, "pending")
    return organisation


def _note_as_it_was(session: Session, organisation: Organisation) -> None:
    """The publisher compares what the member could see with what it can see after the change."""
    session.add(
        MemberChange(
            organisation_id=organisation.id, la_code=organisation.la_code, identifiers=organisation.identifiers
        )
    )


def _apply(session: Session, organisation: Organisation, changes: dict[str, Any]) -> None:
    for field, value in changes.items():
        if field == "name":
            if not isinstance(value, str) or not 0 < len(value.strip()) <= 300:
                raise Invalid("An organisation needs a name of at most 300 characters.", errors=[{"pointer": "/name"}])
            organisation.name, organisation.owner_key = value.strip(), owner_key(value)
        elif field == "la_code":
            if value is not None and not GSS.fullmatch(str(value)):
                raise Invalid(
                    "The local authority's code is a GSS code such as E09000001.",
                    errors=[{"pointer": "/localAuthority"}],
                )
            organisation.la_code = value
        elif field == "identifiers":
            if any(not isinstance(each, dict) or not each.get("scheme") or not each.get("id") for each in value):
                raise Invalid("Each identifier has a scheme and an id.", errors=[{"pointer": "/identifiers"}])
            organisation.identifiers = [{"scheme": each["scheme"], "id": each["id"]} for each in value]
        elif field == "acts_for":
            known = set(
                session.exec(
                    select(Organisation.id).where(col(Organisation.id).in_(value), Organisation.kind == "member")
                )
            )
            missing = sorted(set(value) - known)
            if missing:
                raise Invalid(
                    f"There are no members {', '.join(missing)} to act for.", errors=[{"pointer": "/actsFor"}]
                )
            organisation.acts_for = list(value)
        else:
            raise Invalid(f"“{field}” of an organisation cannot be changed.", errors=[{"pointer": f"/{field}"}])


def touch_settings_of(session: Session, organisation_ids: Sequence[str], *, now: datetime) -> int:
    """Have every setting published again that these organisations speak for or have spoken of."""
    urns = session.scalars(
        sa.union(
            sa.select(col(SpeaksFor.urn)).where(
                col(SpeaksFor.organisation_id).in_(organisation_ids), col(SpeaksFor.state) == "confirmed"
            ),
            sa.select(col(Standing.urn))
            .join(Source, col(Source.id) == col(Standing.source_id))
            .where(col(Source.organisation_id).in_(organisation_ids)),
        )
    ).all()
    return touch(session, sorted(urns), at=now, bulk=True)


def check_id(text: str) -> None:
    """Raise Invalid unless this can be the id of an organisation or a consortium."""
    if not SLUG.fullmatch(text):
        raise Invalid(
            "An id has small letters, digits and hyphens, at most 80, such as “example-homes”.",
            errors=[{"pointer": "/id"}],
        )
