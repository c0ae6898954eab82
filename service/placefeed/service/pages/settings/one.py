"""The page of one setting, and the rest of what was said of it: each visitor's as access/README.md lets its role see."""

from typing import Any

from fastapi import APIRouter
from sqlmodel import Session
from starlette.requests import Request
from starlette.responses import Response

from placefeed.service.access.sign_ins import Visitor
from placefeed.service.access.who import MEMBER, OPERATOR, PROVIDER, Caller, sees
from placefeed.service.channels.prices import Like, Prices, Typical
from placefeed.service.channels.settings import Whole, in_sight, whole_setting
from placefeed.service.errors import NotFound
from placefeed.service.intake import known
from placefeed.service.pages.render import page
from placefeed.service.pages.settings import grades, identity, offers, places, prices, story
from placefeed.service.pages.visitors import SettingReader
from placefeed.service.running.parts import Exchange, exchange_of, lists_of, note_read

router = APIRouter(include_in_schema=False, default_response_class=Response)

SHORT, LONG = 50, 200
"""Words shown on the page of a setting, and on a page of its history."""


@router.get("/settings/{urn}")
def read_setting(urn: str, request: Request, visitor: SettingReader) -> Response:
    """Everything that this visitor may see of one setting."""
    exchange, caller = exchange_of(request), _caller(visitor, urn)
    lists = lists_of(exchange)
    state, now = lists.snapshot.state, exchange.clock()
    more: dict[str, Any] = {"view": lists.views.of(caller)} if sees(caller.role, "listing") else {}
    with exchange.database.read() as session:
        whole = whole_setting(session, state, urn, caller=caller, now=now, history=SHORT, **more)
    note_read(exchange, caller, "setting.read", urn)
    typical = _typical(exchange, whole, caller)
    return page(request, "settings/setting.html", back=_back(caller.role), **_shown(whole, caller, typical, exchange))


@router.get("/settings/{urn}/history")
def read_history(urn: str, request: Request, visitor: SettingReader, before: str = "") -> Response:
    """What was said of a setting, page by page. Members may not: such a series is a child's movement record."""
    exchange, caller = exchange_of(request), _caller(visitor, urn)
    start = int(before) if before.isascii() and before.isdigit() and len(before) < 19 else None
    with exchange.database.read() as session:
        sight = _in_sight(exchange, session, caller, urn)
        items, more = known.history(session, urn=urn, caller=caller, before=start, limit=LONG, in_sight=sight)
        names = _names(known.sources(session, urn=urn, caller=caller, in_sight=sight))
    note_read(exchange, caller, "setting.history.read", urn)
    return page(
        request,
        "settings/history.html",
        back={"href": f"/settings/{urn}", "text": "Back to the setting"},
        urn=urn,
        told=story.told(items, names),
        more=more,
        later=start is not None,
    )


def _caller(visitor: Visitor, urn: str) -> Caller:
    """Who asks. Raises NotFound for what can be no setting's key, before any table is asked."""
    if visitor.caller is None or not urn.isprintable():
        raise NotFound("There is no such setting that you can see.")
    return visitor.caller


def _in_sight(exchange: Exchange, session: Session, caller: Caller, urn: str) -> set[str]:
    return in_sight(session, lists_of(exchange).views.of(caller), urn=urn) if caller.role == MEMBER else set()


def _typical(exchange: Exchange, whole: Whole, caller: Caller) -> dict[str, Typical] | None:
    """The medians beside the prices of this page, where the visitor may have them and there is something to compare."""
    if not sees(caller.role, "median of prices") or not whole.rows:
        return None
    facts = whole.rows[0].facts
    like = Like(facts["provisionType"], facts["region"], bool(facts["simulated"]))
    packages = {rate["package"] for row in whole.rows for rate in row.facts["rates"] if rate["package"]}
    lists = lists_of(exchange)
    medians = exchange.keep(Prices, Prices)
    return medians.typical(lists.snapshot.state, lists.views.of(caller), like, sorted(packages))


def _shown(whole: Whole, caller: Caller, typical: dict[str, Typical] | None, exchange: Exchange) -> dict[str, Any]:
    """What the template is given."""
    found, words = whole.known, whole.known.get("words", [])
    register = found.get("register", {})
    names = _names(whole.sources)
    listed = sees(caller.role, "listing")
    said = caller.role == PROVIDER or (caller.role == OPERATOR and bool(words))
    rates = prices.of_words(words) if said else prices.of_listings(whole.listings)
    explained = found.get("listings", [])
    return {
        "urn": whole.urn,
        "role": caller.role,
        "it": identity.of(whole),
        "grade": grades.status(found.get("ofsted")),
        "offers": offers.listed(whole.listings) if listed else offers.own(words, explained, whole.doubtful),
        "unlisted": [
            {
                "vacancy": each["vacancy"],
                "source": names.get(each["source"], each["source"]),
                "listed": each["listed"],
                "why": offers.why_not(each["why"]),
            }
            for each in explained
        ],
        "published": found.get("publishedAt"),
        "counts": places.now_of(words, names),
        "count_charts": places.over_time(whole.counts, words, exchange.clock()),
        "sees_counts": sees(caller.role, "capacity"),
        "prices": prices.shown(rates, typical, own=sees(caller.role, "explanation")),
        "said": said,
        "median_rule": prices.rule(),
        "inspections": grades.inspections(register.get("inspections", ())),
        "grade_charts": grades.over_time(register.get("inspections", ())),
        "register": register,
        "changes": grades.changes(whole.register),
        "told": story.told(whole.history, names),
        "more": whole.more,
        "sees_history": sees(caller.role, "history"),
        "sources": whole.sources,
        "absences": found.get("absences", []),
        "certificate": found.get("certificate"),
        "names": names,
    }


def _names(sources: list[dict[str, Any]]) -> dict[str, str]:
    return {source["id"]: source["source"] for source in sources if "id" in source}


def _back(role: str) -> dict[str, str]:
    return (
        {"href": "/homes", "text": "Back to your homes"}
        if role == PROVIDER
        else {"href": "/list", "text": "Back to the places"}
    )
