"""One home: its counts, vacancies and prices, who said what and when, Ofsted as we have it, and whom members ring."""

from typing import Annotated, Any

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from placefeed.schema.codelists import codelist
from placefeed.service.access.audit import record as audit
from placefeed.service.errors import Conflict, Invalid, Stale
from placefeed.service.homes.contact import save_contact
from placefeed.service.homes.home import Home, home_of
from placefeed.service.homes.seen import being_published, shown_of
from placefeed.service.pages.forms import Form, summary
from placefeed.service.pages.provider.telling import (
    DONE,
    WHY,
    Done,
    caller_of,
    carry_out,
    may_change,
    refused,
)
from placefeed.service.pages.render import page
from placefeed.service.pages.visitors import ProviderEditor, ProviderReader
from placefeed.service.running.parts import exchange_of, note_read

router = APIRouter(include_in_schema=False, default_response_class=Response)

Code = Annotated[str, Query(max_length=20)]


@router.get("/homes/{urn}")
def home(request: Request, urn: str, visitor: ProviderReader, done: Code = "") -> Response:
    """The home, and after a form what members see of it now."""
    exchange = exchange_of(request)
    caller, organisation = caller_of(visitor)
    with exchange.database.read() as session:
        now = exchange.clock()
        found = home_of(session, organisation, urn, settings=exchange.settings, now=now)
        shown = shown_of(session, [urn], now=now).get(urn, [])
        pending = being_published(session, [urn])
    note_read(exchange, caller, "setting.read", urn)
    return page(
        request,
        "provider/home.html",
        home=found,
        shown=shown,
        places=sum(each.places for each in shown if each.seen and each.availability == "available"),
        unknown=sum(each.places for each in shown if each.seen and each.availability != "available"),
        done=DONE.get(done),
        pending=pending,
        why=WHY,
        may_change=may_change(visitor),
        back={"href": "/homes", "text": "My homes"},
    )


@router.get("/homes/{urn}/contact")
def contact(request: Request, urn: str, visitor: ProviderEditor) -> Response:
    """The form of whom members ring."""
    exchange = exchange_of(request)
    _caller, organisation = caller_of(visitor)
    with exchange.database.read() as session:
        found = home_of(session, organisation, urn, settings=exchange.settings, now=exchange.clock())
    said = found.profile.get("referralContact", {}) if found.setting else {}
    later = said.get("outOfHours", {})
    values = {
        **{name: said.get(name, "") for name in ("role", "telephone", "email", "hours")},
        "later_telephone": later.get("telephone", ""),
        "later_hours": later.get("hours", ""),
        "mark": found.setting.mark if found.setting else "",
    }
    return _contact_page(request, found, values, {})


@router.post("/homes/{urn}/contact")
async def change_contact(request: Request, urn: str, visitor: ProviderEditor, form: Form) -> Response:
    """Save it, with all else that the setting's own document says."""
    exchange = exchange_of(request)
    caller, organisation = caller_of(visitor)
    names = ("role", "telephone", "email", "hours", "later_telephone", "later_hours", "mark")
    values = {name: form.text(name) for name in names}

    def work() -> Response | Done:
        status = 422
        try:
            with exchange.database.write() as session:
                now = exchange.clock()
                save_contact(
                    session,
                    organisation,
                    urn,
                    _document(values),
                    mark=values["mark"],
                    settings=exchange.settings,
                    now=now,
                )
                audit(session, caller=caller, action="setting.put", subject=urn, at=now)
            return Done(f"/homes/{urn}?done=contact", (urn,))
        except Invalid as error:
            wrong = refused(error, _field)
        except (Stale, Conflict) as error:
            wrong, status = {"role": str(error)}, 409
        with exchange.database.read() as session:
            found = home_of(session, organisation, urn, settings=exchange.settings, now=exchange.clock())
        if status == 409:
            values["mark"] = found.setting.mark if found.setting else ""
        return _contact_page(request, found, values, wrong, status=status)

    return await carry_out(request, work)


def _document(values: dict[str, str]) -> dict[str, Any]:
    """The `referralContact` of a setting, without what was left empty."""
    said: dict[str, Any] = {name: values[name] for name in ("role", "telephone", "email", "hours") if values[name]}
    later = {name: values[f"later_{name}"] for name in ("telephone", "hours") if values[f"later_{name}"]}
    return {**said, **({"outOfHours": later} if later else {})}


def _field(steps: list[str]) -> str:
    steps = steps[1:] if steps[:1] == ["referralContact"] else steps
    if steps[:1] == ["outOfHours"]:
        return f"later_{steps[1]}" if steps[1:] and steps[1] in ("telephone", "hours") else "later_telephone"
    return steps[0] if steps and steps[0] in ("telephone", "email", "hours") else "role"


def _contact_page(
    request: Request, found: Home, values: dict[str, str], wrong: dict[str, str], *, status: int = 200
) -> Response:
    return page(
        request,
        "provider/contact.html",
        status=status,
        home=found,
        values=values,
        wrong=wrong,
        errors=summary(wrong),
        roles=codelist("roles").rows,
        back={"href": f"/homes/{found.urn}", "text": found.name},
    )
