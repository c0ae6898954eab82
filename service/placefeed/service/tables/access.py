"""Who may call, and who did what: keys and the append-only audit."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from placefeed.service.tables.columns import BIG, JSON, one_of


class ApiKey(SQLModel, table=True):
    """A key of an organisation. Only an HMAC of the secret is stored; `id` is the part that may be shown."""

    __tablename__ = "api_key"
    __table_args__ = (one_of("role", "provider", "member", "operator"),)

    id: str = Field(primary_key=True, max_length=40)
    organisation_id: str = Field(foreign_key="organisation.id", index=True, max_length=80)
    source_id: str | None = Field(
        default=None, foreign_key="source.id", max_length=120
    )  # what a provider's key speaks as
    role: str = Field(max_length=20)
    scopes: list[str] = Field(default_factory=list, sa_type=JSON)
    label: str = Field(default="", max_length=200)
    digest: bytes
    created_at: datetime
    expires_at: datetime | None = None
    revoked_at: datetime | None = None
    replaced_by: str | None = Field(default=None, max_length=40)  # after rotation; works until expires_at (the grace)


class Audit(SQLModel, table=True):
    """Who read, changed or was sent what. Rows are only ever added; the purge removes whole days past the keeping time."""

    id: int | None = Field(default=None, primary_key=True, sa_type=BIG)
    at: datetime = Field(index=True)
    key_id: str | None = Field(default=None, max_length=40)
    person_id: str | None = Field(default=None, max_length=16, index=True)
    organisation_id: str | None = Field(default=None, max_length=80, index=True)
    role: str = Field(max_length=20)
    action: str = Field(max_length=60)
    subject: str = Field(default="", max_length=300, index=True)
    detail: dict[str, Any] | None = Field(default=None, sa_type=JSON)
    times: int = Field(default=1, sa_type=sa.Integer)  # equal reads within one batch are one row
