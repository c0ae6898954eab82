"""Send a spreadsheet or feed from a page, and the form to fill in."""

import io
import secrets
from collections.abc import Mapping
from functools import cache
from typing import Any

from anyio.to_thread import run_sync
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from placefeed.adapters import media
from placefeed.schema.template import write_template
from placefeed.service.access.sign_ins import Visitor
from placefeed.service.errors import PlacefeedError
from placefeed.service.intake.arriving import speaking_as, submit
from placefeed.service.pages.forms import summary
from placefeed.service.pages.render import page, see
from placefeed.service.pages.sending.files import Sent, SpooledForm, Upload
from placefeed.service.pages.visitors import Anybody, ProviderEditor
from placefeed.service.running.parts import Exchange, exchange_of

router = APIRouter(include_in_schema=False, default_response_class=Response)

TEMPLATE_NAME = "placefeed-template.xlsx"
NEW = "new"  # the source of uploads, which is made at its first use


@router.get("/upload")
def ask(request: Request, visitor: ProviderEditor) -> Response:
    """The form."""
    return _page(request, visitor)


@router.post("/upload")
async def send(request: Request, visitor: ProviderEditor, form: SpooledForm) -> Response:
    """Take the file and go on to its report; the same form sent twice makes one submission."""
    exchange = exchange_of(request)
    fields, file = form.fields, form.file
    sources = await run_sync(_sources, exchange, visitor)
    source = fields.text("source") or (sources[0]["value"] if sources else NEW)
    if file is None:
        fields.wrong("file", "Choose a file to send.")
    elif not file.body.size:
        fields.wrong("file", f"The file {file.name} is empty. Choose one that has rows in it.")
    if source != NEW and source not in {each["value"] for each in sources}:
        fields.wrong("source", "Choose which of your sources this file is from.")
    if fields.errors or file is None:
        return await run_sync(_again, request, visitor, form)
    try:
        submission_id = await run_sync(_submit, exchange, visitor, form, file, source)
    except PlacefeedError as error:
        if error.status not in (409, 422):
            raise
        fields.wrong("file", str(error))
        return await run_sync(_again, request, visitor, form)
    return see(request, f"/reports/{submission_id}")


@router.get("/template.xlsx")
def template(_visitor: Anybody) -> Response:
    """The workbook to fill in."""
    headers = {
        "Content-Disposition": f'attachment; filename="{TEMPLATE_NAME}"',
        "Cache-Control": "public, max-age=3600",
    }
    return Response(_workbook(), media_type=media.XLSX, headers=headers)


@cache
def _workbook() -> bytes:
    target = io.BytesIO()
    write_template(target)
    return target.getvalue()


def _submit(exchange: Exchange, visitor: Visitor, form: Sent, file: Upload, source: str) -> str:
    caller = visitor.caller
    assert caller is not None  # this page is for providers
    assert caller.organisation_id is not None
    fields = form.fields
    complete = fields.text("complete") == "yes"
    key = fields.text("key")
    taken, _source = submit(
        exchange.database,
        file.body,
        organisation_id=caller.organisation_id,
        source_id=None if source == NEW else source,
        transport="upload",
        content_type=file.content_type,
        name=file.name,
        complete=complete,
        # With what was sent: going back in the browser and choosing another file must not look like the same request.
        idempotency_key=f"{key[:40]}/{file.body.sha256}/{fields.text('source')}/{complete}" if key else None,
        by=caller,
        settings=exchange.settings,
        now=exchange.clock(),
    )
    return taken.submission_id


def _again(request: Request, visitor: Visitor, form: Sent) -> Response:
    fields = form.fields
    sent = {"source": fields.text("source"), "complete": fields.text("complete")}
    return _page(request, visitor, status=422, errors=fields.errors, sent=sent)


def _page(
    request: Request,
    visitor: Visitor,
    *,
    status: int = 200,
    errors: Mapping[str, str] | None = None,
    sent: Mapping[str, str] | None = None,
) -> Response:
    wrong = dict(errors or {})
    exchange = exchange_of(request)
    return page(
        request,
        "sending/upload.html",
        status=status,
        errors=summary(wrong),
        wrong=wrong,
        sent=sent or {},
        sources=_sources(exchange, visitor),
        key=secrets.token_urlsafe(18),
    )


def _sources(exchange: Exchange, visitor: Visitor) -> list[dict[str, Any]]:
    caller = visitor.caller
    assert caller is not None
    assert caller.organisation_id is not None
    with exchange.database.read() as session:
        rows = speaking_as(session, caller.organisation_id)
    return [{"value": row.id, "text": row.name, "transport": row.transport} for row in rows]
