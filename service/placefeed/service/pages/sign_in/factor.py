"""Switch the second factor on, with an app's code, and off again."""

from fastapi import APIRouter
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import Response

from placefeed.service.access import lockout, second_factor
from placefeed.service.access.sign_ins import Visitor
from placefeed.service.errors import Invalid, TooManyRequests
from placefeed.service.pages.forms import Form, of_refusal, summary
from placefeed.service.pages.render import page, see
from placefeed.service.pages.sign_in.session import secret
from placefeed.service.pages.visitors import SignedIn
from placefeed.service.running.origin import KNOWN_BROWSER, cookie_of
from placefeed.service.running.parts import exchange_of

router = APIRouter(include_in_schema=False, default_response_class=Response)

BACK = {"href": "/account", "text": "Back to your account"}


@router.get("/account/second-factor")
def show(request: Request, visitor: SignedIn) -> Response:
    """What to put into the app, or how to switch it off. Opening it changes nothing: the secret goes back with the form."""
    if visitor.second_factor:
        return _off(request, {})
    exchange = exchange_of(request)
    text, sealed = second_factor.propose(visitor.person_id, secret=secret(exchange))
    return _enrol(request, visitor, text, sealed, {})


@router.post("/account/second-factor")
def enrol(request: Request, visitor: SignedIn, form: Form) -> Response:
    """A right code switches it on; the recovery codes are shown this once."""
    exchange = exchange_of(request)
    sealed = form.text("proposed")
    try:
        with exchange.database.write() as session:
            codes = second_factor.enrol(
                session, visitor.person_id, sealed, form.text("code"), secret=secret(exchange), now=exchange.clock()
            )
    except Invalid as error:
        if visitor.second_factor:
            return see(request, "/account/second-factor")
        wrong = of_refusal(error, ["code"])
        try:
            text = second_factor.proposed(visitor.person_id, sealed, secret=secret(exchange))
        except Invalid:
            text, sealed = second_factor.propose(visitor.person_id, secret=secret(exchange))
        return _enrol(request, visitor, text, sealed, wrong, status=422)
    return page(request, "sign_in/recovery_codes.html", codes=codes)


@router.post("/account/second-factor/off")
def switch_off(request: Request, visitor: SignedIn, form: Form) -> Response:
    """A code of it, or a recovery code, switches it off."""
    exchange = exchange_of(request)
    now, key = exchange.clock(), secret(exchange)
    if not visitor.second_factor:
        return see(request, "/account/second-factor")
    try:
        with exchange.database.write() as session:
            lockout.try_code(
                session, digest=visitor.sign_in_id.encode(), person_id=visitor.person_id, email=visitor.email,
                cookie=cookie_of(request, exchange.settings, KNOWN_BROWSER), secret=key, now=now,
            )  # fmt: skip
    except TooManyRequests as error:
        return _off(request, {"code": "There were too many tries. Wait 15 minutes."}, status=error.status)
    with exchange.database.write() as session:
        right = second_factor.verify(session, visitor.person_id, form.text("code"), secret=key, now=now)
        if right:
            second_factor.switch_off(session, visitor.person_id, by=visitor.acting, now=now)
    if not right:
        return _off(request, {"code": second_factor.WRONG}, status=422)
    return see(request, "/account?done=second-factor")


def _off(request: Request, wrong: dict[str, str], *, status: int = 200) -> Response:
    return page(request, "sign_in/second_factor_off.html", status=status, wrong=wrong, errors=summary(wrong), back=BACK)


def _enrol(
    request: Request, visitor: Visitor, text: str, sealed: str, wrong: dict[str, str], *, status: int = 200
) -> Response:
    return page(
        request, "sign_in/second_factor.html", status=status, picture=picture_of(second_factor.uri_of(text, visitor.email)),
        text=" ".join(text[start : start + 4] for start in range(0, len(text), 4)), sealed=sealed, wrong=wrong,
        errors=summary(wrong), back=None if visitor.must_enrol else BACK,
    )  # fmt: skip


def picture_of(uri: str) -> Markup:
    """The QR code as an inline picture without any style: the pages' policy forbids those."""
    import segno

    drawn = segno.make(uri, error="m", micro=False)
    made = drawn.svg_inline(
        scale=1, border=4, dark="#000", light="#fff", svgclass="pf-qr", lineclass=None, omitsize=True
    )
    return Markup(made.replace("<svg ", '<svg role="img" aria-label="QR code for your authenticator app" ', 1))  # noqa: S704 - drawn here
