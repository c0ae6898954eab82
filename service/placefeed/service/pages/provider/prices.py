"""Prices by line: what a place costs, what that is made of, and to whom it is offered."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query
from sqlmodel import Session
from starlette.requests import Request
from starlette.responses import Response

from placefeed.schema.codelists import codelist
from placefeed.service.access.audit import record as audit
from placefeed.service.clock import london_day
from placefeed.service.errors import Conflict, Stale
from placefeed.service.homes.home import Home, Said, home_of
from placefeed.service.homes.parts import add, change, take_back
from placefeed.service.homes.seen import Buyer, buyers_of, provider_of
from placefeed.service.pages.forms import Form, summary
from placefeed.service.pages.provider import price_form
from placefeed.service.pages.provider.telling import Done, caller_of, carry_out, may_change, unsaved, withdraw_page
from placefeed.service.pages.render import page
from placefeed.service.pages.visitors import ProviderEditor, ProviderReader
from placefeed.service.running.parts import exchange_of, note_read

router = APIRouter(include_in_schema=False, default_response_class=Response)

SourceId = Annotated[str, Query(max_length=120)]
Item = Annotated[str, Query(alias="id", max_length=64)]

LISTS = {
    "lines": codelist("cost-lines").rows,
    "package": codelist("packages").rows,
    "contract": codelist("contract-types").rows,
    "vat": codelist("vat").rows,
    "per": codelist("price-periods").rows,
    "for": codelist("price-units").rows,
}


@dataclass(frozen=True, slots=True)
class Known:
    """The home that a form is about, who may be offered a price, and the price that is changed, if one is."""

    home: Home
    buyers: list[Buyer]
    said: Said | None = None


@router.get("/homes/{urn}/prices")
def prices(request: Request, urn: str, visitor: ProviderReader) -> Response:
    """Every price of the home with its lines."""
    caller, _organisation = caller_of(visitor)
    known = _known(request, visitor, urn)
    note_read(exchange_of(request), caller, "setting.read", urn)
    names = dict(price_form.choices(known.buyers, ()))
    return page(
        request,
        "provider/prices.html",
        home=known.home,
        keys_of=price_form.keys_of,
        names=names,
        may_change=may_change(visitor),
        back={"href": f"/homes/{urn}", "text": known.home.name},
    )


@router.get("/homes/{urn}/prices/new")
def new(request: Request, urn: str, visitor: ProviderEditor) -> Response:
    """An empty form."""
    known = _known(request, visitor, urn)
    return _page(request, known, price_form.values_of({}, today=london_day(exchange_of(request).clock())))


@router.post("/homes/{urn}/prices/new")
async def offer(request: Request, urn: str, visitor: ProviderEditor, form: Form) -> Response:
    """State it, through the source of what is typed."""
    return await carry_out(request, lambda: _save(request, visitor, form, urn))


@router.get("/homes/{urn}/prices/change")
def changing(request: Request, urn: str, visitor: ProviderEditor, source: SourceId, item: Item) -> Response:
    """The form with what was said."""
    known = _known(request, visitor, urn, source, item)
    document = known.said.document if known.said else {}
    return _page(request, known, price_form.values_of(document, today=london_day(exchange_of(request).clock())))


@router.post("/homes/{urn}/prices/change")
async def save_change(
    request: Request, urn: str, visitor: ProviderEditor, form: Form, source: SourceId, item: Item
) -> Response:
    """Change it, through the source that stated it."""
    return await carry_out(request, lambda: _save(request, visitor, form, urn, source, item))


@router.get("/homes/{urn}/prices/withdraw")
def withdrawing(request: Request, urn: str, visitor: ProviderEditor, source: SourceId, item: Item) -> Response:
    """Ask once, saying what is withdrawn."""
    return _withdraw_page(request, _known(request, visitor, urn, source, item), {})


@router.post("/homes/{urn}/prices/withdraw")
async def withdraw(
    request: Request, urn: str, visitor: ProviderEditor, form: Form, source: SourceId, item: Item
) -> Response:
    """Withdraw it."""
    exchange = exchange_of(request)
    caller, organisation = caller_of(visitor)

    def work() -> Response | Done:
        known = _known(request, visitor, urn, source, item)
        assert known.said is not None
        try:
            with exchange.database.write() as session:
                now = exchange.clock()
                take_back(session, organisation, urn, known.said, mark=form.text("mark"), now=now)
                audit(session, caller=caller, action="rate.withdraw", subject=f"{urn} {item}", at=now)
            return Done(f"/homes/{urn}?done=price-withdrawn", (urn,))
        except (Stale, Conflict) as error:
            return _withdraw_page(request, known, {"main": str(error)})

    return await carry_out(request, work)


def _known(request: Request, visitor: Any, urn: str, source: str = "", item: str = "") -> Known:
    exchange = exchange_of(request)
    _caller, organisation = caller_of(visitor)
    with exchange.database.read() as session:
        now = exchange.clock()
        home = home_of(session, organisation, urn, settings=exchange.settings, now=now)
        buyers = buyers_of(session, provider_of(session, urn), now=now)
    return Known(home, buyers, home.rate(source, item) if item else None)


def _save(request: Request, visitor: Any, form: Form, urn: str, source: str = "", item: str = "") -> Response | Done:
    caller, organisation = caller_of(visitor)
    known = _known(request, visitor, urn, source, item)
    said = known.said
    if form.has("more"):  # without scripts: only more rows
        return _page(request, known, price_form.typed(form), mark=form.text("mark"), spare=2 * price_form.SPARE)
    before = said.document if said else {}
    chosen = [] if before.get("offeredTo", "any") == "any" else price_form.keys_of(before["offeredTo"])
    allowed = {value for value, _text in price_form.choices(known.buyers, chosen)}
    document = price_form.document_of(form, before, allowed=allowed)
    if document is None:
        return _page(request, known, price_form.typed(form), mark=form.text("mark"), wrong=form.errors, status=422)

    def store(session: Session, now: datetime) -> None:
        if said is None:
            name = add(session, organisation, urn, "rate", document, stem="price", now=now)
        else:
            name = item
            change(session, organisation, urn, said, document, mark=form.text("mark"), now=now)
        audit(session, caller=caller, action="rate.put", subject=f"{urn} {name}", at=now)

    why = unsaved(request, store, field="price", field_of=price_form.field_of)
    if why is None:
        return Done(f"/homes/{urn}?done=price", (urn,))
    return _page(
        request,
        known,
        price_form.typed(form),
        mark=form.text("mark"),
        wrong=why.wrong,
        theirs=why.theirs,
        status=why.status,
    )


def _page(
    request: Request,
    known: Known,
    values: price_form.Values,
    *,
    mark: str | None = None,
    wrong: dict[str, str] | None = None,
    theirs: bool = False,
    spare: int = price_form.SPARE,
    status: int = 200,
) -> Response:
    return page(
        request,
        "provider/price.html",
        status=status,
        home=known.home,
        said=known.said,
        values=values,
        wrong=wrong or {},
        errors=summary(wrong or {}),
        theirs=theirs,
        # A form that is shown again keeps what its reader saw, unless they are shown what stands now.
        mark=(known.said.mark if known.said else "") if mark is None or theirs else mark,
        spare=spare,
        choices=price_form.choices(known.buyers, values["buyers"]),
        lists=LISTS,
        shares=price_form.SHARES,
        back=_back(known),
    )


def _withdraw_page(request: Request, known: Known, wrong: dict[str, str]) -> Response:
    assert known.said is not None
    return withdraw_page(request, known.home, known.said, what="price", back=_back(known), wrong=wrong)


def _back(known: Known) -> dict[str, str]:
    return {"href": f"/homes/{known.home.urn}/prices", "text": f"Prices of {known.home.name}"}
