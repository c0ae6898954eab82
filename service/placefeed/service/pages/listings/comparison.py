"""`/list/compare`: up to four places side by side, price line by price line, with a short history of grades."""

from typing import Any
from urllib.parse import urlencode

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from placefeed.service.channels.one import one_listing
from placefeed.service.clock import london_day
from placefeed.service.errors import NotFound
from placefeed.service.pages.forms import summary
from placefeed.service.pages.listings import rows
from placefeed.service.pages.listings.common import Desk, desk
from placefeed.service.pages.render import page
from placefeed.service.pages.visitors import Lister
from placefeed.service.pages.words import title_of
from placefeed.service.running.parts import lists_of, note_read

router = APIRouter(include_in_schema=False, default_response_class=Response)

MOST = 4
LONGEST = 40  # characters of an id
INSPECTIONS = 3  # of the history


@router.get("/list/compare")
def compare(request: Request, visitor: Lister) -> Response:
    """The places chosen in the list; what is gone, or was never theirs to see, is said alike."""
    sent = request.query_params
    ids = [text[:LONGEST] for text in dict.fromkeys(filter(None, sent.getlist("id")))]
    at = desk(request, visitor, sent.get("back", ""))
    errors = {}
    if not ids:
        errors["main"] = "Choose at least one place in the list, then compare."
    elif len(ids) > MOST:
        errors["main"] = f"Compare at most {MOST} places. The first {MOST} are shown."
    found, gone = [], []
    for listing_id in ids[:MOST]:
        shown = _one(at, listing_id)
        if shown is None:
            gone.append(listing_id)
        else:
            found.append(shown)
            note_read(at.exchange, at.caller, "listing.read", listing_id)
    return page(
        request,
        "listings/compare.html",
        status=422 if errors else 200,
        errors=summary(errors),
        back={"href": f"/list?{at.asked.query}" if at.asked.query else "/list", "text": "Back to the list"},
        found=found,
        gone=gone,
        lines=_lines(found),
        without=lambda listing_id: urlencode(
            [*(("id", each) for each in ids if each != listing_id), ("back", at.asked.query)]
        ),
        today=london_day(at.now),
    )


def _one(at: Desk, listing_id: str) -> dict[str, Any] | None:
    snapshot = lists_of(at.exchange).snapshot
    row = snapshot.find(listing_id, at.state)
    if row is None or not at.view.sees(row.audiences):
        return None
    shown = rows.one(row, at.reading, overdue=row.overdue(at.now))
    try:
        whole = one_listing(
            at.exchange.database, snapshot, listing_id, view=at.view, role=at.caller.role, clock=at.exchange.clock
        )
    except NotFound:  # it went in between
        return None
    shown["history"] = [_inspection(each) for each in whole["ofsted"].get("history", ())[:INSPECTIONS]]
    shown["lines"] = {line["code"]: line for line in ((shown["price"] or {}).get("rate") or {}).get("lines", ())}
    return shown


def _inspection(inspection: dict[str, Any]) -> dict[str, Any]:
    overall = next((each for each in inspection["judgements"] if each["aspect"] == "overall"), None)
    return {
        "on": inspection["inspectedOn"],
        "kind": title_of(inspection["kind"], "inspection-kinds"),
        "title": rows.title_of_judgement(overall["framework"], overall["code"]) if overall else "no overall grade",
    }


def _lines(found: list[dict[str, Any]]) -> list[tuple[str, str]]:
    """Every cost line that any of them has, in the first one's order."""
    codes = dict.fromkeys(code for shown in found for code in shown["lines"])
    return [(code, title_of(code, "cost-lines")) for code in codes]
