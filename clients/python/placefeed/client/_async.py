"""The async driver, and the clients made with it: the same calls as `_sync`, awaited."""

import asyncio
import hashlib
import inspect
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Coroutine
from functools import wraps
from typing import Any, Concatenate, ParamSpec, Self, TypeVar

import httpx2

from placefeed.client import _calls, _editions, _follow, _operator, _stream, _subscriptions
from placefeed.client._http import CHUNK, answer_of, headers_of, no_answer, options, silent, total_of
from placefeed.client._steps import (
    Answer,
    Call,
    Emit,
    Open,
    Pause,
    Read,
    Request,
    Retry,
    Send,
    Step,
    Steps,
    clock,
    patiently,
)
from placefeed.client.changes import Change, Event
from placefeed.client.results import Document

P = ParamSpec("P")
T = TypeVar("T")
E = TypeVar("E")


class AsyncClient:
    """A connection to one exchange, with one key. Close it, or use it as an async context manager. Options as for `Client`."""

    def __init__(
        self,
        base_url: str,
        key: str | None = None,
        *,
        retry: Retry | None = None,
        timeout: float | None = None,
        insecure: bool = False,
        transport: httpx2.AsyncBaseTransport | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._retry = retry or Retry()
        self._sleep = sleep
        self._http = httpx2.AsyncClient(
            transport=transport, **options(base_url, key, insecure=insecure, timeout=timeout)
        )

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def _run(self, steps: Steps[T]) -> T:
        """Drive a call to its result."""
        came: Any = None
        failed: Exception | None = None
        body = _Body(self._http)
        while True:
            try:
                step = steps.throw(failed) if failed is not None else steps.send(came)
            except StopIteration as end:
                result: T = end.value
                return result
            came = failed = None
            try:
                came = await self._do(step, body)
            except Exception as error:  # noqa: BLE001  thrown into the call, where it happened
                failed = error  # the call decides what it means

    async def _each(self, steps: Steps[None]) -> AsyncGenerator[Any]:
        """Drive a call, handing out what it emits."""
        came: Any = None
        failed: Exception | None = None
        body = _Body(self._http)
        try:
            while True:
                try:
                    step = steps.throw(failed) if failed is not None else steps.send(came)
                except StopIteration:
                    return
                came = failed = None
                if isinstance(step, Emit):
                    yield step.value
                    continue
                try:
                    came = await self._do(step, body)
                except Exception as error:  # noqa: BLE001  thrown into the call, where it happened
                    failed = error
        finally:
            await body.close()  # also where whoever iterates has had enough

    async def _do(self, step: Step, body: "_Body") -> Any:
        if isinstance(step, Request):
            return await self._run(patiently(step, self._retry))
        if isinstance(step, Send):
            return await self._send(step.request)
        if isinstance(step, Pause):
            if step.seconds > 0:
                await self._sleep(step.seconds)
            return clock()
        if isinstance(step, Open):
            return await body.open(step)
        if isinstance(step, Read):
            return await body.read()
        if isinstance(step, Call):
            came = await asyncio.to_thread(step.function) if step.blocks else step.function()
            return await came if inspect.isawaitable(came) else came
        raise TypeError(f"not a step: {step!r}")

    async def _send(self, request: Request) -> Answer:
        headers = dict(request.headers)
        if (total := total_of(request)) is not None:
            headers["Content-Length"] = str(total)
        body = _chunks(request) if request.body is not None else None
        try:
            async with self._http.stream(
                request.method, request.path, params=list(request.query), headers=headers, content=body
            ) as response:
                if request.save_to is not None and response.is_success:
                    return await self._save(response, request)
                return answer_of(response, await response.aread())
        except httpx2.HTTPError as error:
            raise no_answer(error, self._http.base_url.host) from error

    async def _save(self, response: httpx2.Response, request: Request) -> Answer:
        assert request.save_to is not None
        digest, size = hashlib.sha256(), 0
        length = response.headers.get("content-length", "")
        total = int(length) if length.isdecimal() and "content-encoding" not in response.headers else None
        with request.save_to.open("wb") as file:
            async for chunk in response.aiter_bytes(CHUNK):
                await asyncio.to_thread(file.write, chunk)
                digest.update(chunk)
                size += len(chunk)
                if request.progress is not None:
                    request.progress(size, total)
        return Answer(response.status_code, headers_of(response), saved=size, sha256=digest.hexdigest())


class _Body:
    """An answer that is still coming, of one call."""

    def __init__(self, http: httpx2.AsyncClient) -> None:
        self._http = http
        self._response: httpx2.Response | None = None

    async def open(self, step: Open) -> Answer:
        """Begin it; one that was begun before is let go."""
        await self.close()
        request, timeout = step.request, silent(self._http.timeout, step.silence)
        try:
            response = await self._http.send(
                self._http.build_request(
                    request.method, request.path, params=list(request.query), headers=request.headers, timeout=timeout
                ),
                stream=True,
            )
            self._response, self._chunks = response, response.aiter_bytes()
            return answer_of(response, b"" if response.is_success else await response.aread())
        except httpx2.HTTPError as error:
            raise no_answer(error, self._http.base_url.host) from error

    async def read(self) -> bytes:
        """Its next bytes."""
        try:
            return await anext(self._chunks, b"")
        except httpx2.HTTPError as error:
            raise no_answer(error, self._http.base_url.host) from error

    async def close(self) -> None:
        """Let it go."""
        if self._response is not None:
            await self._response.aclose()
            self._response = None


async def _chunks(request: Request) -> AsyncIterator[bytes]:
    total, sent = total_of(request), 0
    if isinstance(request.body, bytes):
        yield request.body
    elif request.body is not None:
        with request.body.open("rb") as file:
            while chunk := await asyncio.to_thread(file.read, CHUNK):
                yield chunk
                sent += len(chunk)
                if request.progress is not None:
                    request.progress(sent, total)


def _async(call: Callable[P, Steps[T]]) -> Callable[Concatenate[AsyncClient, P], Coroutine[Any, Any, T]]:
    @wraps(call)
    async def method(self: AsyncClient, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await self._run(call(*args, **kwargs))

    return method


def _async_each(
    call: Callable[P, Steps[None]], item: type[E]
) -> Callable[Concatenate[AsyncClient, P], AsyncGenerator[E]]:
    """`item` is what it hands out."""

    @wraps(call)
    def method(self: AsyncClient, /, *args: P.args, **kwargs: P.kwargs) -> AsyncGenerator[E]:
        return self._each(call(*args, **kwargs))

    return method


class AsyncSubscriber(AsyncClient):
    """What every reader may: ask to be told of what changes, by webhook or e-mail."""

    subscriptions = _async(_subscriptions.subscriptions)
    subscription = _async(_subscriptions.subscription)
    add_subscription = _async(_subscriptions.add_subscription)
    change_subscription = _async(_subscriptions.change_subscription)
    delete_subscription = _async(_subscriptions.delete_subscription)
    pause_subscription = _async(_subscriptions.pause_subscription)
    resume_subscription = _async(_subscriptions.resume_subscription)
    rotate_subscription_secret = _async(_subscriptions.rotate_subscription_secret)
    test_subscription = _async(_subscriptions.test_subscription)
    confirm_subscription = _async(_subscriptions.confirm_subscription)
    subscription_status = _async(_subscriptions.subscription_status)
    subscription_events = _async(_subscriptions.subscription_events)
    resend_subscription = _async(_subscriptions.resend_subscription)
    subscription_deliveries = _async(_subscriptions.subscription_deliveries)


class AsyncProvider(AsyncSubscriber):
    """What a provider, or a vendor for it, does: push, update, attest, read the reports."""

    push = _async(_calls.push)
    upload = _async(_calls.upload)
    report = _async(_calls.report)
    submission = _async(_calls.submission)
    wait_for_report = _async(_calls.wait_for_report)
    put_capacity = _async(_calls.put_capacity)
    put_vacancy = _async(_calls.put_vacancy)
    put_rate = _async(_calls.put_rate)
    withdraw_vacancy = _async(_calls.withdraw_vacancy)
    attest = _async(_calls.attest)
    settings = _async(_calls.settings)
    setting = _async(_calls.setting)
    setting_sources = _async(_calls.setting_sources)
    setting_history = _async(_calls.setting_history)


class AsyncMember(AsyncSubscriber):
    """What a member does: read the list, page by page or whole, follow and listen to it, and fetch the scheduled files."""

    listings = _async(_calls.listings)
    iterate = _async_each(_calls.iterate, Document)
    listing = _async(_calls.listing)
    settings = _async(_calls.settings)
    setting = _async(_calls.setting)
    edition = _async(_editions.edition)
    download_edition = _async(_editions.download_edition)
    feeds = _async(_calls.feeds)
    follow = _async_each(_follow.follow, Change)
    stream = _async_each(_stream.stream, Event)


class AsyncOperator(AsyncMember):
    """What the operator does beside reading: who is who, keys, consortia, sources."""

    organisations = _async(_operator.organisations)
    add_organisation = _async(_operator.add_organisation)
    consortia = _async(_operator.consortia)
    add_consortium = _async(_operator.add_consortium)
    add_consortium_member = _async(_operator.add_consortium_member)
    add_consortium_provider = _async(_operator.add_consortium_provider)
    speaks_for = _async(_operator.speaks_for)
    confirm_settings = _async(_operator.confirm_settings)
    refuse_settings = _async(_operator.refuse_settings)
    keys = _async(_operator.keys)
    add_key = _async(_operator.add_key)
    rotate_key = _async(_operator.rotate_key)
    revoke_key = _async(_operator.revoke_key)
    sources = _async(_operator.sources)
    add_source = _async(_operator.add_source)
    poll_source = _async(_operator.poll_source)
    import_ofsted = _async(_operator.import_ofsted)
    submission = _async(_calls.submission)
    report = _async(_calls.report)
