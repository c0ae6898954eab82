"""People: one account each, their posts in organisations, how they sign in, and what they keep."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from placefeed.service.tables.columns import BIG, JSON, one_of


class Person(SQLModel, table=True):
    """Somebody who signs in. One account a person, whatever organisations they work for."""

    id: str = Field(primary_key=True, max_length=16)
    email: str = Field(unique=True, max_length=254)  # lower case
    name: str = Field(max_length=200)
    password: str | None = Field(default=None, max_length=200)  # argon2id; None: by invitation, or their LA's sign-in
    totp: bytes | None = None  # the second factor's secret, sealed
    totp_step: int = Field(default=0, sa_type=sa.BigInteger)  # the last one used: none works twice
    recovery: list[str] = Field(default_factory=list, sa_type=JSON)  # hashes of the codes that are left
    created_at: datetime
    disabled_at: datetime | None = None


class Post(SQLModel, table=True):
    """A person's place in an organisation. The organisation's kind says the role, `level` how much of it.

    reader: looks. editor: changes what the role may change. manager: also invites colleagues and sets policy.
    """

    __table_args__ = (one_of("level", "reader", "editor", "manager"),)

    person_id: str = Field(primary_key=True, foreign_key="person.id", ondelete="CASCADE", max_length=16)
    organisation_id: str = Field(primary_key=True, foreign_key="organisation.id", index=True, max_length=80)
    level: str = Field(max_length=20)
    reminders: bool = Field(default=True)  # of a provider: an e-mail before what was said grows stale
    reminded_at: datetime | None = None
    created_at: datetime


class Identity(SQLModel, table=True):
    """A person as another sign-in (OpenID Connect) knows them."""

    issuer: str = Field(primary_key=True, max_length=300)
    subject: str = Field(primary_key=True, max_length=255)
    person_id: str = Field(foreign_key="person.id", ondelete="CASCADE", index=True, max_length=16)
    created_at: datetime


class SignIn(SQLModel, table=True):
    """A session of one browser. Its cookie is opaque; only a hash of it is here, and deleting the row ends it."""

    __tablename__ = "sign_in"

    id: str = Field(primary_key=True, max_length=16)
    digest: bytes = Field(unique=True)  # SHA-256 of the cookie
    person_id: str = Field(foreign_key="person.id", ondelete="CASCADE", index=True, max_length=16)
    organisation_id: str | None = Field(default=None, max_length=80)  # which post they are working in
    how: str = Field(max_length=60)  # password, or the name of another sign-in
    browser: str = Field(default="", max_length=200)  # so that its owner recognises it
    created_at: datetime
    seen_at: datetime
    expires_at: datetime = Field(index=True)
    lifted: dict[str, Any] | None = Field(default=None, sa_type=JSON)  # grades shown knowingly: {reason, at}


class OneUse(SQLModel, table=True):
    """What works once: a link (an invitation, a new password, “nothing has changed”), or a sign-in half way. Only a hash of it is kept."""

    __tablename__ = "one_use"
    __table_args__ = (one_of("kind", "invitation", "reset", "unchanged", "half-way"),)

    digest: bytes = Field(primary_key=True)
    kind: str = Field(max_length=20)
    person_id: str | None = Field(default=None, foreign_key="person.id", ondelete="CASCADE", index=True, max_length=16)
    organisation_id: str | None = Field(default=None, max_length=80)
    detail: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
    created_at: datetime
    expires_at: datetime = Field(index=True)
    used_at: datetime | None = None


class FailedSignIn(SQLModel, table=True):
    """A sign-in that failed: `account` and `place` are keyed hashes of the address typed and of where it was typed."""

    __tablename__ = "failed_sign_in"
    __table_args__ = (sa.Index("ix_failed_sign_in_account_at", "account", "at"),)

    id: int | None = Field(default=None, primary_key=True, sa_type=BIG)
    account: bytes
    place: bytes = Field(index=True)
    at: datetime = Field(index=True)


class SavedSearch(SQLModel, table=True):
    """A filter of the list that a person keeps, and the subscription that was made of it, if any."""

    __tablename__ = "saved_search"

    id: str = Field(primary_key=True, max_length=16)
    person_id: str = Field(foreign_key="person.id", ondelete="CASCADE", index=True, max_length=16)
    organisation_id: str = Field(foreign_key="organisation.id", index=True, max_length=80)
    name: str = Field(max_length=100)
    query: str = Field(sa_type=sa.Text)  # as it stands in the page's address
    subscription_id: str | None = Field(default=None, max_length=40)
    created_at: datetime


class Policy(SQLModel, table=True):
    """What a member hides by default: judgements as `framework:code` or `framework/aspect:code`."""

    organisation_id: str = Field(primary_key=True, foreign_key="organisation.id", max_length=80)
    hidden: list[str] = Field(default_factory=list, sa_type=JSON)
    changed_by: str | None = Field(default=None, max_length=16)  # a person
    changed_at: datetime
