"""`/policy`: which grades an organisation hides by default; and `/list/hidden`: to see them knowingly, for a reason, until sign-out."""

from typing import Annotated, Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from placefeed.schema.codelists import codelist
from placefeed.service.access import people, policies
from placefeed.service.access.sign_ins import Visitor
from placefeed.service.access.who import MEMBER
from placefeed.service.errors import Invalid, NotFound
from placefeed.service.pages.forms import Fields, Form, of_refusal, summary
from placefeed.service.pages.listings.common import desk
from placefeed.service.pages.render import page, see
from placefeed.service.pages.visitors import MemberManager, visit
from placefeed.service.pages.words import title_of
from placefeed.service.running.parts import exchange_of

router = APIRouter(include_in_schema=False, default_response_class=Response)

Member = Annotated[Visitor, visit(MEMBER, scope="list")]


@router.get("/policy")
def read_policy(request: Request, visitor: Member) -> Response:
    """What the organisation hides, for everybody in it; a manager can change it here."""
    return _policy(request, visitor, saved="saved" in request.query_params)


@router.post("/policy")
def change_policy(request: Request, visitor: MemberManager, form: Form) -> Response:
    """Hide what is ticked, and nothing else."""
    exchange = exchange_of(request)
    chosen = policies.usual().hidden if form.has("usual") else form.all("hidden")
    try:
        with exchange.database.write() as session:
            policies.set_policy(session, visitor, chosen, now=exchange.clock())
    except Invalid as error:
        return _policy(request, visitor, errors=of_refusal(error, ["hidden"]))
    return see(request, "/policy?saved=1")


def _policy(
    request: Request, visitor: Visitor, *, errors: dict[str, str] | None = None, saved: bool = False
) -> Response:
    exchange = exchange_of(request)
    with exchange.database.read() as session:
        hides = policies.get_policy(session, visitor.place.organisation_id if visitor.place else "")
        by = None
        if hides.changed_by:
            try:
                by = people.get(session, hides.changed_by).name
            except NotFound:
                by = "somebody who is no longer here"
    return page(
        request,
        "listings/policy.html",
        status=422 if errors else 200,
        errors=summary(errors or {}),
        hides=hides,
        by=by,
        frameworks=_frameworks(hides.hidden),
        may_change=visitor.manages,
        saved=saved,
    )


def _frameworks(hidden: frozenset[str]) -> list[dict[str, Any]]:
    """The frameworks with their grades: those in use first; for each aspect that is graded a group of its own."""
    found = []
    for framework in codelist("frameworks").rows:
        code = framework["code"]
        groups = []
        for aspect in ("overall", *policies.ASPECTS.get(code, ())):
            infix = "" if aspect == "overall" else f"/{aspect}"
            names = [
                (f"{code}{infix}:{row['code']}", row["title"])
                for row in codelist("judgements").rows
                if row["framework"] == code
            ]
            groups.append(
                {"title": title_of(aspect, "aspects"), "items": [(name, text, name in hidden) for name, text in names]}
            )
        chosen = sum(bool(on) for group in groups for _name, _text, on in group["items"])
        found.append({**framework, "groups": groups, "chosen": chosen})
    return sorted(found, key=lambda each: each["deprecated"] == "yes")


@router.get("/list/hidden")
def ask_reason(request: Request, visitor: Member) -> Response:
    """Ask why somebody wants to see what their organisation hides."""
    return _reasons(request, visitor, request.scope["query_string"].decode("latin-1"))


@router.post("/list/hidden")
def show_hidden(request: Request, visitor: Member, form: Form) -> Response:
    """Show it from now on in this session. The reason goes into the audit, with who gave it."""
    exchange = exchange_of(request)
    try:
        with exchange.database.write() as session:
            policies.show_knowingly(session, visitor, form.text("reason"), form.text("more"), now=exchange.clock())
    except Invalid as error:
        return _reasons(request, visitor, form.text("query"), form, of_refusal(error, ["reason", "more"]))
    return see(request, _list(request, visitor, form.text("query")))


@router.post("/list/hidden/again")
def hide_again(request: Request, visitor: Member, form: Form) -> Response:
    """Hide it again."""
    exchange = exchange_of(request)
    with exchange.database.write() as session:
        policies.hide_again(session, visitor, now=exchange.clock())
    return see(request, _list(request, visitor, form.text("query")))


def _list(request: Request, visitor: Visitor, query: str) -> str:
    """The list with a filter that a form carried: read and written anew, so that nothing else comes into the address."""
    kept = desk(request, visitor, query).asked.query
    return f"/list?{kept}" if kept else "/list"


def _reasons(
    request: Request,
    visitor: Visitor,
    query: str,
    form: Fields | None = None,
    errors: dict[str, str] | None = None,
) -> Response:
    at = desk(request, visitor, query)
    wrong = errors or {}
    # What is refused because it speaks of a person is not shown again either.
    more = "" if form is None or "more" in wrong else form.text("more")
    return page(
        request,
        "listings/hidden.html",
        status=422 if wrong else 200,
        errors=summary(wrong),
        wrong=wrong,
        reasons=policies.REASONS,
        reason=form.text("reason") if form else "",
        more=more,
        longest=policies.LONGEST_REASON,
        query=at.asked.query,
        back={"href": f"/list?{at.asked.query}" if at.asked.query else "/list", "text": "Back to the list"},
    )
