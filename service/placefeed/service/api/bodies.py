"""What operators send: strict models, in the words of the wire (camelCase, ISO dates, RFC 3339 instants), nothing guessed."""

import re
from datetime import UTC, date, datetime
from typing import Annotated, Any

from fastapi import Path, Query
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints
from pydantic.alias_generators import to_camel

_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_INSTANT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?(Z|[+-][0-9]{2}:[0-9]{2})")
_WHOLE = re.compile(r"[0-9]{1,18}")


def _day(value: Any) -> date:
    if isinstance(value, str) and _DATE.fullmatch(value):
        try:
            return date.fromisoformat(value)
        except ValueError:
            pass
    raise ValueError("This must be a day such as 2026-11-21.")


def parse_instant(value: Any) -> datetime:
    """An RFC 3339 instant in UTC; ValueError says what it should look like."""
    if isinstance(value, str) and _INSTANT.fullmatch(value):
        try:
            return datetime.fromisoformat(value).astimezone(UTC)
        except ValueError:
            pass
    raise ValueError("This must be an instant with its offset, such as 2026-11-21T18:00:00Z.")


def _count(value: Any) -> int:
    if isinstance(value, str) and _WHOLE.fullmatch(value):
        return int(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise ValueError("This must be a whole number.")


def _really_bool(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    raise ValueError("This must be true or false.")


def _true_or_false(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if value in ("true", "false"):
        return bool(value == "true")
    raise ValueError("This must be true or false.")


def _really_int(value: Any) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise ValueError("This must be a whole number.")


Day = Annotated[date, BeforeValidator(_day)]
Instant = Annotated[datetime, BeforeValidator(parse_instant)]
Bool = Annotated[bool, BeforeValidator(_really_bool)]
Int = Annotated[int, BeforeValidator(_really_int)]
Id = Annotated[str, StringConstraints(min_length=1, max_length=120)]
Name = Annotated[str, StringConstraints(min_length=1, max_length=300)]
Urn = Annotated[str, StringConstraints(min_length=1, max_length=80)]

Whole = Annotated[int, BeforeValidator(_count)]
Limit = Annotated[Whole, Query(ge=1, le=1000, description="At most so many items.")]
After = Annotated[
    Whole, Query(ge=0, le=2**63 - 1, description="Only what comes after this id: the last one of the page before.")
]
RowId = Annotated[Whole, Path(ge=1, le=2**31 - 1)]
Flag = Annotated[bool, BeforeValidator(_true_or_false)]


class Body(BaseModel):
    """A body: unknown properties are errors."""

    model_config = ConfigDict(extra="forbid", alias_generator=to_camel, populate_by_name=False)


class IdentifierBody(Body):
    """An identifier of an organisation in a scheme of org-id.guide."""

    scheme: Id
    id: Id


class OrganisationBody(Body):
    """A new organisation."""

    id: Annotated[
        str,
        Field(max_length=80, description="Small letters, digits and hyphens; chosen by the operator, never changed."),
    ]
    kind: Annotated[str, Field(max_length=20, description="provider, member, vendor or operator")]
    name: Name
    local_authority: Annotated[str | None, Field(max_length=9, description="A member's GSS code.")] = None
    identifiers: Annotated[list[IdentifierBody], Field(max_length=20)] = []
    acts_for: Annotated[list[Id], Field(max_length=200, description="Members that a trust acts for.")] = []
    simulated: Bool = False


class OrganisationChange(Body):
    """What changes; what is left out stays."""

    name: Name | None = None
    local_authority: Annotated[str | None, Field(max_length=9)] = None
    identifiers: Annotated[list[IdentifierBody] | None, Field(max_length=20)] = None
    acts_for: Annotated[list[Id] | None, Field(max_length=200)] = None


class ConsortiumBody(Body):
    """A new consortium."""

    id: Annotated[str, Field(max_length=80)]
    name: Name


class ConsortiumChange(Body):
    """Another name."""

    name: Name


class TimeBody(Body):
    """An organisation's time in a consortium: days in Europe/London, inclusive."""

    organisation: Id
    from_: Annotated[Day, Field(alias="from")]
    until: Day | None = None


class EndBody(Body):
    """The last day."""

    until: Day


class KeyBody(Body):
    """A new key."""

    organisation: Id
    role: Annotated[str, Field(max_length=20, description="provider, member or operator")]
    scopes: Annotated[
        list[Id] | None, Field(max_length=10, description="What it may do; all that its role may, if left out.")
    ] = None
    source: Annotated[Id | None, Field(description="The source that a provider's key speaks as.")] = None
    label: Annotated[str, Field(max_length=200)] = ""
    expires_at: Instant | None = None


class RotateBody(Body):
    """How long the old key works on."""

    grace_seconds: Annotated[Int, Field(ge=0, le=90 * 86400)] = 7 * 86400


class SourceBody(Body):
    """A new source."""

    id: Annotated[Id | None, Field(description="Made up if left out.")] = None
    organisation: Id
    name: Name
    transport: Annotated[str, Field(max_length=20, description="push, upload, http, folder, sftp or rpde")]
    format: Annotated[str | None, Field(max_length=100, description="Media type, when the source does not say it.")] = (
        None
    )
    mapping: Annotated[
        str | None, Field(max_length=200_000, description="Name of a shipped mapping, or a mapping's TOML text.")
    ] = None
    address: Annotated[str | None, Field(max_length=2000, description="URL or folder; sftp://user@host/path.")] = None
    credential: Annotated[
        str | None,
        Field(
            max_length=16_000,
            description="Authorization header of a polled feed; of an SFTP folder our private key, followed by the server's known_hosts lines. Kept encrypted, never shown.",
        ),
    ] = None
    cron: Annotated[str | None, Field(max_length=100, description="When to poll: five fields, Europe/London.")] = None
    expected_every: Annotated[Int | None, Field(description="Seconds after which the source counts as late.")] = None
    precedence: Annotated[
        Int, Field(ge=0, le=1_000_000, description="Where several sources speak of one part, the lower wins.")
    ] = 100
    simulated: Bool = False


class SourceChange(Body):
    """What changes; what is left out stays, null takes it away."""

    name: Name | None = None
    format: Annotated[str | None, Field(max_length=100)] = None
    mapping: Annotated[str | None, Field(max_length=200_000)] = None
    address: Annotated[str | None, Field(max_length=2000)] = None
    credential: Annotated[str | None, Field(max_length=16_000)] = None
    cron: Annotated[str | None, Field(max_length=100)] = None
    expected_every: Int | None = None
    precedence: Annotated[Int | None, Field(ge=0, le=1_000_000)] = None
    state: Annotated[str | None, Field(max_length=20, description="active or paused")] = None
    simulated: Bool | None = None


class DecisionBody(Body):
    """Which settings an organisation speaks for."""

    organisation: Id
    urns: Annotated[
        list[Urn] | None, Field(max_length=10_000, description="Settings; all that are proposed, if left out.")
    ] = None


class DelegationBody(Body):
    """A provider lets another organisation speak for it."""

    provider: Id
    delegate: Id


class CertificateBody(Body):
    """What a registration certificate says."""

    provision_type: Annotated[str, Field(max_length=60)]
    registered_on: Day
    places: Int | None = None
    local_authority: Annotated[str | None, Field(max_length=9)] = None
    owner: Name | None = None


class AbsenceBody(Body):
    """Whether the settings that a complete feed lacked are gone."""

    confirm: Annotated[Bool, Field(description="true: they are gone. false: they stay.")]


def given(body: Body) -> dict[str, Any]:
    """What a change says, by our own names; what it leaves out is not in it."""
    return {name: getattr(body, name) for name in body.model_fields_set}
