"""What the pages of the list share: who asks with which policy, and the list at this moment."""

from dataclasses import dataclass
from datetime import datetime

from starlette.requests import Request

from placefeed.service.access.policies import Hides, get_policy
from placefeed.service.access.sign_ins import Visitor
from placefeed.service.access.who import MEMBER, Caller
from placefeed.service.channels import near
from placefeed.service.channels.index import State
from placefeed.service.errors import NotAllowed
from placefeed.service.pages.listings import asked as asking
from placefeed.service.pages.listings.asked import Asked
from placefeed.service.pages.listings.rows import Reading
from placefeed.service.publishing.sight import View
from placefeed.service.running.parts import Exchange, exchange_of, lists_of

NO_POLICY = Hides(frozenset())


@dataclass(slots=True)
class Desk:
    """Somebody at the list: what they ask, may see and have hidden."""

    exchange: Exchange
    visitor: Visitor
    caller: Caller
    asked: Asked
    policy: Hides  # of their organisation
    state: State
    view: View
    now: datetime

    @property
    def has_policy(self) -> bool:
        """Whether grades are hidden for them at all: the operator sees everything."""
        return self.caller.role == MEMBER

    @property
    def lifted(self) -> bool:
        """Whether they have what the policy hides shown, knowingly."""
        return self.has_policy and self.visitor.lifted is not None

    @property
    def always(self) -> dict[str, list[str]]:
        """The policy as it is applied now, in the API's words."""
        return NO_POLICY.words if self.lifted else self.policy.words

    @property
    def reading(self) -> Reading:
        """How rows are drawn for them."""
        return Reading(
            self.view,
            self.policy.hidden,
            point_of(self.asked),
            tuple(self.asked.words.get("package", ())),
            tuple(self.asked.words.get("contractType", ())),
        )


def desk(request: Request, visitor: Visitor, query: str | None = None) -> Desk:
    """Read what a request (or a query kept from one) asks."""
    exchange = exchange_of(request)
    caller = visitor.caller
    if caller is None:
        raise NotAllowed("Choose the organisation that you work for first.")
    lists = lists_of(exchange)
    text = request.scope["query_string"].decode("latin-1") if query is None else query
    with exchange.database.read() as session:
        asked = asking.read(text, lambda typed: near.find(session, typed))
        policy = get_policy(session, caller.organisation_id or "") if caller.role == MEMBER else NO_POLICY
    return Desk(
        exchange, visitor, caller, asked, policy, lists.snapshot.state, lists.views.of(caller), exchange.clock()
    )


def point_of(asked: Asked) -> near.Point | None:
    """Where distances are measured from."""
    if asked.found is not None:
        return asked.found.point
    typed = asked.value("near")
    if not typed or asked.errors:
        return None
    latitude, _, longitude = typed.partition(",")
    return float(latitude), float(longitude)
