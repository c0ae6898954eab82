"""Routes of subscriptions: to be told by webhook or e-mail, and to make sure that nothing was missed."""

import hashlib
import re
from typing import Annotated, Any, Final
from urllib.parse import urlencode

import orjson
from anyio.to_thread import run_sync
from fastapi import APIRouter, Query
from fastapi import Path as PathParam
from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from placefeed.service.access.who import MEMBER, OPERATOR, PROVIDER, Caller
from placefeed.service.api import shapes
from placefeed.service.api.bodies import Body, Int, Limit, Whole
from placefeed.service.api.conditional import check_match
from placefeed.service.api.deps import Running, allow, answer
from placefeed.service.api.openapi import OBJECT, Json, answers, listed, refuses, standard, takes
from placefeed.service.channels.subscriptions import life, outbound, told, webhook_secrets, wishes
from placefeed.service.db import secret_of
from placefeed.service.errors import BadRequest, Invalid, UnsupportedMediaType
from placefeed.service.intake import idempotency
from placefeed.service.running.limits import read_body
from placefeed.service.running.parts import Exchange, note_read
from placefeed.service.tables import Subscription

router = APIRouter(prefix="/v1/subscriptions", tags=["subscriptions"], default_response_class=Response)

Subscriber = Annotated[Caller, allow(PROVIDER, MEMBER, OPERATOR, scope="subscribe")]
Id = Annotated[str, PathParam(max_length=40, description="The subscription's id.")]

LARGEST: Final = 64 * 1024  # bytes of a subscription; a filter of 500 values is far below
PAGE: Final = 100  # numbers a page of events
ANSWERED: Final[Json] = {
    "type": "object",
    "required": ["number", "at", "state", "events"],
    "properties": {
        "number": {"type": "integer"},
        "at": {"type": "string", "format": "date-time"},
        "state": {"type": "string", "enum": ["waiting", "sent", "expired"]},
        "events": {"type": "array", "items": standard("event")},
    },
}
WRITES: Final[Json] = takes(
    {"application/json": standard("subscription")},
    "The `subscription` document; what is read-only in it is passed over.",
)
IDEMPOTENCY_KEY: Final[Json] = {
    "name": "Idempotency-Key",
    "in": "header",
    "schema": {"type": "string", "maxLength": idempotency.LONGEST},
    "description": "A retry with the same key and body makes nothing anew and is answered alike.",
}
IF_MATCH: Final[Json] = {
    "name": "If-Match",
    "in": "header",
    "required": True,
    "schema": {"type": "string"},
    "description": "The ETag that you read: refused with 412 if somebody has changed it since.",
}


class CodeBody(Body):
    """The code that an e-mail carried."""

    code: Annotated[str, Field(min_length=1, max_length=40)]


class RangeBody(Body):
    """Numbers, inclusive; up to the newest if `until` is left out."""

    from_: Annotated[Int, Field(alias="from", ge=1, le=2**62)]
    until: Annotated[Int | None, Field(ge=1, le=2**62)] = None


@router.post(
    "", status_code=201, summary="Subscribe",
    openapi_extra={**WRITES, "parameters": [IDEMPOTENCY_KEY]},
    responses=answers("It is requested; a webhook's `secret` is shown this once.", standard("subscription"), status=201, headers=["Location", "ETag"])
    | refuses(409, 413, 415, 422),
)  # fmt: skip
async def subscribe(request: Request, caller: Subscriber, exchange: Running) -> Response:
    """A webhook becomes active when its address has taken the handshake, an e-mail when the code in it was sent to `confirm`."""
    document, raw = await _document(request, caller, exchange)
    key = request.headers.get("idempotency-key")
    digest = hashlib.sha256(b"POST /v1/subscriptions\n" + raw).hexdigest()

    def make() -> tuple[Subscription, str | None]:
        _check_address(exchange, document)
        secret = secret_of(exchange.settings)
        with exchange.database.write() as session:
            now = exchange.clock()
            organisation = caller.organisation_id or ""
            if key is not None:
                before = idempotency.begin(
                    session, organisation_id=organisation, key=key, sha256=digest, reserved=False,
                    settings=exchange.settings, now=now,
                )  # fmt: skip
                if before is not None:
                    row = life.own(session, caller, before.submission_id)
                    return row, _first_secret(exchange, caller, row)
            row, shown = life.create(session, caller, document, settings=exchange.settings, secret=secret, now=now)
            if key is not None:
                idempotency.finish(session, organisation_id=organisation, key=key, submission_id=row.id, status=201)
        return row, shown

    row, shown = await run_sync(make)
    return _one(row, status=201, secret=shown, headers={"Location": _address(exchange, row.id)})


