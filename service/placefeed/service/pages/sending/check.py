"""Check a feed before it is sent, for anybody: pasted, uploaded or by its address. Nothing of it is kept."""

from collections.abc import AsyncIterator, Mapping
from pathlib import PurePath
from typing import Annotated, Final

from anyio.to_thread import run_sync
from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from placefeed.client._wire import MEDIA_TYPES
from placefeed.service.errors import Invalid, Unavailable
from placefeed.service.intake import checking
from placefeed.service.pages.forms import Fields, of_refusal, summary
from placefeed.service.pages.render import page
from placefeed.service.pages.sending import telling
from placefeed.service.pages.sending.files import MemoryForm, Sent
from placefeed.service.pages.visitors import Anybody
from placefeed.service.running.limits import RateLimiter
from placefeed.service.running.parts import Exchange, exchange_of

router = APIRouter(include_in_schema=False, default_response_class=Response)

A_MINUTE: Final = 20  # checks from one address
AT_ONCE: Final = 10  # in one process
NAMES: Final = {
    "feed": "A feed or a spreadsheet",
    "list": "A list of listings",
    "page": "A page of a change feed",
}
WOULD: Final = {"taken": "good", "not taken": "to mend"}
KINDS: Final = [
    {"value": kind, "text": NAMES.get(kind, f"One {kind} alone, as JSON")}
    for kind in sorted(checking.KINDS, key=lambda kind: (kind != "feed", kind))
]


class Checks(RateLimiter):
    """How often an address may have something checked, which takes seconds where a page takes milliseconds, and how many at a
    time: each holds a file in memory."""

    under_way = 0


async def limited(request: Request) -> AsyncIterator[None]:
    """Before the body is read: refuse who asks too often. Raises TooManyRequests, or Unavailable where too many ask."""
    exchange = exchange_of(request)
    checks = exchange.keep(Checks, lambda: Checks(min(A_MINUTE, exchange.settings.rate_per_minute)))
    checks.take(request.client.host if request.client else "")
    if checks.under_way >= AT_ONCE:
        raise Unavailable("Many documents are being checked just now. Try again soon.", headers={"Retry-After": "30"})
    checks.under_way += 1  # on the loop's own thread, as below
    try:
        yield
    finally:
        checks.under_way -= 1


@router.get("/check")
def ask(request: Request, _visitor: Anybody) -> Response:
    """The form."""
    return _page(request)


@router.post("/check")
async def check(
    request: Request, _visitor: Anybody, _limited: Annotated[None, Depends(limited)], form: MemoryForm
) -> Response:
    """The verdict, as this answer alone: it is not kept, and so it has no address to go on to."""
    return await run_sync(_checked, request, exchange_of(request), form)


def _checked(request: Request, exchange: Exchange, form: Sent) -> Response:
    fields = form.fields
    try:
        content, content_type, called = _document(exchange, form)
        found = checking.check(
            content, content_type=content_type, kind=fields.text("kind") or "feed", now=exchange.clock()
        )
    except Invalid as error:
        return _page(request, errors=of_refusal(error, ("file", "paste", "link", "kind")), sent=fields)
    report = found.report
    names: Mapping[str, str] = {}
    return page(
        request,
        "sending/checked.html",
        found=found,
        report=report,
        called=called,
        causes=telling.causes(report, headings=found.headings, names=names),
        counts=[(WOULD.get(words, words), number) for words, number in telling.counts(report)],
        personal=[each for each in report["issues"] if each["rule"].startswith("personal-")],
    )


def _document(exchange: Exchange, form: Sent) -> tuple[bytes, str, str]:
    """What is to be checked: its bytes, their form, and what to call it. Raises Invalid unless one thing was given."""
    file, pasted, link = form.file, form.fields.raw("paste"), form.fields.text("link")
    given = [
        what for what, there in (("file", file is not None), ("paste", bool(pasted.strip())), ("link", link)) if there
    ]
    if len(given) > 1:
        why = "Give one thing at a time: a file, a text or a web address."
        raise Invalid(why, errors=[{"pointer": f"/{given[1]}", "detail": why}])
    if file is not None:
        known = MEDIA_TYPES.get(PurePath(file.name).suffix.lower())
        return file.read(), known or file.content_type, "your file"
    if link:
        fetched = checking.fetch(link, settings=exchange.settings)
        return fetched.content, fetched.content_type, "what stands at this address"
    if not given:
        why = "Choose a file, paste a text or enter a web address."
        raise Invalid(why, errors=[{"pointer": "/file", "detail": why}])
    text = pasted.encode("utf-8", "replace")
    return text, checking.kind_of_text(text), "what you pasted"


def _page(request: Request, *, errors: Mapping[str, str] | None = None, sent: Fields | None = None) -> Response:
    wrong = dict(errors or {})
    return page(
        request,
        "sending/check.html",
        status=422 if wrong else 200,
        errors=summary(wrong),
        wrong=wrong,
        kinds=KINDS,
        kind=sent.text("kind") if sent else "",
        link=sent.text("link") if sent else "",
    )
