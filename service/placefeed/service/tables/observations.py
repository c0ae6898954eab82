"""What is known, from whom, since when: append-only observations and the newest of each."""

from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from placefeed.service.tables.columns import BIG, one_of


class Observation(SQLModel, table=True):
    """One source's word on one part of a setting. Rows are only ever added.

    `urn` is the setting's key: its URN, or `scheme:id` for one registered elsewhere. `item` is the provider's id of
    a vacancy or rate, or the unit of a capacity, or '' for the only one.
    """

    __table_args__ = (
        sa.Index("ix_observation_urn_part", "urn", "part", "id"),
        one_of("kind", "stated", "attested", "withdrawn", "superseded"),
        one_of("part", "setting", "capacity", "vacancy", "rate", "ofsted"),
    )

    id: int | None = Field(default=None, primary_key=True, sa_type=BIG)
    source_id: str = Field(max_length=120)
    urn: str = Field(max_length=80)
    part: str = Field(max_length=20)
    item: str = Field(default="", max_length=64)
    kind: str = Field(max_length=20)
    as_of: datetime
    received_at: datetime
    submission_id: str | None = Field(default=None, max_length=40, index=True)
    hash: bytes  # blake2b-16 of the document without clocks; b'' for a withdrawal
    document: bytes | None = None  # JSON; absent for attestations and withdrawals


class Standing(SQLModel, table=True):
    """The newest observation of each (source, setting, part, item), kept by intake in the same transaction.

    `stated_at` is the provider's clock for the value, `as_of` the newest word (value, attestation or withdrawal).
    """

    __table_args__ = (sa.Index("ix_standing_urn", "urn"),)

    source_id: str = Field(primary_key=True, max_length=120)
    urn: str = Field(primary_key=True, max_length=80)
    part: str = Field(primary_key=True, max_length=20)
    item: str = Field(primary_key=True, default="", max_length=64)
    as_of: datetime
    stated_at: datetime
    offer: int = Field(
        default=1
    )  # counts up when an id that was withdrawn is offered again: a new offer, a new listing
    withdrawn: bool = Field(default=False)
    hash: bytes
    document: bytes
    version: int = Field(default=1)  # counts every change and attestation: the ETag of the part


class Absence(SQLModel, table=True):
    """A withdrawal by absence that a complete feed implies but that waits for a person's word (see intake/guards)."""

    __table_args__ = (one_of("state", "waiting", "confirmed", "refused", "returned"),)

    id: int | None = Field(default=None, primary_key=True, sa_type=BIG)
    source_id: str = Field(index=True, max_length=120)
    urn: str = Field(index=True, max_length=80)
    parts: str = Field(max_length=100)  # comma-separated names of the parts that the feed sent
    submission_id: str = Field(index=True, max_length=40)
    as_of: datetime  # the feed's publishedAt
    state: str = Field(default="waiting", max_length=20)
    decided_by: str | None = Field(default=None, max_length=80)
    decided_at: datetime | None = None
