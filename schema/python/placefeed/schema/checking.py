"""Checks of what a feed is made of, each by itself: header, record, part and withdrawal.

A record is judged by jsonschema-rs; if it passes the rules follow, if it fails `jsonschema` explains.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

from placefeed.schema.explain import explain
from placefeed.schema.files import rs_validator
from placefeed.schema.issues import Issue, Place
from placefeed.schema.rules import check_part_rules, check_rules, is_future, issue, moment

PartName = Literal["setting", "capacity", "vacancy", "rate", "ofsted"]
PARTS: tuple[PartName, ...] = ("setting", "capacity", "vacancy", "rate", "ofsted")


def is_valid_fast(record: Any, *, kind: str = "settingRecord") -> bool:
    """Whether a value passes the schema: formats checked, nothing fetched, some five microseconds, no explanation."""
    return rs_validator(kind).is_valid(record)


def check_record(record: Any, *, now: datetime, kind: str = "settingRecord") -> list[Issue]:
    """Schema and rules for one setting's record, with pointers relative to it. Rules follow only where the schema is kept.

    Personal data is screened apart (`placefeed.schema.personal`), before this.
    """
    urn = key_of(record)
    if not rs_validator(kind).is_valid(record):
        return explained(kind, record, urn)
    return check_rules(record, now=now) if kind == "settingRecord" else []


def check_part(part: PartName, document: Any, *, now: datetime) -> list[Issue]:
    """Schema and rules for one part sent alone, with pointers relative to it."""
    if part not in PARTS:
        raise ValueError(f"A record has the parts {', '.join(PARTS)}.")
    if not rs_validator(part).is_valid(document):
        return explained(part, document, None)
    return check_part_rules(part, document, now=now)


def check_header(header: Any, *, now: datetime) -> list[Issue]:
    """Schema and rules for all of a feed but its settings and withdrawals, from JSON or an NDJSON header line."""
    if not isinstance(header, Mapping):
        return explained("headerLine", header, None)
    head = {name: value for name, value in header.items() if name not in ("settings", "withdrawn")}
    head["line"] = header.get("line", "header")
    if not rs_validator("headerLine").is_valid(head):
        return explained("headerLine", head, None)
    if is_future(head["publishedAt"], moment(now)):
        return [issue("time-in-future", place=Place(pointer="/publishedAt"))]
    return []


def check_withdrawn(entry: Any) -> list[Issue]:
    """Schema for one withdrawal, with pointers relative to it."""
    return [] if rs_validator("withdrawnRecord").is_valid(entry) else explained("withdrawnRecord", entry, key_of(entry))


def explained(kind: str, value: Any, urn: str | None) -> list[Issue]:
    """What is wrong with a value that failed its schema; never empty."""
    # The engines agree by test. Should they ever not, the record is refused all the same, with what can be said.
    return explain(kind, value, urn=urn) or [issue("schema-type", "The record does not fit the schema.")]


def key_of(record: Any) -> str | None:
    """A record's URN if it is a sound one: only then may it be repeated in a report."""
    urn = record.get("urn") if isinstance(record, Mapping) else None
    return urn if isinstance(urn, str) and rs_validator("common", "#/$defs/urn").is_valid(urn) else None
