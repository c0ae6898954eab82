"""Vacancies: offered, changed and withdrawn by hand."""

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
from placefeed.service.homes.home import Home, Said, home_of, last_offer
from placefeed.service.homes.parts import add, change, take_back
from placefeed.service.homes.update import again
from placefeed.service.pages.forms import Form, summary
from placefeed.service.pages.provider import vacancy_form
from placefeed.service.pages.provider.telling import Done, caller_of, carry_out, unsaved, withdraw_page
from placefeed.service.pages.render import page
from placefeed.service.pages.visitors import ProviderEditor
from placefeed.service.running.parts import exchange_of

router = APIRouter(include_in_schema=False, default_response_class=Response)

SourceId = Annotated[str, Query(max_length=120)]
Item = Annotated[str, Query(alias="id", max_length=64)]

LISTS = {name: codelist(codes).rows for name, codes, _title in (*vacancy_form.GROUPS, *vacancy_form.TICKED)} | {
    "cared": codelist("cared-for").rows,
    "response": codelist("response-bands").rows,
}


@dataclass(frozen=True, slots=True)
class Asked:
    """Which vacancy a form is about; `source` and `item` are empty for a new one."""

    urn: str
    source: str = ""
    item: str = ""


@router.get("/homes/{urn}/vacancies/new")
def new(
    request: Request, urn: str, visitor: ProviderEditor, unit: Annotated[str, Query(max_length=64)] = ""
) -> Response:
    """The form, filled like the last vacancy that was withdrawn."""
    exchange = exchange_of(request)
    _caller, organisation = caller_of(visitor)
    with exchange.database.read() as session:
        now = exchange.clock()
        home = home_of(session, organisation, urn, settings=exchange.settings, now=now)
        last = last_offer(session, organisation, urn, unit)
        today = london_day(now).isoformat()
        document: dict[str, Any] = again(last, today) if last else {"from": today}
    if unit:
        document["unit"] = unit
    return _page(request, home, Asked(urn), vacancy_form.values_of(document), like_last=last is not None)


@router.post("/homes/{urn}/vacancies/new")
async def offer(request: Request, urn: str, visitor: ProviderEditor, form: Form) -> Response:
    """Offer it, through the source of what is typed."""
    return await carry_out(request, lambda: _save(request, visitor, form, Asked(urn)))


@router.get("/homes/{urn}/vacancies/change")
def changing(request: Request, urn: str, visitor: ProviderEditor, source: SourceId, item: Item) -> Response:
    """The form with what was said."""
    exchange = exchange_of(request)
    _caller, organisation = caller_of(visitor)
    with exchange.database.read() as session:
        home = home_of(session, organisation, urn, settings=exchange.settings, now=exchange.clock())
    said = home.vacancy(source, item)
    return _page(request, home, Asked(urn, source, item), vacancy_form.values_of(said.document), said=said)


@router.post("/homes/{urn}/vacancies/change")
async def save_change(
    request: Request, urn: str, visitor: ProviderEditor, form: Form, source: SourceId, item: Item
) -> Response:
    """Change it, through the source that stated it."""
    return await carry_out(request, lambda: _save(request, visitor, form, Asked(urn, source, item)))


@router.get("/homes/{urn}/vacancies/withdraw")
def withdrawing(request: Request, urn: str, visitor: ProviderEditor, source: SourceId, item: Item) -> Response:
    """Ask once, saying what is withdrawn."""
    exchange = exchange_of(request)
    _caller, organisation = caller_of(visitor)
    with exchange.database.read() as session:
        home = home_of(session, organisation, urn, settings=exchange.settings, now=exchange.clock())
    return _withdraw_page(request, home, home.vacancy(source, item), {})


@router.post("/homes/{urn}/vacancies/withdraw")
async def withdraw(
    request: Request, urn: str, visitor: ProviderEditor, form: Form, source: SourceId, item: Item
) -> Response:
    """Withdraw it. Why is for the audit alone: no reason leaves the exchange."""
    exchange = exchange_of(request)
    caller, organisation = caller_of(visitor)

    def work() -> Response | Done:
        try:
            with exchange.database.write() as session:
                now = exchange.clock()
                home = home_of(session, organisation, urn, settings=exchange.settings, now=now)
                said = home.vacancy(source, item)
                take_back(session, organisation, urn, said, mark=form.text("mark"), now=now)
                why = form.text("why") if form.text("why") in ("filled", "not-offered") else "not-said"
                audit(
                    session,
                    caller=caller,
                    action="vacancy.withdraw",
                    subject=f"{urn} {item}",
                    detail={"why": why},
                    at=now,
                )
            return Done(f"/homes/{urn}?done=vacancy-withdrawn", (urn,))
        except (Stale, Conflict) as error:
            return _withdraw_page(request, home, said, {"main": str(error)})

    return await carry_out(request, work)


def _save(request: Request, visitor: Any, form: Form, asked: Asked) -> Response | Done:
    exchange = exchange_of(request)
    caller, organisation = caller_of(visitor)
    with exchange.database.read() as session:
        now = exchange.clock()
        home = home_of(session, organisation, asked.urn, settings=exchange.settings, now=now)
    said = home.vacancy(asked.source, asked.item) if asked.item else None
    document = vacancy_form.document_of(form, said.document if said else {}, today=london_day(now))
    if document is None:
        return _page(
            request,
            home,
            asked,
            vacancy_form.typed(form),
            said=said,
            mark=form.text("mark"),
            wrong=form.errors,
            status=422,
        )

    def store(session: Session, now: datetime) -> None:
        if said is None:
            name = add(session, organisation, asked.urn, "vacancy", document, stem="place", now=now)
        else:
            name = said.item
            change(session, organisation, asked.urn, said, document, mark=form.text("mark"), now=now)
        audit(session, caller=caller, action="vacancy.put", subject=f"{asked.urn} {name}", at=now)

    why = unsaved(request, store, field="places", field_of=vacancy_form.field_of)
    if why is None:
        return Done(f"/homes/{asked.urn}?done=vacancy", (asked.urn,))
    return _page(
        request,
        home,
        asked,
        vacancy_form.typed(form),
        said=said,
        mark=form.text("mark"),
        wrong=why.wrong,
        theirs=why.theirs,
        status=why.status,
    )


def _page(
    request: Request,
    home: Home,
    asked: Asked,
    values: vacancy_form.Values,
    *,
    said: Said | None = None,
    mark: str | None = None,
    wrong: dict[str, str] | None = None,
    theirs: bool = False,
    like_last: bool = False,
    status: int = 200,
) -> Response:
    return page(
        request,
        "provider/vacancy.html",
        status=status,
        home=home,
        asked=asked,
        said=said,
        values=values,
        wrong=wrong or {},
        errors=summary(wrong or {}),
        theirs=theirs,
        # A form that is shown again keeps what its reader saw, unless they are shown what stands now.
        mark=(said.mark if said else "") if mark is None or theirs else mark,
        like_last=like_last,
        rates=home.rates,
        lists=LISTS,
        groups=vacancy_form.GROUPS,
        ticked=vacancy_form.TICKED,
        back=_back(home),
    )


def _withdraw_page(request: Request, home: Home, said: Said, wrong: dict[str, str]) -> Response:
    return withdraw_page(request, home, said, what="vacancy", back=_back(home), wrong=wrong)


def _back(home: Home) -> dict[str, str]:
    return {"href": f"/homes/{home.urn}", "text": home.name}