@router.get("", summary="Your subscriptions", responses=answers("All of them.", listed(standard("subscription"))))
def list_subscriptions(caller: Subscriber, exchange: Running) -> Response:
    """Those that your organisation made in your role, the oldest first; whichever key made them."""
    with exchange.database.read() as session:
        return answer({"items": [shapes.subscription(row) for row in life.mine(session, caller)]})


@router.get(
    "/{subscription_id}",
    summary="One subscription",
    responses=answers("The subscription.", standard("subscription"), headers=["ETag"]),
)
def read_subscription(subscription_id: Id, caller: Subscriber, exchange: Running) -> Response:
    """What you asked for, and its state; never its secret."""
    with exchange.database.read() as session:
        return _one(life.own(session, caller, subscription_id))


@router.put(
    "/{subscription_id}", summary="Change a subscription",
    openapi_extra={**WRITES, "parameters": [IF_MATCH]},
    responses=answers("As it is now.", standard("subscription"), headers=["ETag"]) | refuses(409, 412, 413, 415, 422, 428),
)  # fmt: skip
async def change_subscription(subscription_id: Id, request: Request, caller: Subscriber, exchange: Running) -> Response:
    """The whole document anew. Another address has to prove itself again; what waits then goes there. The channel stays."""
    document, _ = await _document(request, caller, exchange)

    def change() -> Subscription:
        with exchange.database.read() as session:
            life.own(session, caller, subscription_id)  # nobody learns of a rule through another's subscription
        _check_address(exchange, document)
        with exchange.database.write() as session:
            row = life.own(session, caller, subscription_id, lock=True)
            _check_match(request, row)
            life.change(
                session, caller, row, document, settings=exchange.settings, secret=secret_of(exchange.settings), now=exchange.clock()
            )  # fmt: skip
        return row

    return _one(await run_sync(change))


@router.delete(
    "/{subscription_id}", status_code=204, summary="End a subscription", responses=answers("Gone.", status=204)
)
def end_subscription(subscription_id: Id, caller: Subscriber, exchange: Running) -> Response:
    """At once, with all that was kept to be sent again."""
    with exchange.database.write() as session:
        life.delete(session, caller, subscription_id, now=exchange.clock())
    return Response(status_code=204)


@router.post(
    "/{subscription_id}/pause",
    summary="Send nothing for now",
    responses=answers("It is paused.", standard("subscription"), headers=["ETag"]) | refuses(409),
)
def pause_subscription(subscription_id: Id, caller: Subscriber, exchange: Running) -> Response:
    """Its numbers go on; what they stand for is sent once it is resumed."""
    with exchange.database.write() as session:
        row = life.pause(session, caller, subscription_id, now=exchange.clock())
    return _one(row)


@router.post(
    "/{subscription_id}/resume",
    summary="Go on, after a pause or an error",
    responses=answers("It goes on.", standard("subscription"), headers=["ETag"]) | refuses(409, 422),
)
def resume_subscription(subscription_id: Id, caller: Subscriber, exchange: Running) -> Response:
    """After an error only this makes it go on: a webhook by a new handshake. There may be a gap, which `status` names. While an
    e-mail waits for its code, another code is sent."""
    with exchange.database.write() as session:
        row = life.resume(
            session, caller, subscription_id, settings=exchange.settings, secret=secret_of(exchange.settings), now=exchange.clock()
        )  # fmt: skip
    return _one(row)


