"""The e-mails of this room: plain text in plain words, from templates/sign_in/letters; sent after the answer, so that its time says nothing."""

import secrets
from functools import cache
from typing import Any

import structlog
from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.background import BackgroundTask
from starlette.responses import Response

from placefeed.service.channels.subscriptions import mail
from placefeed.service.pages.words import FILTERS
from placefeed.service.running.parts import Exchange
from placefeed.service.tables import Person

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


def tell_of_new_password(exchange: Exchange, response: Response, person: Person) -> None:
    """After this answer, tell somebody by e-mail that their password was changed: if it was not they who did, they hear of it."""
    if mail.configured(exchange.settings):
        told = letter("password-changed.txt", to=person.email, name=person.name, base=exchange.settings.base_url)
        response.background = BackgroundTask(send, exchange, told)


async def send(exchange: Exchange, written: mail.Letter) -> bool:
    """Send it; whether the mail server took it. What went wrong stands in the log, without the address."""
    outcome = await mail.send(written, settings=exchange.settings, now=exchange.clock())
    if not outcome.ok:
        log.warning("a letter could not be sent", subject=written.subject, error=outcome.error)
    return outcome.ok
