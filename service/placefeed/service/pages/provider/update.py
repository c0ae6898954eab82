"""The update in thirty seconds: three numbers and a yes or no, for a manager with a phone at the end of a shift."""

from dataclasses import dataclass, field
from datetime import date
from typing import cast

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from placefeed.schema.codelists import codelist
from placefeed.service.access.audit import record as audit
from placefeed.service.clock import london_day
from placefeed.service.errors import Conflict, Invalid, Stale
from placefeed.service.homes.home import Home, Said, home_of
from placefeed.service.homes.update import Closed, Counts, Then, save
from placefeed.service.pages.forms import Fields, Form
from placefeed.service.pages.provider.telling import Done, caller_of, carry_out, refused
from placefeed.service.pages.render import page
from placefeed.service.pages.visitors import ProviderEditor
from placefeed.service.running.parts import exchange_of

router = APIRouter(include_in_schema=False, default_response_class=Response)

MOST = 10_000
THENS = ("keep", "withdraw", "offer")


@dataclass(slots=True)
class UnitForm:
    """The small form of one unit: its values as typed or known, and what is wrong with them. `suffix` keeps ids apart."""

    unit: str
    title: str
    suffix: str
    values: dict[str, str]
    closed: list[dict[str, str]]
    offered: int  # vacancies that are offered today and can be changed here
    places: int  # places that these offer
    registered: int | None
    mark: str
    wrong: dict[str, str] = field(default_factory=dict)
    asks: list[Said] = field(default_factory=list)
    theirs: Said | None = None


@router.get("/homes/{urn}/update")
def update(request: Request, urn: str, visitor: ProviderEditor) -> Response:
    """The form, filled with what counts now."""
    exchange = exchange_of(request)
    _caller, organisation = caller_of(visitor)
    with exchange.database.read() as session:
        now = exchange.clock()
        home = home_of(session, organisation, urn, settings=exchange.settings, now=now)
    today = london_day(now)
    return _page(request, home, [_known(home, unit, number, today) for number, unit in enumerate(home.forms)])


@router.post("/homes/{urn}/update")
async def save_update(request: Request, urn: str, visitor: ProviderEditor, form: Form) -> Response:
    """Save one unit's counts, with the vacancies that must agree; asks, or shows both, where somebody must decide."""
    exchange = exchange_of(request)
    caller, organisation = caller_of(visitor)
    unit = form.text("unit")

    def work() -> Response | Done:
        status, asks, wrong = 422, [], {}
        counts = _read(form)
        then = form.text("then")
        if counts is None:
            wrong = form.errors
        else:
            try:
                with exchange.database.write() as session:
                    now = exchange.clock()
                    saved = save(
                        session,
                        organisation,
                        urn,
                        counts,
                        unit=unit,
                        mark=form.text("mark"),
                        then=cast("Then", then if then in THENS else ""),
                        settings=exchange.settings,
                        now=now,
                    )
                    if not saved.asks:
                        audit(
                            session,
                            caller=caller,
                            action="home.update",
                            subject=urn,
                            detail={"withdrawn": saved.withdrawn, "offered": saved.offered},
                            at=now,
                        )
                        done = "withdrawn" if saved.withdrawn else "offered" if saved.offered else "updated"
                        return Done(f"/homes/{urn}?done={done}", (urn,))
                    status, asks = 200, saved.asks
            except Invalid as error:
                wrong = refused(error, _field)
            except Conflict as error:
                wrong, status = {"available": str(error)}, 409
            except Stale:
                status = 409
        with exchange.database.read() as session:
            now = exchange.clock()
            home = home_of(session, organisation, urn, settings=exchange.settings, now=now)
        forms = [_known(home, each, number, london_day(now)) for number, each in enumerate(home.forms)]
        for each in forms:
            if each.unit == unit:
                _typed(each, form)
                each.wrong, each.asks = wrong, asks
                if status == 409 and not wrong:
                    each.theirs = home.counts.get(unit)
                    each.mark = each.theirs.mark if each.theirs else ""
                    each.wrong = {
                        "available": "The counts were changed since you opened this page. Check both, and save yours again or use theirs."
                    }
        return _page(request, home, forms, status=status)

    return await carry_out(request, work)