@router.post(
    "/{subscription_id}/rotate-secret",
    summary="Replace a webhook's secret",
    responses=answers("With the new `secret`, shown this once.", standard("subscription")) | refuses(409),
)
def rotate_subscription_secret(subscription_id: Id, caller: Subscriber, exchange: Running) -> Response:
    """For 24 hours messages carry a signature with each: the new secret and the old one."""
    with exchange.database.write() as session:
        row, shown = life.rotate(
            session, caller, subscription_id, secret=secret_of(exchange.settings), now=exchange.clock()
        )
    return _one(row, secret=shown)


@router.post(
    "/{subscription_id}/test", status_code=202, summary="Have a test sent",
    responses=answers("It will be sent; `message` is its id among the deliveries.", OBJECT, status=202) | refuses(409),
)  # fmt: skip
def test_subscription(subscription_id: Id, caller: Subscriber, exchange: Running) -> Response:
    """A message of the type `subscription.test`, which means nothing and has no number."""
    with exchange.database.write() as session:
        notice = life.test(session, caller, subscription_id, now=exchange.clock())
    return answer(
        {"message": notice.message, "deliveries": f"{_address(exchange, subscription_id)}/deliveries"}, status=202
    )


@router.post(
    "/{subscription_id}/confirm",
    summary="Confirm an e-mail address",
    responses=answers("It is active.", standard("subscription"), headers=["ETag"]) | refuses(409, 422),
)
def confirm_subscription(subscription_id: Id, body: CodeBody, caller: Subscriber, exchange: Running) -> Response:
    """With the code that came by e-mail: good for 24 hours, and gone after ten wrong ones; `resume` sends another."""
    with exchange.database.write() as session:
        row, verdict = life.confirm(
            session, caller, subscription_id, body.code, secret=secret_of(exchange.settings), now=exchange.clock()
        )
    if verdict != "confirmed":  # only now: a wrong code is counted all the same
        raise Invalid(
            _VERDICTS[verdict], errors=[{"pointer": "/code", "rule": f"code-{verdict}", "detail": _VERDICTS[verdict]}]
        )
    return _one(row)


@router.post(
    "/{subscription_id}/resend", status_code=202, summary="Have messages sent again",
    responses=answers("`waiting`: so many notices will be sent; `missing`: so many are no longer to be had.", OBJECT, status=202) | refuses(409, 422),
)  # fmt: skip
def resend_subscription(subscription_id: Id, body: RangeBody, caller: Subscriber, exchange: Running) -> Response:
    """By their numbers, inclusive. They keep their ids, so a receiver that remembers ids passes over what it has."""
    with exchange.database.write() as session:
        waiting, missing = told.resend(session, caller, subscription_id, body.from_, body.until, now=exchange.clock())
    return answer({"waiting": waiting, "missing": missing}, status=202)


@router.get("/{subscription_id}/status", summary="How a subscription stands", responses=answers("Its status.", OBJECT))
def subscription_status(subscription_id: Id, caller: Subscriber, exchange: Running) -> Response:
    """Always answered, whatever its state: the newest number, up to which number all has arrived, and how far it is behind."""
    with exchange.database.read() as session:
        return answer(told.status_document(told.status(session, caller, subscription_id)))


