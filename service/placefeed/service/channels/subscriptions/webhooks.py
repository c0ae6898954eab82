"""One webhook: what it says, how it is signed (Standard Webhooks 1.0), and one attempt to hand it over.

webhook-id         the same over all attempts: the receiver tells repeats by it
webhook-timestamp  of this attempt, in whole seconds
webhook-signature  `v1,` and the base64 of HMAC-SHA256 over `id.timestamp.body`; one for each secret that is good now
"""

import base64
import hashlib
import hmac
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, Final

import aiohttp
import orjson
from yarl import URL

from placefeed.adapters.base import Refused
from placefeed.adapters.http_words import wait_asked
from placefeed.service.channels.subscriptions.outcomes import HANDSHAKE, HEARTBEAT, TEST, Job, Outcome, Outside
from placefeed.service.clock import iso

LARGEST: Final = 20_000  # bytes of a body
MOST_NUMBERS: Final = 100  # that one message carries
LONGEST_ANSWER: Final = 500  # characters that are kept of what came back
READ: Final = 16 * 1024  # bytes of an answer that are read at all; after more the connection is given up
WAIT_FOR: Final = frozenset({429, 502, 503, 504})
"""Where Retry-After is honoured."""

TYPES: Final = {HANDSHAKE: "subscription.handshake", TEST: "subscription.test", HEARTBEAT: "subscription.heartbeat"}


def sign(message: str, body: bytes, secrets: Iterable[str], now: datetime) -> dict[str, str]:
    """The three headers for exactly these bytes, in an attempt made now."""
    timestamp = str(int(now.timestamp()))
    signed = b".".join((message.encode(), timestamp.encode(), body))
    signatures = [
        "v1," + base64.b64encode(hmac.digest(_key(secret), signed, hashlib.sha256)).decode() for secret in secrets
    ]
    return {
        "webhook-id": message,
        "webhook-timestamp": timestamp,
        "webhook-signature": " ".join(signatures),
    }


@lru_cache(maxsize=16_384)
def _key(secret: str) -> bytes:
    return base64.b64decode(secret.removeprefix("whsec_"))


def plain_body(kind: str, subscription_id: str, number: int, at: datetime, *, message: str) -> bytes:
    """The body of a handshake, a test or a heartbeat. `number` is the newest that was given: a receiver sees what it misses."""
    data: dict[str, Any] = {"subscription": subscription_id, "number": number}
    if kind == HANDSHAKE:
        data["challenge"] = message
    return orjson.dumps({"type": TYPES[kind], "timestamp": iso(at), "data": data})


class Bundle:
    """The body of one message of events, to which numbers are added while they fit."""

    def __init__(self, subscription_id: str, *, content: str, events_since_start: int, base: str) -> None:
        self._id = subscription_id
        self._content = content
        self._since = events_since_start
        self._base = base.rstrip("/")
        self._events: list[bytes] = []
        self._size = 600  # what stands around the events, generously
        self._newest: datetime | None = None
        self.numbers: list[int] = []
        self.complete = True

    def add(self, number: int, at: datetime, events: Sequence[bytes]) -> bool:
        """Take one more number with its events. False where it doesn't fit any more; the first always does, if need be in part.

        `at`: when the newest of them happened.
        """
        if len(self.numbers) == MOST_NUMBERS or not self.complete:
            return False
        pieces = [] if self._content == "empty" else events
        size = sum(len(piece) + 1 for piece in pieces)
        if self._size + size > LARGEST:
            if self.numbers:
                return False
            self.complete = False
            pieces = _fitting(pieces, LARGEST - self._size)
            size = sum(len(piece) + 1 for piece in pieces)
        self.numbers.append(number)
        self._events += pieces
        self._size += size
        self._newest = at
        return True

    def body(self) -> bytes:
        """The bytes that are sent and signed."""
        first, last = self.numbers[0], self.numbers[-1]
        data: dict[str, Any] = {
            "subscription": self._id,
            "number": first,
            "through": last,
            "eventsSinceSubscriptionStart": self._since,
            "complete": self.complete,
            "href": f"{self._base}/v1/subscriptions/{self._id}/events?from={first}&until={last}",
        }
        if self._content != "empty":
            data["events"] = orjson.Fragment(b"[%b]" % b",".join(self._events))
        stamp = None if self._newest is None else iso(self._newest)
        return orjson.dumps({"type": "subscription.events", "timestamp": stamp, "data": data})


