"""One listing as a reader's process holds it: ready bytes, facts, and what it looks like to one view at one moment."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from sys import intern
from typing import Any

import orjson

from placefeed.schema.codelists import codelist
from placefeed.service.channels.criteria import Facts
from placefeed.service.publishing.sight import View

BEING_CHECKED = "being-checked"
"""Why a listing past its changesAt is unknown: time has changed it and the publisher has not looked yet."""

_FAR = (1 << 63) - 1


@dataclass(slots=True, eq=False)
class Row:
    """A listing that stands. `moved` is the last position at which anything about it changed, its audiences too.

    `cut` is where in `body` the open rates end, and those offered to this reader alone go in.
    """

    id: str
    urn: str
    moved: int
    changes_at: datetime | None
    audiences: tuple[str, ...]
    facts: dict[str, Any]
    body: bytes
    cut: int
    restricted: tuple[tuple[Any, bytes], ...]  # (flat offer, the rate as JSON)
    newest_first: bytes  # sorts the newest asOf first
    key: bytes = b""  # its place in the default order, while it is not overdue

    def __post_init__(self) -> None:
        self.key = order_key(self, "default", available=self.facts["availability"] == "available")

    def fragment(self, view: View, *, overdue: bool = False) -> bytes:
        """The `listing` document for this view: with the rates offered to it, and unknown when overdue."""
        rates = [rate for offered_to, rate in self.restricted if view.may_have_rate(offered_to)]
        body = self.body
        if rates:
            comma = b"" if body[self.cut - 1 : self.cut] == b"[" else b","
            body = b"".join((body[: self.cut], comma, b",".join(rates), body[self.cut :]))
        if overdue:
            body = orjson.dumps(
                {
                    **orjson.loads(body),
                    "availability": "unknown",
                    "availabilityReason": BEING_CHECKED,
                    "freshness": "unknown",
                }
            )
        return body

    def overdue(self, now: datetime) -> bool:
        """Whether time alone has changed it since it was published."""
        return self.changes_at is not None and self.changes_at <= now

    def facts_at(self, *, overdue: bool) -> Facts:
        """The facts as they may be believed."""
        return {**self.facts, "availability": "unknown", "freshness": "unknown"} if overdue else self.facts

    def weekly(self, view: View, takes: Callable[[Facts], bool] | None = None) -> int | None:
        """The lowest weekly equivalent, in pence, of the rates that this view may see (and that `takes` takes)."""
        return min(
            (
                rate["weekly"]
                for rate in self.facts["rates"]
                if rate["weekly"] is not None
                and (takes is None or takes(rate))
                and view.may_have_rate(rate["offeredTo"])
            ),
            default=None,
        )


def row_of(
    *,
    id: str,
    urn: str,
    moved: int,
    changes_at: datetime | None,
    audiences: Iterable[str],
    facts: Mapping[str, Any],
    body: bytes,
    restricted: Iterable[Mapping[str, Any]],
) -> Row:
    """A row from its columns in the table `listing`."""
    open_body, cut = _cut(bytes(body))
    as_of = datetime.fromisoformat(facts["asOf"])
    if changes_at is not None and changes_at.tzinfo is None:
        changes_at = changes_at.replace(tzinfo=UTC)
    return Row(
        id=id,
        urn=urn,
        moved=moved,
        changes_at=changes_at,
        audiences=tuple(intern(audience) for audience in audiences),
        facts={intern(name): _lean(value) for name, value in facts.items()},
        body=open_body,
        cut=cut,
        restricted=tuple((offer["offeredTo"], orjson.dumps(offer["rate"])) for offer in restricted),
        newest_first=(_FAR - int(as_of.timestamp() * 1_000_000)).to_bytes(8, "big"),
    )


def _lean(value: Any) -> Any:
    """Facts hold the same codes thousands of times: keep one copy of each."""
    if isinstance(value, str):
        return intern(value) if len(value) < 64 else value
    if isinstance(value, list):
        return [_lean(part) for part in value]
    if isinstance(value, dict):
        return {intern(name): _lean(part) for name, part in value.items()}
    return value


def _cut(body: bytes) -> tuple[bytes, int]:
    document = orjson.loads(body)
    rates = document.setdefault("rates", [])
    before: dict[str, Any] = {}
    for name, value in document.items():
        if name == "rates":
            break
        before[name] = value
    whole = orjson.dumps(document)
    return (body if whole == body else whole), len(orjson.dumps({**before, "rates": rates})) - 2


# -- orders -------------------------------------------------------------------------------------------------------------

SORTS = ("default", "price", "newest", "distance")
_LAST_BAND = 255


@cache
def _bands() -> dict[str, int]:
    return {
        code: rank for rank, code in enumerate(codelist("response-bands").codes)
    }  # the codelist has the soonest first


def order_key(row: Row, sort: str, *, available: bool, amount: int | None = None) -> bytes:
    """Where a row stands in an order (of amounts, for price and distance; unknown ones last): bytes that compare as the order does, and end in the id, so that no two are equal."""
    group = b"\x00" if available else b"\x01"
    if sort in ("price", "distance"):
        return b"".join((group, (_FAR if amount is None else amount).to_bytes(8, "big"), row.id.encode()))
    if sort == "newest":
        return b"".join((group, row.newest_first, row.id.encode()))
    return b"".join(
        (group, bytes((_bands().get(row.facts["response"], _LAST_BAND),)), row.newest_first, row.id.encode())
    )
