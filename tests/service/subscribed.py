"""Subscriptions as rows, and a receiver of webhooks that does what a test tells it to."""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson
from aiohttp import web
from sqlmodel import Session, col, select

from placefeed.service.access.keys import issue
from placefeed.service.channels.subscriptions import webhook_secrets
from placefeed.service.channels.subscriptions.notices import beginning
from placefeed.service.config import Settings
from placefeed.service.db import Database, secret_of, tell
from placefeed.service.tables import ApiKey, Notice, Organisation, Subscription

SECRET = "whsec_" + "c2VjcmV0IG9mIDMyIGJ5dGVzIGZvciBhbGwgdGVzdHMh"


def key_of(session: Session, organisation: str, *, role: str, now: datetime) -> str:
    """The id of the organisation's key, made at its first use."""
    known = session.exec(select(ApiKey.id).where(ApiKey.organisation_id == organisation, ApiKey.role == role)).first()
    if known is not None:
        return known
    return issue(session, organisation_id=organisation, role=role, secret=b"s" * 40, now=now)[1].id


def subscribe(
    session: Session,
    settings: Settings,
    organisation: str,
    *,
    now: datetime,
    id: str = "sub-1",
    url: str = "http://127.0.0.1:9/hook",
    role: str = "member",
    state: str = "active",
    start: int | None = None,
    **document: Any,
) -> Subscription:
    """A subscription of this organisation; by webhook unless `email` is given."""
    if session.get(Organisation, organisation) is None:
        session.add(Organisation(id=organisation, kind=role, name=organisation.title(), created_at=now))
        session.flush()
    begins = beginning(session)
    channel = "email" if "email" in document else "webhook"
    row = Subscription(
        id=id,
        organisation_id=organisation,
        role=role,
        key_id=key_of(session, organisation, role=role, now=now),
        channel=channel,
        document={"channel": channel, **({"url": url} if channel == "webhook" else {}), **document},
        state=state,
        created_at=now,
        changed_at=now,
        epoch=begins.epoch,
        start=begins.position if start is None else start,
    )
    webhook_secrets.keep(row, [webhook_secrets.Secret(SECRET)], secret=secret_of(settings))
    session.add(row)
    session.flush()
    tell(session, "subscription")
    return row


def notices(database: Database, subscription: str = "sub-1") -> list[Notice]:
    """All notices of a subscription, in order."""
    with database.read() as session:
        return list(session.exec(select(Notice).where(Notice.subscription_id == subscription).order_by(col(Notice.id))))


def row_of(database: Database, subscription: str = "sub-1") -> Subscription:
    """The row as it is now."""
    with database.read() as session:
        return session.get_one(Subscription, subscription)


@dataclass
class Heard:
    """One request that came."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def document(self) -> dict[str, Any]:
        return orjson.loads(self.body)

    @property
    def data(self) -> dict[str, Any]:
        return self.document["data"]


Answer = Callable[[web.Request, Heard], Awaitable[web.StreamResponse]]


async def take(_request: web.Request, _heard: Heard) -> web.StreamResponse:
    """204."""
    return web.Response(status=204)


@dataclass
class Receiver:
    """A server on loopback. `answer` may be replaced at any time; `heard` is all that came, in order."""

    answer: Answer = take
    heard: list[Heard] = field(default_factory=list)
    url: str = ""

    def says(self, status: int, **headers: str) -> None:
        """Answer everything with a status."""

        async def answer(_request: web.Request, _heard: Heard) -> web.StreamResponse:
            return web.Response(status=status, headers=headers, text=f"answer {status}")

        self.answer = answer

    def events(self, path: str | None = None) -> list[Heard]:
        """The messages of events among what came."""
        return [
            each
            for each in list(self.heard)
            if each.document["type"] == "subscription.events" and path in (None, each.path)
        ]


@contextmanager
def receiver() -> Iterator[Receiver]:
    """A running receiver."""
    here = Receiver()
    ready = threading.Event()
    running: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []

    async def handle(request: web.Request) -> web.StreamResponse:
        heard = Heard(request.path, dict(request.headers), await request.read())
        here.heard.append(heard)
        return await here.answer(request, heard)

    async def main() -> None:
        stop = asyncio.Event()
        running.append((asyncio.get_running_loop(), stop))
        app = web.Application(client_max_size=1 << 20)
        app.router.add_route("*", "/{tail:.*}", handle)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port = site._server.sockets[0].getsockname()[1]  # type: ignore[union-attr]
        here.url = f"http://127.0.0.1:{port}"
        ready.set()
        await stop.wait()
        await runner.cleanup()

    thread = threading.Thread(target=asyncio.run, args=(main(),), daemon=True)
    thread.start()
    assert ready.wait(10)
    try:
        yield here
    finally:
        loop, stop = running[0]
        loop.call_soon_threadsafe(stop.set)
        thread.join(10)
