"""What the pages of homes share: what became of a form, in words, and why something is not listed, for its provider."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from anyio.to_thread import run_sync
from sqlmodel import Session
from starlette.requests import Request
from starlette.responses import Response

from placefeed.service.access.sign_ins import Visitor
from placefeed.service.access.who import Caller
from placefeed.service.errors import Conflict, Invalid, NotAuthenticated, PlacefeedError, Stale
from placefeed.service.homes.home import Home, Said
from placefeed.service.homes.seen import being_published
from placefeed.service.pages.forms import summary
from placefeed.service.pages.render import page, see
from placefeed.service.running.parts import exchange_of
from placefeed.service.running.waiting import until_published

WAIT = 2.0
"""Seconds that a saved form waits for members to have it; after that the page says that it is on its way."""

WHY: Final = {
    "withdrawn": "You have withdrawn it.",
    "ended": "Its last day has passed. Give it a later last day, or withdraw it.",
    "full": "Your newest count says that no place is free.",
    "not-accepting": "You said that you are not accepting referrals.",
    "too-old": "Nobody has confirmed it for too long. Say that nothing has changed, or update it.",
    "other-source": "Another of your sources is preferred for this home. The operator can change which one comes first.",
    "no-consortium": "No consortium takes you at the moment, so no local authority sees it. Ask the operator.",
    "suspended": "Ofsted has suspended the registration.",
    "accommodation-restricted": "Ofsted restricts accommodation at this home.",
    "closed": "The registration with Ofsted has ended.",
    "not-on-register": "A newer list of Ofsted’s no longer has this home. Tell the operator if it is open.",
    "unverified": "No list of Ofsted’s has this home yet. Send its certificate of registration to the operator.",
    "provision-type-unknown": "Nobody has said what kind of home this is. Ask the operator.",
    "provision-type-not-listable": "Places in this kind of setting are not listed.",
}

CHANGED: Final = (
    "It was changed since you opened this page. What it says now stands below; saving puts yours in its place."
)

DONE: Final = {
    "updated": "Your update is saved.",
    "withdrawn": "Your update is saved, and what was offered is withdrawn.",
    "offered": "Your update is saved, and the free places are offered.",
    "confirmed": "You have confirmed that nothing has changed.",
    "vacancy": "The vacancy is saved.",
    "vacancy-withdrawn": "The vacancy is withdrawn.",
    "price": "The price is saved.",
    "price-withdrawn": "The price is withdrawn.",
    "contact": "The referral contact is saved.",
}


@dataclass(frozen=True, slots=True)
class Done:
    """A form that went well: where to go on, and which homes members should have anew before that."""

    to: str
    urns: tuple[str, ...]


def caller_of(visitor: Visitor) -> tuple[Caller, str]:
    """The caller and the organisation that somebody works for now: the page's decision made sure that there is one."""
    caller = visitor.caller
    if caller is None or caller.organisation_id is None:
        raise NotAuthenticated("Sign in to see this page.")
    return caller, caller.organisation_id


def may_change(visitor: Visitor) -> bool:
    """Whether to show what changes something: a reader may only look."""
    return visitor.caller is not None and visitor.caller.may("submit")


async def carry_out(request: Request, work: Callable[[], Response | Done]) -> Response:
    """Do a form's work on a thread. When it went well, wait a moment until members have it, and go on."""
    outcome = await run_sync(work)
    if isinstance(outcome, Response):
        return outcome
    exchange = exchange_of(request)

    def there() -> bool:
        with exchange.database.read() as session:
            return not being_published(session, outcome.urns)

    await until_published(exchange, there, seconds=WAIT)
    return see(request, outcome.to)


@dataclass(frozen=True, slots=True)
class Unsaved:
    """Why a form was not saved, by field. `theirs`: somebody changed it meanwhile, and what stands now is shown beside."""

    wrong: dict[str, str]
    status: int = 422
    theirs: bool = False


def unsaved(
    request: Request, store: Callable[[Session, datetime], None], *, field: str, field_of: Callable[[list[str]], str]
) -> Unsaved | None:
    """Store what a form says, in one transaction; None when it went well. A conflict is told at `field`."""
    exchange = exchange_of(request)
    try:
        with exchange.database.write() as session:
            store(session, exchange.clock())
    except Invalid as error:
        return Unsaved(refused(error, field_of))
    except Conflict as error:
        return Unsaved({field: str(error)}, 409)
    except Stale:
        return Unsaved({field: CHANGED}, 409, theirs=True)
    return None


def withdraw_page(
    request: Request, home: Home, said: Said, *, what: str, back: dict[str, str], wrong: dict[str, str]
) -> Response:
    """Ask once before something is withdrawn, or say why it was not."""
    return page(
        request, "provider/withdraw.html", status=409 if wrong else 200, home=home, said=said, what=what,
        errors=summary(wrong), back=back,
    )  # fmt: skip


def refused(error: PlacefeedError, field_of: Callable[[list[str]], str]) -> dict[str, str]:
    """What an operation refused, by field. `field_of` gets the steps of a pointer and says which field it means."""
    found: dict[str, str] = {}
    for detail in error.errors or [{}]:
        steps = [step for step in str(detail.get("pointer", "")).split("/") if step]
        text = " ".join(str(part) for part in (detail.get("detail"), detail.get("advice")) if part) or str(error)
        found.setdefault(field_of(steps), text)
    return found
