"""The sync driver, and the clients made with it."""

import hashlib
import inspect
import time
from collections.abc import Callable, Generator, Iterator
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


class Client:
    """A connection to one exchange, with one key. Close it, or use it as a context manager.

    `insecure` lets a key go over plain http inside a network that you trust. `timeout` (seconds) is for each wait on
    the network. `transport` is for tests.
    """

    def __init__(
        self,
        base_url: str,
        key: str | None = None,
        *,
        retry: Retry | None = None,
        timeout: float | None = None,
        insecure: bool = False,
        transport: httpx2.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._retry = retry or Retry()
        self._sleep = sleep
        self._http = httpx2.Client(transport=transport, **options(base_url, key, insecure=insecure, timeout=timeout))

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _run(self, steps: Steps[T]) -> T:
        """Drive a call to its result."""
        items = self._each(steps)
        while True:
            try:
                next(items)
            except StopIteration as end:
                result: T = end.value
                return result

    def _each(self, steps: Steps[T]) -> Generator[Any, None, T]:
        """Drive a call, handing out what it emits."""
        came: Any = None
        failed: Exception | None = None
        body = _Body(self._http)
        try:
            while True:
                try:
                    step = steps.throw(failed) if failed is not None else steps.send(came)
                except StopIteration as end:
                    result: T = end.value
                    return result
                came = failed = None
                if isinstance(step, Emit):
                    yield step.value
                    continue
                try:
                    came = self._do(step, body)
                except Exception as error:  # noqa: BLE001  thrown into the call, where it happened
                    failed = error  # the call decides what it means
        finally:
            body.close()  # also where whoever iterates has had enough

    def _do(self, step: Step, body: "_Body") -> Any:
        if isinstance(step, Request):
            return self._run(patiently(step, self._retry))
        if isinstance(step, Send):
            return self._send(step.request)
        if isinstance(step, Pause):
            if step.seconds > 0:
                self._sleep(step.seconds)
            return clock()
        if isinstance(step, Open):
            return body.open(step)
        if isinstance(step, Read):
            return body.read()
        if isinstance(step, Call):
            came = step.function()
            if inspect.iscoroutine(came):
                came.close()
                raise TypeError("The cursor's store is async, and this client is not: use AsyncMember.")
            return came
        raise TypeError(f"not a step: {step!r}")

    def _send(self, request: Request) -> Answer:
        headers = dict(request.headers)
        if (total := total_of(request)) is not None:
            headers["Content-Length"] = str(total)
        body = _chunks(request) if request.body is not None else None
        try:
            with self._http.stream(
                request.method, request.path, params=list(request.query), headers=headers, content=body
            ) as response:
                if request.save_to is not None and response.is_success:
                    return self._save(response, request)
                return answer_of(response, response.read())
        except httpx2.HTTPError as error:
            raise no_answer(error, self._http.base_url.host) from error

    def _save(self, response: httpx2.Response, request: Request) -> Answer:
        assert request.save_to is not None
        digest, size = hashlib.sha256(), 0
        length = response.headers.get("content-length", "")
        total = int(length) if length.isdecimal() and "content-encoding" not in response.headers else None
        with request.save_to.open("wb") as file:
            for chunk in response.iter_bytes(CHUNK):
                file.write(chunk)
                digest.update(chunk)
                size += len(chunk)
                if request.progress is not None:
                    request.progress(size, total)
        return Answer(response.status_code, headers_of(response), saved=size, sha256=digest.hexdigest())


class _Body:
    """An answer that is still coming, of one call."""

    def __init__(self, http: httpx2.Client) -> None:
        self._http = http
        self._response: httpx2.Response | None = None

    def open(self, step: Open) -> Answer:
        """Begin it; one that was begun before is let go."""
        self.close()
        request, timeout = step.request, silent(self._http.timeout, step.silence)
        try:
            response = self._http.send(
                self._http.build_request(
                    request.method, request.path, params=list(request.query), headers=request.headers, timeout=timeout
                ),
                stream=True,
            )
            self._response, self._chunks = response, response.iter_bytes()
            return answer_of(response, b"" if response.is_success else response.read())
        except httpx2.HTTPError as error:
            raise no_answer(error, self._http.base_url.host) from error

    def read(self) -> bytes:
        """Its next bytes."""
        try:
            return next(self._chunks, b"")
        except httpx2.HTTPError as error:
            raise no_answer(error, self._http.base_url.host) from error

    def close(self) -> None:
        """Let it go."""
        if self._response is not None:
            self._response.close()
            self._response = None


def _chunks(request: Request) -> Iterator[bytes]:
    total, sent = total_of(request), 0
    if isinstance(request.body, bytes):
        yield request.body
    elif request.body is not None:
        with request.body.open("rb") as file:
            while chunk := file.read(CHUNK):
                yield chunk
                sent += len(chunk)
                if request.progress is not None:
                    request.progress(sent, total)


def _sync(call: Callable[P, Steps[T]]) -> Callable[Concatenate[Client, P], T]:
    @wraps(call)
    def method(self: Client, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return self._run(call(*args, **kwargs))

    return method


def _sync_each(call: Callable[P, Steps[None]], item: type[E]) -> Callable[Concatenate[Client, P], Generator[E]]:
    """`item` is what it hands out."""

    @wraps(call)
    def method(self: Client, /, *args: P.args, **kwargs: P.kwargs) -> Generator[E]:
        return self._each(call(*args, **kwargs))

    return method


class Subscriber(Client):
    """What every reader may: ask to be told of what changes, by webhook or e-mail."""

    subscriptions = _sync(_subscriptions.subscriptions)
    subscription = _sync(_subscriptions.subscription)
    add_subscription = _sync(_subscriptions.add_subscription)
    change_subscription = _sync(_subscriptions.change_subscription)
    delete_subscription = _sync(_subscriptions.delete_subscription)
    pause_subscription = _sync(_subscriptions.pause_subscription)
    resume_subscription = _sync(_subscriptions.resume_subscription)
    rotate_subscription_secret = _sync(_subscriptions.rotate_subscription_secret)
    test_subscription = _sync(_subscriptions.test_subscription)
    confirm_subscription = _sync(_subscriptions.confirm_subscription)
    subscription_status = _sync(_subscriptions.subscription_status)
    subscription_events = _sync(_subscriptions.subscription_events)
    resend_subscription = _sync(_subscriptions.resend_subscription)
    subscription_deliveries = _sync(_subscriptions.subscription_deliveries)


class Provider(Subscriber):
    """What a provider, or a vendor for it, does: push, update, attest, read the reports."""

    push = _sync(_calls.push)
    upload = _sync(_calls.upload)
    report = _sync(_calls.report)
    submission = _sync(_calls.submission)
    wait_for_report = _sync(_calls.wait_for_report)
    put_capacity = _sync(_calls.put_capacity)
    put_vacancy = _sync(_calls.put_vacancy)
    put_rate = _sync(_calls.put_rate)
    withdraw_vacancy = _sync(_calls.withdraw_vacancy)
    attest = _sync(_calls.attest)
    settings = _sync(_calls.settings)
    setting = _sync(_calls.setting)
    setting_sources = _sync(_calls.setting_sources)
    setting_history = _sync(_calls.setting_history)


class Member(Subscriber):
    """What a member does: read the list, page by page or whole, follow and listen to it, and fetch the scheduled files."""

    listings = _sync(_calls.listings)
    iterate = _sync_each(_calls.iterate, Document)
    listing = _sync(_calls.listing)
    settings = _sync(_calls.settings)
    setting = _sync(_calls.setting)
    edition = _sync(_editions.edition)
    download_edition = _sync(_editions.download_edition)
    feeds = _sync(_calls.feeds)
    follow = _sync_each(_follow.follow, Change)
    stream = _sync_each(_stream.stream, Event)


class Operator(Member):
    """What the operator does beside reading: who is who, keys, consortia, sources."""

    organisations = _sync(_operator.organisations)
    add_organisation = _sync(_operator.add_organisation)
    consortia = _sync(_operator.consortia)
    add_consortium = _sync(_operator.add_consortium)
    add_consortium_member = _sync(_operator.add_consortium_member)
    add_consortium_provider = _sync(_operator.add_consortium_provider)
    speaks_for = _sync(_operator.speaks_for)
    confirm_settings = _sync(_operator.confirm_settings)
    refuse_settings = _sync(_operator.refuse_settings)
    keys = _sync(_operator.keys)
    add_key = _sync(_operator.add_key)
    rotate_key = _sync(_operator.rotate_key)
    revoke_key = _sync(_operator.revoke_key)
    sources = _sync(_operator.sources)
    add_source = _sync(_operator.add_source)
    poll_source = _sync(_operator.poll_source)
    import_ofsted = _sync(_operator.import_ofsted)
    submission = _sync(_calls.submission)
    report = _sync(_calls.report)
