"""Who may come to a page: each route has exactly one of these decisions; a test goes through them all."""

from typing import Annotated, Any

from fastapi import Depends
from starlette.requests import Request

from placefeed.service.access.sign_ins import Visitor
from placefeed.service.access.who import MEMBER, OPERATOR, PROVIDER
from placefeed.service.errors import NotAllowed, NotAuthenticated
from placefeed.service.running.origin import READS, is_from_elsewhere
from placefeed.service.running.parts import exchange_of, visitor_of

_PLURAL = {PROVIDER: "providers", MEMBER: "local authorities", OPERATOR: "the operator"}


class NoPlaceChosen(NotAllowed):
    """Somebody is signed in who works in several organisations, or in none: they must say for which."""


class SecondFactorMissing(NotAllowed):
    """One of the operator's people has no second factor yet: nothing is open to them before they have."""


class Visit:
    """A page's decision about who may come: anybody (no roles and not `signed_in`), anybody signed in, or people of these roles.

    A form that another site's page sent is refused here, whoever sent it.
    """

    def __init__(self, *roles: str, scope: str = "", signed_in: bool = False, manager: bool = False) -> None:
        self.roles = roles
        self.scope = scope
        self.signed_in = signed_in or bool(roles)
        self.manager = manager

    async def __call__(self, request: Request) -> Visitor | None:
        exchange = exchange_of(request)
        if request.method not in READS and is_from_elsewhere(request, exchange.settings):
            raise NotAllowed("This form was sent from another website. Open the page here and send it again.")
        visitor = request.state.visitor = await visitor_of(request)
        if visitor is None:
            exchange.limiter.take(f"address:{request.client.host if request.client else ''}")
            if self.signed_in:
                raise NotAuthenticated("Sign in to see this page.")
            return None
        exchange.limiter.take(f"person:{visitor.person_id}")
        if self.roles:
            self._judge(visitor)
        return visitor

    def _judge(self, visitor: Visitor) -> None:
        if visitor.must_enrol:
            raise SecondFactorMissing("Set up a second factor first: the operator's people need one.")
        if visitor.caller is None:
            raise NoPlaceChosen("Choose the organisation that you work for now.")
        if visitor.caller.role not in self.roles:
            meant = " and ".join(_PLURAL[role] for role in self.roles)
            raise NotAllowed(f"This page is for {meant}. You are signed in for {visitor.caller.name}.")
        if self.scope:
            visitor.caller.require(self.scope)
        if self.manager and not visitor.manages:
            raise NotAllowed("This page is for managers of your organisation. Ask one of them.")


def visit(*roles: str, scope: str = "", signed_in: bool = False, manager: bool = False) -> Any:
    """The dependency: `visitor: Annotated[Visitor, visit("member", scope="list")]`."""
    return Depends(Visit(*roles, scope=scope, signed_in=signed_in, manager=manager))


Anybody = Annotated[Visitor | None, visit()]
SignedIn = Annotated[Visitor, visit(signed_in=True)]
Lister = Annotated[Visitor, visit(MEMBER, OPERATOR, scope="list")]
Searcher = Annotated[Visitor, visit(MEMBER, OPERATOR, scope="subscribe")]
MemberManager = Annotated[Visitor, visit(MEMBER, manager=True)]
ProviderReader = Annotated[Visitor, visit(PROVIDER, scope="read")]
ProviderEditor = Annotated[Visitor, visit(PROVIDER, scope="submit")]
SettingReader = Annotated[Visitor, visit(PROVIDER, MEMBER, OPERATOR, scope="read")]
OperatorReader = Annotated[Visitor, visit(OPERATOR, scope="read")]
Operator = Annotated[Visitor, visit(OPERATOR, scope="operate")]
Manager = Annotated[Visitor, visit(PROVIDER, MEMBER, OPERATOR, manager=True)]
