"""What `derive` is given: everything known of one setting, loaded for a whole batch in a few statements."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, NamedTuple

import orjson
import sqlalchemy as sa
from sqlmodel import Session, col

from placefeed.adapters.federation import exchange_name, origin_of
from placefeed.service.access.sources import FEDERATION
from placefeed.service.bulk import as_stored, instant_of
from placefeed.service.clock import london_day
from placefeed.service.publishing.sight import Take
from placefeed.service.register.reconcile import Inspection, RegisterFacts
from placefeed.service.tables import (
    Absence,
    Certificate,
    ConsortiumProvider,
    Delegation,
    Organisation,
    PostcodeSector,
    RegisterInspection,
    RegisterSetting,
    Source,
    SpeaksFor,
    Standing,
)


class Word(NamedTuple):
    """The newest word of one source on one part: a row of `standing`."""

    source_id: str
    part: str
    item: str
    as_of: datetime
    stated_at: datetime
    offer: int
    withdrawn: bool
    document: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Speaker:
    """A source, as far as consolidation needs it. `exchange`: the name of the other exchange that it is; `followed`: not paused,
    and read to its end once."""

    id: str
    name: str
    organisation_id: str
    organisation_name: str
    precedence: int
    simulated: bool
    exchange: str | None = None
    followed: bool = False


@dataclass(frozen=True, slots=True)
class Provider:
    """The organisation that speaks for a setting."""

    id: str
    name: str


@dataclass(slots=True)
class Known:
    """All that is known of one setting."""

    urn: str
    provider: Provider | None = None  # of ours
    words: list[Word] = field(default_factory=list)
    register: RegisterFacts | None = None
    place: dict[str, Any] = field(default_factory=dict)  # the register's (or certificate's) facts that a listing shows
    takes: list[Take] = field(default_factory=list)
    takes_of_exchanges: dict[str, list[Take]] = field(default_factory=dict)  # by organisation, where nobody here speaks
    waiting: frozenset[str] = frozenset()  # sources whose absence of this setting waits for a person's word
    sectors: Mapping[str, list[float]] = field(
        default_factory=dict
    )  # where they lie: those that words of the batch name


@dataclass(slots=True)
class Loaded:
    """A batch of settings and the sources that speak in it."""

    settings: dict[str, Known]
    speakers: dict[str, Speaker]


def load(session: Session, urns: Sequence[str]) -> Loaded:
    """Everything about these settings. Words of sources that no longer speak for a setting are left out, other exchanges'
    are not: whether they count is decided when it is derived (see federation)."""
    known = {urn: Known(urn) for urn in urns}
    speakers = _speakers(session)
    _providers(session, known, urns)
    delegates = _delegates(session)
    for urn, source_id, part, item, as_of, stated_at, offer, withdrawn, document in rows_of(session, _WORDS, urns):
        setting = known[urn]
        speaker = speakers.get(source_id)
        if speaker is None or not (speaker.exchange or _speaks(setting.provider, speaker, delegates)):
            continue
        said = {} if withdrawn else orjson.loads(document)
        setting.words.append(
            Word(source_id, part, item, instant_of(as_of), instant_of(stated_at), offer, bool(withdrawn), said)
        )
    _takes_of_exchanges(session, known, speakers)
    _register(session, known, urns)
    waiting: defaultdict[str, set[str]] = defaultdict(set)
    for urn, source_id in rows_of(session, _WAITING, urns):
        waiting[urn].add(source_id)
    for urn, sources in waiting.items():
        known[urn].waiting = frozenset(sources)
    _sectors(session, known, speakers)
    return Loaded(known, speakers)


def about(table: Any, *columns: Any) -> Any:
    """A statement for `rows_of`: these columns (all of them, if none are named) of the rows about some settings."""
    chosen = columns or tuple(table.__table__.c)
    return sa.select(*chosen).where(table.__table__.c.urn.in_(sa.bindparam("urns", expanding=True)))


_WORDS = about(
    Standing,
    *as_stored(Standing, "urn", "source_id", "part", "item", "as_of", "stated_at", "offer", "withdrawn", "document"),
)
_INSPECTIONS, _REGISTERED = about(RegisterInspection), about(RegisterSetting)
_CERTIFICATES = about(Certificate)
_WAITING = about(Absence, col(Absence.urn), col(Absence.source_id)).where(col(Absence.state) == "waiting")
_SECTORS = sa.select(col(PostcodeSector.sector), col(PostcodeSector.latitude), col(PostcodeSector.longitude)).where(
    col(PostcodeSector.sector).in_(sa.bindparam("sectors", expanding=True))
)
_SPEAKERS = sa.select(
    col(Source.id), col(Source.name), col(Source.organisation_id), col(Organisation.name), col(Source.precedence), col(Source.simulated),
    col(Source.transport), col(Source.address), col(Source.state), sa.case((col(Source.transport) == FEDERATION, col(Source.cursor))),
).join(Organisation, col(Organisation.id) == col(Source.organisation_id))  # fmt: skip
_DELEGATES = sa.select(col(Delegation.provider_id), col(Delegation.delegate_id)).where(
    col(Delegation.revoked_at).is_(None)
)
_PROVIDERS = (
    about(SpeaksFor, col(SpeaksFor.urn), col(Organisation.id), col(Organisation.name))
    .join(Organisation, col(Organisation.id) == col(SpeaksFor.organisation_id))
    .where(col(SpeaksFor.state) == "confirmed")
    .order_by(col(SpeaksFor.organisation_id))
)
_TAKES = sa.select(
    col(ConsortiumProvider.organisation_id), col(ConsortiumProvider.consortium_id), col(ConsortiumProvider.valid_from), col(ConsortiumProvider.valid_until)
).where(col(ConsortiumProvider.organisation_id).in_(sa.bindparam("providers", expanding=True)))  # fmt: skip


def rows_of(session: Session, statement: Any, urns: Sequence[str]) -> Sequence[Any]:
    """Plain rows about these settings; without the ORM, which would cost more than deriving them."""
    return session.connection().execute(statement, {"urns": urns}).all()


def _speakers(session: Session) -> dict[str, Speaker]:
    return {row[0]: _speaker(*row) for row in session.connection().execute(_SPEAKERS)}


def _speaker(
    id: str, name: str, organisation_id: str, organisation_name: str, precedence: int, simulated: bool,
    transport: str, address: str | None, state: str, cursor: dict[str, Any] | None,
) -> Speaker:  # fmt: skip
    exchange = exchange_name(address or "") if transport == FEDERATION else None
    followed = exchange is not None and state != "paused" and (cursor or {}).get("whole") is True
    return Speaker(id, name, organisation_id, organisation_name, precedence, simulated, exchange, followed)


def _speaks(provider: Provider | None, speaker: Speaker, delegates: set[tuple[str, str]]) -> bool:
    """Whether a source of ours speaks for what this provider speaks for: it is its own, or a delegate's."""
    return provider is not None and (
        speaker.organisation_id == provider.id or (provider.id, speaker.organisation_id) in delegates
    )


