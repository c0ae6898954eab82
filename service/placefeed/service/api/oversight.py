"""Routes of the operator: alerts that want a person, and the audit."""

from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Query
from starlette.responses import Response

from placefeed.service import oversight
from placefeed.service.api import shapes
from placefeed.service.api.bodies import After, Flag, Instant, Limit, RowId
from placefeed.service.api.deps import Operator, Running, answer
from placefeed.service.api.openapi import OBJECT, answers, listed
from placefeed.service.running.parts import Exchange

router = APIRouter(prefix="/v1", tags=["oversight"], default_response_class=Response)

Word = Annotated[str | None, Query(max_length=300)]


@router.get(
    "/alerts", summary="What a person should look at", responses=answers("Alerts, oldest first.", listed(OBJECT))
)
def list_alerts(
    _caller: Operator,
    exchange: Running,
    resolved: Annotated[Flag, Query()] = False,
    after: After = 0,
    limit: Limit = 100,
) -> Response:
    """Late sources, sources that changed shape, settings that left the register. `resolved=true`: those that were looked after."""
    with exchange.database.read() as session:
        rows = oversight.alerts(session, resolved=resolved, after=after, limit=limit)
    return _page(
        exchange, "alerts", [shapes.alert(row) for row in rows], limit, {"resolved": "true"} if resolved else {}
    )


@router.post(
    "/alerts/{alert_id}/resolve", summary="Say that an alert was looked after", responses=answers("The alert.", OBJECT)
)
def resolve_alert(alert_id: RowId, _caller: Operator, exchange: Running) -> Response:
    """Again changes nothing."""
    with exchange.database.write() as session:
        return answer(shapes.alert(oversight.resolve_alert(session, alert_id, now=exchange.clock())))


@router.get(
    "/audit",
    summary="Who read, changed or was sent what",
    responses=answers("Rows in the order in which they were written.", listed(OBJECT)),
)
def list_audit(
    _caller: Operator,
    exchange: Running,
    organisation: Word = None,
    action: Word = None,
    subject: Word = None,
    since: Annotated[Instant | None, Query()] = None,
    until: Annotated[Instant | None, Query()] = None,
    after: After = 0,
    limit: Limit = 100,
) -> Response:
    """Rows are only ever added. Reads stand in it within a second; equal reads of one second are one row with `times`."""
    with exchange.database.read() as session:
        rows = oversight.audit_rows(
            session,
            organisation_id=organisation,
            action=action,
            subject=subject,
            since=since,
            until=until,
            after=after,
            limit=limit,
        )
    asked = {
        "organisation": organisation,
        "action": action,
        "subject": subject,
        "since": since and since.isoformat(),
        "until": until and until.isoformat(),
    }
    return _page(
        exchange,
        "audit",
        [shapes.audit(row) for row in rows],
        limit,
        {name: value for name, value in asked.items() if value},
    )


def _page(exchange: Exchange, path: str, items: list[shapes.Json], limit: int, asked: dict[str, str]) -> Response:
    page: shapes.Json = {"items": items}
    if len(items) == limit:
        query = urlencode({**asked, "limit": limit, "after": items[-1]["id"]})
        page["next"] = f"{exchange.settings.base_url.rstrip('/')}/v1/{path}?{query}"
    return answer(page)
