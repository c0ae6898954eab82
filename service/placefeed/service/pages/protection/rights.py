"""`/data-protection/access`: find somebody by their address, hand out all that is held about them, erase their account. For managers of the operator."""

from collections.abc import Iterator
from typing import Annotated, Any

import orjson
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from placefeed.service.access import people, subjects
from placefeed.service.access.sign_ins import Visitor
from placefeed.service.access.who import OPERATOR, Caller
from placefeed.service.clock import iso
from placefeed.service.errors import Conflict, Invalid
from placefeed.service.pages.forms import Form, of_refusal, summary
from placefeed.service.pages.render import page, see
from placefeed.service.pages.visitors import visit
from placefeed.service.running.parts import exchange_of, note_read

router = APIRouter(include_in_schema=False, default_response_class=Response)

OperatorManager = Annotated[Visitor, visit(OPERATOR, scope="operate", manager=True)]
FRONT = {"href": "/data-protection", "text": "Data protection"}
SEARCH = "/data-protection/access"

WORDS = {
    "account": "Account",
    "posts": "Posts in organisations",
    "otherSignIns": "Other sign-ins",
    "sessions": "Sessions",
    "links": "Links that work once",
    "savedSearches": "Saved searches",
    "subscriptions": "Subscriptions that they made or that write to them",
    "emails": "Emails sent to them",
    "policies": "Policies that they changed last",
    "audit": "Rows of the audit by or about them",
}
"""The parts of what is held, in words."""


@router.get(SEARCH)
def search(request: Request, _visitor: OperatorManager, erased: str = "") -> Response:
    """Ask for an address; or say what an erasure did."""
    with exchange_of(request).database.read() as session:
        done = subjects.erasure(session, erased) if erased else None
    return _search(request, done=done)


@router.post(SEARCH)
def find(request: Request, _visitor: OperatorManager, form: Form) -> Response:
    """Go on to the person; their address does not stand in the page's own."""
    email = form.text("email")
    if not email:
        form.wrong("email", "Enter the person’s email address.")
    with exchange_of(request).database.read() as session:
        person = people.find(session, email) if email else None
    if person is not None:
        return see(request, f"{SEARCH}/{person.id}")
    form.wrong("email", "There is no account with this email address. Check it; a person may have used another.")
    return _search(request, email=email, errors=form.errors)


@router.get(SEARCH + "/{person_id}")
def show(request: Request, person_id: str, visitor: OperatorManager) -> Response:
    """What there is about a person, by number of rows."""
    return _person(request, "protection/person.html", person_id, visitor)


@router.get(SEARCH + "/{person_id}/copy")
def copy(request: Request, person_id: str, visitor: OperatorManager) -> Response:
    """Everything that is held about a person, as one JSON file; row by row, so that years of audit fit."""
    exchange = exchange_of(request)
    with exchange.database.read() as session:
        subjects.held(session, person_id)
    note_read(exchange, _caller(visitor), "person.copy", person_id)
    about = {"exchange": exchange.settings.base_url, "madeAt": iso(exchange.clock())}

    def stream() -> Iterator[bytes]:
        with exchange.database.read() as session:
            yield from document(about, subjects.export(session, person_id))

    headers = {
        "Content-Disposition": f'attachment; filename="placefeed-person-{person_id}.json"',
        "Cache-Control": "private, no-store",
    }
    return StreamingResponse(stream(), media_type="application/json", headers=headers)


@router.get(SEARCH + "/{person_id}/erase")
def ask(request: Request, person_id: str, visitor: OperatorManager) -> Response:
    """What would go and what would stay."""
    return _person(request, "protection/erase.html", person_id, visitor)


@router.post(SEARCH + "/{person_id}/erase")
def erase(request: Request, person_id: str, visitor: OperatorManager, form: Form) -> Response:
    """Erase the account."""
    exchange = exchange_of(request)
    reference = form.text("reference")
    try:
        with exchange.database.write() as session:
            subjects.erase(session, person_id, by=_caller(visitor), reference=reference, now=exchange.clock())
    except (Conflict, Invalid) as error:
        errors = of_refusal(error, ["reference"])
        return _person(request, "protection/erase.html", person_id, visitor, reference=reference, problems=errors)
    return see(request, f"{SEARCH}?erased={person_id}")


def document(about: dict[str, Any], rows: Iterator[tuple[str, dict[str, Any]]]) -> Iterator[bytes]:
    """The rows as one JSON object: a list for each part, empty ones too."""
    yield orjson.dumps(about)[:-1]
    ahead = next(rows, None)
    for part in subjects.PARTS:
        yield b"," + orjson.dumps(part.name) + b":["
        comma = b""
        while ahead is not None and ahead[0] == part.name:
            yield comma + orjson.dumps(ahead[1])
            comma, ahead = b",", next(rows, None)
        yield b"]"
    yield b"}"


def _search(
    request: Request, *, email: str = "", errors: dict[str, str] | None = None, done: subjects.Erased | None = None
) -> Response:
    wrong = errors or {}
    return page(
        request,
        "protection/search.html",
        status=422 if wrong else 200,
        email=email,
        wrong=wrong,
        errors=summary(wrong),
        done=done,
        words=WORDS,
        back=FRONT,
    )


def _person(
    request: Request,
    template: str,
    person_id: str,
    visitor: Visitor,
    *,
    reference: str = "",
    problems: dict[str, str] | None = None,
) -> Response:
    exchange = exchange_of(request)
    wrong = problems or {}
    with exchange.database.read() as session:
        counts = subjects.held(session, person_id)
        person = people.get(session, person_id)
    note_read(exchange, _caller(visitor), "person.look-up", person_id)
    return page(
        request,
        template,
        status=422 if wrong else 200,
        person=person,
        counts=counts,
        parts=subjects.PARTS,
        words=WORDS,
        oneself=person_id == visitor.person_id,
        reference=reference,
        wrong=wrong,
        errors=summary(wrong),
        back={"href": SEARCH, "text": "Requests by people"},
    )


def _caller(visitor: Visitor) -> Caller:
    assert visitor.caller is not None  # the routes demand a role
    return visitor.caller
