"""What came in: submissions, their raw records, what was quarantined, and the keys that make a retry harmless."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from placefeed.service.tables.columns import BIG, JSON, one_of


class Submission(SQLModel, table=True):
    """One feed or small update as it came. `working` ones have a spool file and an `offset` that commits with each chunk."""

    __table_args__ = (one_of("state", "working", "done", "rejected", "failed"),)

    id: str = Field(primary_key=True, max_length=40)
    source_id: str = Field(foreign_key="source.id", index=True, max_length=120)
    organisation_id: str = Field(index=True, max_length=80)
    received_at: datetime = Field(index=True)
    finished_at: datetime | None = None
    content_type: str = Field(max_length=120)
    name: str = Field(default="", max_length=300)
    sha256: str = Field(max_length=64)
    size: int = Field(sa_type=sa.BigInteger)
    state: str = Field(max_length=20, index=True)
    complete: bool = Field(default=False)
    published_at: datetime | None = None  # the feed's own publishedAt
    header: dict[str, Any] | None = Field(default=None, sa_type=JSON)
    record_offset: int = Field(default=0)  # records done
    report: dict[str, Any] | None = Field(default=None, sa_type=JSON)
    spool: str | None = Field(default=None, max_length=200)  # name of the encrypted file, while it exists
    lease_until: datetime | None = None  # a worker that died lets go of it then
    attempt: int = Field(default=0)
    request_id: str | None = Field(default=None, max_length=64)  # of the request that brought it: the log's thread


class SubmissionRaw(SQLModel, table=True):
    """The records as they came, a chunk of at most 1,000 a row, zlib over JSON lines; refused records are not in it."""

    __tablename__ = "submission_raw"

    submission_id: str = Field(primary_key=True, foreign_key="submission.id", max_length=40)
    chunk: int = Field(primary_key=True)
    content: bytes


class Quarantine(SQLModel, table=True):
    """A record that was refused, and why. Of data that looks like a child's only hash, pointer and rule are kept."""

    id: int | None = Field(default=None, primary_key=True, sa_type=BIG)
    submission_id: str = Field(foreign_key="submission.id", index=True, max_length=40)
    record_index: int
    urn: str | None = Field(default=None, max_length=80)
    sha256: str = Field(max_length=64)
    place: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
    issues: list[dict[str, Any]] = Field(default_factory=list, sa_type=JSON)
    record: bytes | None = None  # JSON, absent when personal data was the reason


class Idempotency(SQLModel, table=True):
    """An `Idempotency-Key` of an organisation: same body, same answer. Commits with its submission."""

    organisation_id: str = Field(primary_key=True, max_length=80)
    key: str = Field(primary_key=True, max_length=255)
    sha256: str = Field(max_length=64)
    submission_id: str | None = Field(default=None, max_length=40)
    status: int | None = None  # absent: in flight, until lease_until
    lease_until: datetime
    created_at: datetime