def _fitting(pieces: Sequence[bytes], room: int) -> list[bytes]:
    """As many from the front as fit."""
    taken = []
    for piece in pieces:
        room -= len(piece) + 1
        if room < 0:
            break
        taken.append(piece)
    return taken


def through(body: bytes) -> int:
    """The last number that a frozen body carries."""
    return int(orjson.loads(body)["data"]["through"])


def withholds(body: bytes) -> list[tuple[int, bool]]:
    """The events of a frozen body, by position, and whether each is withheld: what may not change unseen between attempts."""
    events = orjson.loads(body)["data"].get("events", ())
    return [(event["position"], event["type"] == "withheld") for event in events]


async def send(job: Job, outside: Outside, form: Callable[[str], URL]) -> Outcome:
    """Make one attempt. Never raises for what happens outside. Only 2xx is success; redirects are not followed.

    `form` judges the address by its form (`outbound.check_form`).
    """
    headers = sign(job.message, job.body, job.secrets, job.now)
    headers["Content-Type"] = "application/json"
    try:
        url = form(job.subscription.document["url"])
        for last in (False, True):
            try:
                async with outside.http.post(url, data=job.body, headers=headers, allow_redirects=False) as response:
                    return await _outcome(response, job.now)
            except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError) as error:
                # A kept connection may have been closed at the other end just then: once more, on a new one. The id is the same.
                if last or isinstance(error, aiohttp.ClientConnectorError):
                    raise
    except Refused as error:
        return Outcome(ok=False, error=str(error))
    except TimeoutError:
        return Outcome(ok=False, error=f"There was no answer within {outside.settings.deliver_timeout:g} seconds.")
    except (aiohttp.ClientError, OSError, UnicodeError, ValueError) as error:
        return Outcome(ok=False, error=_said(error))
    raise AssertionError("an attempt ends in an answer or an error")


async def _outcome(response: aiohttp.ClientResponse, now: datetime) -> Outcome:
    status = response.status
    answer = await _start(response)
    if 200 <= status < 300:
        return Outcome(ok=True, status=status, answer=answer)
    error = f"It answered {status}, where 2xx was expected."
    if 300 <= status < 400:
        error = f"It answered {status}: redirects are not followed. Give the address where it really is."
    wait = wait_asked(response.headers.get("Retry-After"), now=now) if status in WAIT_FOR else None
    return Outcome(ok=False, status=status, error=error, answer=answer, retry_after=wait, gone=status == 410)


async def _start(response: aiohttp.ClientResponse) -> str | None:
    """The start of an answer; what breaks off or never ends doesn't alter what the status said."""
    read = b""
    try:
        while len(read) <= READ and (piece := await response.content.read(READ)):
            read += piece
    except (aiohttp.ClientPayloadError, aiohttp.ClientConnectionError, TimeoutError):
        response.close()
    if len(read) > READ:
        response.close()  # rather a new connection than all of it
    if not read:
        return None
    text = read[: LONGEST_ANSWER * 4].decode("utf-8", "replace")[:LONGEST_ANSWER]
    return "".join(character if character.isprintable() else " " for character in text)


def _said(error: Exception) -> str:
    """In our words: an error's own would name addresses that its readers should not learn."""
    match error:
        case aiohttp.ClientConnectorCertificateError():
            return "Its certificate is not valid."
        case aiohttp.ClientSSLError():
            return "No encrypted connection could be agreed on."
        case aiohttp.ClientConnectorDNSError():
            return "The name in its address is not known."
        case aiohttp.ClientConnectorError():
            return "No connection could be made."
        case aiohttp.ClientResponseError() | aiohttp.InvalidURL():
            return "What it answered is not HTTP."
        case aiohttp.ClientError() | OSError():
            return "The connection broke off."
    return "Its address cannot be used."
