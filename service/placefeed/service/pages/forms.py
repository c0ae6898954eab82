"""Forms as they were sent, and what is wrong with them, field by field."""

from collections.abc import Iterable
from typing import Annotated, Any

from fastapi import Depends
from starlette.datastructures import FormData
from starlette.requests import Request

from placefeed.service.errors import PlacefeedError, UnsupportedMediaType

MOST_FIELDS = 1000
URLENCODED = "application/x-www-form-urlencoded"


class Fields:
    """The fields of a form, as text without blanks at their ends, and errors by field for the page to show again."""

    def __init__(self, sent: FormData) -> None:
        self._sent = sent
        self.errors: dict[str, str] = {}

    def text(self, name: str) -> str:
        """One field; '' where it is missing. Without NULs, which no database keeps in a text."""
        value = self._sent.get(name, "")
        return value.replace("\0", "").strip() if isinstance(value, str) else ""

    def raw(self, name: str) -> str:
        """One field exactly as it was sent: a password may have blanks."""
        value = self._sent.get(name, "")
        return value if isinstance(value, str) else ""

    def all(self, name: str) -> list[str]:
        """Every value of a field."""
        return [value.replace("\0", "") for value in self._sent.getlist(name) if isinstance(value, str)]

    def has(self, name: str) -> bool:
        """Whether the field was sent."""
        return name in self._sent

    def pairs(self) -> list[tuple[str, str]]:
        """All fields in order."""
        return [(name, value) for name, value in self._sent.multi_items() if isinstance(value, str)]

    def whole(self, name: str, *, least: int = 0, most: int = 999, what: str) -> int | None:
        """A whole number, or None where it is left out; notes an error where it is none."""
        text = self.text(name).replace(",", "")
        if not text:
            return None
        if not (text.isascii() and text.isdigit() and len(text) < 10 and least <= int(text) <= most):
            self.errors[name] = f"{what} must be a whole number from {least} to {most}."
            return None
        return int(text)

    def wrong(self, name: str, why: str) -> None:
        """Note what is wrong with a field; the first thing counts."""
        self.errors.setdefault(name, why)


async def read_form(request: Request) -> Fields:
    """The form of a request. Raises UnsupportedMediaType for anything else, and TooLarge by the edge's limit."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != URLENCODED:
        raise UnsupportedMediaType("Send the form from its page.")
    return Fields(await request.form(max_files=0, max_fields=MOST_FIELDS))


Form = Annotated[Fields, Depends(read_form)]


def summary(errors: dict[str, str]) -> list[dict[str, str]]:
    """The error summary at the top of a page: each leads to its field, whose id is its name."""
    return [{"text": text, "href": f"#{name}"} for name, text in errors.items()]


def of_refusal(error: PlacefeedError, fields: Iterable[str] = ()) -> dict[str, str]:
    """What an operation refused, by field: its `pointer` or `parameter` names one, or else the first field gets it."""
    known = list(fields)
    found: dict[str, str] = {}
    details: list[dict[str, Any]] = error.errors or [{}]
    for detail in details:
        name = str(detail.get("pointer", detail.get("parameter", ""))).strip("/").partition("/")[0]
        text = " ".join(part for part in (detail.get("detail"), detail.get("advice")) if part) or str(error)
        found.setdefault(name if name in known else (known[0] if known else "main"), text)
    return found
