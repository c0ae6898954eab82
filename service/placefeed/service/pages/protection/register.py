"""`/data-protection`: what is held about whom, why, who sees it, how long, and how it is protected. For the operator."""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from placefeed.service.access.who import MEMBER, OPERATOR, PROVIDER, PUBLIC, field_table
from placefeed.service.pages.render import page
from placefeed.service.pages.visitors import OperatorReader
from placefeed.service.protection import REGISTER_OF_DATA, Held, Purpose, retention
from placefeed.service.running.parts import exchange_of

router = APIRouter(include_in_schema=False, default_response_class=Response)

ROLES = (PROVIDER, MEMBER, OPERATOR, PUBLIC)


@router.get("/data-protection")
def register(request: Request, visitor: OperatorReader) -> Response:
    """The register of processing (UK GDPR Article 30), from the tables themselves."""
    groups: dict[Purpose, list[tuple[str, Held]]] = {}
    for name, held in REGISTER_OF_DATA.items():
        groups.setdefault(held.purpose, []).append((name, held))
    return page(
        request,
        "protection/register.html",
        groups=groups,
        retention=retention(exchange_of(request).settings),
        fields=field_table(),
        roles=ROLES,
        manages=visitor.manages,
    )
