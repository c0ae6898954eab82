"""Submissions of everybody; and the held feeds, to release or to refuse."""

from datetime import timedelta

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from placefeed.service import oversight
from placefeed.service.clock import london_midnight
from placefeed.service.errors import PlacefeedError
from placefeed.service.intake import guards
from placefeed.service.pages.forms import Form, of_refusal
from placefeed.service.pages.operator.common import Asked, Filled, room, sent
from placefeed.service.pages.render import see
from placefeed.service.pages.visitors import Operator, OperatorReader
from placefeed.service.running.parts import exchange_of, note_read

router = APIRouter(include_in_schema=False, default_response_class=Response)

ON_A_PAGE = 50
SETTINGS_SHOWN = 500
STATES = ("working", "done", "rejected", "failed")
LONGEST_REASON = 500


@router.get("/control/submissions")
def submissions(request: Request, _visitor: OperatorReader) -> Response:
    """Newest first; of one organisation, in one state, on one day. The next page begins `before` a submission."""
    exchange, asked = exchange_of(request), Asked(request)
    state, day = asked.one_of("state", STATES), asked.day("day", "The day")
    organisation = asked.text("organisation")
    with exchange.database.read() as session:
        rows = oversight.submissions(
            session,
            organisation_id=organisation or None,
            state=state or None,
            since=london_midnight(day) if day else None,
            until=london_midnight(day + timedelta(days=1)) if day else None,
            before=asked.text("before") or None,
            limit=ON_A_PAGE + 1,
        )
        names = oversight.names_of_organisations(session, [organisation, *(row.organisation_id for row in rows)])
    return room(
        request,
        "submissions",
        form=Filled({name: asked.text(name) for name in ("organisation", "state", "day")}, asked.errors),
        asked=asked,
        rows=rows[:ON_A_PAGE],
        older=asked.to(before=rows[ON_A_PAGE - 1].id) if len(rows) > ON_A_PAGE else None,
        names=names,
        states=STATES,
    )


@router.get("/control/held")
def held(request: Request, _visitor: OperatorReader) -> Response:
    """Complete feeds that suddenly lacked many settings: each waits for a word."""
    with exchange_of(request).database.read() as session:
        rows = oversight.held_feeds(session)
    return room(request, "held", asked=Asked(request), rows=rows, back={"href": "/control", "text": "Control room"})


@router.get("/control/held/{submission_id}")
def held_one(request: Request, visitor: OperatorReader, submission_id: str) -> Response:
    """What it lacked, beside what would remain."""
    note_read(exchange_of(request), visitor.acting, "absence.read", submission_id)
    return _show(request, submission_id, Filled())


@router.post("/control/held/{submission_id}")
def decide(request: Request, visitor: Operator, submission_id: str, fields: Form) -> Response:
    """Release it (what it lacked is withdrawn) or refuse it (what it lacked stays), and say why."""
    exchange, decision, reason = exchange_of(request), fields.text("decision"), fields.text("reason")
    if decision not in ("release", "refuse"):
        fields.wrong("decision", "Choose whether these settings are gone.")
    if not reason:
        fields.wrong("reason", "Enter why: whom you asked, and what they said.")
    elif len(reason) > LONGEST_REASON:
        fields.wrong("reason", f"The reason must be {LONGEST_REASON} characters or fewer.")
    if not fields.errors:
        try:
            with exchange.database.write() as session:
                guards.decide(
                    session,
                    submission_id=submission_id,
                    confirm=decision == "release",
                    caller=visitor.acting,
                    reason=reason,
                    now=exchange.clock(),
                )
        except PlacefeedError as error:
            fields.errors |= of_refusal(error, ["decision"])
    if fields.errors:
        return _show(request, submission_id, sent(fields))
    return see(request, f"/control/held?done={decision}")


def _show(request: Request, submission_id: str, form: Filled) -> Response:
    with exchange_of(request).database.read() as session:
        diff = oversight.held_feed(session, submission_id)
    return room(
        request,
        "held_one",
        form=form,
        diff=diff,
        most=SETTINGS_SHOWN,
        back={"href": "/control/held", "text": "Held feeds"},
    )
