"""Routes of the operator: Ofsted's files into the register, and certificates of settings that no file names yet."""

from typing import Annotated

from anyio.to_thread import run_sync
from fastapi import APIRouter, Query
from fastapi import Path as PathParam
from starlette.requests import Request
from starlette.responses import Response

from placefeed.service import oversight
from placefeed.service.access import audit
from placefeed.service.api import shapes
from placefeed.service.api.bodies import CertificateBody, Day, Flag, RowId
from placefeed.service.api.deps import Operator, Running, answer
from placefeed.service.api.names import file_name
from placefeed.service.api.openapi import BINARY, OBJECT, TEXT, answers, listed, refuses, takes
from placefeed.service.errors import BadRequest
from placefeed.service.register import certificates
from placefeed.service.register.load import load, read_file
from placefeed.service.running.limits import read_body

router = APIRouter(prefix="/v1", tags=["register"], default_response_class=Response)

Setting = Annotated[str, PathParam(pattern=r"^(SC[0-9]{6}|[0-9]{7})$", max_length=8, description="Ofsted's URN.")]
FORMS = {
    "text/csv": TEXT,
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": BINARY,
    "application/vnd.oasis.opendocument.spreadsheet": BINARY,
}


@router.post(
    "/register/imports", status_code=201, summary="Take in one of Ofsted's files",
    openapi_extra=takes(FORMS, "The file as Ofsted published it; which one it is is told by its content."),
    responses=answers("What became of it.", OBJECT, status=201) | answers("It was known: nothing changed.", OBJECT) | refuses(409, 422),
)  # fmt: skip
async def import_register(
    request: Request,
    caller: Operator,
    exchange: Running,
    as_at: Annotated[
        Day | None, Query(alias="asAt", description="The day on which the file was true; needed if it doesn't say.")
    ] = None,
    complete: Annotated[Flag, Query(description="It names every setting: those that it lacks have left.")] = False,
) -> Response:
    """An older file becomes history and never overwrites a newer one. The same file again changes nothing."""
    data = await read_body(request, exchange.settings.max_body)
    if not data:
        raise BadRequest("The body is empty. Send the file itself as the body.")
    name = file_name(request)

    def work() -> Response:
        # Parsing a workbook takes seconds: it is done before the database's write lock is taken.
        reading = read_file(data, name=name, as_at=as_at)
        with exchange.database.write() as session:
            result = load(session, reading, complete=complete, now=exchange.clock())
            audit.record(
                session,
                caller=caller,
                action="register.import",
                subject=str(result.file_id),
                detail={"asAt": result.as_at.isoformat()},
                at=exchange.clock(),
            )
        return answer(result.to_dict(), status=200 if result.repeated else 201)

    return await run_sync(work)


@router.get(
    "/register/imports",
    summary="The files taken in",
    responses=answers("Files with their counts, newest date first.", listed(OBJECT)),
)
def list_imports(_caller: Operator, exchange: Running) -> Response:
    """Each with its as-at date and what it changed."""
    with exchange.database.read() as session:
        return answer({"items": [shapes.register_file(row) for row in oversight.register_files(session)]})


@router.get(
    "/register/imports/{file_id}", summary="One file taken in", responses=answers("The file with its counts.", OBJECT)
)
def read_import(file_id: RowId, _caller: Operator, exchange: Running) -> Response:
    """Its counts, warnings and what was rejected."""
    with exchange.database.read() as session:
        return answer(shapes.register_file(oversight.register_file(session, file_id)))


@router.get(
    "/settings/{urn}/certificate",
    summary="The certificate recorded for a setting",
    responses=answers("The certificate.", OBJECT),
)
def read_certificate(urn: Setting, _caller: Operator, exchange: Running) -> Response:
    """What it says, and who has seen it."""
    with exchange.database.read() as session:
        return answer(shapes.certificate(certificates.get(session, urn)))


@router.put(
    "/settings/{urn}/certificate",
    summary="Record a registration certificate",
    responses=answers("The certificate.", OBJECT),
)
def record_certificate(urn: Setting, body: CertificateBody, caller: Operator, exchange: Running) -> Response:
    """For a setting that no file of Ofsted's names yet: until then it is unverified, and not listed."""
    with exchange.database.write() as session:
        row = certificates.record(
            session,
            urn,
            provision_type=body.provision_type,
            registered_on=body.registered_on,
            places=body.places,
            la_code=body.local_authority,
            owner=body.owner,
            caller=caller,
            now=exchange.clock(),
        )
    return answer(shapes.certificate(row))


@router.delete(
    "/settings/{urn}/certificate",
    status_code=204,
    summary="Take back a certificate",
    responses=answers("It is taken back.", status=204),
)
def withdraw_certificate(urn: Setting, caller: Operator, exchange: Running) -> Response:
    """A setting that no file names is unlisted again."""
    with exchange.database.write() as session:
        certificates.withdraw(session, urn, caller=caller, now=exchange.clock())
    return Response(status_code=204)
