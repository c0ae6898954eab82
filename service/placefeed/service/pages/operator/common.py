"""What the rooms of the control share: what a list's address asks, forms as they were filled in, and the audit of a change."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import Path
from sqlmodel import Session
from starlette.requests import Request
from starlette.responses import Response

from placefeed.service.access import audit
from placefeed.service.access.sign_ins import Visitor
from placefeed.service.pages.forms import Fields, summary
from placefeed.service.pages.render import page
from placefeed.service.pages.words import counted
from placefeed.service.running.parts import exchange_of

MOST_PAGES = 10_000
RowId = Annotated[int, Path(ge=1, le=2**31 - 1)]
WAYS = {
    "push": "pushed through the API",
    "upload": "uploaded spreadsheets",
    "http": "a feed that we poll",
    "folder": "a watched folder",
    "sftp": "an SFTP folder",
    "rpde": "another exchange",
}
"""How sources speak, in words."""
UNITS = {"minutes": 60, "hours": 3600, "days": 86400}
_DAY = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})")
_ENGLISH_DAY = re.compile(r"(\d{1,2})[/. ](\d{1,2})[/. ](\d{4})")


class Asked:
    """What the address of a list asks for. What makes no sense counts as not asked; `errors` says so where a person typed it."""

    def __init__(self, request: Request) -> None:
        self._path = request.scope["path"]
        self._params = {
            name: value.replace("\0", "").strip()[:300] for name, value in request.query_params.items() if value.strip()
        }
        self.errors: dict[str, str] = {}

    def text(self, name: str) -> str:
        """One parameter, or ''."""
        return self._params.get(name, "")

    def one_of(self, name: str, allowed: Collection[str], default: str = "") -> str:
        """One parameter of a few words, or the default."""
        value = self.text(name)
        return value if value in allowed else default

    def day(self, name: str, what: str) -> date | None:
        """A day, or None where it is left out or is none; then `errors` says so."""
        text = self.text(name)
        found = parse_day(text)
        if text and found is None:
            self.errors[name] = f"{what} must be a real date, like 27/3/2026."
        return found

    def number(self, name: str) -> int | None:
        """An id, or None."""
        text = self.text(name)
        return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None

    @property
    def page(self) -> int:
        """Which page of the list, from 1."""
        return min(max(1, self.number("page") or 1), MOST_PAGES)

    def to(self, **changes: Any) -> str:
        """The same address with some parameters changed; None or '' takes one away. Another page begins at 1."""
        params = {**{name: value for name, value in self._params.items() if name != "page"}, **changes}
        query = urlencode({name: value for name, value in params.items() if value not in (None, "")})
        return f"{self._path}?{query}" if query else str(self._path)


@dataclass(slots=True)
class Filled:
    """A form as its page shows it: values by field, and what is wrong with some."""

    values: Mapping[str, Any] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)


def sent(fields: Fields, errors: dict[str, str] | None = None, *, secret: Collection[str] = ()) -> Filled:
    """A form as somebody sent it; what is `secret` is never sent back."""
    values: dict[str, Any] = {}
    for name, value in fields.pairs():
        if name not in secret:
            values[name] = value if name not in values else f"{values[name]}\n{value}"
    return Filled(values, errors if errors is not None else fields.errors)


def parse_day(text: str) -> date | None:
    """A day as browsers send it or as people write it; None where it is none."""
    whole, english = _DAY.fullmatch(text), _ENGLISH_DAY.fullmatch(text)
    try:
        if whole:
            return date(int(whole[1]), int(whole[2]), int(whole[3]))
        return date(int(english[3]), int(english[2]), int(english[1])) if english else None
    except ValueError:
        return None


def day_of(fields: Fields, name: str, what: str, *, needed: bool = True) -> date | None:
    """A day of a form; notes an error where it is missing or none."""
    text = fields.text(name)
    found = parse_day(text)
    if found is None and (text or needed):
        fields.wrong(name, f"{what} must be a real date, like 27/3/2026." if text else f"Enter {what.lower()}.")
    return found


def every(seconds: int | None) -> str:
    """A span of time in its largest whole unit, or ''."""
    if seconds is None:
        return ""
    unit = next((name for name, size in reversed(UNITS.items()) if seconds % size == 0), "minutes")
    return counted(-(-seconds // UNITS[unit]), unit.removesuffix("s"))


def room(request: Request, template: str, *, form: Filled | None = None, **context: Any) -> Response:
    """A page of the control; with a form that has errors it says so at its top and answers 422."""
    wrong = form.errors if form is not None else {}
    if wrong:
        context |= {"status": 422, "errors": summary(wrong)}
    return page(request, f"operator/{template}.html", form=form or Filled(), WAYS=WAYS, every=every, **context)


def note(
    request: Request,
    session: Session,
    visitor: Visitor,
    action: str,
    subject: str,
    detail: dict[str, Any] | None = None,
) -> None:
    """Put a change into the audit, in its own transaction."""
    audit.record(
        session, caller=visitor.caller, action=action, subject=subject, detail=detail, at=exchange_of(request).clock()
    )
