"""How the exchange runs: claimed jobs, alerts, and the editions it publishes on a schedule."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from placefeed.service.tables.columns import BIG, JSON, one_of


class JobRun(SQLModel, table=True):
    """One slot of one job. Who inserts the row runs it; past `lease_until` without a finish, another may."""

    __tablename__ = "job_run"
    __table_args__ = (
        # Few are open among many that are done: who looks for them must not read all.
        sa.Index(
            "ix_job_run_open",
            "lease_until",
            sqlite_where=sa.text("finished_at IS NULL"),
            postgresql_where=sa.text("finished_at IS NULL"),
        ),
    )

    job: str = Field(primary_key=True, max_length=120)
    slot: datetime = Field(primary_key=True)
    worker: str = Field(max_length=120)
    attempt: int = Field(default=1)
    lease_until: datetime
    finished_at: datetime | None = None
    outcome: str | None = Field(default=None, sa_type=sa.Text)


class Alert(SQLModel, table=True):
    """Something that a person should look at: a late source, one that changed shape, a URN gone from the register."""

    __table_args__ = (one_of("severity", "info", "warning", "urgent"),)

    id: int | None = Field(default=None, primary_key=True, sa_type=BIG)
    at: datetime = Field(index=True)
    kind: str = Field(max_length=60)
    severity: str = Field(max_length=20)
    message: str = Field(sa_type=sa.Text)
    organisation_id: str | None = Field(default=None, max_length=80, index=True)
    source_id: str | None = Field(default=None, max_length=120)
    urn: str | None = Field(default=None, max_length=80)
    resolved_at: datetime | None = None


class Edition(SQLModel, table=True):
    """The consolidated files of one moment for one view (members with the same sight share it)."""

    id: str = Field(primary_key=True, max_length=40)
    view: str = Field(index=True, max_length=64)
    at: datetime = Field(index=True)
    position: int = Field(sa_type=sa.BigInteger)
    epoch: int = Field(default=1)
    items: int


class EditionFile(SQLModel, table=True):
    """One file of an edition, in the database so that every process serves the same."""

    __tablename__ = "edition_file"

    edition_id: str = Field(primary_key=True, foreign_key="edition.id", max_length=40)
    name: str = Field(primary_key=True, max_length=80)
    media_type: str = Field(max_length=120)
    sha256: str = Field(max_length=64)
    size: int
    content: bytes


class PublicSummary(SQLModel, table=True):
    """The weekly open edition: rounded counts by LA and region, suppressed where few. Never live."""

    __tablename__ = "public_summary"

    week: datetime = Field(primary_key=True)
    made_at: datetime
    document: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
