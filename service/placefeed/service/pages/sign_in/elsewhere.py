"""Other sign-ins by OpenID Connect: there with state, nonce and PKCE, and back with a code; none of their tokens is kept.

What must be remembered meanwhile lies sealed in a cookie of ten minutes, which only this browser has: nobody can be led into
somebody else's account.
"""

import json
from datetime import datetime, timedelta
from typing import Any

import httpx2
import structlog
from anyio.to_thread import run_sync
from authlib.common.errors import AuthlibBaseError  # type: ignore[import-untyped]  # Authlib has no types
from authlib.integrations.starlette_client import OAuth  # type: ignore[import-untyped]
from fastapi import APIRouter
from joserfc.errors import JoseError
from starlette.requests import Request
from starlette.responses import Response

from placefeed.service.access import entering, oidc
from placefeed.service.access.sealing import seal, unseal
from placefeed.service.config import OidcProvider, Settings
from placefeed.service.errors import NotAllowed, NotFound
from placefeed.service.pages.render import ours, page, prefix_of
from placefeed.service.pages.sign_in.entering import Next
from placefeed.service.pages.sign_in.session import browser_of, go_on, secret
from placefeed.service.pages.visitors import Anybody
from placefeed.service.running.origin import cookie_of
from placefeed.service.running.parts import Exchange, exchange_of

log = structlog.get_logger(__name__)
router = APIRouter(include_in_schema=False, default_response_class=Response)

AWAY_FOR = timedelta(minutes=10)
TIMEOUT = 10.0  # seconds for each request to the provider
LEEWAY = 60  # seconds that its clock may be off
SAFE = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512")  # no `none`, no shared secret
FAILURES = (AuthlibBaseError, JoseError, httpx2.HTTPError, ValueError, KeyError, TypeError, RuntimeError)

LATE = "That took too long, or it began in another browser. Start again."
FAILED = "The other sign-in did not work. Try again; if it fails again, tell whoever looks after it, or the operator."


class Elsewhere:
    """The other sign-ins of this application; what their discovery says is fetched at the first use and kept."""

    def __init__(self, settings: Settings) -> None:
        self._oauth = OAuth()
        for name, provider in settings.oidc.items():
            self._oauth.register(
                name,
                client_id=provider.client_id,
                client_secret=provider.client_secret.get_secret_value(),
                server_metadata_url=f"{provider.issuer.rstrip('/')}/.well-known/openid-configuration",
                client_kwargs={
                    "scope": provider.scopes,
                    "code_challenge_method": "S256",
                    "timeout": TIMEOUT,
                    "trust_env": False,
                },
            )

    async def client(self, name: str, provider: OidcProvider) -> Any:
        """The client of one. Raises ValueError where discovery speaks for another issuer, or signs in no way that we take."""
        made = self._oauth.create_client(name)
        found = await made.load_server_metadata()
        if found.get("issuer") != provider.issuer:
            made.server_metadata.clear()
            raise ValueError("discovery names another issuer")
        safe = [each for each in found.get("id_token_signing_alg_values_supported") or ["RS256"] if each in SAFE]
        if not safe:
            raise ValueError("no signature that is safe")
        found["id_token_signing_alg_values_supported"] = safe
        return made


def _provider(exchange: Exchange, name: str) -> OidcProvider:
    provider = exchange.settings.oidc.get(name)
    if provider is None:
        raise NotFound("There is no such sign-in here.")
    return provider


def _parts(exchange: Exchange) -> Elsewhere:
    return exchange.keep(Elsewhere, lambda: Elsewhere(exchange.settings))


