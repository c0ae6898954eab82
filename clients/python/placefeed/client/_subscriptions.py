"""Calls for being told: a subscription by webhook or e-mail, its life, and reading again what it told."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl
from uuid import uuid4

import orjson

from placefeed.client._steps import Answer, Query, Request, Steps, ask, with_header
from placefeed.client._wire import JSON, segment, unseen
from placefeed.client.results import Document, Versioned

PATH = "v1/subscriptions"


def subscriptions() -> Steps[list[Document]]:
    """All subscriptions of your organisation."""
    return (yield from _all(PATH))


def subscription(subscription: str) -> Steps[Versioned]:
    """A subscription as you wrote it, with its state."""
    return _versioned((yield from ask(Request("GET", _path(subscription)))))


def add_subscription(document: Mapping[str, Any]) -> Steps[Document]:
    """Subscribe (`subscription` of the standard). A webhook's answer is the only time that its `secret` is shown.

    It is `requested` until its handshake has arrived: a webhook's by itself, an e-mail's by `confirm_subscription`.
    """
    headers = {"Content-Type": JSON, "Idempotency-Key": str(uuid4())}
    return (yield from ask(Request("POST", PATH, headers=headers, body=orjson.dumps(document)))).document()


def change_subscription(
    subscription: str, document: Mapping[str, Any], *, if_match: str | None = None
) -> Steps[Versioned]:
    """Replace what you wrote. `if_match` is the etag that you read; without it the present one is read first."""
    if if_match is None:
        if_match = (yield from ask(Request("GET", _path(subscription)))).headers.get("etag")
    request = Request("PUT", _path(subscription), headers={"Content-Type": JSON}, body=orjson.dumps(document))
    if if_match is not None:
        # Its answer may be lost after it took effect; sent again it would be refused as stale. So it is sent once.
        request = replace(with_header(request, "If-Match", if_match), repeatable=False)
    return _versioned((yield from ask(request)))


def delete_subscription(subscription: str) -> Steps[None]:
    """End it, with all that was kept for sending again."""
    yield from ask(Request("DELETE", _path(subscription)))


def pause_subscription(subscription: str) -> Steps[Document]:
    """Send nothing for now. Its numbers go on, and what they stand for is sent once it is resumed."""
    return (yield from _post(_path(subscription, "pause")))


def resume_subscription(subscription: str) -> Steps[Document]:
    """Send again: after a pause, or after an error that is mended. There may be a gap: compare the numbers."""
    return (yield from _post(_path(subscription, "resume")))


def rotate_subscription_secret(subscription: str) -> Steps[Document]:
    """A new secret, shown only here. For a time of grace messages are signed with both."""
    return (yield from _post(_path(subscription, "rotate-secret"), repeatable=False))


def test_subscription(subscription: str) -> Steps[Document]:
    """Have a test message sent."""
    return (yield from _post(_path(subscription, "test"), repeatable=False))


def confirm_subscription(subscription: str, code: str) -> Steps[Document]:
    """Confirm an e-mail subscription with the code that came by e-mail."""
    return (yield from _post(_path(subscription, "confirm"), {"code": code}, repeatable=False))


def subscription_status(subscription: str) -> Steps[Document]:
    """How it is doing: its state, the newest number, what has arrived."""
    return (yield from ask(Request("GET", _path(subscription, "status")))).document()


def subscription_events(subscription: str, *, from_: int, until: int | None = None) -> Steps[list[Document]]:
    """What was told by these numbers, both inclusive, once more: for a gap, or for a message that was not complete.

    Each number with its `events`; its `state` is `expired` where the exchange has them no longer: then read the list anew.
    """
    query = [("from", str(from_)), *([] if until is None else [("until", str(until))])]
    return (yield from _all(_path(subscription, "events"), query))


def resend_subscription(subscription: str, *, from_: int, until: int | None = None) -> Steps[Document]:
    """Have the messages of these numbers sent once more, both inclusive."""
    wanted = {"from": from_, **({} if until is None else {"until": until})}
    return (yield from _post(_path(subscription, "resend"), wanted, repeatable=False))


def subscription_deliveries(
    subscription: str, *, before: int | str | None = None, limit: int | None = None
) -> Steps[Document]:
    """The attempts to tell you, newest first: when, status, how long, how the answer began."""
    query = [(name, str(value)) for name, value in (("before", before), ("limit", limit)) if value is not None]
    return (yield from ask(Request("GET", _path(subscription, "deliveries"), query=query))).document()


def _path(subscription: str, what: str | None = None) -> str:
    return f"{PATH}/{segment(subscription)}" + (f"/{what}" if what else "")


def _versioned(answer: Answer) -> Versioned:
    return Versioned(answer.document(), answer.headers.get("etag"))


def _post(path: str, document: Mapping[str, Any] | None = None, *, repeatable: bool = True) -> Steps[Document]:
    request = Request(
        "POST",
        path,
        headers={"Content-Type": JSON} if document is not None else {},
        body=orjson.dumps(document) if document is not None else None,
        repeatable=repeatable,
    )
    answer = yield from ask(request)
    return answer.document() if answer.content else {}


def _all(path: str, query: Query = ()) -> Steps[list[Document]]:
    found: list[Document] = []
    seen: set[str] = set()
    while True:
        document = (yield from ask(Request("GET", path, query=query))).document()
        found.extend(document.get("items") or [])
        cursor = unseen(document.get("next"), seen)
        if cursor is None:
            return found
        query = parse_qsl(cursor.removeprefix("?"), keep_blank_values=True)
