"""`Prefer: wait=N` (RFC 7240): hold the answer until what was taken in is published, or N seconds are over."""

import asyncio
import re
import time
from collections.abc import Callable

from anyio.to_thread import run_sync
from starlette.requests import Request

from placefeed.service.db import Bell
from placefeed.service.running.parts import Exchange, lists_of

LONGEST = 10.0  # seconds that an answer is held at most
LOOK_EVERY = 0.25  # seconds between two looks where no bell is heard
_WAIT = re.compile(r"(?:^|[,;\s])wait\s*=\s*\"?([0-9]{1,5})\"?(?=$|[,;\s])")


def asked_to_wait(request: Request) -> float:
    """The seconds that the caller would wait; 0 without the preference."""
    found = _WAIT.search(",".join(request.headers.getlist("prefer")).lower())
    return min(float(found.group(1)), LONGEST) if found else 0.0


async def until_published(exchange: Exchange, done: Callable[[], bool], *, seconds: float) -> None:
    """Wait until `done` says that it is published, and this process's list has it: who asks there next finds it."""
    if await wait_until(done, bell=exchange.database.bell, what="published", seconds=seconds):
        await run_sync(lists_of(exchange).snapshot.refresh)


async def wait_until(done: Callable[[], bool], *, bell: Bell, what: str, seconds: float) -> bool:
    """Ask `done` (on a thread) at each ring of `what` until it says yes or the time is over; no thread is kept meanwhile."""
    loop = asyncio.get_running_loop()
    rung = asyncio.Event()

    def heard(rings: str) -> None:
        if rings == what:
            loop.call_soon_threadsafe(rung.set)

    ends = time.monotonic() + seconds
    unhook = bell.hook(heard)
    try:
        while True:
            rung.clear()  # before the look: a ring during it is not lost
            if await run_sync(done):
                return True
            left = ends - time.monotonic()
            if left <= 0:
                return False
            try:
                async with asyncio.timeout(min(left, LOOK_EVERY)):
                    await rung.wait()
            except TimeoutError:
                continue
    finally:
        unhook()
