"""The e-mails of this room: plain text in plain words, from templates/sign_in/letters; sent after the answer, so that its time says nothing."""

import secrets
from functools import cache
from typing import Any

import structlog
from jinja2 import Environment, PackageLoader, StrictUndefined

from placefeed.service.channels.subscriptions import mail
from placefeed.service.pages.words import FILTERS
from placefeed.service.running.parts import Exchange

log = structlog.get_logger(__name__)

SUBJECTS = {
    "invitation.txt": "You are invited to Placefeed",
    "new-password.txt": "Choose a new password for Placefeed",
    "other-sign-in.txt": "How you sign in to Placefeed",
    "password-changed.txt": "Your Placefeed password was changed",
}


@cache
def _environment() -> Environment:
    made = Environment(
        loader=PackageLoader("placefeed.service.pages", "templates/sign_in/letters"),
        autoescape=False,  # noqa: S701 - plain text
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    made.filters |= FILTERS
    return made


def letter(template: str, *, to: str, **context: Any) -> mail.Letter:
    """A letter to one address."""
    return mail.Letter(
        to=to,
        subject=SUBJECTS[template],
        text=_environment().get_template(template).render(**context),
        message=f"{template.removesuffix('.txt')}.{secrets.token_hex(12)}",
    )


async def send(exchange: Exchange, written: mail.Letter) -> bool:
    """Send it; whether the mail server took it. What went wrong stands in the log, without the address."""
    outcome = await mail.send(written, settings=exchange.settings, now=exchange.clock())
    if not outcome.ok:
        log.warning("a letter could not be sent", subject=written.subject, error=outcome.error)
    return outcome.ok
