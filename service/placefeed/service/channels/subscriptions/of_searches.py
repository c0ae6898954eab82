"""A saved search as a subscription: e-mails to its owner's own address, at once or as a daily digest.

An account's address proves nothing: an operator or a manager may have typed it, or another sign-in said it. So the exchange
asks it for the code, like any other address, and nobody is written to who has not agreed.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from sqlmodel import Session

from placefeed.service.access import searches
from placefeed.service.access.sign_ins import Visitor
from placefeed.service.access.who import Caller
from placefeed.service.channels.subscriptions import confirming, life, wishes
from placefeed.service.config import Settings
from placefeed.service.errors import Conflict, Invalid, NotFound
from placefeed.service.tables import SavedSearch, Subscription

EVERY: Final[Mapping[str, str]] = {"instant": "At once, as places come and go", "daily": "Once a day, at 7:30am"}
AT: Final = "07:30"


def subscribe(
    session: Session,
    visitor: Visitor,
    search_id: str,
    *,
    every: str,
    filter: Mapping[str, Sequence[str]],
    settings: Settings,
    secret: bytes,
    now: datetime,
) -> Subscription:
    """Have e-mails sent of what this search finds. Raises NotFound, Invalid, or Conflict where there are some already."""
    caller = _caller(visitor)
    row = searches.own(session, visitor, search_id, lock=True)
    if of_search(session, caller, row) is not None:
        raise Conflict("E-mails are sent for this search already.")
    if every not in EVERY:
        raise Invalid("Choose how often.", errors=[{"pointer": "/every"}])
    document: dict[str, Any] = {
        "title": row.name,
        "channel": wishes.EMAIL,
        "email": visitor.email,
        "content": "full",
        "schedule": {"every": every, **({"at": AT} if every == "daily" else {})},
        "filter": {name: list(texts) for name, texts in filter.items()},
    }
    made, _ = life.create(
        session, caller, wishes.accept(document, caller.role, now=now), settings=settings, secret=secret, now=now
    )
    row.subscription_id = made.id
    session.add(row)
    session.flush()
    return made


def of_search(session: Session, caller: Caller, row: SavedSearch) -> Subscription | None:
    """The subscription of a search, while there is one."""
    if row.subscription_id is None:
        return None
    try:
        return life.own(session, caller, row.subscription_id)
    except NotFound:  # deleted by the API, or with the right behind it
        return None


def confirm(
    session: Session, visitor: Visitor, search_id: str, code: str, *, secret: bytes, now: datetime
) -> confirming.Verdict:
    """Take the code that the e-mail carried. Commit whatever the verdict. Raises NotFound or Conflict."""
    row = searches.own(session, visitor, search_id)
    _, verdict = life.confirm(session, _caller(visitor), row.subscription_id or "", code, secret=secret, now=now)
    return verdict


def ask_again(
    session: Session, visitor: Visitor, search_id: str, *, settings: Settings, secret: bytes, now: datetime
) -> None:
    """Have another code sent, or go on after an error. Raises NotFound or Conflict."""
    row = searches.own(session, visitor, search_id)
    life.resume(session, _caller(visitor), row.subscription_id or "", settings=settings, secret=secret, now=now)


def renew(
    session: Session,
    visitor: Visitor,
    search_id: str,
    *,
    filter: Mapping[str, Sequence[str]],
    settings: Settings,
    secret: bytes,
    now: datetime,
) -> None:
    """Let it ask with this filter from now on: the organisation's policy is another. Raises NotFound or Invalid."""
    caller = _caller(visitor)
    row = searches.own(session, visitor, search_id)
    found = life.own(session, caller, row.subscription_id or "", lock=True)
    document = {**wishes.writable(found.document), "filter": {name: list(texts) for name, texts in filter.items()}}
    life.change(
        session, caller, found, wishes.accept(document, caller.role, now=now), settings=settings, secret=secret, now=now
    )


def stop(session: Session, visitor: Visitor, search_id: str, *, now: datetime) -> None:
    """Send no more; again changes nothing. Raises NotFound."""
    caller = _caller(visitor)
    row = searches.own(session, visitor, search_id, lock=True)
    found = of_search(session, caller, row)
    if found is not None:
        life.delete(session, caller, found.id, now=now)
    row.subscription_id = None
    session.add(row)
    session.flush()


def delete(session: Session, visitor: Visitor, search_id: str, *, now: datetime) -> None:
    """Forget a search, and what is sent of it. Raises NotFound."""
    stop(session, visitor, search_id, now=now)
    searches.delete(session, visitor, search_id, now=now)


def _caller(visitor: Visitor) -> Caller:
    if visitor.caller is None:
        raise NotFound("You have no such saved search.")
    return visitor.caller
