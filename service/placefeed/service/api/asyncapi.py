"""What the exchange pushes, as an AsyncAPI 3.0 document: the stream that a reader opens, and the webhooks that it asked for."""

from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import urlsplit

import orjson
from fastapi import APIRouter
from starlette.responses import Response

from placefeed.schema.codelists import codelist
from placefeed.schema.issues import ENGINE
from placefeed.service.access.who import MEMBER
from placefeed.service.api import pushed
from placefeed.service.api.deps import Anyone, Running
from placefeed.service.api.openapi import KEY, OBJECT, answers, standard_schemas
from placefeed.service.channels import parameters
from placefeed.service.channels.news import TOPICS

Json = dict[str, Any]

router = APIRouter(tags=["about"], default_response_class=Response)

HTTP: Final = "0.3.0"  # of the HTTP binding


@router.get(
    "/asyncapi.json",
    summary="The stream and the webhooks as an AsyncAPI 3.0 document",
    responses=answers("The document.", OBJECT),
)
def asyncapi(_caller: Anyone, exchange: Running) -> Response:
    """Every message that the exchange sends by itself, with its schema."""
    return Response(
        orjson.dumps(document(version=ENGINE["version"], base_url=exchange.settings.base_url)),
        media_type="application/json",
        headers={"Cache-Control": "public, max-age=300"},
    )


def document(*, version: str, base_url: str) -> Json:
    """The whole document."""
    base = urlsplit(base_url.rstrip("/"))
    messages = _messages()
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Placefeed exchange: what it pushes",
            "version": version,
            "description": "The live stream of vacancies, and the webhooks of subscriptions. What is asked for by a request stands in /openapi.json.",
            "license": {"name": "Apache-2.0"},
            "externalDocs": {"url": f"{base_url.rstrip('/')}/docs", "description": "The reference of the API."},
        },
        "defaultContentType": "application/json",
        "servers": {
            "exchange": {
                "host": base.netloc,
                "protocol": base.scheme,
                **({"pathname": base.path} if base.path else {}),
                "description": "This exchange.",
                "security": [{"$ref": f"#/components/securitySchemes/{KEY}"}],
            }
        },
        "channels": {
            "stream": {
                "address": "/v1/listings/stream",
                "title": "The live stream",
                "description": (
                    "Server-sent events: `event` names the type, `data` is the message, `id` is where to go on from (Last-Event-ID). "
                    "A comment comes every 15 seconds."
                ),
                "servers": [{"$ref": "#/servers/exchange"}],
                "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in messages if not _to_receiver(name)},
            },
            "webhook": {
                "address": None,
                "title": "A receiver's address",
                "description": "The `url` of a subscription: where the exchange posts to, signed by Standard Webhooks 1.0.",
                "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in messages if _to_receiver(name)},
            },
        },
        "operations": {
            "sendNews": {
                "action": "send",
                "title": "Tell what happens, as it happens",
                "channel": {"$ref": "#/channels/stream"},
                "bindings": {"http": {"method": "GET", "query": _query(), "bindingVersion": HTTP}},
                "messages": [{"$ref": f"#/channels/stream/messages/{name}"} for name in messages if not _to_receiver(name)],
            },
            "sendToSubscription": {
                "action": "send",
                "title": "Tell a subscription",
                "channel": {"$ref": "#/channels/webhook"},
                "bindings": {"http": {"method": "POST", "bindingVersion": HTTP}},
                "messages": [{"$ref": f"#/channels/webhook/messages/{name}"} for name in messages if _to_receiver(name)],
            },
        },
        "components": {
            "schemas": _schemas(messages),
            "messages": messages,
            "securitySchemes": {
                KEY: {"type": "http", "scheme": "bearer", "description": "A key of the exchange: pf_<id>_<secret>."}
            },
        },
    }  # fmt: skip


def _to_receiver(name: str) -> bool:
    return name in pushed.MESSAGES


def _messages() -> dict[str, Json]:
    """Every message by name: those of a subscription, and those of the stream by the `event` that names them."""
    types = codelist("event-types")
    made: dict[str, Json] = {}
    for name, schema in pushed.MESSAGES.items():
        made[name] = _message(name, schema["description"], name, headers=pushed.HEADERS)
    for type in TOPICS[MEMBER]:
        made[type] = _message(type, f"{types.title(type)}. {types.row(type)['description']}", "event")
    for component, schema in pushed.FRAMES.items():
        name = component.removeprefix("stream.")
        made[name] = _message(name, schema["description"], component)
    return made


def _message(name: str, description: str, schema: str, **more: Json) -> Json:
    return {
        "name": name,
        "title": name,
        "summary": description,
        "payload": {"$ref": f"#/components/schemas/{schema}"},
        **more,
    }


def _query() -> Json:
    """The parameters of the stream: the filter's, and its own."""
    known = {
        each["name"]: {**each["schema"], "description": each["description"]}
        for each in parameters.openapi(parameters.FILTERS)
    }
    own = {
        "snapshot": {
            "type": "boolean",
            "description": "true: first everything that stands. Default false: from now on.",
        },
        "attestations": {"type": "boolean", "description": "true: also that nothing changed but the provider's clock."},
        "lastEventId": {"type": "string", "description": "In place of the header Last-Event-ID."},
    }
    return {"type": "object", "properties": {**known, **own}, "additionalProperties": False}  # fmt: skip


def _schemas(messages: dict[str, Json]) -> dict[str, Json]:
    """The schemas that these messages need, and those that these need."""
    known = {**standard_schemas(), **pushed.MESSAGES, **pushed.FRAMES}
    wanted = list(_names(messages))
    found: dict[str, Json] = {}
    while wanted:
        name = wanted.pop()
        if name not in found:
            found[name] = known[name]
            wanted += _names(known[name])
    return dict(sorted(found.items()))


def _names(value: Any) -> Iterator[str]:
    if isinstance(value, list):
        for each in value:
            yield from _names(each)
    elif isinstance(value, dict):
        target = value.get("$ref")
        if isinstance(target, str) and target.startswith("#/components/schemas/"):
            yield target.removeprefix("#/components/schemas/").partition("/")[0]
        for each in value.values():
            yield from _names(each)