# -- the form, there and back ---------------------------------------------------------------------------------------


def _known(home: Home, unit: str, number: int, today: date) -> UnitForm:
    """The form of a unit with what counts now."""
    said = home.counts.get(unit)
    document = said.document if said else {}
    accepting = document.get("acceptingReferrals")
    offered = [each for each in home.offered(unit, on=today.isoformat()) if each.changeable]
    kind = home.units[unit].get("kind", "") if unit else ""
    return UnitForm(
        unit=unit,
        title=f"{codelist('unit-kinds').find(kind) and codelist('unit-kinds').title(kind)} {unit}".strip()
        if unit
        else "",
        suffix=f"-{number}" if number else "",
        values={
            "available": str(document.get("available", "")),
            "reserved": str(document.get("reserved", 0)),
            "registered": str(document.get("registered", "")),
            "accepting": "" if accepting is None else "yes" if accepting else "no",
            "reason": document.get("notAcceptingReason", ""),
        },
        closed=[
            {"places": str(each["places"]), "reason": each["reason"], "until": each.get("until", "")}
            for each in document.get("unavailable", ())
        ]
        or [{"places": "0", "reason": "", "until": ""}],
        offered=len(offered),
        places=sum(int(each.document["places"]) for each in offered),
        registered=home.registered(unit),
        mark=said.mark if said else "",
    )


def _typed(unit: UnitForm, form: Fields) -> None:
    """Put back what was typed."""
    for name in unit.values:
        unit.values[name] = form.text(name)
    unit.mark = form.text("mark")
    rows = len(form.all("closed"))
    unit.closed = [
        {"places": places, "reason": reason, "until": until}
        for places, reason, until in zip(
            form.all("closed"), _padded(form, "closed_reason", rows), _padded(form, "closed_until", rows), strict=False
        )
    ] or unit.closed


def _padded(form: Fields, name: str, rows: int) -> list[str]:
    return [*form.all(name), *[""] * rows][:rows]


def _read(form: Fields) -> Counts | None:
    """The counts that were typed; None where they cannot be read: then the form has the errors."""
    available = form.whole("available", most=MOST, what="Places free")
    if available is None:
        form.wrong("available", "Say how many places are free: 0 if none.")
    reserved = form.whole("reserved", most=MOST, what="Places reserved")
    registered = form.whole("registered", most=MOST, what="Registered places")
    rows = len(form.all("closed"))
    closed = []
    for places, reason, until in zip(
        form.all("closed"), _padded(form, "closed_reason", rows), _padded(form, "closed_until", rows), strict=False
    ):
        text = places.strip() or "0"
        if not (text.isascii() and text.isdigit() and len(text) < 6):
            form.wrong("closed", f"Places closed must be a whole number from 0 to {MOST}.")
        elif int(text) and reason not in codelist("unavailable-reasons"):
            form.wrong("closed_reason", "Say why the places are closed.")
        else:
            closed.append(Closed(int(text), reason, until or None))
    accepting = {"yes": True, "no": False}.get(form.text("accepting"))
    if form.errors or available is None:
        return None
    return Counts(available, reserved or 0, tuple(closed), registered, accepting, form.text("reason") or None)


def _field(steps: list[str]) -> str:
    names = {"reserved": "reserved", "unavailable": "closed", "notAcceptingReason": "reason", "registered": "registered", "acceptingReferrals": "accepting"}  # fmt: skip
    return names.get(steps[0], "available") if steps else "available"


def _page(request: Request, home: Home, forms: list[UnitForm], *, status: int = 200) -> Response:
    errors = [{"text": text, "href": f"#{name}{each.suffix}"} for each in forms for name, text in each.wrong.items()]
    return page(
        request,
        "provider/update.html",
        status=status,
        home=home,
        forms=forms,
        errors=errors,
        closed_reasons=codelist("unavailable-reasons").rows,
        reasons=codelist("not-accepting-reasons").rows,
        back={"href": f"/homes/{home.urn}", "text": home.name},
    )
