"""`/searches`: the filters that somebody keeps, how much each finds now, and e-mails of what is new."""

from collections.abc import Callable
from typing import Any

from fastapi import APIRouter
from sqlmodel import Session
from starlette.requests import Request
from starlette.responses import Response

from placefeed.service.access import searches
from placefeed.service.access.policies import get_policy
from placefeed.service.access.sign_ins import Visitor
from placefeed.service.access.who import MEMBER
from placefeed.service.channels import near
from placefeed.service.channels.costs import both
from placefeed.service.channels.subscriptions import confirming, mail, of_searches
from placefeed.service.db import secret_of
from placefeed.service.errors import Conflict, Invalid
from placefeed.service.pages.forms import Fields, Form, of_refusal, summary
from placefeed.service.pages.listings import asked as asking
from placefeed.service.pages.listings.asked import Asked, chips
from placefeed.service.pages.listings.common import NO_POLICY
from placefeed.service.pages.render import page, see
from placefeed.service.pages.visitors import Lister, Searcher
from placefeed.service.running.parts import exchange_of, lists_of
from placefeed.service.tables import SavedSearch

router = APIRouter(include_in_schema=False, default_response_class=Response)

VERDICTS: dict[confirming.Verdict, str] = {
    "wrong": "That is not the code. Look at the newest e-mail and try again.",
    "used-up": "Too many wrong codes. Ask for a new one.",
    "expired": "This code is too old. Ask for a new one.",
}
DONE = {
    "saved": "The search is saved.",
    "renamed": "The search has its new name.",
    "deleted": "The search is deleted.",
    "code": "We have sent you a code. Enter it here, so that we know that the address is yours.",
    "on": "You will be told by e-mail.",
    "off": "No more e-mails are sent for it.",
}


@router.get("/searches")
def list_searches(request: Request, visitor: Lister) -> Response:
    """The person's own."""
    return _page(request, visitor, done=DONE.get(request.query_params.get("done", "")))


@router.post("/searches")
def save_search(request: Request, visitor: Lister, form: Form) -> Response:
    """Keep the filter of the list. Of a postcode only the sector."""
    exchange = exchange_of(request)
    try:
        with exchange.database.write() as session:
            asked = _read(session, form.text("query"))
            if asked.errors:
                raise Invalid("This search asks something that cannot be answered. Put it right in the list first.")
            searches.save(session, visitor, name=form.text("name"), query=_kept(asked), now=exchange.clock())
    except (Invalid, Conflict) as error:
        return _page(request, visitor, errors=of_refusal(error, ["name"]), form=form)
    return see(request, "/searches?done=saved")


@router.post("/searches/{search_id}/name")
def rename_search(request: Request, visitor: Lister, search_id: str, form: Form) -> Response:
    """Give it another name."""
    return _do(
        request, visitor, search_id, "name", "renamed",
        lambda session: searches.rename(
            session, visitor, search_id, name=form.text("name"), now=exchange_of(request).clock()
        ),
    )  # fmt: skip


@router.post("/searches/{search_id}/delete")
def delete_search(request: Request, visitor: Lister, search_id: str) -> Response:
    """Forget it, and what is sent of it."""
    now = exchange_of(request).clock()
    return _do(
        request, visitor, search_id, "name", "deleted",
        lambda session: of_searches.delete(session, visitor, search_id, now=now),
    )  # fmt: skip


@router.post("/searches/{search_id}/emails")
def send_emails(request: Request, visitor: Searcher, search_id: str, form: Form) -> Response:
    """Have e-mails sent to one's own address: a code first, for the exchange writes to nobody who has not agreed."""
    exchange = exchange_of(request)

    def subscribe(session: Session) -> None:
        row = searches.own(session, visitor, search_id)
        of_searches.subscribe(
            session,
            visitor,
            search_id,
            every=form.text("every"),
            filter=_filter(session, visitor, row),
            settings=exchange.settings,
            secret=secret_of(exchange.settings),
            now=exchange.clock(),
        )

    return _do(request, visitor, search_id, "every", "code", subscribe)


