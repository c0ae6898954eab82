"""The control room: how the exchange is, what wants a person, and the sources."""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from placefeed.service import oversight
from placefeed.service.figures import figures
from placefeed.service.pages.operator.common import Asked, RowId, note, room
from placefeed.service.pages.render import ours, see
from placefeed.service.pages.visitors import Operator, OperatorReader
from placefeed.service.running.parts import exchange_of

router = APIRouter(include_in_schema=False, default_response_class=Response)

FEEDS_ON_A_PAGE = 25
ALERTS_FIRST = 5
ALERTS_ON_A_PAGE = 50


@router.get("/control")
def control(request: Request, _visitor: OperatorReader) -> Response:
    """The first thing in the morning: is it well, and who needs me."""
    exchange, asked = exchange_of(request), Asked(request)
    state = asked.one_of("state", oversight.STATES, "attention")
    now = exchange.clock()
    with exchange.database.read() as session:
        seen = figures(session, now)
        found = oversight.feeds(
            session,
            state=state,
            name=asked.text("name"),
            skip=(asked.page - 1) * FEEDS_ON_A_PAGE,
            limit=FEEDS_ON_A_PAGE,
        )
        ids = [feed.source.id for feed in found.rows]
        alerts, alert_count = oversight.open_alerts(session, limit=ALERTS_FIRST)
        return room(
            request,
            "control",
            asked=asked,
            state=state,
            states=oversight.STATES,
            seen=seen,
            behind=seen.vitals.behind(exchange.settings.behind_after),
            edition=oversight.last_edition(session),
            feeds=found,
            days=oversight.days_of(session, ids, now),
            causes=oversight.causes_of(session, ids, now),
            more=found.counts[state] > asked.page * FEEDS_ON_A_PAGE,
            alerts=alerts,
            alert_count=alert_count,
        )


@router.get("/control/alerts")
def alerts(request: Request, _visitor: OperatorReader) -> Response:
    """All that is open, urgent first; or what was resolved."""
    exchange, asked = exchange_of(request), Asked(request)
    skip = (asked.page - 1) * ALERTS_ON_A_PAGE
    with exchange.database.read() as session:
        rows, total = oversight.open_alerts(session, skip=skip, limit=ALERTS_ON_A_PAGE)
    return room(
        request,
        "alerts",
        asked=asked,
        alerts=rows,
        total=total,
        more=total > skip + ALERTS_ON_A_PAGE,
        back={"href": "/control", "text": "Control room"},
    )


@router.post("/control/alerts/{alert_id}/resolve")
def resolve(request: Request, visitor: Operator, alert_id: RowId) -> Response:
    """Somebody has looked after it."""
    exchange = exchange_of(request)
    with exchange.database.write() as session:
        alert = oversight.resolve_alert(session, alert_id, now=exchange.clock())
        note(request, session, visitor, "alert.resolve", str(alert_id), {"kind": alert.kind})
    return see(request, ours(request.query_params.get("next"), "/control"))
