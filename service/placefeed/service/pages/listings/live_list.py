"""`/list`: the places that are free, by the filters in the address; and ready rows for the script that keeps an open page current."""

from typing import Any
from urllib.parse import urlencode

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from placefeed.service.channels.costs import Cost, costs
from placefeed.service.channels.index import Selection
from placefeed.service.channels.query import Filter
from placefeed.service.clock import london_day
from placefeed.service.errors import BadRequest
from placefeed.service.pages.forms import summary
from placefeed.service.pages.listings import choices, rows
from placefeed.service.pages.listings.asked import PAGE, SORTS, Asked, chips
from placefeed.service.pages.listings.common import NO_POLICY, Desk, desk
from placefeed.service.pages.render import page, see
from placefeed.service.pages.visitors import Lister
from placefeed.service.running.parts import lists_of, note_read

router = APIRouter(include_in_schema=False, default_response_class=Response)

MOST_ROWS = 50  # rows that a script may ask for at once; more news than that is a message to load the page again


@router.get("/list")
def list_places(request: Request, visitor: Lister) -> Response:
    """The list, a page of it. A whole postcode in the address is cut and the address changed at once: none stays in a history."""
    at = desk(request, visitor)
    if at.asked.moved:
        return see(request, f"/list?{at.asked.query}")
    if at.asked.errors:
        return page(request, "listings/list.html", status=422, errors=summary(at.asked.errors), **_form(at), found=None)
    filter = at.asked.filter(at.always)
    note_read(at.exchange, at.caller, "list.read", said(at, filter))
    selection = at.state.select(filter, at.view, at.now, sort=at.asked.sort)
    total = selection.total
    pages = max(1, -(-total // PAGE))
    number = min(max(1, at.asked.number), pages)
    items = selection.items[(number - 1) * PAGE : number * PAGE]
    shown = rows.shown(items, at.reading)
    context = {
        **_form(at),
        "found": shown,
        "groups": [
            (available, [row for row in shown if row["available"] is available])
            for available in (True, False)
            if any(row["available"] is available for row in shown)
        ],
        "selection": selection,
        "total": total,
        "hidden": _hidden(at, selection),
        "costs": _costs(at) if not total else [],
        "pages": _pages(at.asked, number, pages),
        "stream": at.asked.api(at.always, attestations="true"),
        "download": at.asked.api(at.always, sort=at.asked.sort),
        "mark": f"{at.state.epoch}-{at.state.position}",
        "first": (number - 1) * PAGE + 1,
        "number": number,
    }
    return page(request, "listings/list.html", **context)


@router.get("/list/rows/{ids}")
def list_rows(request: Request, visitor: Lister, ids: str) -> Response:
    """Some rows as they stand now, for a page with this filter that is open: those that it no longer takes are left out."""
    at = desk(request, visitor)
    wanted = list(dict.fromkeys(filter(None, ids.split(","))))
    if at.asked.errors or len(wanted) > MOST_ROWS:
        raise BadRequest(f"Ask for at most {MOST_ROWS} rows, with the filter of the page.")
    asks = at.asked.filter(at.always)
    note_read(at.exchange, at.caller, "list.read", said(at, asks))
    found = []
    for listing_id in wanted:
        row = lists_of(at.exchange).snapshot.find(listing_id, at.state)
        if row is None or not at.view.sees(row.audiences):
            continue
        overdue = row.overdue(at.now)
        if asks.matches(row.facts_at(overdue=overdue), at.view):
            found.append(rows.one(row, at.reading, overdue=overdue))
    return page(request, "listings/rows.html", found=found, today=london_day(at.now), from_query=at.asked.query)


def said(at: Desk, filter: Filter) -> str:
    """The filter for the audit: it never has free text, nor where somebody looks from."""
    return " ".join(part for part in ("page", "lifted" if at.lifted else "", filter.said) if part)


def _form(at: Desk) -> dict[str, Any]:
    """What the form and the head of the page need."""
    wrong = dict(at.asked.errors)
    return {
        "at": at,
        "asked": at.asked,
        "front": choices.front(),
        "rest": choices.rest(),
        "chosen": choices.chosen,
        "wrong": wrong,
        "rest_open": any(at.asked.value(field.name) or field.name in wrong for field in choices.rest()),
        "kept": [pair for pair in at.asked.pairs if pair[0] in ("near", "withinMiles")],
        "chips": chips(at.asked),
        "sorts": [each for each in SORTS if each[0] != "distance" or at.asked.found or "near" in at.asked.words],
        "today": london_day(at.now),
        "from_query": at.asked.query,
    }


def _hidden(at: Desk, selection: Selection) -> int:
    """How many the policy hides, or would if it were not lifted."""
    if not at.has_policy or not at.policy.hidden:
        return 0
    other = at.state.count(at.asked.filter(at.policy.words if at.lifted else NO_POLICY.words), at.view, at.now)
    return abs(other.total - selection.total)


def _costs(at: Desk) -> list[dict[str, Any]]:
    """What leaving out each part of the filter would bring, with the address that does so."""
    return [
        {
            "label": _label(cost),
            "total": cost.total,
            "available": cost.available,
            "query": at.asked.without(*_fields(cost)),
        }
        for cost in costs(at.state, at.asked.words, at.always, at.view, at.now)
    ]


def _fields(cost: Cost) -> list[str]:
    """The parameters of the page's address that ask what these of the API ask."""
    ours = {"near": ("postcode", "within", "near", "sort"), "weeklyAtMostPence": ("price", "weeklyAtMostPence")}
    return [name for api in cost.names for name in ours.get(api, (api,))]


def _label(cost: Cost) -> str:
    name = {"near": "postcode", "weeklyAtMostPence": "price"}.get(cost.names[0], cost.names[0])
    field = choices.by_name().get(name)
    return field.label if field else name


def _pages(asked: Asked, number: int, pages: int) -> list[dict[str, Any]]:
    """The pages to choose from: the ends, and those around."""
    near = sorted({1, pages, *range(max(1, number - 2), min(pages, number + 2) + 1)})
    found: list[dict[str, Any]] = []
    for each in near:
        if found and each > found[-1]["number"] + 1:
            found.append({"number": each - 1, "gap": True})
        query = urlencode([*(pair for pair in asked.pairs if pair[0] != "page"), ("page", each)])
        found.append({"number": each, "gap": False, "query": query, "here": each == number})
    return found
