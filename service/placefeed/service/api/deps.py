"""What routes ask for: who calls and whether they may, bodies, and answers."""

import hashlib
from collections.abc import Mapping
from typing import Annotated, Any

import orjson
from anyio.to_thread import run_sync
from fastapi import Depends
from starlette.requests import Request
from starlette.responses import Response

from placefeed.service.access.who import ANYONE, MEMBER, OPERATOR, PROVIDER, PUBLIC, Caller
from placefeed.service.errors import NotAllowed, NotAuthenticated
from placefeed.service.running.origin import READS, is_from_elsewhere
from placefeed.service.running.parts import Exchange, exchange_of, visitor_of

Running = Annotated[Exchange, Depends(exchange_of)]


class Allow:
    """A route's decision about who may call it. Every route has exactly one; a test goes through them all.

    `public` means anyone, with or without a key: the key is not even looked at.
    """

    def __init__(self, *roles: str, scope: str) -> None:
        self.roles = roles
        self.scope = scope

    @property
    def anyone(self) -> bool:
        """Whether no key is needed."""
        return PUBLIC in self.roles

    async def __call__(self, request: Request) -> Caller:
        exchange = exchange_of(request)
        if self.anyone:
            return ANYONE
        caller = await authenticated(request, exchange)
        if caller.role not in self.roles:
            you = "your key is" if caller.key_id else "you are here as"
            raise NotAllowed(f"This is for {_either(self.roles)}; {you} a {caller.role}'s.")
        caller.require(self.scope)
        return caller


def allow(*roles: str, scope: str = "") -> Any:
    """The dependency that lets these roles in, with a key that carries the scope: `caller: Annotated[Caller, allow(...)]`."""
    return Depends(Allow(*roles, scope=scope))


Anyone = Annotated[Caller, allow(PUBLIC)]
Submitter = Annotated[Caller, allow(PROVIDER, scope="submit")]
ProviderReader = Annotated[Caller, allow(PROVIDER, scope="read")]
ProviderOrOperator = Annotated[Caller, allow(PROVIDER, OPERATOR, scope="read")]
Reader = Annotated[Caller, allow(PROVIDER, MEMBER, OPERATOR, scope="read")]
Lister = Annotated[Caller, allow(MEMBER, OPERATOR, scope="list")]
EditionReader = Annotated[Caller, allow(MEMBER, OPERATOR, scope="editions")]
Operator = Annotated[Caller, allow(OPERATOR, scope="operate")]


async def authenticated(request: Request, exchange: Exchange) -> Caller:
    """The caller behind the `Authorization: Bearer` key or, for reading, behind the cookie of somebody who is signed in.

    Raises NotAuthenticated or TooManyRequests. A cookie never changes anything here: a browser would send it for other sites too.
    """
    scheme, _, text = request.headers.get("authorization", "").partition(" ")
    if not scheme and request.method in READS:
        caller = await _signed_in(request, exchange)
        if caller is not None:
            return caller
    address = f"address:{request.client.host if request.client else ''}"
    if scheme.lower() != "bearer" or not text.strip():
        exchange.limiter.take(address)
        raise NotAuthenticated("Send your key in the header “Authorization: Bearer <key>”.")
    text = text.strip()
    caller = exchange.keyring.remembered(text)
    if caller is None:
        # A guess costs the database a look: guesses from one address are counted before it.
        exchange.limiter.take(address)
        caller = await run_sync(exchange.keyring.authenticate, text)
    exchange.limiter.take(f"key:{caller.key_id}")
    return caller


async def _signed_in(request: Request, exchange: Exchange) -> Caller | None:
    if is_from_elsewhere(request, exchange.settings):
        return None
    visitor = await visitor_of(request)
    if visitor is None or visitor.caller is None:
        return None
    exchange.limiter.take(visitor.caller.holder)
    return visitor.caller


def _either(roles: tuple[str, ...]) -> str:
    named = [f"{role}s" for role in roles]
    return named[0] if len(named) == 1 else f"{', '.join(named[:-1])} and {named[-1]}"


def answer(data: Any, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A JSON answer; what is somebody's own is never kept by a cache in between."""
    body = orjson.dumps(data, option=orjson.OPT_UTC_Z)
    return Response(
        body,
        status_code=status,
        media_type="application/json",
        headers={"Cache-Control": "private, no-store", **(headers or {})},
    )


def etag_of(content: bytes) -> str:
    """A strong ETag of these bytes."""
    return f'"{hashlib.blake2b(content, digest_size=12).hexdigest()}"'
