"""A small real OpenID Connect provider on this machine: discovery, keys, authorize, token with PKCE; and what can be wrong with one."""

import hashlib
import json
import secrets
import time
from base64 import b64decode, urlsafe_b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx2
from joserfc import jwt
from joserfc.jwk import RSAKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from tests.service.api.serving import a_port, base_of, serving

CLIENT, SECRET = "placefeed-at-lewisham", "a secret of the client"


@dataclass
class Provider:
    """`claims` go into the next token over what is right; `broken` names what goes wrong."""

    issuer: str = ""
    claims: dict[str, Any] = field(default_factory=dict)
    broken: str = ""
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    key: RSAKey = field(default_factory=lambda: RSAKey.generate_key(2048, {"kid": "one"}, auto_kid=False))
    other: RSAKey = field(default_factory=lambda: RSAKey.generate_key(2048, {"kid": "one"}, auto_kid=False))
    asked: list[str] = field(default_factory=list)

    def discovery(self, _request: Request) -> Response:
        """What there is."""
        issuer = "https://other.example" if self.broken == "discovery" else self.issuer
        return JSONResponse(
            {
                "issuer": issuer,
                "authorization_endpoint": f"{self.issuer}/authorize",
                "token_endpoint": f"{self.issuer}/token",
                "jwks_uri": f"{self.issuer}/keys",
                "id_token_signing_alg_values_supported": ["RS256", "none", "HS256"],
                "code_challenge_methods_supported": ["S256"],
            }
        )

    def keys(self, _request: Request) -> Response:
        """What tokens are signed with."""
        return JSONResponse({"keys": [self.key.as_dict(private=False)]})

    def authorize(self, request: Request) -> Response:
        """Everybody is signed in already."""
        asked = dict(request.query_params)
        if self.broken == "denied":
            return RedirectResponse(
                f"{asked['redirect_uri']}?{urlencode({'error': 'access_denied', 'state': asked['state']})}"
            )
        code = secrets.token_hex(8)
        self.codes[code] = asked
        return RedirectResponse(f"{asked['redirect_uri']}?{urlencode({'code': code, 'state': asked['state']})}")

    async def token(self, request: Request) -> Response:
        """A code works once, for who began."""
        form = {name: values[0] for name, values in parse_qs((await request.body()).decode()).items()}
        scheme, _, basic = request.headers.get("authorization", "").partition(" ")
        assert (scheme, b64decode(basic).decode()) == ("Basic", f"{CLIENT}:{SECRET}")
        asked = self.codes.pop(form["code"], None)
        self.asked.append(form["code"])
        challenge = urlsafe_b64encode(hashlib.sha256(form.get("code_verifier", "").encode()).digest()).rstrip(b"=")
        if (
            asked is None
            or asked["code_challenge"] != challenge.decode()
            or asked["redirect_uri"] != form["redirect_uri"]
        ):
            return JSONResponse({"error": "invalid_grant"}, status_code=400)
        if self.broken == "down":
            return Response("down", status_code=503)
        now = int(time.time())
        claims = {
            "iss": self.issuer, "aud": CLIENT, "sub": "person-1", "exp": now + 300, "iat": now, "nonce": asked["nonce"],
            "email": "sam@lewisham.example", "name": "Sam Carter", **self.claims,
        }  # fmt: skip
        claims = {name: value for name, value in claims.items() if value is not None}
        key = self.other if self.broken == "key" else self.key
        if self.broken == "none":
            id_token = ".".join((_part(json.dumps({"alg": "none"}).encode()), _part(json.dumps(claims).encode()), ""))
        else:
            id_token = jwt.encode({"alg": "RS256", "kid": "one"}, claims, key)
        body = {"access_token": "unused", "token_type": "Bearer", "expires_in": 300}
        return JSONResponse(body if self.broken == "no id token" else {**body, "id_token": id_token})

    def consent(self, location: str) -> str:
        """What a browser does with the address it was sent to: the path to come back to."""
        assert location.startswith(f"{self.issuer}/authorize?"), location
        with httpx2.Client(trust_env=False) as client:
            back = client.get(location).headers["location"]
        parts = urlsplit(back)
        return f"{parts.path}?{parts.query}"


def _part(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


@contextmanager
def provider() -> Iterator[Provider]:
    """It runs for the time of the block."""
    held = a_port()
    made = Provider(issuer=base_of(held))
    app = Starlette(
        routes=[
            Route("/.well-known/openid-configuration", made.discovery),
            Route("/keys", made.keys),
            Route("/authorize", made.authorize),
            Route("/token", made.token, methods=["POST"]),
        ]
    )
    with serving(app, held):
        yield made
