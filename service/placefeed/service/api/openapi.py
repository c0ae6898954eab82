"""The OpenAPI 3.1 document: what the framework finds, with the standard's own schemas, our problems and our keys put in."""

from collections.abc import Container, Iterable, Mapping
from typing import Any, Final

from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute
from pydantic.alias_generators import to_camel

from placefeed.schema import files
from placefeed.service.api import pushed
from placefeed.service.api.deps import Allow
from placefeed.service.api.problems import MEDIA_TYPE
from placefeed.service.errors import problems

Json = dict[str, Any]

TITLE: Final = "Placefeed exchange"
DESCRIPTION: Final = (
    "A live exchange for places in children's homes. Providers push capacity, vacancies, rates and Ofsted status; members read one "
    "consolidated list. Every error is a problem document (RFC 9457) that says what was wrong, where, and what to do. "
    "The documents themselves are the open standard's: see /schema."
)
TAGS: Final[list[Json]] = [
    {"name": "submissions", "description": "Providers send feeds, whole or in part, and read what became of them."},
    {"name": "settings", "description": "Small updates of one's own settings, and what is known of a setting."},
    {"name": "listings", "description": "The consolidated live list, for members."},
    {
        "name": "changes",
        "description": "What has changed since, page after page, for members: change feeds (RPDE 1.0).",
    },
    {"name": "editions", "description": "The consolidated files made on a schedule, for members."},
    {
        "name": "subscriptions",
        "description": "To be told of changes by webhook or e-mail; what is sent stands under `webhooks`.",
    },
    {"name": "public", "description": "The weekly open summary, where it is switched on."},
    {
        "name": "organisations",
        "description": "Who is who, for the operator: organisations, consortia, keys, who speaks for what.",
    },
    {"name": "sources", "description": "Feeds that are polled or pushed, for the operator."},
    {"name": "register", "description": "Ofsted's files and certificates, for the operator."},
    {"name": "oversight", "description": "Alerts and the audit, for the operator."},
    {"name": "about", "description": "Discovery, reference and operation; no key needed."},
]
KEY: Final = "key"
METHODS: Final = ("get", "put", "post", "delete", "patch", "head", "options")

# -- what routes say about themselves -------------------------------------------------------------------------------


def standard(name: str) -> Json:
    """A reference to a document of the standard, or to a definition in it (`feed.settingRecord`)."""
    return {"$ref": f"#/components/schemas/{name}"}


def answers(
    description: str,
    content: Mapping[str, Json] | Json | None = None,
    *,
    status: int = 200,
    headers: Iterable[str] = (),
) -> dict[int | str, Json]:
    """The `responses` of a route that succeeds with `status`; `content` is one JSON schema, or media type -> schema."""
    made: Json = {"description": description}
    if content is not None:
        by_type = content if all("/" in key for key in content) else {"application/json": content}
        made["content"] = {media: {"schema": schema} for media, schema in by_type.items()}
    if headers:
        made["headers"] = {name: {"schema": {"type": "string"}} for name in headers}
    return {status: made}


def refuses(*statuses: int) -> dict[int | str, Json]:
    """The problems that a route answers beside those that every route like it does."""
    return {status: {"description": ""} for status in statuses}


def takes(content: Mapping[str, Json], description: str) -> Json:
    """`openapi_extra` of a route that reads the body itself: media type -> schema."""
    return {
        "requestBody": {
            "required": True,
            "description": description,
            "content": {media: {"schema": schema} for media, schema in content.items()},
        }
    }


BINARY: Final[Json] = {"type": "string", "contentMediaType": "application/octet-stream"}
TEXT: Final[Json] = {"type": "string"}
OBJECT: Final[Json] = {"type": "object"}


def listed(item: Json) -> Json:
    """`{items: [...]}`, with `next` where there is more."""
    return {
        "type": "object",
        "required": ["items"],
        "properties": {
            "items": {"type": "array", "items": item},
            "next": {"type": "string", "description": "Address of what follows; absent at the end."},
        },
    }


# -- the document ---------------------------------------------------------------------------------------------------


def document(app: FastAPI, *, version: str, base_url: str, plain: Iterable[tuple[Json, Allow]] = ()) -> Json:
    """The whole document; made once an application. `plain`: paths of routes that the framework does not know, and who may call them."""
    made = get_openapi(
        title=TITLE,
        version=version,
        openapi_version="3.1.0",
        description=DESCRIPTION,
        routes=app.routes,
        tags=TAGS,
        servers=[{"url": base_url}],
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
    )
    components = made.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    schemas.update(standard_schemas())
    schemas.update(pushed.MESSAGES)
    schemas["problem"] = PROBLEM
    made["webhooks"] = pushed.webhooks()
    components["responses"] = {
        problem.slug: _problem_response(problem.title, problem.meaning) for problem in problems()
    }
    components["securitySchemes"] = {
        KEY: {"type": "http", "scheme": "bearer", "description": "A key of the exchange: pf_<id>_<secret>."}
    }
    by_status = {problem.status: problem.slug for problem in problems()}
    for route in app.routes:
        if not isinstance(route, APIRoute) or not route.include_in_schema:
            continue
        for method in route.methods or ():
            operation = made["paths"][route.path_format][method.lower()]
            operation["operationId"] = to_camel(route.name)
            _complete(
                operation, _one_of(decision(route)), by_status, names_one="{" in route.path, refused=route.responses
            )
    for paths, allow in plain:
        for path, item in paths.items():
            for operation in item.values():
                operation["tags"] = [tag.lower() for tag in operation["tags"]]
                _complete(operation, allow, by_status, names_one="{" in path, refused=())
            made["paths"].setdefault(path, {}).update(_moved(item, ""))
    return made


