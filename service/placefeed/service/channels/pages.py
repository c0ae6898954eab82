"""What a request for the list asks for (a plan), and a page of it: order, cursor, and how no row is missed while rows change.

A cursor is the place of the last row of a page in the order (keyset), with the position at which reading began. A row that
changed in the meantime may have moved ahead of the cursor; so after the last page come, again or for the first time, the
rows that moved since: of an id that comes twice the later one counts. Nothing that stood all the time is missed.
"""

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

import orjson

from placefeed.service.channels.forms import FORMS, JSON, Form, form_for
from placefeed.service.channels.index import Selected, Selection
from placefeed.service.channels.near import parameter
from placefeed.service.channels.parameters import PAGING
from placefeed.service.channels.query import Filter, nearest, refuse
from placefeed.service.channels.rows import SORTS
from placefeed.service.errors import Gone

USUAL = 100
MOST = 2000
LONGEST_CURSOR = 400


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where a page begins. `again`: in the rows that moved since, by position, rather than in the order. `near`: for an order by
    distance, from where."""

    sort: str
    epoch: int
    since: int  # the position at which the reading began; in `again`, the last one that was given
    key: bytes
    again: bool = False
    near: str = ""

    def text(self) -> str:
        """Opaque, for a URL."""
        said = [self.sort, self.epoch, self.since, self.key.hex(), self.again]
        packed = orjson.dumps([*said, self.near] if self.near else said)
        return base64.urlsafe_b64encode(packed).rstrip(b"=").decode()

    @staticmethod
    def parse(text: str, *, sort: str, near: str = "") -> "Cursor":
        """Read a cursor; raises BadRequest for one that we did not make or that belongs to another order (or, by distance, place)."""
        try:
            if len(text) > LONGEST_CURSOR:
                raise ValueError
            read = orjson.loads(base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True))
            made, epoch, since, key, again, *place = read
            cursor = Cursor(made, epoch, since, bytes.fromhex(key), again, *place)
            if made not in SORTS or type(epoch) is not int or type(since) is not int or type(again) is not bool:
                raise ValueError
        except (ValueError, TypeError, binascii.Error):
            raise refuse("cursor", "is not one of ours. Take it from `next` as it is, or begin without it.") from None
        if made != sort:
            raise refuse("cursor", "belongs to another sort order. Begin again without it.")
        if cursor.near != near:
            raise refuse("cursor", "belongs to an order by distance from another place. Begin again without it.")
        return cursor


@dataclass(frozen=True, slots=True)
class Plan:
    """A request for the list, parsed: equal keys are answered with the same bytes at one moment and for one view."""

    filter: Filter
    form: Form
    sort: str
    limit: int | None
    cursor: Cursor | None
    asked: tuple[tuple[str, str], ...]  # the parameters, to repeat in `next`
    key: str
    near: str = ""  # from where an order by distance is measured

    @staticmethod
    def parse(params: Mapping[str, Sequence[str]], *, accept: str = "") -> "Plan":
        """Read the whole request; raises BadRequest that names the parameter, or NotAcceptable."""
        filter = Filter.parse(params, also=[parameter.name for parameter in PAGING])
        one = {parameter.name: _one(params, parameter.name) for parameter in PAGING}
        form = form_for(accept, format=one["format"])
        if form is None:
            raise refuse("format", f"names a form that is not to be had. {nearest(one['format'] or '', FORMS)}")
        sort = one["sort"] or "default"
        if sort not in SORTS:
            raise refuse("sort", f"names an order that is not known. {nearest(sort, SORTS)}")
        limit = _limit(one["limit"], form)
        near = _measured_from(filter, sort)
        cursor = Cursor.parse(one["cursor"], sort=sort, near=near) if one["cursor"] else None
        asked = tuple(
            (name, text) for name, texts in params.items() for text in texts if name != "cursor" and text.strip()
        )
        key = "|".join((filter.key, form.name, sort, str(limit), one["cursor"] or ""))
        return Plan(filter, form, sort, limit, cursor, asked, key, near)

    def next_url(self, base_url: str, cursor: Cursor) -> str:
        """The absolute address of the next page."""
        return f"{base_url.rstrip('/')}/v1/listings?{urlencode([*self.asked, ('cursor', cursor.text())])}"


def _measured_from(filter: Filter, sort: str) -> str:
    if sort != "distance":
        return ""
    if filter.near is None:
        raise refuse("sort", "by distance is measured from `near`: give that as well, as latitude,longitude.")
    return parameter(filter.near)


def _one(params: Mapping[str, Sequence[str]], name: str) -> str | None:
    texts = [text.strip() for text in params.get(name, ()) if text.strip()]
    if len(texts) > 1:
        raise refuse(name, "may be given only once.")
    return texts[0] if texts else None


def _limit(text: str | None, form: Form) -> int | None:
    if text is None:
        return USUAL if form is JSON else None
    if not (text.isascii() and text.isdigit() and len(text) < 9 and 1 <= int(text) <= MOST):
        raise refuse("limit", f"takes a whole number from 1 to {MOST}.")
    return int(text)


@dataclass(frozen=True, slots=True)
class Page:
    """Rows in order, and where the next page begins; `next` is None on the last."""

    items: list[Selected]
    next: Cursor | None


def page_of(selection: Selection, plan: Plan, *, epoch: int, position: int) -> Page:
    """The page that a plan asks for; raises Gone for a cursor from before a backup was put back."""
    cursor = plan.cursor
    if cursor is not None and cursor.epoch != epoch:
        raise Gone("The exchange was restored from a backup since this reading began. Begin again without the cursor.")
    if cursor is not None and cursor.again:
        moved = sorted((item for item in selection.items if item[1].moved > cursor.since), key=_moved)
        return _again(moved, plan, epoch)
    items = selection.items if cursor is None else [item for item in selection.items if item[0] > cursor.key]
    since = position if cursor is None else cursor.since
    if plan.limit is not None and len(items) > plan.limit:
        items = items[: plan.limit]
        return Page(items, Cursor(plan.sort, epoch, since, items[-1][0], near=plan.near))
    here = {item[1].id for item in items}
    if any(item[1].moved > since and item[1].id not in here for item in selection.items):
        return Page(items, Cursor(plan.sort, epoch, since, b"", again=True, near=plan.near))
    return Page(items, None)


def _again(moved: list[Selected], plan: Plan, epoch: int) -> Page:
    more = plan.limit is not None and len(moved) > plan.limit
    items = moved[: plan.limit]
    return Page(items, Cursor(plan.sort, epoch, items[-1][1].moved, b"", again=True, near=plan.near) if more else None)


def _moved(item: Selected) -> int:
    return item[1].moved