@router.get("/sign-in/{name}")
async def leave(request: Request, name: str, visitor: Anybody, to: Next = "") -> Response:
    """Go there."""
    exchange = exchange_of(request)
    provider = _provider(exchange, name)
    kept: dict[str, Any] = {}
    request.scope["session"] = kept  # where the library keeps state, nonce and verifier
    try:
        client = await _parts(exchange).client(name, provider)
        response: Response = await client.authorize_redirect(request, _back_to(exchange, name))
    except FAILURES as error:
        return _failed(request, name, FAILED, error, status=502)
    sealed = seal(
        secret(exchange),
        json.dumps({"at": exchange.clock().isoformat(), "next": ours(to), "session": kept}),
        about=f"sign-in at {name}",
    )
    response.set_cookie(
        _cookie(exchange), sealed.hex(), max_age=int(AWAY_FOR.total_seconds()), path=_path(exchange),
        secure=exchange.settings.https, httponly=True, samesite="lax",
    )  # fmt: skip
    response.headers["Cache-Control"] = "no-store"
    return response


@router.get("/sign-in/{name}/back")
async def back(request: Request, name: str, visitor: Anybody) -> Response:
    """Come back with a code, or with what went wrong there."""
    exchange = exchange_of(request)
    provider = _provider(exchange, name)
    kept = _open(exchange, request.cookies.get(_cookie(exchange)), name)
    if kept is None:
        return _failed(request, name, LATE, None, status=400)
    request.scope["session"] = kept["session"]
    try:
        client = await _parts(exchange).client(name, provider)
        token = await client.authorize_access_token(request, claims_options=_claims(provider), leeway=LEEWAY)
        claims = token["userinfo"]
    except FAILURES as error:
        return _failed(request, name, FAILED, error, status=400)
    try:
        response = await run_sync(_enter, request, name, provider, dict(claims), kept["next"])
    except NotAllowed as error:
        return _failed(request, name, str(error), None, status=403)
    return _forget(exchange, response)


def _enter(request: Request, name: str, provider: OidcProvider, claims: dict[str, Any], to: str) -> Response:
    exchange = exchange_of(request)
    now = exchange.clock()
    with exchange.database.write() as session:
        person = oidc.somebody(session, name=name, provider=provider, claims=claims, now=now)
        entered = entering.enter(
            session, person, how=name, old=cookie_of(request, exchange.settings), browser=browser_of(request),
            settings=exchange.settings, now=now,
        )  # fmt: skip
        return go_on(request, session, entered, person, to)


def _claims(provider: OidcProvider) -> dict[str, Any]:
    def meant_for_us(_claims: Any, audience: Any) -> bool:
        return provider.client_id in (audience if isinstance(audience, list) else [audience])

    return {
        "iss": {"essential": True, "values": [provider.issuer]},
        "aud": {"essential": True, "validate": meant_for_us},
        "sub": {"essential": True},
        "exp": {"essential": True},
    }


def _open(exchange: Exchange, cookie: str | None, name: str) -> dict[str, Any] | None:
    """What was sealed when the browser left; None where it is missing, another's, or too old."""
    try:
        kept: dict[str, Any] = json.loads(
            unseal(secret(exchange), bytes.fromhex(cookie or ""), about=f"sign-in at {name}")
        )
    except ValueError:
        return None
    return kept if exchange.clock() - datetime.fromisoformat(kept["at"]) < AWAY_FOR else None


def _failed(request: Request, name: str, why: str, error: Exception | None, *, status: int) -> Response:
    if error is not None:
        log.warning("another sign-in failed", name=name, error=type(error).__name__, why=str(error)[:200])
    response = page(request, "sign_in/elsewhere.html", status=status, why=why)
    return _forget(exchange_of(request), response)


def _forget(exchange: Exchange, response: Response) -> Response:
    response.delete_cookie(
        _cookie(exchange), path=_path(exchange), secure=exchange.settings.https, httponly=True, samesite="lax"
    )
    return response


def _back_to(exchange: Exchange, name: str) -> str:
    return f"{exchange.settings.base_url}/sign-in/{name}/back"


def _path(exchange: Exchange) -> str:
    return f"{prefix_of(exchange.settings)}/sign-in"


def _cookie(exchange: Exchange) -> str:
    """Not `__Host-`: it is for the pages of signing in only, and that name wants the path `/`."""
    return "__Secure-placefeed-elsewhere" if exchange.settings.https else "placefeed-elsewhere"
