"""What is reached over the network: the exchange at its own address, with the list that it shows, and the mail server."""

import re
import smtplib
import socket
import ssl
import time

import httpx2

from placefeed.service.channels.subscriptions import mail
from placefeed.service.checks import Finding, Patient, fail, ok, warn
from placefeed.service.publishing.log import head

PATIENCE = 3.0  # seconds for an answer, and for the list to catch up with the log
POSITION = re.compile(r"^placefeed_snapshot_position (\S+)$", re.MULTILINE)


def answering(patient: Patient) -> Finding:
    """Whether the exchange answers at its address, and how far the list in its memory is behind the log."""
    base = patient.settings.base_url.rstrip("/")
    with patient.database.read() as session:
        reached = head(session).position
    ends = time.monotonic() + PATIENCE
    while True:
        try:
            told = httpx2.get(f"{base}/metrics", timeout=PATIENCE)
        except httpx2.HTTPError as error:
            return warn(
                "list", f"The exchange does not answer at {base} ({type(error).__name__}).", "Start `placefeed serve`, or mend PLACEFEED_BASE_URL."
            )  # fmt: skip
        found = POSITION.search(told.text) if told.status_code == httpx2.codes.OK else None
        if found is None:
            return ok("list", f"{base} answers; how far its list is cannot be read from here (/metrics is closed).")
        position = int(float(found[1]))
        if position >= reached:
            return ok("list", f"The list at {base} is at position {position:,}, that of the log.")
        if time.monotonic() > ends:
            return fail(
                "list",
                f"The list at {base} is at position {position:,}, the log at {reached:,}.",
                "Look in the log of the process for “the list could not be brought up to date”.",
            )
        time.sleep(0.1)


def mail_server(patient: Patient) -> Finding | None:
    """Whether the mail server answers: connects and greets, no more."""
    if not mail.configured(patient.settings):
        return None
    try:
        server = mail.server_of(patient.settings)
    except ValueError as error:
        return fail("mail", str(error), "Mend PLACEFEED_SMTP_URL.")
    where = f"{server.host}:{server.port}"
    us = socket.gethostname()  # the library would ask the DNS for it
    try:
        with (
            smtplib.SMTP_SSL(server.host, server.port, us, timeout=PATIENCE, context=ssl.create_default_context())
            if server.tls
            else smtplib.SMTP(server.host, server.port, us, timeout=PATIENCE)
        ) as smtp:
            code, _greeting = smtp.ehlo()
            encrypts = server.tls or smtp.has_extn("starttls")
    except (OSError, smtplib.SMTPException) as error:
        reason = getattr(error, "strerror", None) or type(error).__name__
        return fail(
            "mail",
            f"The mail server {where} does not answer ({reason}).",
            "Mend PLACEFEED_SMTP_URL, or let this machine reach it.",
        )
    if code != 250:
        return fail("mail", f"The mail server {where} refuses our greeting ({code}).", "Ask who runs it.")
    if server.user and not encrypts:
        return fail(
            "mail",
            f"The mail server {where} does not encrypt, so no password is sent to it.",
            "Use smtps://, or a server with STARTTLS.",
        )
    return ok("mail", f"The mail server {where} answers.")


CHECKS = (answering, mail_server)
