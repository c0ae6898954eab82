"""Who is who: organisations, the consortia they meet in, what they speak for, and the sources they speak through."""

from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from placefeed.service.tables.columns import JSON, one_of


class Organisation(SQLModel, table=True):
    """A provider, a member (LA or the trust that acts for LAs), a vendor, or the operator."""

    __table_args__ = (one_of("kind", "provider", "member", "vendor", "operator"),)

    id: str = Field(primary_key=True, max_length=80)  # a slug of the name, chosen by the operator
    kind: str = Field(max_length=20)
    name: str = Field(max_length=300)
    owner_key: str = Field(default="", max_length=300, index=True)  # the name without case, punctuation, Ltd/Limited
    la_code: str | None = Field(default=None, max_length=9)  # a member's GSS code
    identifiers: list[dict[str, Any]] = Field(default_factory=list, sa_type=JSON)  # [{scheme, id}] (org-id.guide)
    acts_for: list[str] = Field(default_factory=list, sa_type=JSON)  # ids of the members that a trust acts for
    simulated: bool = Field(default=False)
    created_at: datetime


class Consortium(SQLModel, table=True):
    """Members who buy together. An LA that buys alone is a consortium of one."""

    id: str = Field(primary_key=True, max_length=80)
    name: str = Field(max_length=300)
    created_at: datetime


class ConsortiumMember(SQLModel, table=True):
    """A member's time in a consortium. `valid_from` and `valid_until` are days in Europe/London, inclusive.

    `applied_from` and `applied_until` are the log positions at which the publisher let it take effect.
    """

    __tablename__ = "consortium_member"

    id: int | None = Field(default=None, primary_key=True)
    consortium_id: str = Field(foreign_key="consortium.id", index=True, max_length=80)
    organisation_id: str = Field(foreign_key="organisation.id", index=True, max_length=80)
    valid_from: date
    valid_until: date | None = None
    applied_from: int | None = Field(default=None, sa_type=sa.BigInteger)
    applied_until: int | None = Field(default=None, sa_type=sa.BigInteger)


class ActsFor(SQLModel, table=True):
    """A trust's time of acting for a member, in log positions: what `Organisation.acts_for` asks and the publisher let take effect."""

    __tablename__ = "acts_for"

    id: int | None = Field(default=None, primary_key=True)
    organisation_id: str = Field(foreign_key="organisation.id", index=True, max_length=80)
    member_id: str = Field(foreign_key="organisation.id", max_length=80)
    applied_from: int = Field(sa_type=sa.BigInteger)
    applied_until: int | None = Field(default=None, sa_type=sa.BigInteger)


class ConsortiumProvider(SQLModel, table=True):
    """The time in which a consortium takes a provider. Days in Europe/London, inclusive."""

    __tablename__ = "consortium_provider"

    id: int | None = Field(default=None, primary_key=True)
    consortium_id: str = Field(foreign_key="consortium.id", index=True, max_length=80)
    organisation_id: str = Field(foreign_key="organisation.id", index=True, max_length=80)
    valid_from: date
    valid_until: date | None = None


class SpeaksFor(SQLModel, table=True):
    """Which settings a provider speaks for: proposed from the register's owner names, confirmed by the operator."""

    __tablename__ = "speaks_for"
    __table_args__ = (one_of("state", "proposed", "confirmed", "refused"),)

    urn: str = Field(primary_key=True, max_length=80)
    organisation_id: str = Field(primary_key=True, foreign_key="organisation.id", index=True, max_length=80)
    state: str = Field(max_length=20)
    decided_by: str | None = Field(default=None, max_length=80)
    decided_at: datetime | None = None


class Delegation(SQLModel, table=True):
    """A provider lets a vendor or trade body speak for it, until it says no more."""

    id: int | None = Field(default=None, primary_key=True)
    provider_id: str = Field(foreign_key="organisation.id", index=True, max_length=80)
    delegate_id: str = Field(foreign_key="organisation.id", index=True, max_length=80)
    created_at: datetime
    revoked_at: datetime | None = None


class Source(SQLModel, table=True):
    """One way in which a provider speaks: a push, an uploaded sheet, a polled feed, a folder; or another exchange (`rpde`).

    Several may speak for one setting; the lower `precedence` wins a part, equals are joined (see derive).
    """

    __table_args__ = (
        one_of("transport", "push", "upload", "http", "folder", "sftp", "rpde"),
        one_of("state", "active", "paused", "stopped"),
    )

    id: str = Field(primary_key=True, max_length=120)
    organisation_id: str = Field(foreign_key="organisation.id", index=True, max_length=80)
    name: str = Field(max_length=300)
    transport: str = Field(max_length=20)
    format: str | None = Field(default=None, max_length=100)  # media type, when the source does not say it
    mapping: str | None = Field(default=None, sa_type=sa.Text)  # name of a shipped mapping, or TOML text
    address: str | None = Field(default=None, max_length=2000)  # URL or folder
    credential: bytes | None = Field(default=None)  # Authorization header, or keys of an SFTP folder; encrypted
    cron: str | None = Field(default=None, max_length=100)  # when to poll, five fields, Europe/London
    expected_every: int | None = None  # seconds without a good word after which the source counts as late
    precedence: int = Field(default=100)
    state: str = Field(default="active", max_length=20)
    stopped_why: str | None = Field(default=None, sa_type=sa.Text)
    cursor: dict[str, Any] | None = Field(default=None, sa_type=JSON)
    last_heard_at: datetime | None = None
    last_good_at: datetime | None = None
    last_error: str | None = Field(default=None, sa_type=sa.Text)
    last_published_at: datetime | None = None  # the newest complete feed's publishedAt
    late_since: datetime | None = None
    simulated: bool = Field(default=False)
    created_at: datetime
