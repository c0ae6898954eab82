"""Adapters by name: ours, a third party's that is installed beside us, and what is said when one is broken."""

import importlib
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from placefeed.adapters.addresses import Guard
from placefeed.adapters.base import Adapter
from placefeed.adapters.folder import WatchedFolder
from placefeed.adapters.http import HttpPull
from placefeed.adapters.registry import BrokenAdapter, NoSuchAdapter, load, names, open_source
from placefeed.adapters.testing import Stand, contract

# What another company would write: a source that keeps its documents in numbered lines of one file.
THIRD_PARTY = '''
from pathlib import Path

from placefeed.adapters.base import Batch, Unreachable


class Lines:
    """Reads a file of which each line is a document; the cursor counts lines."""

    def __init__(self, address, *, timeout=10.0):
        self.path = Path(address)
        self.timeout = timeout

    def fetch(self, cursor):
        if not self.path.exists():
            raise Unreachable("The file of documents is not there.")
        seen = (cursor or {}).get("lines", 0)
        for number, line in enumerate(self.path.read_bytes().splitlines(), 1):
            if number > seen:
                yield Batch(content=line, content_type="application/json", cursor={"lines": number}, name=str(number))


not_an_adapter = 42
'''

Install = Callable[..., None]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Install a package into a folder on the path, as pip would leave it: a module and its dist-info."""

    def put(package: str, entry: str, *, source: str = THIRD_PARTY) -> None:
        site = tmp_path / f"site-{package}"
        info = site / f"{package}-1.0.dist-info"
        info.mkdir(parents=True)
        (site / f"{package}.py").write_text(source)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[placefeed.adapters]\n{entry}\n")
        monkeypatch.syspath_prepend(str(site))
        monkeypatch.delitem(sys.modules, package, raising=False)
        importlib.invalidate_caches()

    return put


def test_our_own_transports_are_installed() -> None:
    assert {"http", "folder"} <= set(names())
    assert load("http") is HttpPull
    assert load("folder") is WatchedFolder


def test_another_package_adds_an_adapter_by_an_entry_point(install: Install, tmp_path: Path) -> None:
    install("acme_lines", "acme-lines = acme_lines:Lines")
    (tmp_path / "documents").write_bytes(b"{}\n")

    adapter = open_source(
        "acme-lines", str(tmp_path / "documents"), timeout=3.0, authorization="Bearer x", guard=Guard()
    )

    assert "acme-lines" in names()
    assert isinstance(adapter, Adapter)
    assert [batch.content for batch in adapter.fetch(None)] == [b"{}"]


def test_an_unknown_adapter_names_those_that_there_are() -> None:
    with pytest.raises(NoSuchAdapter, match=r"“fax”.*folder, http") as caught:
        load("fax")

    assert "http" in caught.value.known


def test_an_adapter_that_does_not_import_names_its_package(install: Install) -> None:
    install("acme_broken", "acme-broken = acme_broken:Lines", source="import a_library_that_is_not_there\n")

    with pytest.raises(BrokenAdapter, match=r"acme_broken.*ModuleNotFoundError"):
        load("acme-broken")


@pytest.mark.parametrize("attribute", ["not_an_adapter", "Missing", "Path"])
def test_something_that_is_not_an_adapter_is_said_so(install: Install, attribute: str) -> None:
    install("acme_odd", f"acme-odd = acme_odd:{attribute}")

    with pytest.raises(BrokenAdapter, match="acme_odd"):
        load("acme-odd")


def test_two_packages_of_one_name_are_not_chosen_between(install: Install) -> None:
    install("acme_one", "acme = acme_one:Lines")
    install("acme_two", "acme = acme_two:Lines")

    with pytest.raises(BrokenAdapter, match="both packages"):
        load("acme")


def test_an_adapter_that_wants_more_than_an_address_is_said_so(install: Install) -> None:
    install(
        "acme_needs",
        "acme-needs = acme_needs:Needs",
        source="class Needs:\n    def __init__(self, address, tenant): ...\n    def fetch(self, cursor): ...\n",
    )

    with pytest.raises(BrokenAdapter, match="tenant"):
        open_source("acme-needs", "x")


class LinesStand:
    """The third party's own stand, as its author would write it."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def adapter(self) -> Adapter:
        return open_source("acme-lines", str(self._path))

    def publish(self, content: bytes) -> None:
        with self._path.open("ab") as file:
            file.write(content + b"\n")

    def fail(self) -> None:
        self._path.unlink(missing_ok=True)


@contextmanager
def lines_stand(folder: Path) -> Iterator[Stand]:
    yield LinesStand(folder / "documents")


class TestThirdPartyAdapter(contract(lines_stand)):  # type: ignore[misc]  # a class made by a function
    """The contract in one line, on an adapter that is installed as an entry point."""

    @pytest.fixture(autouse=True)
    def _installed(self, install: Install) -> None:
        install("acme_lines", "acme-lines = acme_lines:Lines")