def decision(route: APIRoute) -> list[Allow]:
    """Who may call a route: the `Allow`s among its dependencies (there must be exactly one)."""
    return list(_allows(route.dependant))


def _allows(dependant: Dependant) -> Iterable[Allow]:
    if isinstance(dependant.call, Allow):
        yield dependant.call
    for below in dependant.dependencies:
        yield from _allows(below)


def _one_of(decisions: list[Allow]) -> Allow | None:
    return decisions[0] if decisions else None


def _complete(
    operation: Json,
    allow: Allow | None,
    by_status: Mapping[int, str],
    *,
    names_one: bool,
    refused: Container[int | str],
) -> None:
    """Put in the problems that every operation like this one answers, and who may call it."""
    told = {int(status) for status in operation["responses"] if status.isdigit() and int(status) >= 400}
    if 422 not in refused and allow is not None:
        told.discard(422)  # the framework says it of every operation with a parameter
    statuses = {500, 503} | told
    if allow is not None and not allow.anyone:
        statuses |= {
            401,
            403,
            404,
            429,
        }  # 404: what a body or a parameter names may not be there, or not be the caller's
        operation["security"] = [{KEY: []}]
        operation["x-roles"] = list(allow.roles)
        operation["x-scope"] = allow.scope
    if names_one:
        statuses.add(404)
    if any(parameter["in"] in ("query", "header") for parameter in operation.get("parameters", ())):
        statuses.add(400)
    if "requestBody" in operation:
        statuses |= {400, 413, 422}
    kept = {
        status: answer for status, answer in operation["responses"].items() if not status.isdigit() or int(status) < 400
    }
    errors = {str(status): {"$ref": f"#/components/responses/{by_status[status]}"} for status in sorted(statuses)}
    operation["responses"] = {**kept, **errors}


def standard_schemas() -> Json:
    """The standard's documents as components: `feed`, and `feed.settingRecord` for a definition inside it."""
    made: Json = {}
    for name in ("common", *files.DOCUMENTS):
        schema = files.schema(name)
        for inner, definition in schema.get("$defs", {}).items():
            made[f"{name}.{inner}"] = _moved(definition, name)
        if name != "common":
            made[name] = {
                key: _moved(value, name) for key, value in schema.items() if key not in ("$schema", "$id", "$defs")
            }
    return made


def _moved(value: Any, home: str) -> Any:
    """A schema whose references point into this document."""
    if isinstance(value, list):
        return [_moved(each, home) for each in value]
    if not isinstance(value, dict):
        return value
    return {
        key: _reference(inner, home) if key == "$ref" and isinstance(inner, str) else _moved(inner, home)
        for key, inner in value.items()
    }


def _reference(target: str, home: str) -> str:
    if not home and target.startswith("#"):
        return target
    name, _, pointer = target.partition("#")
    name = name.rpartition("/")[2] or home
    if pointer.startswith("/$defs/"):
        inner, slash, rest = pointer.removeprefix("/$defs/").partition("/")
        return f"#/components/schemas/{name}.{inner}{slash}{rest}"
    return f"#/components/schemas/{name}{pointer}"


def _problem_response(title: str, meaning: str) -> Json:
    return {
        "description": f"{title}. {meaning}".strip(),
        "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/problem"}}},
    }


PROBLEM: Final[Json] = {
    "title": "Problem",
    "description": "A problem document (RFC 9457). It never repeats what was sent.",
    "type": "object",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string", "format": "uri", "description": "A page that explains this kind of problem."},
        "title": {"type": "string", "description": "The kind of problem, in words."},
        "status": {"type": "integer", "description": "The HTTP status again."},
        "detail": {"type": "string", "description": "What was wrong with this request, and what to do."},
        "requestId": {"type": "string", "description": "Tell this to the operator when you ask for help."},
        "errors": {
            "type": "array",
            "description": "Each thing that was wrong, and where.",
            "items": {
                "type": "object",
                "properties": {
                    "detail": {"type": "string"},
                    "pointer": {"type": "string", "description": "JSON Pointer into the body."},
                    "parameter": {"type": "string", "description": "Name of the query parameter or header."},
                    "rule": {"type": "string", "description": "Id of the rule, where it is one of the standard's."},
                },
            },
        },
    },
}
