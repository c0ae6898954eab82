"""My homes: what members see of each, what has grown old, and “nothing has changed” for one or all of them."""

from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from placefeed.service.access.audit import record as audit
from placefeed.service.errors import Invalid
from placefeed.service.homes.overview import overview
from placefeed.service.intake.homes import attest_all
from placefeed.service.pages.forms import Form
from placefeed.service.pages.provider.telling import WHY, Done, caller_of, carry_out, may_change
from placefeed.service.pages.render import ours, page
from placefeed.service.pages.visitors import ProviderEditor, ProviderReader
from placefeed.service.pages.words import counted
from placefeed.service.running.parts import exchange_of, note_read

router = APIRouter(include_in_schema=False, default_response_class=Response)

Text = Annotated[str, Query(max_length=100)]
Number = Annotated[str, Query(max_length=6)]


@router.get("/homes")
def homes(
    request: Request,
    visitor: ProviderReader,
    q: Text = "",
    page_: Annotated[str, Query(alias="page")] = "",
    confirmed: Number = "",
) -> Response:
    """The list; the oldest word comes first."""
    exchange = exchange_of(request)
    caller, organisation = caller_of(visitor)
    number = int(page_) if page_.isascii() and page_.isdigit() and len(page_) < 5 else 1
    with exchange.database.read() as session:
        found = overview(
            session, organisation, text=q.strip(), page=number, settings=exchange.settings, now=exchange.clock()
        )
    note_read(exchange, caller, "settings.read", "")
    return page(
        request,
        "provider/homes.html",
        found=found,
        q=q.strip(),
        why=WHY,
        may_change=may_change(visitor),
        confirmed=counted(int(confirmed), "home") if confirmed.isascii() and confirmed.isdigit() else None,
        link=lambda to: "/homes?" + urlencode({**({"q": q.strip()} if q.strip() else {}), "page": to}),
    )


@router.post("/homes/unchanged")
async def unchanged(request: Request, visitor: ProviderEditor, form: Form) -> Response:
    """Nothing has changed: at the homes that the form names, or with `all` at all of them. Says which were not confirmed, and why."""
    exchange = exchange_of(request)
    caller, organisation = caller_of(visitor)
    urns = form.all("urn")
    back = ours(form.text("next"), "/homes")

    def work() -> Response | Done:
        if not urns and not form.has("all"):
            raise Invalid("Choose a home, or all of them.")
        with exchange.database.write() as session:
            now = exchange.clock()
            done = attest_all(session, organisation, None if form.has("all") else urns, now=now)
            good = [each for each in done if each.attested]
            audit(
                session,
                caller=caller,
                action="homes.attest",
                subject=good[0].urn if len(good) == 1 else f"{len(good)} homes",
                detail={"urns": [each.urn for each in good]},
                at=now,
            )
        failed = [each for each in done if not each.attested or each.why]
        if failed or not done:
            return page(
                request, "provider/unchanged.html", good=good, failed=failed, back={"href": back, "text": "Back"}
            )
        to = f"{back}?done=confirmed" if back != "/homes" else f"/homes?confirmed={len(good)}"
        return Done(to, tuple(each.urn for each in good[:50]))

    return await carry_out(request, work)
