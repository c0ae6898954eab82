"""A real mail server on this machine, for tests: takes, refuses, dawdles or drops, with and without encryption and passwords."""

import asyncio
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

USER, PASSWORD = "placefeed", "p@ss:word"


@dataclass
class Inbox:
    """What the server took, and how it behaves: `refuse` answers by address, `at_data` to any message."""

    port: int = 0
    refuse: dict[str, str] = field(default_factory=dict)
    at_data: str | None = None
    drop_at: str | None = None  # "data": the connection is cut before an answer; "quit": after it
    slow: float = 0.0
    taken: list[EmailMessage] = field(default_factory=list)
    logins: list[tuple[str, bool]] = field(default_factory=list)  # user, and whether the line was encrypted

    async def handle_RCPT(self, server: SMTP, session: Any, envelope: Any, address: str, _options: Any) -> str:  # noqa: N802 - the library looks for this name
        if address in self.refuse:
            return self.refuse[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Any, envelope: Any) -> str:  # noqa: N802 - the library looks for this name
        if self.slow:
            await asyncio.sleep(self.slow)
        if self.drop_at == "data":
            server.transport.abort()
            return ""
        if self.at_data is not None:
            return self.at_data
        message = message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(message, EmailMessage)
        self.taken.append(message)
        return "250 Taken"

    async def handle_QUIT(self, server: SMTP, session: Any, envelope: Any) -> str:  # noqa: N802 - the library looks for this name
        if self.drop_at == "quit":
            server.transport.abort()
        return "221 Bye"

    def authenticate(self, server: SMTP, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
        assert isinstance(data, LoginPassword)
        user = data.login.decode()
        self.logins.append((user, session.ssl is not None))
        return AuthResult(success=(user, data.password.decode()) == (USER, PASSWORD), handled=False)


class _Server(Controller):
    """Knows its connections, so that none is left when it ends."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.connections: list[SMTP] = []

    def factory(self) -> SMTP:
        made = super().factory()
        self.connections.append(made)
        return made

    def stop(self, no_assert: bool = False) -> None:
        asyncio.run_coroutine_threadsafe(self._part(), self.loop).result(timeout=20)
        super().stop(no_assert)

    async def _part(self) -> None:
        # After a failed handshake the library leaves the connection below the encryption open.
        for each in self.connections:
            for transport in (each.transport, each._original_transport):
                if transport is not None:
                    transport.abort()
        while any(each.transport is not None for each in self.connections):
            await asyncio.sleep(0.005)
        await asyncio.sleep(0.005)


@contextmanager
def mailbox(
    *,
    certificate: tuple[Path, Path] | None = None,
    implicit: bool = False,
    starttls: bool = False,
    password: bool = False,
) -> Iterator[Inbox]:
    """A server for the time of the block."""
    inbox = Inbox()
    context = None
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*certificate)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        inbox.port = free.getsockname()[1]
    options: dict[str, Any] = {"tls_context": context if starttls else None}
    if password:
        options |= {"authenticator": inbox.authenticate, "auth_require_tls": False}
    controller = _Server(
        inbox,
        hostname="127.0.0.1",
        port=inbox.port,
        ssl_context=context if implicit else None,
        ready_timeout=20,
        **options,
    )
    controller.start()
    try:
        yield inbox
    finally:
        controller.stop()


def certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate of our own making for this machine: itself what it must be trusted by."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mail.example")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    paths = folder / "mail.pem", folder / "mail.key"
    paths[0].write_bytes(made.public_bytes(serialization.Encoding.PEM))
    paths[1].write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return paths


def part(message: EmailMessage, kind: str) -> str:
    """The text of the first part of a kind."""
    found = next(each for each in message.walk() if each.get_content_type() == kind)
    assert isinstance(found, EmailMessage)
    content = found.get_content()
    return (content if isinstance(content, str) else content.decode("utf-8-sig")).replace("\r\n", "\n")


def wait_for(done: Callable[[], bool], *, seconds: float = 30.0) -> None:
    """Wait until it is so."""
    import time

    deadline = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.02)
