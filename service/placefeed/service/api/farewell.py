"""Say goodbye before the server goes down: it waits for open connections to end by themselves, and a stream never does."""

import asyncio
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGTERM, signal.SIGINT)
Handler = Callable[[int, FrameType | None], object]


@contextmanager
def farewell(call: Callable[[], None]) -> Iterator[None]:
    """At a signal to end, call this on the loop, and then do what the signal did before.

    Signals belong to a process's main thread: in another one, whoever stops the server says goodbye itself.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    loop = asyncio.get_running_loop()

    def before(handler: Handler) -> Handler:
        def handle(number: int, frame: FrameType | None) -> None:
            loop.call_soon_threadsafe(call)
            handler(number, frame)

        return handle

    replaced: dict[int, tuple[Handler, Handler]] = {}
    for number in SIGNALS:
        handler = signal.getsignal(number)
        if callable(handler):  # otherwise the signal ends the process at once, or nothing does
            ours = before(handler)
            replaced[number] = (handler, ours)
            signal.signal(number, ours)
    try:
        yield
    finally:
        for replaced_number, (handler, ours) in replaced.items():
            if signal.getsignal(replaced_number) is ours:
                signal.signal(replaced_number, handler)
