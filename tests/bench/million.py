"""The row of flat memory: an NDJSON feed of a million settings, made on the fly, taken in by a process of its own."""

import subprocess
import sys
import threading
import time
from pathlib import Path

import orjson

from placefeed.service.clock import system_clock
from placefeed.service.intake import submit
from placefeed.service.tables import Submission
from tests.bench import sample
from tests.bench.exchange import an_hour_ago, sqlite_exchange
from tests.bench.report import Aim, Contender, Row, progress

MIB = 1024 * 1024
ROOT = Path(__file__).parents[2]


def rows(*, quick: bool, rounds: int) -> list[Row]:
    """One round: it takes minutes."""
    count = 100_000 if quick else 1_000_000
    done = subprocess.run([sys.executable, "-m", __name__, str(count)], cwd=ROOT, stdout=subprocess.PIPE, check=True)
    found = orjson.loads(done.stdout)
    title = f"an NDJSON feed of {count:,} settings, complete, taken in; SQLite"
    memory = Row(
        "million",
        title,
        "MiB",
        [
            Contender("most memory held, to the end", "ours", lambda: 0.0, [found["end"] / MIB]),
            Contender("most memory held, to a tenth of it", "also", lambda: 0.0, [found["tenth"] / MIB]),
        ],
        [
            Aim(most=500.0),
            Aim(least=0.8, beside="most memory held, to a tenth of it", words="flat: >= 0.8x a tenth of it"),
        ],
        higher_is_better=False,
        notes=[f"{found['start'] / MIB:.0f} MiB before the first record; the feed is {found['bytes'] / MIB:,.0f} MiB."],
    )
    speed = Row(
        "million-speed", title, "settings/s", [Contender("intake", "ours", lambda: 0.0, [count / found["seconds"]])]
    )
    return [memory, speed]


def _resident() -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise RuntimeError("This system does not say how much memory a process holds.")


def take_in(count: int) -> dict[str, float]:
    """Take a feed of so many settings in, and watch the memory."""
    with sqlite_exchange(count) as exchange:
        sizes = {"bytes": 0}

        def lines():  # type: ignore[no-untyped-def]
            for line in sample.lines(count, at=an_hour_ago()):
                sizes["bytes"] += len(line)
                yield line

        name = exchange.hand_over(lines(), content_type="application/x-ndjson")
        exchange.database.writer.dispose()
        start = _resident()
        watched: list[tuple[int, int]] = []  # (records taken, bytes held)
        stop = threading.Event()

        def watch() -> None:
            while not stop.wait(0.25):
                with exchange.database.read() as session:
                    taken = session.get_one(Submission, name).record_offset
                watched.append((taken, _resident()))
                if len(watched) % 120 == 0:
                    progress(f"million: {taken:,} taken, {watched[-1][1] / MIB:.0f} MiB")

        watcher = threading.Thread(target=watch)
        watcher.start()
        started = time.perf_counter()
        try:
            while submit.work(exchange.database, settings=exchange.settings, clock=system_clock):
                pass
        finally:
            stop.set()
            watcher.join()
        seconds = time.perf_counter() - started
        with exchange.database.read() as session:
            report = session.get_one(Submission, name).report or {}
        if report.get("counts", {}).get("accepted") != count:
            raise RuntimeError(f"The feed was not taken: {report}")
        tenth = [held for taken, held in watched if taken <= count // 10] or [start]
        return {
            **sizes,
            "start": start,
            "tenth": max(tenth),
            "end": max(held for _, held in watched),
            "seconds": seconds,
        }


if __name__ == "__main__":
    sys.stdout.buffer.write(orjson.dumps(take_in(int(sys.argv[1]))))
