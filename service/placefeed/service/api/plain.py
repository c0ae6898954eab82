"""Routes outside the framework's machinery, which would cost more than their answers: they say themselves who may call and what they do."""

from collections.abc import Iterable, Mapping
from typing import Any

from starlette.routing import BaseRoute, Route

from placefeed.service.api.deps import Allow
from placefeed.service.api.openapi import KEY
from placefeed.service.errors import problems

Json = dict[str, Any]


class PlainRoute(Route):
    """A route for GET (and HEAD) with its decision about who may call, and its OpenAPI operation."""

    def __init__(self, path: str, endpoint: Any, *, allow: Allow, description: Json) -> None:
        super().__init__(path, endpoint, methods=["GET"], name=str(description["operationId"]))
        self.allow = allow
        self.description = description


def describe(
    allow: Allow,
    operation_id: str,
    summary: str,
    *,
    tag: str,
    parameters: list[Json],
    content: Mapping[str, Json],
    refuses: Iterable[str],
) -> Json:
    """The OpenAPI operation of a plain route; `refuses` names kinds of problem beside those of every route like it."""
    status_of = {problem.slug: str(problem.status) for problem in problems()}
    refused = {*refuses, "internal", "unavailable"}
    operation: Json = {"operationId": operation_id, "summary": summary, "tags": [tag], "parameters": parameters}
    if not allow.anyone:
        refused |= {"not-authenticated", "not-allowed", "too-many-requests"}
        operation |= {"security": [{KEY: []}], "x-roles": list(allow.roles), "x-scope": allow.scope}
    operation["responses"] = {
        "200": {"description": "As asked for.", "content": dict(content)},
        "304": {"description": "Nothing has changed since the ETag in If-None-Match."},
        **{
            status_of[slug]: {"$ref": f"#/components/responses/{slug}"}
            for slug in sorted(refused, key=lambda slug: status_of[slug])
        },
    }
    return operation


def in_path(name: str, description: str) -> Json:
    """A parameter that is part of the address."""
    return {"name": name, "in": "path", "required": True, "description": description, "schema": {"type": "string"}}


def paths(routes: Iterable[BaseRoute]) -> dict[str, Json]:
    """The OpenAPI paths of the plain routes among these."""
    return {route.path: {"get": route.description} for route in routes if isinstance(route, PlainRoute)}
