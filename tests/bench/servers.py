"""Server processes on free ports of loopback, for as long as a row needs them."""

import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.bench.load import HOST

ROOT = Path(__file__).parents[2]


@contextmanager
def server(*command: str | Path, prepare: Callable[[int], None] | None = None) -> Iterator[int]:
    """A server process; `PORT` in the command stands for its port, and `prepare` is called with it before it starts."""
    with socket.socket() as found:
        found.bind((HOST, 0))
        port = int(found.getsockname()[1])
    if prepare is not None:
        prepare(port)
    command_line = [str(part).replace("PORT", str(port)) for part in command]
    with (
        tempfile.TemporaryFile() as said,
        subprocess.Popen(command_line, cwd=ROOT, stdout=said, stderr=said) as process,
    ):
        try:
            if not _listens(port, process):
                said.seek(0)
                raise RuntimeError(f"A server did not start: {said.read()[-2000:].decode()}")
            yield port
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()


def _listens(port: int, process: "subprocess.Popen[bytes]") -> bool:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        try:
            socket.create_connection((HOST, port), timeout=1).close()
        except OSError:
            time.sleep(0.1)
        else:
            return True
    return False
