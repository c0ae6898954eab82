"""The audit: searched by organisation, person, action, subject and days; on the screen, or as a file. Reading it is audited too."""

import csv
import io
from collections.abc import Iterator
from datetime import timedelta
from typing import Any, Final
from urllib.parse import urlencode

import orjson
from fastapi import APIRouter
from sqlmodel import Session
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from placefeed.service import oversight
from placefeed.service.access.sign_ins import Visitor
from placefeed.service.channels.exports import csv_cell
from placefeed.service.clock import iso, london_midnight
from placefeed.service.pages.operator.common import Asked, Filled, room
from placefeed.service.pages.visitors import OperatorReader
from placefeed.service.running.parts import Exchange, exchange_of, note_read

router = APIRouter(include_in_schema=False, default_response_class=Response)

ON_A_PAGE = 100
PIECE = 1000
MOST_PEOPLE = 200
FIELDS: Final = ("organisation", "person", "action", "subject", "since", "until")
COLUMNS: Final = (
    "id",
    "at",
    "organisation",
    "person",
    "person name",
    "key",
    "role",
    "action",
    "subject",
    "times",
    "detail",
)


@router.get("/control/audit")
def audit(request: Request, visitor: OperatorReader) -> Response:
    """Newest first; `before` and `after` an id lead to older and newer rows."""
    exchange, asked = exchange_of(request), Asked(request)
    newer, older = asked.number("after"), asked.number("before")
    with exchange.database.read() as session:
        wanted = _wanted(session, asked)
        if newer is not None:
            rows = oversight.audit_rows(session, **wanted, after=newer, limit=ON_A_PAGE + 1)
            shown = rows[:ON_A_PAGE][::-1]
            has_newer, has_older = len(rows) > ON_A_PAGE, True
        else:
            rows = oversight.audit_rows(session, **wanted, before=older, newest=True, limit=ON_A_PAGE + 1)
            shown = rows[:ON_A_PAGE]
            has_newer, has_older = older is not None, len(rows) > ON_A_PAGE
        people = oversight.names_of_people(session, [row.person_id for row in shown])
        names = oversight.names_of_organisations(session, [row.organisation_id for row in shown])
    _note(exchange, visitor, asked)
    return room(
        request,
        "audit",
        asked=asked,
        form=Filled({name: asked.text(name) for name in FIELDS}, asked.errors),
        rows=shown,
        people=people,
        names=names,
        newer=asked.to(after=shown[0].id, before=None) if shown and has_newer else None,
        older=asked.to(before=shown[-1].id, after=None) if shown and has_older else None,
        newest=asked.to(before=None, after=None) if newer is not None or older is not None else None,
        file=f"/control/audit/file?{urlencode({name: asked.text(name) for name in FIELDS if asked.text(name)})}",
    )


@router.get("/control/audit/file")
def audit_file(request: Request, visitor: OperatorReader) -> Response:
    """The same as CSV, whole, newest first, written as it is read."""
    exchange, asked = exchange_of(request), Asked(request)
    with exchange.database.read() as session:
        wanted = _wanted(session, asked)
    _note(exchange, visitor, asked)
    return StreamingResponse(
        _csv(exchange, wanted),
        media_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": 'attachment; filename="audit.csv"', "Cache-Control": "private, no-store"},
    )


def _wanted(session: Session, asked: Asked) -> dict[str, Any]:
    """What the address asks for, as `audit_rows` takes it."""
    since, until, person = asked.day("since", "The first day"), asked.day("until", "The last day"), asked.text("person")
    people = None
    if person:
        people = [row.person.id for row in oversight.person_rows(session, person, limit=MOST_PEOPLE)]
    return {
        "organisation_id": asked.text("organisation") or None,
        "people": people,
        "action": asked.text("action") or None,
        "subject": asked.text("subject") or None,
        "since": london_midnight(since) if since else None,
        "until": london_midnight(until + timedelta(days=1)) if until else None,
    }


def _note(exchange: Exchange, visitor: Visitor, asked: Asked) -> None:
    said = " ".join(f"{name}={asked.text(name)}" for name in FIELDS if asked.text(name))
    note_read(exchange, visitor.acting, "audit.read", said)


def _csv(exchange: Exchange, wanted: dict[str, Any]) -> Iterator[bytes]:
    yield _lines([COLUMNS])
    before: int | None = None
    while True:
        # A session for each piece: a slow reader holds nothing open.
        with exchange.database.read() as session:
            rows = oversight.audit_rows(session, **wanted, before=before, newest=True, limit=PIECE)
            people = oversight.names_of_people(session, [row.person_id for row in rows])
        if not rows:
            return
        yield _lines(
            (
                row.id, iso(row.at), row.organisation_id, row.person_id, people.get(row.person_id or ""), row.key_id,
                row.role, row.action, row.subject, row.times,
                orjson.dumps(row.detail).decode() if row.detail is not None else None,
            )
            for row in rows
        )  # fmt: skip
        before = rows[-1].id


def _lines(rows: Any) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows([csv_cell(value) for value in row] for row in rows)
    return text.getvalue().encode()
