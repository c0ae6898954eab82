"""One contract over every transport that we ship."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pytest_httpserver import HTTPServer

from placefeed.adapters.addresses import Guard
from placefeed.adapters.base import Adapter
from placefeed.adapters.folder import WatchedFolder
from placefeed.adapters.http import HttpPull
from placefeed.adapters.testing import Stand, contract


class HttpStand:
    """A web server with one document."""

    def __init__(self, server: HTTPServer) -> None:
        self._server = server

    def adapter(self) -> Adapter:
        return HttpPull(self._server.url_for("/feed"), guard=Guard(allow_loopback=True), timeout=5, attempts=1)

    def publish(self, content: bytes) -> None:
        self._server.clear()
        self._server.expect_request("/feed").respond_with_data(content, content_type="application/json")

    def fail(self) -> None:
        self._server.clear()
        self._server.expect_request("/feed").respond_with_data(b"", status=500)


@contextmanager
def http_stand(_: Path) -> Iterator[Stand]:
    with HTTPServer(host="127.0.0.1") as server:
        yield HttpStand(server)


class FolderStand:
    """A folder into which files are renamed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._count = 0

    def adapter(self) -> Adapter:
        return WatchedFolder(self._folder, now=lambda: time.time() + 60)

    def publish(self, content: bytes) -> None:
        self._count += 1
        part = self._folder / f"{self._count}.json.part"
        part.write_bytes(content)
        part.rename(self._folder / f"{self._count}.json")

    def fail(self) -> None:
        os.rename(self._folder, self._folder.with_name("gone"))


@contextmanager
def folder_stand(folder: Path) -> Iterator[Stand]:
    drop = folder / "drop"
    drop.mkdir()
    yield FolderStand(drop)


TestHttpPull = contract(http_stand)
TestWatchedFolder = contract(folder_stand)