def _delegates(session: Session) -> set[tuple[str, str]]:
    return {(provider, delegate) for provider, delegate in session.connection().execute(_DELEGATES)}


def _providers(session: Session, known: dict[str, Known], urns: Sequence[str]) -> None:
    takes: dict[str, list[Take]] = {}
    for urn, organisation_id, name in rows_of(session, _PROVIDERS, urns):
        if known[urn].provider is None:
            known[urn].provider = Provider(organisation_id, name)
            takes.setdefault(organisation_id, [])
    for organisation_id, consortium_id, valid_from, valid_until in session.connection().execute(
        _TAKES, {"providers": list(takes)}
    ):
        takes[organisation_id].append(Take(consortium_id, valid_from, valid_until))
    for setting in known.values():
        if setting.provider is not None:
            setting.takes = takes[setting.provider.id]


def _sectors(session: Session, known: dict[str, Known], speakers: dict[str, Speaker]) -> None:
    words = [word for setting in known.values() for word in setting.words]
    units = [unit for word in words if word.part == "setting" for unit in word.document.get("units", ())]
    units += [
        origin_of(word.document).get("unit", {}) for word in words if speakers[word.source_id].exchange is not None
    ]
    named = {unit["postcodeSector"] for unit in units if "postcodeSector" in unit}
    if not named:
        return
    lie = {
        sector: [latitude, longitude]
        for sector, latitude, longitude in session.connection().execute(_SECTORS, {"sectors": sorted(named)})
    }
    for setting in known.values():
        setting.sectors = lie


def _takes_of_exchanges(session: Session, known: dict[str, Known], speakers: dict[str, Speaker]) -> None:
    takes: dict[str, list[Take]] = {
        speaker.organisation_id: [] for speaker in speakers.values() if speaker.exchange is not None
    }
    if not takes:
        return
    for row in session.connection().execute(_TAKES, {"providers": list(takes)}):
        takes[row[0]].append(Take(*row[1:]))
    for setting in known.values():
        if setting.provider is None:
            setting.takes_of_exchanges = takes


def _register(session: Session, known: dict[str, Known], urns: Sequence[str]) -> None:
    inspections: defaultdict[str, list[Inspection]] = defaultdict(list)
    told_at: dict[str, date] = {}
    for row in rows_of(session, _INSPECTIONS, urns):
        inspections[row.urn].append(
            Inspection(row.framework, row.kind, row.inspected_on, row.published_on, row.judgements, row.event or None)
        )
        told_at[row.urn] = max(row.as_at, told_at.get(row.urn, row.as_at))
    certificates = {row.urn: row for row in rows_of(session, _CERTIFICATES, urns)}
    for urn, certificate in certificates.items():
        known[urn].place = {
            "provisionType": certificate.provision_type,
            "localAuthority": certificate.la_code,
            "places": certificate.places,
        }
        known[urn].register = RegisterFacts(
            provision_type=certificate.provision_type, certificate_recorded_on=london_day(certificate.recorded_at)
        )
    for row in rows_of(session, _REGISTERED, urns):
        setting = known[row.urn]
        recorded = certificates.get(row.urn)
        setting.place = {
            "provisionType": row.provision_type,
            "localAuthority": row.la_code,
            "region": row.region,
            "places": row.places,
            "name": row.name,
            **row.facts,
        }
        setting.register = RegisterFacts(
            as_at=row.as_at,
            provision_type=row.provision_type,
            registration_status=row.status,
            inspections=tuple(inspections[row.urn]),
            inspections_as_at=told_at.get(row.urn),
            absent_since=row.absent_since,
            certificate_recorded_on=london_day(recorded.recorded_at) if recorded else None,
        )
