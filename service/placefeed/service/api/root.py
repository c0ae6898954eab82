"""Where to begin: discovery, the list of feeds, the standard itself, and what each problem means."""

from functools import cache
from pathlib import Path
from typing import Annotated, Any, Final

import orjson
from fastapi import APIRouter
from fastapi import Path as PathParam
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from placefeed.schema import files, reference
from placefeed.schema.issues import ENGINE
from placefeed.schema.reference_style import STYLE
from placefeed.service.api.deps import Anyone, Running, etag_of
from placefeed.service.api.feeds import CONTENT_TYPES, SUMMARIES, terms_of
from placefeed.service.api.html import page
from placefeed.service.api.openapi import OBJECT, TEXT, answers
from placefeed.service.channels import open_feed
from placefeed.service.channels.rpde import FEEDS
from placefeed.service.clock import iso
from placefeed.service.errors import NotFound, problems

router = APIRouter(tags=["about"], default_response_class=Response)

TTL = 3600  # seconds for which discovery may be kept
CONFORMS_TO: Final = (
    f"https://w3id.org/placefeed/{files.VERSION}/",
    "https://www.rfc-editor.org/rfc/rfc9457",  # problem documents
    "https://www.openactive.io/realtime-paged-data-exchange/",  # change feeds
    "https://www.standardwebhooks.com/",  # webhooks of subscriptions
    "https://www.rfc-editor.org/rfc/rfc9110#name-conditional-requests",
)
MEDIA: Final = {".json": "application/schema+json", ".csv": "text/csv; charset=utf-8"}
PAGE_POLICY: Final = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
}


@router.get(
    "/v1",
    summary="Discovery: what this exchange is and where everything stands",
    responses=answers("Discovery.", OBJECT),
)
def discovery(_caller: Anyone, exchange: Running, request: Request) -> Response:
    """Name, versions, what it conforms to, and links by relation."""
    base = exchange.settings.base_url.rstrip("/")
    links = [
        {"rel": "self", "href": f"{base}/v1"},
        {"rel": "feeds", "href": f"{base}/v1/feeds.json"},
        {"rel": "listings", "href": f"{base}/v1/listings"},
        {"rel": "stream", "href": f"{base}/v1/listings/stream", "type": "text/event-stream"},
        {"rel": "editions", "href": f"{base}/v1/editions/latest/manifest.json"},
        {"rel": "subscriptions", "href": f"{base}/v1/subscriptions"},
        {"rel": "submissions", "href": f"{base}/v1/submissions"},
        {"rel": "settings", "href": f"{base}/v1/settings"},
        {"rel": "service-desc", "href": f"{base}/openapi.json", "type": "application/openapi+json"},
        {
            "rel": "service-desc",
            "href": f"{base}/asyncapi.json",
            "type": "application/vnd.aai.asyncapi+json;version=3.0.0",
        },
        {"rel": "service-doc", "href": f"{base}/docs", "type": "text/html"},
        {
            "rel": "describedby",
            "href": f"{base}/schema/{files.VERSION}/feed.schema.json",
            "type": "application/schema+json",
        },
        {"rel": "status", "href": f"{base}/readyz"},
    ]
    if exchange.settings.public:
        links.append({"rel": "summary", "href": f"{base}/v1/public/summary"})
    return _kept(
        request,
        {
            "name": "Placefeed exchange",
            "standard": "placefeed",
            "standardVersions": [files.VERSION],
            "software": ENGINE,
            "conformsTo": list(CONFORMS_TO),
            "lastUpdated": iso(exchange.started_at),
            "ttl": TTL,
            "version": files.VERSION,
            "links": links,
        },
    )


@router.get(
    "/v1/feeds.json", summary="Every feed of this exchange, with its address", responses=answers("The feeds.", OBJECT)
)
def feeds(_caller: Anyone, exchange: Running, request: Request) -> Response:
    """One document that lists every feed: what it carries, in which forms, for whom, and how often it is worth asking."""
    base = exchange.settings.base_url.rstrip("/")
    known: list[dict[str, Any]] = [
        {
            "name": "listings",
            "title": "The live vacancy list",
            "url": f"{base}/v1/listings",
            "document": f"{base}/schema/{files.VERSION}/list.schema.json",
            "mediaTypes": ["application/json", "application/x-ndjson", "text/csv", XLSX],
            "roles": ["member", "operator"],
            "ttl": 10,
        },
        *(
            {
                "name": feed.name,
                "title": SUMMARIES[feed.name],
                "url": f"{base}/v1/feeds/{feed.name}",
                "kind": feed.kind,
                "document": f"{base}/schema/{files.VERSION}/page.schema.json",
                "mediaTypes": list(CONTENT_TYPES.values()),
                "license": terms_of(exchange.settings),
                "roles": ["member", "operator"],
                "ttl": LEAST_BETWEEN_POLLS,
            }
            for feed in FEEDS.values()
        ),
        {
            "name": "subscriptions",
            "title": "To be told of changes by webhook or e-mail",
            "url": f"{base}/v1/subscriptions",
            "document": f"{base}/schema/{files.VERSION}/subscription.schema.json",
            "description": f"{base}/asyncapi.json",
            "mediaTypes": ["application/json"],
            "roles": ["provider", "member", "operator"],
            "ttl": 0,
        },
        {
            "name": "stream",
            "title": "What is new in the live vacancy list, as it happens (server-sent events)",
            "url": f"{base}/v1/listings/stream",
            "document": f"{base}/schema/{files.VERSION}/event.schema.json",
            "mediaTypes": ["text/event-stream"],
            "roles": ["member", "operator"],
            "ttl": 0,
        },
        {
            "name": "editions",
            "title": "The consolidated files, made on a schedule",
            "url": f"{base}/v1/editions/latest/manifest.json",
            "mediaTypes": ["application/json"],
            "roles": ["member", "operator"],
            "ttl": 3600,
        },
    ]
    if exchange.settings.public:
        known.append(
            {
                "name": "summary",
                "title": "Weekly counts by local authority and region, rounded",
                "url": f"{base}/v1/public/summary",
                "mediaTypes": ["application/json"],
                "roles": ["public"],
                "ttl": 7 * 24 * 3600,
            }
        )
    if exchange.settings.public and exchange.settings.open_feed:
        known.append(
            {
                "name": "open-summary",
                "title": "The weekly counts as a change feed (RPDE 1.0)",
                "url": f"{base}/v1/open/feeds/summary",
                "kind": open_feed.KIND,
                "document": f"{base}/schema/{files.VERSION}/page.schema.json",
                "mediaTypes": list(CONTENT_TYPES.values()),
                "license": open_feed.LICENCE,
                "roles": ["public"],
                "ttl": 7 * 24 * 3600,
            }
        )
    return _kept(
        request, {"version": files.VERSION, "lastUpdated": iso(exchange.started_at), "ttl": TTL, "feeds": known}
    )


