"""What the exchange sends by itself, described once for OpenAPI (`webhooks`) and AsyncAPI: the messages of subscriptions and of the stream."""

from typing import Any, Final

Json = dict[str, Any]


def _reference(name: str) -> Json:
    return {"$ref": f"#/components/schemas/{name}"}


_INSTANT: Final[Json] = {"type": "string", "format": "date-time"}
_SUBSCRIPTION: Final[Json] = {"type": "string", "description": "The subscription's id."}


def _number(description: str, *, least: int = 1) -> Json:
    return {"type": "integer", "minimum": least, "description": description}


_NEWEST: Final = _number("The newest that was given: who has a lower one misses something.", least=0)


def _message(type: str, description: str, required: list[str], **data: Json) -> Json:
    return {
        "description": description,
        "type": "object",
        "required": ["type", "timestamp", "data"],
        "properties": {
            "type": {"type": "string", "const": type},
            "timestamp": {**_INSTANT, "description": "When it happened: of the newest event in it."},
            "data": {"type": "object", "required": required, "properties": data},
        },
    }


MESSAGES: Final[dict[str, Json]] = {
    "subscription.events": _message(
        "subscription.events",
        "What happened, by number and without gaps: a message whose `number` is not one after the last `through` comes after something that was missed.",
        ["subscription", "number", "through", "eventsSinceSubscriptionStart", "complete", "href"],
        subscription=_SUBSCRIPTION,
        number=_number("Of the first notice in it."),
        through=_number("Of the last notice in it."),
        eventsSinceSubscriptionStart=_number("So many events there were in all.", least=0),
        complete={"type": "boolean", "description": "false: not all fitted in here; read `href`."},
        href={"type": "string", "format": "uri", "description": "All of it, read with a key."},
        events={"type": "array", "items": _reference("event"), "description": "Absent where the content is `empty`."},
    ),
    "subscription.handshake": _message(
        "subscription.handshake",
        "The first message to an address. Answered with 2xx, the subscription is active.",
        ["subscription", "number", "challenge"],
        subscription=_SUBSCRIPTION,
        number=_NEWEST,
        challenge={"type": "string", "description": "Random; nothing has to be done with it."},
    ),
    "subscription.test": _message(
        "subscription.test",
        "Sent because its owner asked. It means nothing, and uses no number.",
        ["subscription", "number"],
        subscription=_SUBSCRIPTION,
        number=_NEWEST,
    ),
    "subscription.heartbeat": _message(
        "subscription.heartbeat",
        "Nothing has happened for as long as the subscription's `heartbeat` says, and it works. It uses no number.",
        ["subscription", "number"],
        subscription=_SUBSCRIPTION,
        number=_NEWEST,
    ),
}
"""The messages of a subscription, by type; their schemas are components of the same name."""

FRAMES: Final[dict[str, Json]] = {
    "stream.snapshot": {
        "description": "With `snapshot=true`: some of the listings that stand, before `ready`.",
        "type": "object",
        "required": ["items"],
        "properties": {"items": {"type": "array", "items": _reference("listing"), "maxItems": 100}},
    },
    "stream.ready": {
        "description": "From here on it is news; the event's id is where to go on from.",
        "type": "object",
        "required": ["position", "epoch"],
        "properties": {
            "position": _number("Of the log.", least=0),
            "epoch": _number("Of the log."),
            "total": _number("Listings in the snapshot, where there was one.", least=0),
        },
    },
    "stream.end": {
        "description": "The exchange ends the stream, and why.",
        "type": "object",
        "required": ["reason", "detail"],
        "properties": {
            "reason": {"type": "string", "enum": ["shutdown", "slow", "access", "restarted"]},
            "detail": {"type": "string", "description": "What to do."},
        },
    },
}
"""What a stream carries beside events, by the name of its component."""

HEADERS: Final[Json] = {
    "type": "object",
    "required": ["webhook-id", "webhook-timestamp", "webhook-signature"],
    "properties": {
        "webhook-id": {
            "type": "string",
            "description": "The same over all attempts: remember it, and a message that comes twice does nothing twice.",
        },
        "webhook-timestamp": {
            "type": "string",
            "pattern": "^[0-9]+$",
            "description": "Seconds since 1970 of this attempt. Refuse one that is more than five minutes off.",
        },
        "webhook-signature": {
            "type": "string",
            "description": "One or more `v1,` and base64 of HMAC-SHA256 over `id.timestamp.body`, apart by blanks: one that fits is enough.",
        },
    },
}
"""The headers of Standard Webhooks 1.0."""


def webhooks() -> dict[str, Json]:
    """The `webhooks` of OpenAPI: what a receiver must take, and what its answers mean."""
    return {type: {"post": _operation(type, schema)} for type, schema in MESSAGES.items()}


def _operation(type: str, schema: Json) -> Json:
    words = type.split(".")
    return {
        "operationId": f"receive{''.join(word.capitalize() for word in words)}",
        "summary": f"Your address is sent {type}",
        "description": schema["description"],
        "tags": ["subscriptions"],
        "parameters": [
            {
                "name": name,
                "in": "header",
                "required": True,
                "description": header["description"],
                "schema": {key: value for key, value in header.items() if key != "description"},
            }
            for name, header in HEADERS["properties"].items()
        ],
        "requestBody": {
            "required": True,
            "description": "At most 20,000 bytes. Check the signature over these very bytes before you read them.",
            "content": {"application/json": {"schema": _reference(type)}},
        },
        "responses": {
            "2XX": {"description": "Taken. Anything else, redirects too, is a failure and tried again for about three days."},
            "410": {"description": "Never again: the subscription ends in error at once."},
            "429": {"description": "Later: `Retry-After` is honoured, as with 502, 503 and 504."},
        },
    }  # fmt: skip
