"""Routes to read what is known of a setting, from whom, and since when; each role gets what access/README.md lets it see."""

from collections.abc import Collection
from typing import Annotated
from urllib.parse import urlencode

import orjson
from fastapi import APIRouter, Query
from fastapi import Path as PathParam
from sqlmodel import Session
from starlette.requests import Request
from starlette.responses import Response

from placefeed.service.access.who import MEMBER, Caller
from placefeed.service.api.bodies import Limit, Whole
from placefeed.service.api.conditional import is_current
from placefeed.service.api.deps import Reader, Running, answer, etag_of
from placefeed.service.api.openapi import OBJECT, Json, answers, listed
from placefeed.service.channels.settings import in_sight
from placefeed.service.intake import known
from placefeed.service.running.parts import Exchange, lists_of, note_read

router = APIRouter(prefix="/v1/settings", tags=["settings"], default_response_class=Response)

Urn = Annotated[
    str, PathParam(max_length=80, description="The setting's URN, or `scheme:id` for one registered elsewhere.")
]
Before = Annotated[
    Whole | None,
    Query(ge=1, le=2**63 - 1, description="Only what comes before this id: the last one of the page before."),
]


@router.get("", summary="Settings that you may know of", responses=answers("The settings, by URN.", listed(OBJECT)))
def list_settings(
    caller: Reader,
    exchange: Running,
    after: Annotated[str, Query(max_length=80, description="Only those after this URN.")] = "",
    limit: Limit = 100,
) -> Response:
    """A provider's own; a member's, those with a listing in its sight; all for the operator."""
    with exchange.database.read() as session:
        items, more = known.list_settings(
            session, caller=caller, after=after, limit=limit, in_sight=_in_sight(exchange, session, caller)
        )
    note_read(exchange, caller, "settings.read", "")
    return answer(_page(exchange, "settings", items, {"limit": limit, "after": more} if more is not None else None))


@router.get(
    "/{urn}",
    summary="What is known of a setting",
    responses=answers("What is known.", OBJECT, headers=["ETag"]) | answers("It is still so.", status=304),
)
def read_setting(urn: Urn, request: Request, caller: Reader, exchange: Running) -> Response:
    """What Ofsted says, what was declared, how the two compare. A provider also reads its own newest words, published or not."""
    with exchange.database.read() as session:
        found = known.setting(session, urn=urn, caller=caller, in_sight=_in_sight(exchange, session, caller, urn))
    note_read(exchange, caller, "setting.read", urn)
    etag = etag_of(orjson.dumps(found, option=orjson.OPT_SORT_KEYS))
    headers = {"ETag": etag, "Vary": "Authorization", "Cache-Control": "private, no-cache"}
    if is_current(request.headers.get("if-none-match"), etag):
        return Response(status_code=304, headers=headers)
    return answer(found, headers=headers)


@router.get("/{urn}/sources", summary="From whom a setting is known", responses=answers("The sources.", listed(OBJECT)))
def read_sources(urn: Urn, caller: Reader, exchange: Running) -> Response:
    """Each source with the clocks of its parts; a member sees names only."""
    with exchange.database.read() as session:
        items = known.sources(session, urn=urn, caller=caller, in_sight=_in_sight(exchange, session, caller, urn))
    note_read(exchange, caller, "setting.sources.read", urn)
    return answer({"items": items})


@router.get(
    "/{urn}/history",
    summary="What was said of a setting, newest first",
    responses=answers("What was said, and what Ofsted's files changed.", listed(OBJECT)),
)
def read_history(urn: Urn, caller: Reader, exchange: Running, before: Before = None, limit: Limit = 100) -> Response:
    """A provider's own words; all for the operator. Members get 403: in a small home such a series is a child's movement record."""
    with exchange.database.read() as session:
        sight = _in_sight(exchange, session, caller, urn)
        items, more = known.history(session, urn=urn, caller=caller, before=before, limit=limit, in_sight=sight)
        register = known.register_history(session, urn=urn, caller=caller, in_sight=sight) if before is None else None
    note_read(exchange, caller, "setting.history.read", urn)
    page = _page(
        exchange, f"settings/{urn}/history", items, {"limit": limit, "before": more} if more is not None else None
    )
    return answer(page if register is None else {**page, "register": register})


@router.get(
    "/{urn}/register",
    summary="What changed for a setting between Ofsted's files",
    responses=answers("The changes, newest first.", listed(OBJECT)),
)
def read_register_history(urn: Urn, caller: Reader, exchange: Running) -> Response:
    """Grades, places and status with what they were; all roles may see it, as Ofsted published it."""
    with exchange.database.read() as session:
        items = known.register_history(
            session, urn=urn, caller=caller, in_sight=_in_sight(exchange, session, caller, urn)
        )
    note_read(exchange, caller, "setting.register.read", urn)
    return answer({"items": items})


def _in_sight(exchange: Exchange, session: Session, caller: Caller, urn: str | None = None) -> Collection[str]:
    """What a member sees a listing of; the other roles are not asked by sight."""
    if caller.role != MEMBER:
        return ()
    return in_sight(session, lists_of(exchange).views.of(caller), urn=urn)


def _page(exchange: Exchange, path: str, items: list[Json], more: dict[str, object] | None) -> Json:
    page: Json = {"items": items}
    if more is not None:
        page["next"] = f"{exchange.settings.base_url.rstrip('/')}/v1/{path}?{urlencode(more)}"
    return page
