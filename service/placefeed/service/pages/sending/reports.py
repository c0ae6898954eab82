"""What this organisation sent, and what became of it."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from sqlmodel import Session
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from placefeed.service import oversight
from placefeed.service.access.organisations import get_organisation
from placefeed.service.access.sign_ins import Visitor
from placefeed.service.access.sources import get_source, list_sources
from placefeed.service.access.who import OPERATOR, PROVIDER
from placefeed.service.comments import FORMS, commented
from placefeed.service.errors import NotFound
from placefeed.service.intake import guards
from placefeed.service.intake.headings import headings_kept
from placefeed.service.intake.homes import names_of
from placefeed.service.intake.submit import publication, report_of
from placefeed.service.pages.forms import Form, summary
from placefeed.service.pages.render import page, see
from placefeed.service.pages.sending import telling
from placefeed.service.pages.visitors import ProviderReader, visit
from placefeed.service.running.parts import Exchange, exchange_of, note_read
from placefeed.service.tables import Submission

router = APIRouter(include_in_schema=False, default_response_class=Response)

A_PAGE = 25
SHEETS = ("csv", "spreadsheet", "excel")
Reporter = Annotated[Visitor, visit(PROVIDER, OPERATOR, scope="read")]


@router.get("/reports")
def reports(
    request: Request, visitor: ProviderReader, before: Annotated[str | None, Query(max_length=40)] = None
) -> Response:
    """All that came for us, whatever way, newest first."""
    exchange = exchange_of(request)
    with exchange.database.read() as session:
        rows = oversight.submissions(session, organisation_id=_own(visitor), before=before, limit=A_PAGE + 1)
        sources = {row.id: row for row in list_sources(session, _own(visitor))}
    shown = [
        {
            "row": row,
            "called": telling.called(row),
            "state": telling.state(row),
            "counts": telling.summary(row.report or {}),
            "way": telling.WAYS.get(sources[row.source_id].transport, "") if row.source_id in sources else "",
            "source": sources[row.source_id].name if row.source_id in sources else "",
        }
        for row in rows[:A_PAGE]
    ]
    older = rows[A_PAGE - 1].id if len(rows) > A_PAGE else None
    return page(request, "sending/reports.html", rows=shown, older=older, before=before)


@router.get("/reports/{submission_id}")
def report(request: Request, submission_id: str, visitor: Reporter) -> Response:
    """What became of one of them."""
    return _report(request, submission_id, visitor)


@router.get("/reports/{submission_id}/state")
def state(request: Request, submission_id: str, visitor: Reporter) -> Response:
    """How far it is, for the script of the page that waits."""
    exchange = exchange_of(request)
    with exchange.database.read() as session:
        row = oversight.submission(session, submission_id, organisation_id=_own(visitor))
        published = publication(session, row)["status"] == "published"
    return JSONResponse(
        {"working": row.state == "working", "published": published, "records": row.record_offset},
        headers={"Cache-Control": "no-store"},
    )


@router.get("/reports/{submission_id}/comments.{form}")
def comments(request: Request, submission_id: str, form: str, visitor: Reporter) -> Response:
    """The sheet that was sent, with a column that says what to mend."""
    exchange = exchange_of(request)
    chosen: Literal["csv", "xlsx"] | None = "xlsx" if form == "xlsx" else "csv" if form == "csv" else None
    if chosen is None:
        raise NotFound("A report is to be had as xlsx or csv.")
    with exchange.database.read() as session:
        row = oversight.submission(session, submission_id, organisation_id=_own(visitor))
        content = commented(session, row, report_of(session, submission_id), form=chosen)
    _note(exchange, visitor, submission_id)
    headers = {
        "Content-Disposition": f'attachment; filename="what-to-mend-{submission_id}.{chosen}"',
        "Cache-Control": "private, no-store",
    }
    return Response(content, media_type=FORMS[chosen], headers=headers)


@router.post("/reports/{submission_id}/absences")
def decide(request: Request, submission_id: str, visitor: Reporter, form: Form) -> Response:
    """Say whether the homes that a complete file lacked are gone."""
    caller = visitor.caller
    assert caller is not None  # this page is for providers and the operator
    caller.require("submit" if caller.role == PROVIDER else "operate")
    exchange = exchange_of(request)
    answer = form.text("gone")
    if answer not in ("yes", "no"):
        with exchange.database.read() as session:
            oversight.submission(session, submission_id, organisation_id=_own(visitor))
        return _report(request, submission_id, visitor, errors={"gone": "Say whether these homes are gone."})
    with exchange.database.write() as session:
        guards.decide(
            session, submission_id=submission_id, confirm=answer == "yes", caller=caller, now=exchange.clock()
        )
    return see(request, f"/reports/{submission_id}?decided={answer}")


def _report(
    request: Request, submission_id: str, visitor: Visitor, *, errors: Mapping[str, str] | None = None
) -> Response:
    exchange = exchange_of(request)
    with exchange.database.read() as session:
        row = oversight.submission(session, submission_id, organisation_id=_own(visitor))
        context = _told(session, row)
        context["organisation"] = get_organisation(session, row.organisation_id).name
        context["source"] = get_source(session, row.source_id)
    _note(exchange, visitor, submission_id)
    caller = visitor.caller
    assert caller is not None
    return page(
        request,
        "sending/report.html",
        status=422 if errors else 200,
        row=row,
        theirs=caller.role == OPERATOR,
        decides=caller.may("submit" if caller.role == PROVIDER else "operate"),
        decided=request.query_params.get("decided"),
        errors=summary(dict(errors or {})),
        wrong=dict(errors or {}),
        ways=telling.WAYS,
        **context,
    )


def _told(session: Session, row: Submission) -> dict[str, Any]:
    """The report, in words."""
    document = report_of(session, row.id)
    waiting = guards.waiting_of(session, row)
    # A later file that lacks the same homes is asked about them too; one that says nothing of the whole is not.
    held = [each.urn for each in waiting if row.complete or each.submission_id == row.id]
    names = names_of(session, sorted({*telling.urns_in(document), *held}))
    causes = telling.causes(document, headings=headings_kept(session, row.id), names=names)
    return {
        "report": document,
        "called": telling.called(row),
        "state": telling.state(row),
        "causes": causes,
        "counts": telling.counts(document),
        "records": telling.records(document, names),
        "more_records": max(0, document.get("counts", {}).get("records", 0) - telling.SHOWN),
        "held": [telling.home_words(urn, names) for urn in held],
        "is_sheet": any(word in row.content_type for word in SHEETS),
        "publication": document["publication"],
    }


def _note(exchange: Exchange, visitor: Visitor, submission_id: str) -> None:
    """The operator looks into somebody's report: that is on record."""
    caller = visitor.caller
    if caller is not None and caller.role == OPERATOR:
        note_read(exchange, caller, "submission.read", submission_id)


def _own(visitor: Visitor) -> str | None:
    """Whose submissions this visitor may see; None for all."""
    caller = visitor.caller
    assert caller is not None
    return caller.organisation_id if caller.role == PROVIDER else None