LEAST_BETWEEN_POLLS: Final = 8  # seconds: RPDE asks a reader at the end of a feed to wait so long
XLSX: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


# -- the standard ---------------------------------------------------------------------------------------------------


@router.get(
    "/schema", summary="The standard, as pages", status_code=307, responses=answers("Its first page.", status=307)
)
def schema_index(_caller: Anyone) -> Response:
    """The reference that is made from the schemas, codelists and rules."""
    return RedirectResponse("/schema/index.html")


@router.get(
    "/schema/{path:path}",
    summary="A file of the standard: a schema, a codelist, an example, a rule table, or a page about them",
    responses=answers(
        "The file.",
        {
            "application/schema+json": OBJECT,
            "application/json": OBJECT,
            "text/csv": TEXT,
            "text/html": TEXT,
            "text/css": TEXT,
        },
    ),
)
def schema_file(
    path: Annotated[
        str,
        PathParam(
            description="Such as 1.0/feed.schema.json, 1.0/feed, codelists/needs.csv, rules.csv or vacancy.html."
        ),
    ],
    _caller: Anyone,
    request: Request,
) -> Response:
    """The very files that this exchange checks with; `/schema/1.0/<document>` is where the schemas' ids can be resolved from."""
    name, dot, kind = path.rpartition(".")
    if path == reference.CSS:
        return _file(request, STYLE.encode(), "text/css; charset=utf-8")
    if dot and kind == "html" and name in reference.PAGES:
        return _file(request, reference.page(name).encode(), "text/html; charset=utf-8", PAGE_POLICY)
    known = _files()
    found = known.get(path) or known.get(f"{path}.schema.json")
    if found is None:
        raise NotFound("The standard has no such file. GET /schema lists them.")
    media = (
        "application/json" if found.parts[-3:-2] == ("examples",) and found.suffix == ".json" else MEDIA[found.suffix]
    )
    return _file(request, found.read_bytes(), media)


@cache
def _files() -> dict[str, Path]:
    """Every file that may be asked for, by its path below the standard's root; nothing else can be."""
    folders = (files.VERSION, "codelists", "mappings", "examples")
    found = [path for folder in folders for path in files.find(folder).rglob("*") if path.suffix in MEDIA]
    return {path.relative_to(files.root()).as_posix(): path for path in [*found, files.find("rules.csv")]}


# -- problems -------------------------------------------------------------------------------------------------------


@router.get("/problems", summary="Every kind of problem", responses=answers("A page.", {"text/html": TEXT}))
def problem_index(_caller: Anyone) -> Response:
    """What the `type` of a problem document points to."""
    return page("problems.html", heading="Problems", problems=problems())


@router.get(
    "/problems/{slug}", summary="What one kind of problem means", responses=answers("A page.", {"text/html": TEXT})
)
def problem_page(slug: str, _caller: Anyone) -> Response:
    """One kind of problem, in words."""
    found = [problem for problem in problems() if problem.slug == slug]
    if not found:
        raise NotFound("There is no such kind of problem. GET /problems lists them.")
    return page("problems.html", heading=found[0].title, problems=found)


def _kept(request: Request, document: dict[str, Any]) -> Response:
    return _file(request, orjson.dumps(document), "application/json")


def _file(request: Request, content: bytes, media: str, headers: dict[str, str] | None = None) -> Response:
    """Bytes that anyone may keep for an hour, or 304 where they have them."""
    etag = etag_of(content)
    kept = {
        "ETag": etag,
        "Cache-Control": f"public, max-age={TTL}",
        "Cross-Origin-Resource-Policy": "cross-origin",
        **(headers or {}),
    }
    asked = {tag.strip().removeprefix("W/") for tag in request.headers.get("if-none-match", "").split(",")}
    if etag in asked:
        return Response(status_code=304, headers=kept)
    return Response(content, media_type=media, headers=kept)
