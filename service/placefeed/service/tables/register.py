"""What Ofsted's files say, with their as-at dates; an older file becomes history and never overwrites a newer one."""

from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from placefeed.service.tables.columns import BIG, JSON


class RegisterFile(SQLModel, table=True):
    """One imported file. The same bytes, or the same records in other bytes, change nothing."""

    __tablename__ = "register_file"

    id: int | None = Field(default=None, primary_key=True)
    sha256: str = Field(max_length=64, unique=True)
    kind: str = Field(max_length=30)
    title: str = Field(default="", max_length=500)
    as_at: date = Field(index=True)
    complete: bool = Field(default=False)
    restricted: bool = Field(default=False)  # an LA-only list: its fields reach LAs only
    imported_at: datetime
    result: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)  # the counts that import-ofsted prints


class RegisterSetting(SQLModel, table=True):
    """The newest facts of a URN. `absent_since`: the as-at date of the first newer complete file without it."""

    __tablename__ = "register_setting"

    urn: str = Field(primary_key=True, max_length=80)
    as_at: date
    last_seen: date
    absent_since: date | None = None
    provision_type: str = Field(max_length=60, index=True)
    status: str | None = Field(default=None, max_length=30)
    name: str | None = Field(default=None, max_length=300)
    owner: str | None = Field(default=None, max_length=300)
    owner_key: str = Field(default="", max_length=300, index=True)
    places: int | None = None
    la_code: str | None = Field(default=None, max_length=9, index=True)
    region: str | None = Field(default=None, max_length=60)
    sector: str | None = Field(default=None, max_length=40)
    facts: dict[str, Any] = Field(
        default_factory=dict, sa_type=JSON
    )  # shortBreaksOnly, educationUrn, premises, needs...
    simulated: bool = Field(default=False)


class RegisterInspection(SQLModel, table=True):
    """One inspection as the register has it. An event number can cover several branches: unique only with the URN."""

    __tablename__ = "register_inspection"
    __table_args__ = (sa.UniqueConstraint("urn", "framework", "kind", "inspected_on", "event"),)

    id: int | None = Field(default=None, primary_key=True, sa_type=BIG)
    urn: str = Field(index=True, max_length=80)
    event: str = Field(default="", max_length=40)
    framework: str = Field(max_length=40)
    kind: str = Field(max_length=40)
    inspected_on: date
    published_on: date | None = None
    judgements: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)  # aspect -> code
    as_at: date  # of the newest file that says so


class RegisterHistory(SQLModel, table=True):
    """A change of a setting's facts or grade between files: what, from which as-at date."""

    __tablename__ = "register_history"

    id: int | None = Field(default=None, primary_key=True, sa_type=BIG)
    urn: str = Field(index=True, max_length=80)
    as_at: date
    file_id: int = Field(foreign_key="register_file.id")
    what: str = Field(max_length=30)  # joined, left, returned, changed
    changed: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)  # field -> [before, after]


class Certificate(SQLModel, table=True):
    """The operator's word that it has seen the registration certificate of a URN that no file knows yet."""

    urn: str = Field(primary_key=True, max_length=80)
    provision_type: str = Field(max_length=60)
    places: int | None = None
    la_code: str | None = Field(default=None, max_length=9)
    owner: str | None = Field(default=None, max_length=300)
    registered_on: date
    recorded_by: str = Field(max_length=80)
    recorded_at: datetime
