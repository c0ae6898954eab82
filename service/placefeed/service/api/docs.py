"""The API's reference: the OpenAPI document, and a page made from it on the server; no script, nothing from outside."""

from typing import Any

import orjson
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from placefeed.service.api.deps import Anyone
from placefeed.service.api.html import page
from placefeed.service.api.openapi import METHODS, OBJECT, TAGS, TEXT, answers

router = APIRouter(tags=["about"], default_response_class=Response)


@router.get("/openapi.json", summary="This API as an OpenAPI 3.1 document", responses=answers("The document.", OBJECT))
def openapi(_caller: Anyone, request: Request) -> Response:
    """Every operation, with its problems, roles (`x-roles`) and scope (`x-scope`)."""
    return Response(
        orjson.dumps(request.app.openapi()),
        media_type="application/json",
        headers={"Cache-Control": "public, max-age=300"},
    )


@router.get("/docs", summary="This API as a page", responses=answers("The page.", {"text/html": TEXT}))
def docs(_caller: Anyone, request: Request) -> Response:
    """The same as the OpenAPI document, for people."""
    document = request.app.openapi()
    return page(
        "docs.html",
        info=document["info"],
        groups=list(_groups(document)),
        schemas=dict(sorted(document["components"]["schemas"].items())),
    )


def _groups(document: dict[str, Any]) -> list[dict[str, Any]]:
    groups: dict[str, dict[str, Any]] = {tag["name"]: {**tag, "operations": []} for tag in TAGS}
    for path, item in document["paths"].items():
        for method in METHODS:
            if method in item:
                operation = {
                    "description": "",
                    "parameters": [],
                    "requestBody": None,
                    "summary": "",
                    **item[method],
                    "path": path,
                    "method": method,
                }
                groups[operation["tags"][0]]["operations"].append(operation)
    return [group for group in groups.values() if group["operations"]]
