"""E-mail by SMTP: one message to one address, and what the mail server said to it."""

import asyncio
import contextlib
import ipaddress
from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP as SMTP_POLICY
from email.utils import format_datetime, parseaddr
from urllib.parse import unquote, urlsplit

import aiosmtplib

from placefeed.service.channels.subscriptions.outcomes import Outcome
from placefeed.service.config import Settings

STEPS = 3  # a mail server answers each command within the time allowed, and all of them within three times that
TURNS = 4  # of the loop, until a closed connection is gone
LONGEST_ANSWER = 500  # characters of what the server said
NOT_SET_UP = "This exchange sends no e-mails: no mail server is set up. Use a webhook, or ask the operator."


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file of text that goes along."""

    name: str
    subtype: str  # of text/
    content: bytes


@dataclass(frozen=True, slots=True)
class Letter:
    """What is to be sent, to whom. `message` becomes the Message-ID: the same over all attempts."""

    to: str
    subject: str
    text: str
    message: str
    html: str | None = None
    attachments: tuple[Attachment, ...] = ()
    about: str | None = None  # the subscription, for who wants no more of it
    unsubscribe: str | None = None  # an address that ends such letters by one POST (RFC 8058)


@dataclass(frozen=True, slots=True)
class Server:
    """Where mail is handed in. With a password the connection is always encrypted and the certificate checked."""

    host: str
    port: int
    tls: bool  # from the first byte; else STARTTLS
    user: str | None = None
    password: str | None = None

    @property
    def start_tls(self) -> bool | None:
        """True: must; None: where it is offered; False: it is encrypted already."""
        return False if self.tls else (True if self.user else None)


def configured(settings: Settings) -> bool:
    """Whether there is a mail server at all."""
    return settings.smtp_url is not None


def server_of(settings: Settings) -> Server:
    """The mail server of the settings. Raises ValueError where there is none or its URL can't be read, without repeating it."""
    if settings.smtp_url is None:
        raise ValueError(NOT_SET_UP)
    try:
        parts = urlsplit(settings.smtp_url.get_secret_value())
        port = parts.port
    except ValueError:
        raise ValueError("PLACEFEED_SMTP_URL cannot be read.") from None
    if parts.scheme not in ("smtp", "smtps") or not parts.hostname:
        raise ValueError("PLACEFEED_SMTP_URL begins with smtp:// or smtps:// and names a host.")
    tls = parts.scheme == "smtps"
    return Server(
        host=parts.hostname,
        port=port or (465 if tls else 587 if parts.username else 25),
        tls=tls,
        user=unquote(parts.username) if parts.username else None,
        password=unquote(parts.password) if parts.password else None,
    )


def compose(letter: Letter, *, settings: Settings, now: datetime) -> EmailMessage:
    """The message as it goes out. Raises ValueError where a header would hold a line break: nobody can add headers."""
    mail = EmailMessage(policy=SMTP_POLICY)
    mail["From"] = settings.mail_from
    mail["To"] = letter.to
    mail["Subject"] = letter.subject
    mail["Date"] = format_datetime(now)
    mail["Message-ID"] = f"<{letter.message}@{own_host(settings).strip('[]')}>"
    mail["Auto-Submitted"] = "auto-generated"  # RFC 3834: nobody's absence note comes back
    mail["X-Auto-Response-Suppress"] = "All"
    if letter.about is not None:
        helper = parseaddr(settings.operator_email or settings.mail_from)[1]
        mail["List-Unsubscribe"] = f"<mailto:{helper}?subject=Unsubscribe%20{letter.about}>"
    if letter.unsubscribe is not None:
        mail["List-Unsubscribe"] = f"<{letter.unsubscribe}>"
        mail["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    mail.set_content(letter.text, cte="quoted-printable")
    if letter.html is not None:
        mail.add_alternative(letter.html, subtype="html", cte="quoted-printable")
    for attachment in letter.attachments:
        mail.add_attachment(
            attachment.content,
            maintype="text",
            subtype=attachment.subtype,
            filename=attachment.name,
            params={"charset": "utf-8"},
        )
    return mail


def own_host(settings: Settings) -> str:
    """The name by which we greet a mail server; looked up nowhere."""
    host = urlsplit(settings.base_url).hostname or "localhost"
    with contextlib.suppress(ValueError):
        return f"[{ipaddress.ip_address(host)}]" if "." in host else f"[IPv6:{ipaddress.ip_address(host)}]"
    return host


async def send(letter: Letter, *, settings: Settings, now: datetime) -> Outcome:
    """Hand the letter to the mail server. Never raises for what happens outside.

    4xx is for later. 5xx to the address or to the message itself is for good (`gone`); 5xx before that is about us, not
    about the receiver, and is tried again like any other failure.
    """
    try:
        server = server_of(settings)
        raw = compose(letter, settings=settings, now=now).as_bytes()
    except ValueError as error:
        return Outcome(ok=False, error=str(error))
    try:
        async with asyncio.timeout(settings.deliver_timeout * STEPS):
            said = await _hand_in(server, parseaddr(settings.mail_from)[1], letter.to, raw, settings)
    except aiosmtplib.SMTPRecipientsRefused as error:
        refused = error.recipients[0]
        return _refused(refused.code, refused.message, "The mail server does not take this address.", for_good=True)
    except aiosmtplib.SMTPDataError as error:
        return _refused(error.code, error.message, "The mail server does not take this message.", for_good=True)
    except aiosmtplib.SMTPAuthenticationError as error:
        return _refused(error.code, error.message, "The mail server does not take our password.", for_good=False)
    except aiosmtplib.SMTPResponseException as error:
        return _refused(error.code, error.message, "The mail server does not take mail from us.", for_good=False)
    except TimeoutError:
        return Outcome(ok=False, error="The mail server did not answer in time.")
    except (aiosmtplib.SMTPException, OSError) as error:
        return Outcome(ok=False, error=f"The mail server could not be reached ({type(error).__name__}).")
    return Outcome(ok=True, status=250, answer=said[:LONGEST_ANSWER])


async def _hand_in(server: Server, sender: str, to: str, raw: bytes, settings: Settings) -> str:
    client = aiosmtplib.SMTP(
        hostname=server.host,
        port=server.port,
        username=server.user,
        password=server.password,
        use_tls=server.tls,
        start_tls=server.start_tls,
        # A relay next door often has a certificate of its own making: encryption that is merely offered is not checked.
        validate_certs=server.tls or server.user is not None,
        local_hostname=own_host(settings),
        timeout=settings.deliver_timeout,
    )
    connection: asyncio.BaseTransport | None = None
    try:
        await client.connect()
        connection = client.transport
        _, said = await client.sendmail(sender, [to], raw)
        # What was taken stays taken, however the goodbye goes.
        with contextlib.suppress(aiosmtplib.SMTPException, OSError, TimeoutError):
            await client.quit()
        return said
    finally:
        client.close()
        if isinstance(connection, asyncio.WriteTransport):
            connection.abort()  # all that matters was answered: the encryption's own goodbye is not waited for
        for _ in range(TURNS):  # the loop may end with us: let it close what we have closed
            await asyncio.sleep(0)


def _refused(code: int, message: str, error: str, *, for_good: bool) -> Outcome:
    return Outcome(
        ok=False, status=code, error=error, answer=_one_line(message)[:LONGEST_ANSWER], gone=for_good and code >= 500
    )


def _one_line(text: str) -> str:
    return " ".join("".join(character if character.isprintable() else " " for character in text).split())
