"""Checking that a webhook is genuine, by Standard Webhooks 1.0, over the very bytes that came."""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import orjson

from placefeed.client.errors import NotGenuine, NotSigned, NotTimely, WrongSignature

PREFIX = "whsec_"
SIGNATURES_AT_MOST = 20


def verify_webhook(
    body: bytes,
    headers: Mapping[str, str],
    secret: str | Sequence[str],
    *,
    tolerance: float = 300,
    now: datetime | None = None,
) -> dict[str, Any]:
    """The message, if it was signed with (one of) your secrets no more than `tolerance` seconds ago or ahead.

    `body` is what came, byte for byte: never parse it and write it again. Give the old and the new secret while you
    change them. It may still have come before: keep each `webhook-id` for a day and leave out what you had.

    Raises NotSigned, NotTimely or WrongSignature, all of them NotGenuine: answer 400. ValueError for a secret that is none.
    """
    if not isinstance(body, bytes | bytearray | memoryview):
        raise TypeError("The body must be the bytes that came (`await request.body()`), not text or a parsed document.")
    body = bytes(body)
    keys = [_key(text) for text in ([secret] if isinstance(secret, str) else secret)]
    if not keys:
        raise ValueError("No secret was given.")
    told = {name.lower(): value for name, value in headers.items()}
    identifier, timestamp, signatures = (
        told.get(f"webhook-{name}", "").strip() for name in ("id", "timestamp", "signature")
    )
    if not (identifier and timestamp and signatures):
        raise NotSigned(
            "The message lacks webhook-id, webhook-timestamp or webhook-signature: it is not from the exchange, or a proxy removed them."
        )
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 12):
        raise NotSigned("webhook-timestamp is no number of seconds.")
    signed = b".".join((_bytes(identifier), timestamp.encode(), body))
    given = [text.removeprefix("v1,") for text in signatures.split(" ")[:SIGNATURES_AT_MOST] if text.startswith("v1,")]
    if not given:
        raise NotSigned("webhook-signature has no signature of version v1.")
    genuine = False
    for key in keys:  # every one is compared, so that the time taken tells nothing
        expected = base64.b64encode(hmac.digest(key, signed, hashlib.sha256))
        for text in given:
            genuine |= hmac.compare_digest(expected, _bytes(text))
    if not genuine:
        raise WrongSignature(
            "No secret of yours made this signature. Check that the secret is this subscription's, and that the bytes were not changed before they were checked."
        )
    apart = (now or datetime.now(UTC)).timestamp() - int(timestamp)
    if abs(apart) > tolerance:
        raise NotTimely(
            f"The message was signed {abs(apart):,.0f} seconds {'ago' if apart > 0 else 'ahead'}; {tolerance:g} are allowed. If it is new, this machine's clock is wrong; if not, somebody repeats it."
        )
    return _document(body)


def _document(body: bytes) -> dict[str, Any]:
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError:
        found = None
    if not isinstance(found, dict):
        raise NotGenuine("The message is signed, but is no JSON object: another service uses this secret.")
    return found


def _key(secret: str) -> bytes:
    """The bytes of a secret. Standard Webhooks asks for 24 to 64; fewer are a secret that was cut when it was copied."""
    text = secret.strip().removeprefix(PREFIX)
    try:
        key = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not 24 <= len(key) <= 64:
        raise ValueError(f"The secret is none of a subscription: {PREFIX} and 24 to 64 bytes in base64. Copy it again.")
    return key


def _bytes(text: str) -> bytes:
    """What a header was on the wire (servers read it as Latin-1); anything at all, without an error."""
    try:
        return text.encode("latin-1")
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")
