"""A checked record and its parts: what each says, from when, and a hash that tells whether it says anything new."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Any, NamedTuple

import orjson

from placefeed.schema.issues import Place

SETTING, CAPACITY, VACANCY, RATE, OFSTED = "setting", "capacity", "vacancy", "rate", "ofsted"
PARTS = (SETTING, CAPACITY, VACANCY, RATE, OFSTED)

SINGLE = {"setting": SETTING, "capacity": CAPACITY, "ofsted": OFSTED}
"""Property of a settingRecord with one part -> name of the part."""

MANY = {"capacities": CAPACITY, "vacancies": VACANCY, "rates": RATE}
"""Property with an array of parts -> name of the part."""

HASH = 16  # bytes


class PartDocument(NamedTuple):
    """One part as a source states it. `hash` leaves clocks out: equal hashes say the same."""

    part: str
    item: str
    as_of: datetime
    document: dict[str, Any]
    hash: bytes


@dataclass(slots=True)
class CheckedRecord:
    """A record that was found good, or what was left of it. `present` are the parts that it speaks of, refused items included.

    `failed` are items whose word was refused: (part, item), or (part, None) where not even the item can be told. What a
    record failed to state it does not withdraw.
    """

    urn: str
    parts: list[PartDocument]
    index: int = 0
    place: Place = field(default_factory=Place)
    present: frozenset[str] = frozenset()
    failed: tuple[tuple[str, str | None], ...] = ()


def part_document(part: str, item: str, *, as_of: datetime, document: dict[str, Any]) -> PartDocument:
    """Make one, with its hash."""
    return PartDocument(part, item, as_of, document, content_hash(document))


def content_hash(document: dict[str, Any]) -> bytes:
    """blake2b-16 of the sorted JSON without `asOf`."""
    if "asOf" in document:
        document = document.copy()
        del document["asOf"]
    return blake2b(orjson.dumps(document, option=orjson.OPT_SORT_KEYS), digest_size=HASH).digest()


def setting_key(record: dict[str, Any]) -> str | None:
    """The URN, or `scheme:id` of a setting registered elsewhere; None where the record names neither."""
    urn = record.get("urn")
    if isinstance(urn, str) and urn:
        return urn
    registration = record.get("registration")
    if isinstance(registration, dict):
        scheme, number = registration.get("scheme"), registration.get("id")
        if isinstance(scheme, str) and isinstance(number, str) and scheme and number:
            return f"{scheme}:{number}"
    return None


def item_of(part: str, document: dict[str, Any]) -> str | None:
    """The provider's id of a vacancy or rate, the unit of a capacity, '' for the only one; None where an id is missing."""
    if part in (VACANCY, RATE):
        found = document.get("id")
    elif part == CAPACITY:
        found = document.get("unit", "")
    else:
        found = ""
    return found if isinstance(found, str) else None


def instant(text: str) -> datetime:
    """An RFC 3339 instant, in UTC."""
    found = datetime.fromisoformat(text)
    return found if found.tzinfo is UTC else found.astimezone(UTC)


def split(record: dict[str, Any], *, default_as_of: datetime) -> Iterator[PartDocument]:
    """The parts of a valid settingRecord. A part without `asOf` counts from `default_as_of`."""
    for name, value in record.items():
        part = MANY.get(name)
        if part is not None:
            for document in value:
                yield _one(part, document, default_as_of)
        else:
            part = SINGLE.get(name)
            if part is not None:
                yield _one(part, value, default_as_of)


def _one(part: str, document: dict[str, Any], default_as_of: datetime) -> PartDocument:
    said = document.get("asOf")
    as_of = default_as_of if said is None else instant(said)
    return PartDocument(part, item_of(part, document) or "", as_of, document, content_hash(document))


def present_in(record: dict[str, Any]) -> frozenset[str]:
    """The parts that a record speaks of, be it with an empty array."""
    return frozenset(MANY.get(name) or SINGLE[name] for name in record if name in MANY or name in SINGLE)
