"""A receiver of webhooks, whole: it checks each message, leaves out what it had, and reads again what it missed.

    pip install placefeed fastapi uvicorn
    export PLACEFEED_URL=https://exchange.example PLACEFEED_KEY=...
    placefeed subscribe create webhook https://you.example/placefeed --la E06000023     # says an id, and a secret once
    export PLACEFEED_WEBHOOK_SECRET=whsec_...
    uvicorn --factory receiver:create_app --port 8080           # one process, behind your https
    placefeed subscribe resume ID                               # the handshake once more, now that somebody is there

Put your own work into `deal_with`.
"""

import asyncio
import os
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI, Request, Response

from placefeed.client import AsyncMember, NotGenuine, verify_webhook

LARGEST = 64 * 1024  # bytes; the exchange sends at most 20,000
KEEP = 7 * 24 * 3600  # seconds for which a message's id is known; the exchange tries for about four days

Event = dict[str, Any]


def deal_with(event: Event) -> None:
    """Your own work. It may get the same event twice: when it, or this machine, fell over in between.

    `lost` is no event of the exchange's: it says that what happened then is not to be had any more. Read the list anew.
    """
    print(event["number"], event["type"], event.get("urn", ""), event.get("listingId", ""))  # noqa: T201


class Book:
    """What was dealt with, on the disk: ids of messages, and each subscription's newest number."""

    def __init__(self, path: str) -> None:
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("CREATE TABLE IF NOT EXISTS message (id TEXT PRIMARY KEY, at INTEGER DEFAULT (unixepoch()))")
        self._db.execute("CREATE TABLE IF NOT EXISTS progress (subscription TEXT PRIMARY KEY, number INTEGER)")

    def had(self, message: str) -> bool:
        return self._db.execute("SELECT 1 FROM message WHERE id = ?", (message,)).fetchone() is not None

    def keep(self, message: str) -> None:
        self._db.execute("INSERT OR IGNORE INTO message (id) VALUES (?)", (message,))
        self._db.execute("DELETE FROM message WHERE at < unixepoch() - ?", (KEEP,))

    def number(self, subscription: str) -> int:
        row = self._db.execute("SELECT number FROM progress WHERE subscription = ?", (subscription,)).fetchone()
        return int(row[0]) if row else 0

    def advance(self, subscription: str, number: int) -> None:
        self._db.execute(
            "INSERT INTO progress VALUES (?, ?) ON CONFLICT (subscription) DO UPDATE SET number = max(number, excluded.number)",
            (subscription, number),
        )

    def close(self) -> None:
        self._db.close()


class Receiver:
    """Takes genuine messages, one at a time."""

    def __init__(self, member: AsyncMember, book: Book, deal_with: Callable[[Event], None]) -> None:
        self._member, self._book, self._deal_with = member, book, deal_with
        self._turn = asyncio.Lock()

    async def take(self, identifier: str, message: dict[str, Any]) -> None:
        async with self._turn:
            if self._book.had(identifier):
                return
            data = message.get("data") or {}
            if message["type"] == "subscription.events":
                await self._events(data)
            elif message["type"] == "subscription.heartbeat":  # quiet, or we missed something: its number tells
                await self._read_again(data["subscription"], until=data["number"])
            self._book.keep(identifier)  # a handshake or a test wants nothing but a good answer

    async def _events(self, data: dict[str, Any]) -> None:
        """Numbers never skip one: whatever is between the last that we had and this message was missed."""
        subscription, wanted = data["subscription"], self._book.number(data["subscription"]) + 1
        if data["number"] > wanted or not data.get("complete") or "events" not in data:
            await self._read_again(subscription, until=data["through"])
            return
        for event in data["events"]:
            if event["number"] >= wanted:
                self._deal(event)
        self._book.advance(subscription, data["through"])

    async def _read_again(self, subscription: str, *, until: int) -> None:
        wanted = self._book.number(subscription) + 1
        if until < wanted:
            return
        for numbered in await self._member.subscription_events(subscription, from_=wanted, until=until):
            if (
                numbered["state"] == "expired"
            ):  # the exchange has it no longer: only the list itself tells what is so now
                self._deal_with({"type": "lost", "number": numbered["number"]})
            for event in numbered["events"]:
                self._deal(event)
            self._book.advance(subscription, numbered["number"])

    def _deal(self, event: Event) -> None:
        if event["type"] != "withheld":  # you may no longer see it; its number is used all the same
            self._deal_with(event)


def create_app(
    *,
    member: AsyncMember | None = None,
    secrets: list[str] | None = None,
    path: str | None = None,
    deal_with: Callable[[Event], None] = deal_with,
) -> FastAPI:
    """The receiver as an application; what is not given comes from the environment."""
    client = member or AsyncMember(os.environ["PLACEFEED_URL"], os.environ["PLACEFEED_KEY"])
    known = secrets or os.environ["PLACEFEED_WEBHOOK_SECRET"].split()  # two while they are changed
    book = Book(path or os.environ.get("RECEIVER_BOOK", "receiver.db"))
    receiver = Receiver(client, book, deal_with)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        book.close()
        await client.aclose()

    app = FastAPI(lifespan=lifespan, openapi_url=None)

    @app.post("/placefeed")
    async def receive(request: Request) -> Response:
        body = b""
        async for chunk in request.stream():
            body += chunk
            if len(body) > LARGEST:
                return Response(status_code=413)
        try:
            message = verify_webhook(body, request.headers, known)
        except NotGenuine as error:
            return Response(str(error), status_code=400)
        # An error from here on is a 500: the exchange sends the message again, later.
        await receiver.take(request.headers["webhook-id"], message)
        return Response(status_code=204)

    return app
