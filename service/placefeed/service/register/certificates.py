"""The operator's word that it has seen the registration certificate of a setting that no file of Ofsted's names yet."""

from datetime import date, datetime

from sqlmodel import Session, col, select

from placefeed.schema.codelists import codelist, local_authority
from placefeed.service.access import audit
from placefeed.service.access.who import Caller
from placefeed.service.clock import london_day
from placefeed.service.errors import Invalid, NotFound
from placefeed.service.pending import touch
from placefeed.service.tables import Certificate


def record(
    session: Session,
    urn: str,
    *,
    provision_type: str,
    registered_on: date,
    places: int | None = None,
    la_code: str | None = None,
    owner: str | None = None,
    caller: Caller,
    now: datetime,
) -> Certificate:
    """Keep what the certificate says, and publish the setting again. A second word replaces the first. Raises Invalid."""
    errors = []
    if provision_type not in codelist("provision-types").codes:
        errors.append({"pointer": "/provisionType", "detail": "This is not a code of the list provision-types."})
    if la_code is not None and local_authority(la_code) is None:
        errors.append({"pointer": "/localAuthority", "detail": "This is not the GSS code of a local authority."})
    if registered_on > london_day(now):
        errors.append({"pointer": "/registeredOn", "detail": "This day is still to come."})
    if places is not None and places < 1:
        errors.append({"pointer": "/places", "detail": "A registered setting has at least one place."})
    if errors:
        raise Invalid("The certificate has errors.", errors=errors)
    certificate = session.get(Certificate, urn) or Certificate(
        urn=urn, provision_type=provision_type, registered_on=registered_on, recorded_by="", recorded_at=now
    )
    certificate.provision_type, certificate.registered_on = provision_type, registered_on
    certificate.places, certificate.la_code, certificate.owner = places, la_code, owner
    certificate.recorded_by, certificate.recorded_at = caller.organisation_id or "", now
    session.add(certificate)
    session.flush()
    _noted(session, urn, "certificate.recorded", caller=caller, now=now)
    return certificate


def withdraw(session: Session, urn: str, *, caller: Caller, now: datetime) -> None:
    """Take the word back; a setting that no file names is unlisted again. Raises NotFound."""
    session.delete(get(session, urn))
    session.flush()
    _noted(session, urn, "certificate.withdrawn", caller=caller, now=now)


def get(session: Session, urn: str) -> Certificate:
    """One certificate. Raises NotFound."""
    found = session.get(Certificate, urn)
    if found is None:
        raise NotFound("No certificate is recorded for this setting.")
    return found


def recorded(session: Session) -> list[Certificate]:
    """All of them, by URN."""
    return list(session.exec(select(Certificate).order_by(col(Certificate.urn))))


def _noted(session: Session, urn: str, action: str, *, caller: Caller, now: datetime) -> None:
    audit.record(session, caller=caller, action=action, subject=urn, at=now)
    touch(session, [urn], at=now, bulk=False)
