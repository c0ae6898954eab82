"""A scripted exchange, and the sync and the async client behind one face, so that one suite runs over both."""

import asyncio
import inspect
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx2
import pytest

from placefeed.client import AsyncMember, AsyncOperator, AsyncProvider, Member, Operator, Provider, Retry

URL = "https://exchange.example/base"
KEY = "pf_test_id_secret"

Reply = httpx2.Response | Exception | Callable[[httpx2.Request], httpx2.Response]


@dataclass
class ScriptedExchange:
    """Answers in the order given, the last one again and again; keeps what it was asked."""

    replies: dict[tuple[str, str], list[Reply]] = field(default_factory=dict)
    asked: list[httpx2.Request] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)

    def on(self, method: str, path: str, *replies: Reply) -> None:
        """What to answer at `/base` + path."""
        self.replies[method, "/base" + path] = list(replies)

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        """Answer a request."""
        self.asked.append(request)
        self.bodies.append(request.content)
        script = self.replies.get((request.method, request.url.path))
        if not script:
            return problem(404, "not-found", "There is nothing here.")
        reply = script.pop(0) if len(script) > 1 else script[0]
        if isinstance(reply, Exception):
            raise reply
        if callable(reply):
            return reply(request)
        return httpx2.Response(reply.status_code, headers=reply.headers, content=reply.content)

    @property
    def lines(self) -> list[str]:
        """What was asked, as `GET /v1/listings?age=12`."""
        return [f"{request.method} {request.url.raw_path.decode().removeprefix('/base')}" for request in self.asked]


class Pieces(httpx2.SyncByteStream, httpx2.AsyncByteStream):
    """A body that comes in these pieces; an exception among them is raised in its place."""

    def __init__(self, *pieces: bytes | Exception) -> None:
        self._pieces = pieces
        self.closed = False

    def __iter__(self) -> Iterator[bytes]:
        for piece in self._pieces:
            if isinstance(piece, Exception):
                raise piece
            yield piece

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self:
            yield piece

    def close(self) -> None:
        self.closed = True

    async def aclose(self) -> None:
        self.closed = True


def problem(
    status: int, slug: str, detail: str, *, headers: dict[str, str] | None = None, **extra: Any
) -> httpx2.Response:
    """A problem document as an exchange writes it."""
    document = {
        "type": f"https://exchange.example/problems/{slug}",
        "title": slug,
        "status": status,
        "detail": detail,
        **extra,
    }
    return httpx2.Response(
        status, json=document, headers={"Content-Type": "application/problem+json", **(headers or {})}
    )


class Awaited:
    """An async client behind the sync one's face."""

    def __init__(self, client: Any, loop: asyncio.AbstractEventLoop) -> None:
        self._client = client
        self._loop = loop

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._client, name)

        def call(*args: Any, **kwargs: Any) -> Any:
            found = method(*args, **kwargs)
            if inspect.isasyncgen(found):
                return self._drain(found)
            return self._loop.run_until_complete(found)

        return call

    def _drain(self, found: Any) -> Iterator[Any]:
        try:
            while True:
                try:
                    item = self._loop.run_until_complete(anext(found))
                except StopAsyncIteration:
                    return
                yield item
        finally:
            if not self._loop.is_closed():
                self._loop.run_until_complete(found.aclose())


@pytest.fixture
def exchange() -> ScriptedExchange:
    return ScriptedExchange()


@pytest.fixture
def waits() -> list[float]:
    """The seconds for which the client slept, one entry each; none of them is really slept."""
    return []


@pytest.fixture(params=["sync", "async"])
def connect(
    request: pytest.FixtureRequest, exchange: ScriptedExchange, waits: list[float]
) -> Iterator[Callable[..., Any]]:
    """Make a client (`provider`, `member` or `operator`) of the scripted exchange; once sync, once async."""
    transport = httpx2.MockTransport(exchange)
    retry = Retry(attempts=4, jitter=lambda: 1.0)
    if request.param == "sync":
        kinds: dict[str, Any] = {"provider": Provider, "member": Member, "operator": Operator}
        made: list[Any] = []

        def open_sync(kind: str, **options: Any) -> Any:
            client = kinds[kind](
                URL, KEY, **({"transport": transport, "sleep": waits.append, "retry": retry} | options)
            )
            made.append(client)
            return client

        yield open_sync
        for client in made:
            client.close()
        return
    loop = asyncio.new_event_loop()
    opened: list[Any] = []

    async def asleep(seconds: float) -> None:
        waits.append(seconds)

    def open_async(kind: str, **options: Any) -> Any:
        client = {"provider": AsyncProvider, "member": AsyncMember, "operator": AsyncOperator}[kind](
            URL, KEY, **({"transport": transport, "sleep": asleep, "retry": retry} | options)
        )
        opened.append(client)
        return Awaited(client, loop)

    yield open_async
    for client in opened:
        loop.run_until_complete(client.aclose())
    loop.run_until_complete(loop.shutdown_asyncgens())
    loop.run_until_complete(loop.shutdown_default_executor())
    loop.close()


@pytest.fixture
def provider(connect: Callable[..., Any]) -> Any:
    return connect("provider")


@pytest.fixture
def member(connect: Callable[..., Any]) -> Any:
    return connect("member")


@pytest.fixture(name="problem")
def _problem() -> Callable[..., httpx2.Response]:
    return problem
