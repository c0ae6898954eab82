"""The log: what members see, in one order. Only the publisher writes here, but for `pending`, which intake appends to.

```
pending, due ──> publisher ──> listing         the latest state of each, with its position: what is live
                           ├─> shown_setting   the same of the settings that have one: what seldom changes
                           ├─> change          every change, with facts and audiences before and after
                           └─> sight_change    an audience gained or lost sight of either
```
"""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from placefeed.service.tables.columns import BIG, JSON, one_of


class Head(SQLModel, table=True):
    """The one row that says how far the log has come. `epoch` changes when a backup is put back."""

    id: int = Field(default=1, primary_key=True)
    position: int = Field(default=0, sa_type=sa.BigInteger)
    epoch: int = Field(default=1)
    written_at: datetime
    history_after: int = Field(default=0, sa_type=sa.BigInteger)
    """Every change above this position is still kept; a push channel's older cursor gets 410."""
    tombstones_after: int = Field(default=0, sa_type=sa.BigInteger)
    """Every tombstone above this position is still kept; a change feed's older cursor gets 410."""


class Pending(SQLModel, table=True):
    """A setting was touched. One row a touch and no unique key: with one, a touch that commits after the publisher's
    delete would be swallowed."""

    __table_args__ = (sa.Index("ix_pending_bulk_id", "bulk", "id"),)

    id: int | None = Field(default=None, primary_key=True, sa_type=BIG)
    urn: str = Field(max_length=80, index=True)
    bulk: bool = Field(default=False)  # small updates are published before bulk
    at: datetime
    submission_id: str | None = Field(default=None, max_length=40)  # what touched it, for the log and traces alone


class SettingState(SQLModel, table=True):
    """What the publisher knows of a setting: when it changes next by time alone, and why its vacancies are or aren't listed."""

    __tablename__ = "setting_state"

    urn: str = Field(primary_key=True, max_length=80)
    changes_at: datetime | None = Field(default=None, index=True)
    explanation: list[dict[str, Any]] = Field(
        default_factory=list, sa_type=JSON
    )  # [{source, vacancy, listed, why: [...]}]
    ofsted: dict[str, Any] | None = Field(default=None, sa_type=JSON)  # the reconciled status, for change events
    counts: str | None = Field(default=None, max_length=32)  # hash of what was said of its places, for change events
    published_at: datetime


class Listing(SQLModel, table=True):
    """The latest state of a listing. A member sees it if one of `audiences` (consortium ids) is among its own.

    `body` is the standard's `listing` document as JSON bytes, without the rates that are not offered to any;
    those stand in `restricted` as [{offeredTo, rate}] and are put in for who may see them.
    """

    __table_args__ = (one_of("state", "updated", "deleted"),)

    id: str = Field(primary_key=True, max_length=40)  # opaque, random
    urn: str = Field(index=True, max_length=80)
    source_id: str = Field(max_length=120)
    item: str = Field(max_length=64)
    offer: int
    organisation_id: str = Field(max_length=80)
    position: int = Field(sa_type=sa.BigInteger, unique=True)
    state: str = Field(max_length=20)
    changes_at: datetime | None = Field(default=None, index=True)
    audiences: list[str] = Field(default_factory=list, sa_type=JSON)
    facts: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)  # what filters ask; see derive.facts_of
    body: bytes = b""
    restricted: list[dict[str, Any]] = Field(default_factory=list, sa_type=JSON)
    hash: bytes = b""  # of the body without clocks
    published_at: datetime
    modified_at: datetime


class ShownSetting(SQLModel, table=True):
    """The latest state of a setting that has, or had, a listing: what of it seldom changes. Seen by whoever sees a listing of it.

    `body` is `{urn, setting, ofsted}` as JSON bytes. Its gains and losses of sight stand in `sight_change` under its URN.
    """

    __tablename__ = "shown_setting"
    __table_args__ = (one_of("state", "updated", "deleted"),)

    urn: str = Field(primary_key=True, max_length=80)
    position: int = Field(sa_type=sa.BigInteger, unique=True)
    state: str = Field(max_length=20)
    audiences: list[str] = Field(default_factory=list, sa_type=JSON)
    body: bytes = b""
    modified_at: datetime


class Change(SQLModel, table=True):
    """One step of the log. none -> some is published, some -> none withdrawn, none -> none silent to members.

    A row without `listing_id` is an event of the setting itself (a grade, a suspension), whose `before` and `after` have its
    listings as `{"listings": [{"audiences", "facts"}]}`; one without `urn` either is an event of a provider's source.
    """

    position: int = Field(primary_key=True, sa_type=sa.BigInteger)
    at: datetime = Field(index=True)
    urn: str = Field(max_length=80, index=True)
    listing_id: str | None = Field(default=None, max_length=40, index=True)
    events: list[str] = Field(default_factory=list, sa_type=JSON)  # event types of the standard; [] for an attestation
    before: dict[str, Any] | None = Field(default=None, sa_type=JSON)
    after: dict[str, Any] | None = Field(default=None, sa_type=JSON)
    audiences_before: list[str] = Field(default_factory=list, sa_type=JSON)
    audiences_after: list[str] = Field(default_factory=list, sa_type=JSON)
    changed: list[str] = Field(
        default_factory=list, sa_type=JSON
    )  # JSON Pointers into the listing; [] for its first and last
    offered_to: list[str] = Field(default_factory=list, sa_type=JSON)  # whose rates changed: buyers, or "any"
    organisation_id: str | None = Field(default=None, max_length=80)  # the provider


class MemberChange(SQLModel, table=True):
    """A member whose sight may have changed other than by a membership: what it was before (its actsFor: see ActsFor).
    The publisher takes it."""

    __tablename__ = "member_change"

    id: int | None = Field(default=None, primary_key=True, sa_type=BIG)
    organisation_id: str = Field(max_length=80, index=True)
    la_code: str | None = Field(default=None, max_length=9)
    identifiers: list[dict[str, Any]] = Field(default_factory=list, sa_type=JSON)


class SightChange(SQLModel, table=True):
    """An audience gained or lost sight of a listing (or, under its URN, of a setting) at a position; or sees it as before, but
    with other rates. The audience is a consortium (`c:id`) or, when a member joins or leaves one, the member alone (`m:id`)."""

    __tablename__ = "sight_change"
    __table_args__ = (sa.Index("ix_sight_change_audience_position", "audience", "position"),)

    listing_id: str = Field(primary_key=True, max_length=80)
    audience: str = Field(primary_key=True, max_length=84)
    position: int = Field(primary_key=True, sa_type=sa.BigInteger)
    visible: bool
