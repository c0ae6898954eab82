"""Limits that protect the exchange: requests a minute for each key, and bytes of a body."""

import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable

from starlette.requests import Request

from placefeed.service.errors import TooLarge, TooManyRequests

BUCKETS_KEPT = 20_000


class RateLimiter:
    """A token bucket for each key (or address, before there is one), in memory: each process counts for itself."""

    def __init__(self, per_minute: int, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._rate = per_minute / 60
        self._burst = float(per_minute)
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()  # who -> (tokens, when)

    def take(self, who: str) -> None:
        """Use one request of `who`'s minute; raises TooManyRequests, with the seconds to wait, when none is left."""
        if not self._rate:
            return
        now = self._monotonic()
        with self._lock:
            tokens, at = self._buckets.pop(who, (self._burst, now))
            tokens = min(self._burst, tokens + (now - at) * self._rate)
            self._buckets[who] = (tokens - 1 if tokens >= 1 else tokens, now)
            if len(self._buckets) > BUCKETS_KEPT:
                self._buckets.popitem(last=False)  # the one that was quiet longest: its bucket is the fullest
        if tokens < 1:
            wait = max(1, math.ceil((1 - tokens) / self._rate))
            raise TooManyRequests(
                f"At most {self._burst:.0f} requests a minute are taken. Try again in {wait} s.",
                headers={"Retry-After": str(wait)},
            )


def megabytes(size: int) -> str:
    """A size for people."""
    return f"{size / 1024 / 1024:.0f} MiB" if size >= 1024 * 1024 else f"{size / 1024:.0f} KiB"


def too_large(limit: int) -> TooLarge:
    """The refusal of a body over `limit` bytes."""
    return TooLarge(f"The body is larger than {megabytes(limit)}. Send it in parts, or ask the operator.", limit=limit)


def check_length(request: Request, limit: int) -> None:
    """Refuse a body that says beforehand that it is over `limit` bytes."""
    declared = request.headers.get("content-length", "")
    if declared.isascii() and declared.isdigit() and int(declared) > limit:
        raise too_large(limit)


async def read_body(request: Request, limit: int) -> bytes:
    """The whole body, of at most `limit` bytes; raises TooLarge as soon as it is more."""
    check_length(request, limit)
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > limit:
            raise too_large(limit)
        chunks.append(chunk)
    return b"".join(chunks)
