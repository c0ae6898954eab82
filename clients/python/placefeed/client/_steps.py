"""What a call wants of the world, as values: send this, wait so long, here is an item.

A call (see `_calls`) is a generator of steps and touches no network. A driver (`_sync`, `_async`) takes each step and
sends back what came of it, so that sync and async are one description, and tests can play the network by hand.
"""

import random
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any, TypeVar

import orjson

from placefeed.client.errors import TooManyRequests, Unavailable, Unreachable, error_for

T = TypeVar("T")

Progress = Callable[[int, int | None], None]
"""Told bytes moved so far, and how many there are in all (None where that is not known)."""

Query = Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Request:
    """One request to the exchange. `path` is below the base URL; `body` may be a file, which is streamed.

    With `save_to` a good answer's body goes to that file. `repeatable`: sending it twice does no harm.
    """

    method: str
    path: str
    query: Query = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | Path | None = None
    save_to: Path | None = None
    progress: Progress | None = None
    repeatable: bool = True


@dataclass(frozen=True)
class Send:
    """Send this once, and give back the Answer; a failure to get one is thrown in as Unreachable."""

    request: Request


@dataclass(frozen=True)
class Pause:
    """Wait so many seconds; gives back the seconds of a steady clock afterwards."""

    seconds: float


@dataclass(frozen=True)
class Emit:
    """Hand this to whoever iterates."""

    value: Any


@dataclass(frozen=True)
class Open:
    """Begin an answer that has no end: gives back the Answer. A good one's body is still to come, by Read; opening anew drops it.

    Once no byte comes for `silence` seconds, Read fails with Unreachable.
    """

    request: Request
    silence: float


@dataclass(frozen=True)
class Read:
    """Give back the next bytes of what was opened; none at its end."""


@dataclass(frozen=True)
class Call:
    """Call this and give back what it returns (awaited, where the async client gets something to await).

    What waits for a disk `blocks`: the async client then leaves it to a thread.
    """

    function: Callable[[], Any]
    blocks: bool = False


@dataclass(frozen=True)
class Answer:
    """What came back. Header names are in lower case; `url` is what was asked. `saved` is the size of a file that was written, `sha256` its hash."""

    status: int
    headers: Mapping[str, str]
    content: bytes = b""
    saved: int = 0
    sha256: str = ""
    url: str = ""

    def json(self) -> Any:
        """The body as JSON. Raises Unavailable where it is none: something other than an exchange answered."""
        try:
            return orjson.loads(self.content)
        except orjson.JSONDecodeError as error:
            raise Unavailable(
                f"The answer ({self.status}) is not JSON. Check that the URL is that of a Placefeed exchange, not of a proxy or a sign-in page.",
                status=self.status,
            ) from error

    def document(self) -> dict[str, Any]:
        """The body as a JSON object."""
        found = self.json()
        if not isinstance(found, dict):
            raise Unavailable("The answer is JSON, but not the document that was expected.", status=self.status)
        return found

    def problem(self) -> dict[str, Any]:
        """The problem document of a refusal; empty where the answer is something else."""
        if "json" not in self.headers.get("content-type", ""):
            return {}
        try:
            found = orjson.loads(self.content)
        except orjson.JSONDecodeError:
            return {}
        return found if isinstance(found, dict) else {}


Step = Request | Send | Pause | Emit | Open | Read | Call
Steps = Generator[Step, Any, T]


@dataclass(frozen=True)
class Retry:
    """How often, and how long, the client tries again by itself. Seconds.

    `longest` is the longest wait that it takes on, whether its own or asked for by Retry-After; a longer one is raised
    at once, with `retry_after` on the error.
    """

    attempts: int = 5
    first: float = 0.5
    longest: float = 60.0
    jitter: Callable[[], float] = random.random
    now: Callable[[], datetime] = lambda: datetime.now(UTC)

    def wait(self, attempt: int) -> float:
        """Seconds before the attempt after this one: doubling, half of it random."""
        most = min(self.first * 2.0 ** (attempt - 1), self.longest)
        return most / 2 + most / 2 * self.jitter()


TRY_AGAIN = {429, 502, 503, 504}
REFUSED_UNDONE = {429, 503}  # the exchange says that it has done nothing


def patiently(request: Request, retry: Retry) -> Steps[Answer]:
    """Send a request as often as it takes and may be: the exchange's own Retry-After comes before our backing off."""
    for attempt in range(1, retry.attempts + 1):
        last = attempt == retry.attempts
        try:
            answer: Answer = yield Send(request)
        except Unreachable as error:
            if last or (error.sent and not request.repeatable):
                raise
            yield Pause(retry.wait(attempt))
            continue
        again = (
            answer.status in REFUSED_UNDONE
            or (answer.status in TRY_AGAIN and request.repeatable)
            or _in_flight(request, answer)
        )
        if not again or last:
            return answer
        asked = retry_after(answer, now=retry.now())
        if asked is not None and asked > retry.longest:
            return answer
        yield Pause(retry.wait(attempt) if asked is None else asked)
    raise Unavailable("No attempt was allowed: Retry(attempts=...) must be at least 1.")


def ask(request: Request, *, fine: Sequence[int] = ()) -> Steps[Answer]:
    """Send a request; an answer that is no success and not in `fine` is raised as the error it stands for."""
    answer: Answer = yield request
    if 200 <= answer.status < 300 or answer.status in fine:
        return answer
    raise failure(answer)


def failure(answer: Answer) -> Exception:
    """The error that an answer stands for."""
    error = error_for(answer.status, problem=answer.problem(), location=answer.headers.get("location"))
    if isinstance(error, TooManyRequests | Unavailable):
        error.retry_after = retry_after(answer, now=datetime.now(UTC))
    return error


def retry_after(answer: Answer, *, now: datetime) -> float | None:
    """Seconds that Retry-After asks for (RFC 9110 section 10.2.3: a number or a date); None where it says nothing readable."""
    text = answer.headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit() and len(text) < 10:
        return float(text)
    if not text:
        return None
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    return max((moment.replace(tzinfo=moment.tzinfo or UTC) - now).total_seconds(), 0.0)


def clock() -> float:
    """A steady clock, for the drivers."""
    return time.monotonic()


def with_header(request: Request, name: str, value: str) -> Request:
    """The same request with one more header."""
    return replace(request, headers={**request.headers, name: value})


def _in_flight(request: Request, answer: Answer) -> bool:
    """409 with Retry-After to an Idempotency-Key: our own first attempt is still being worked."""
    return answer.status == 409 and "Idempotency-Key" in request.headers and "retry-after" in answer.headers
