"""Ofsted's files: what was taken in, taking one in, and what each changed."""

from typing import Any

from anyio.to_thread import run_sync
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from placefeed.adapters.base import AdapterError
from placefeed.service import oversight
from placefeed.service.access.sign_ins import Visitor
from placefeed.service.errors import PlacefeedError
from placefeed.service.pages.forms import of_refusal
from placefeed.service.pages.operator.common import Asked, Filled, RowId, day_of, note, room, sent
from placefeed.service.pages.render import see
from placefeed.service.pages.sending.files import MemoryForm, Sent
from placefeed.service.pages.visitors import Operator, OperatorReader
from placefeed.service.register.load import load, read_file, rehearse
from placefeed.service.running.limits import megabytes
from placefeed.service.running.parts import exchange_of

router = APIRouter(include_in_schema=False, default_response_class=Response)

ON_A_PAGE = 50


@router.get("/control/register")
def register(request: Request, _visitor: OperatorReader) -> Response:
    """The files that were taken in, and the form for another."""
    return _show(request, Filled())


@router.post("/control/register")
async def take_in(request: Request, visitor: Operator, form: MemoryForm) -> Response:
    """Look what a file is and would change, or import it."""
    return await run_sync(_take_in, request, visitor, form)


def _take_in(request: Request, visitor: Visitor, form: Sent) -> Response:
    exchange, fields = exchange_of(request), form.fields
    as_at = day_of(fields, "asAt", "The date", needed=False)
    complete, looks = fields.text("complete") == "yes", fields.text("what") == "look"
    data = form.file.read() if form.file is not None else b""
    if form.file is None or not data:
        fields.wrong("file", "Choose one of Ofsted's files." if form.file is None else "The file is empty.")
    if fields.errors or form.file is None:
        return _show(request, sent(fields))
    try:
        # Parsing a workbook takes seconds: it is done before the database's write lock is taken.
        reading = read_file(data, name=form.file.name, as_at=as_at)
        with exchange.database.write() as session:
            if looks:
                result = rehearse(session, reading, complete=complete, now=exchange.clock())
            else:
                result = load(session, reading, complete=complete, now=exchange.clock())
                detail = {"asAt": result.as_at.isoformat()}
                note(request, session, visitor, "register.import", str(result.file_id), detail)
    except (AdapterError, PlacefeedError) as error:
        wrong = of_refusal(error, ["file", "asAt"]) if isinstance(error, PlacefeedError) else {"file": str(error)}
        return _show(request, sent(fields, wrong))
    if looks:
        return _show(request, sent(fields), looked=result.to_dict(), name=form.file.name)
    return see(request, f"/control/register/{result.file_id}?done={'known' if result.repeated else 'imported'}")


@router.get("/control/register/{file_id}")
def one(request: Request, _visitor: OperatorReader, file_id: RowId) -> Response:
    """What one file changed, setting by setting."""
    asked = Asked(request)
    kind = asked.one_of("kind", oversight.KINDS_OF_CHANGE)
    skip = (asked.page - 1) * ON_A_PAGE
    with exchange_of(request).database.read() as session:
        row = oversight.register_file(session, file_id)
        changes, counts = oversight.register_changes(session, file_id, kind=kind or None, skip=skip, limit=ON_A_PAGE)
    return room(
        request,
        "import",
        asked=asked,
        row=row,
        kind=kind,
        kinds=oversight.KINDS_OF_CHANGE,
        shown=shown,
        changes=changes,
        counts=counts,
        more=counts[kind or "all"] > skip + ON_A_PAGE,
        back={"href": "/control/register", "text": "Ofsted’s files"},
    )


def shown(value: Any) -> str:
    """A fact in words."""
    if value is None:
        return "not said"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value).replace("-", " ")


def _show(request: Request, form: Filled, *, looked: dict[str, Any] | None = None, name: str = "") -> Response:
    exchange = exchange_of(request)
    with exchange.database.read() as session:
        rows = oversight.register_files(session, limit=200)
    return room(
        request,
        "register",
        form=form,
        rows=rows,
        looked=looked,
        name=name,
        most=megabytes(exchange.settings.max_upload),
    )