@router.get(
    "/{subscription_id}/events", summary="What was told, once more",
    responses=answers("By number; `expired` where the log no longer has it.", listed(ANSWERED)),
)  # fmt: skip
def subscription_events(
    subscription_id: Id,
    caller: Subscriber,
    exchange: Running,
    first: Annotated[Whole, Query(alias="from", ge=1, le=2**62, description="The first number; 1 if left out.")] = 1,
    until: Annotated[Whole | None, Query(ge=1, le=2**62, description="The last; the newest if left out.")] = None,
) -> Response:
    """Both numbers inclusive, at most 100 a page, whether they were sent or wait. What you may no longer see stands as `withheld`."""
    with exchange.database.read() as session:
        items, onward = told.events(session, caller, subscription_id, first, until, limit=PAGE, now=exchange.clock())
    note_read(exchange, caller, "subscription.events", subscription_id)
    page: shapes.Json = {"items": [told.numbered_document(item) for item in items]}
    if onward is not None:
        query = urlencode({"from": onward, **({"until": until} if until is not None else {})})
        page["next"] = f"{_address(exchange, subscription_id)}/events?{query}"
    return answer(page)


@router.get(
    "/{subscription_id}/deliveries",
    summary="Each attempt to tell you",
    responses=answers("The newest first.", listed(OBJECT)),
)
def subscription_deliveries(
    subscription_id: Id,
    caller: Subscriber,
    exchange: Running,
    before: Annotated[Whole | None, Query(ge=1, le=2**62, description="Only those before this id.")] = None,
    limit: Limit = 100,
) -> Response:
    """When, how long it took, what came back: the start of the answer, never what was sent."""
    with exchange.database.read() as session:
        rows = told.deliveries(session, caller, subscription_id, before=before, limit=limit)
    page: shapes.Json = {"items": [told.delivery_document(row) for row in rows]}
    if len(rows) == limit:
        query = urlencode({"limit": limit, "before": rows[-1].id})
        page["next"] = f"{_address(exchange, subscription_id)}/deliveries?{query}"
    return answer(page)


_VERDICTS: Final[dict[str, str]] = {
    "wrong": "This is not the code. Look again; it is in the newest message.",
    "used-up": "Ten codes were wrong, so none is taken any more. Have another sent with `resume`.",
    "expired": "The code was good for 24 hours. Have another sent with `resume`.",
}


async def _document(request: Request, caller: Caller, exchange: Exchange) -> tuple[dict[str, Any], bytes]:
    """The accepted document of a body, and its bytes."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise UnsupportedMediaType("Send the document as application/json.", headers={"Accept": "application/json"})
    raw = await read_body(request, min(LARGEST, exchange.settings.max_update))
    try:
        document = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise BadRequest(
            f"The body is not JSON: there is a mistake in line {error.lineno}, column {error.colno}."
        ) from None
    return wishes.accept(document, caller.role, now=exchange.clock()), raw


def _check_address(exchange: Exchange, document: dict[str, Any]) -> None:
    """Outside any transaction: names are looked up."""
    if "url" in document:
        outbound.check_receiver(document["url"], exchange.settings)


def _check_match(request: Request, row: Subscription) -> None:
    """The version must be the one that was read; the state, which moves by itself, need not."""
    said = request.headers.get("if-match")
    check_match(said and re.sub(r'"([0-9]+)-[a-z]+"', r'"\1"', said), f'"{row.version}"', required=True)


def _first_secret(exchange: Exchange, caller: Caller, row: Subscription) -> str | None:
    """The secret once more for a retry of the request that made it, by the same key, unless it was replaced since."""
    known = webhook_secrets.secrets_of(row, secret=secret_of(exchange.settings), now=exchange.clock())
    return known[0].text if len(known) == 1 and row.key_id == caller.holder else None


def _one(
    row: Subscription, *, status: int = 200, secret: str | None = None, headers: dict[str, str] | None = None
) -> Response:
    document = shapes.subscription(row)
    if secret is not None:
        document["secret"] = secret
    return answer(document, status=status, headers={"ETag": life.etag(row), **(headers or {})})


def _address(exchange: Exchange, subscription_id: str) -> str:
    return f"{exchange.settings.base_url.rstrip('/')}/v1/subscriptions/{subscription_id}"
