"""What the e-mails of every kind share: their templates, and how they say a day and a moment."""

from datetime import date, datetime
from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from placefeed.service.clock import LONDON


@cache
def templates(package: str) -> Environment:
    """The templates in the folder `templates` of a package: text as it is, HTML escaped."""
    return Environment(
        loader=PackageLoader(package, "templates"),
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


def day(when: date) -> str:
    """1 July 2026"""
    return f"{when.day} {when:%B %Y}"


def moment(when: datetime) -> str:
    """1 July 2026, 15:00, by the clock in England."""
    local = when.astimezone(LONDON)
    return f"{day(local.date())}, {local:%H:%M}"