@router.post("/searches/{search_id}/code")
def take_code(request: Request, visitor: Searcher, search_id: str, form: Form) -> Response:
    """Take the code of the e-mail. Wrong ones are counted, so what comes of it is committed in any case."""
    exchange = exchange_of(request)
    try:
        with exchange.database.write() as session:
            verdict = of_searches.confirm(
                session,
                visitor,
                search_id,
                form.text("code"),
                secret=secret_of(exchange.settings),
                now=exchange.clock(),
            )
    except Conflict as error:
        return _page(request, visitor, errors={f"code-{search_id}": str(error)})
    if verdict != "confirmed":
        return _page(request, visitor, errors={f"code-{search_id}": VERDICTS[verdict]})
    return see(request, "/searches?done=on")


@router.post("/searches/{search_id}/again")
def ask_again(request: Request, visitor: Searcher, search_id: str) -> Response:
    """Another code; or go on after the e-mails had stopped."""
    exchange = exchange_of(request)
    return _do(
        request, visitor, search_id, "code", "code",
        lambda session: of_searches.ask_again(
            session, visitor, search_id, settings=exchange.settings, secret=secret_of(exchange.settings), now=exchange.clock()
        ),
    )  # fmt: skip


@router.post("/searches/{search_id}/renew")
def follow_policy(request: Request, visitor: Searcher, search_id: str) -> Response:
    """Let the e-mails follow the organisation's policy as it is now."""
    exchange = exchange_of(request)

    def renew(session: Session) -> None:
        row = searches.own(session, visitor, search_id)
        of_searches.renew(
            session,
            visitor,
            search_id,
            filter=_filter(session, visitor, row),
            settings=exchange.settings,
            secret=secret_of(exchange.settings),
            now=exchange.clock(),
        )

    return _do(request, visitor, search_id, "code", "on", renew)


@router.post("/searches/{search_id}/stop")
def stop_emails(request: Request, visitor: Lister, search_id: str) -> Response:
    """Send no more. Who may only look can stop what they began before."""
    now = exchange_of(request).clock()
    return _do(
        request, visitor, search_id, "every", "off",
        lambda session: of_searches.stop(session, visitor, search_id, now=now),
    )  # fmt: skip


def _do(
    request: Request, visitor: Visitor, search_id: str, field: str, done: str, operation: Callable[[Session], Any]
) -> Response:
    """Do it and go back to the searches; what is refused is said at the field."""
    try:
        with exchange_of(request).database.write() as session:
            operation(session)
    except (Invalid, Conflict) as error:
        return _page(request, visitor, errors={f"{field}-{search_id}": next(iter(of_refusal(error).values()))})
    return see(request, f"/searches?done={done}")


def _read(session: Session, query: str) -> Asked:
    return asking.read(query, lambda typed: near.find(session, typed))


def _kept(asked: Asked) -> str:
    return asked.without("page")


def _filter(session: Session, visitor: Visitor, row: SavedSearch) -> dict[str, list[str]]:
    """What a search asks of the API, with the organisation's policy: e-mails never show what it hides."""
    asked = _read(session, row.query)
    if asked.errors:
        raise Invalid("This search asks something that is no longer known. Open it, put it right and save it again.")
    hides = get_policy(session, row.organisation_id) if visitor.role == MEMBER else NO_POLICY
    return both(asked.words, hides.words)


def _page(
    request: Request,
    visitor: Visitor,
    *,
    errors: dict[str, str] | None = None,
    form: Fields | None = None,
    done: str | None = None,
) -> Response:
    exchange = exchange_of(request)
    lists = lists_of(exchange)
    now = exchange.clock()
    caller = visitor.caller
    assert caller is not None  # the routes ask for a role
    with exchange.database.read() as session:
        found = []
        for row in searches.list_searches(session, visitor):
            asked = _read(session, row.query)
            shown: dict[str, Any] = {"row": row, "chips": chips(asked), "wrong": bool(asked.errors), "query": row.query}
            sent = shown["sent"] = of_searches.of_search(session, caller, row)
            if not asked.errors:
                words = _filter(session, visitor, row)
                counts = lists.snapshot.state.count(asked.filter(words), lists.views.of(caller), now)
                shown["available"], shown["unknown"] = counts.available, counts.unknown
                shown["outdated"] = sent is not None and sent.document.get("filter") != words
            found.append(shown)
    return page(
        request,
        "listings/searches.html",
        status=422 if errors else 200,
        errors=summary(errors or {}),
        wrong=errors or {},
        found=found,
        kept={"name": form.text("name"), "query": form.text("query")} if form else None,
        done=done,
        every=of_searches.EVERY,
        may_send=mail.configured(exchange.settings),
        may_subscribe=caller.may("subscribe"),
    )
