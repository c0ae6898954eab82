"""The contract that every adapter keeps, as tests: `TestMine = contract(my_stand)` covers one in a line.

A *stand* is a source of your kind that a test can play with: a context manager, given an empty folder, that yields an
object with three methods. It is the only thing to write:

    class Stand(Protocol):
        def adapter(self) -> Adapter: ...             # a new adapter that reads this source
        def publish(self, content: bytes) -> None: ...  # the source now has this document, complete
        def fail(self) -> None: ...                   # from now on the source cannot be read
"""

import json
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, Protocol
from unittest import mock

from placefeed.adapters.base import Adapter, AdapterError, Batch, Cursor
from placefeed.schema.issues import Report

CURSOR_LIMIT = 8192  # bytes of JSON; a cursor is a bookmark, not a copy
FIRST = b'{"standard": "placefeed", "version": "1.0", "settings": []}'
SECOND = b'{"standard": "placefeed", "version": "1.0", "settings": [], "complete": false}'


class Stand(Protocol):
    """A source that a test can play with."""

    def adapter(self) -> Adapter:
        """A new adapter that reads this source, as after a restart."""
        ...

    def publish(self, content: bytes) -> None:
        """The source now has this document, complete and old enough to be taken."""
        ...

    def fail(self) -> None:
        """From now on the source cannot be read."""
        ...


MakeStand = Callable[[Path], AbstractContextManager[Stand]]


class AdapterContract:
    """The tests. Made into a test class for one adapter by `contract`."""

    stand: MakeStand

    @staticmethod
    def arrived(batches: Sequence[Batch]) -> list[bytes]:
        """The published documents in these batches. An adapter that has none to hand on, but makes its own, says here which they stand for."""
        return [batch.content for batch in batches]

    def test_it_is_made_without_the_network(self, tmp_path: Path) -> None:
        with (
            self._stand(tmp_path) as stand,
            mock.patch.object(socket, "getaddrinfo", _no_network),
            mock.patch.object(socket.socket, "connect", _no_network),
        ):
            adapter = stand.adapter()

            assert isinstance(adapter, Adapter), "an adapter has a method fetch(cursor)"
            _close(adapter)

    def test_what_the_source_has_arrives_byte_for_byte(self, tmp_path: Path) -> None:
        with self._stand(tmp_path) as stand:
            stand.publish(FIRST)

            batches = _take(stand, None)

            assert self.arrived(batches) == [FIRST], "one document published, one batch with exactly its bytes"
            assert batches[0].content_type.startswith("application/json"), f"JSON came as {batches[0].content_type!r}"

    def test_the_cursor_is_small_json(self, tmp_path: Path) -> None:
        with self._stand(tmp_path) as stand:
            stand.publish(FIRST)

            cursor = _take(stand, None)[-1].cursor

            assert isinstance(cursor, dict), "a cursor is a JSON object"
            assert _stored(cursor) == cursor, "a cursor comes back from JSON as it was"
            assert len(json.dumps(cursor)) <= CURSOR_LIMIT, f"a cursor has at most {CURSOR_LIMIT} bytes"

    def test_nothing_new_yields_nothing(self, tmp_path: Path) -> None:
        with self._stand(tmp_path) as stand:
            stand.publish(FIRST)
            cursor = _take(stand, None)[-1].cursor

            again = _take(stand, _stored(cursor))

            assert again == [], "the source has nothing new, yet a batch came"

    def test_it_goes_on_from_its_cursor(self, tmp_path: Path) -> None:
        with self._stand(tmp_path) as stand:
            stand.publish(FIRST)
            cursor = _take(stand, None)[-1].cursor
            stand.publish(SECOND)

            batches = _take(stand, _stored(cursor))

            assert self.arrived(batches) == [SECOND], "only what came since the cursor"

    def test_what_was_not_made_safe_comes_again(self, tmp_path: Path) -> None:
        with self._stand(tmp_path) as stand:
            stand.publish(FIRST)
            _take(stand, None, acknowledge=False)

            again = _take(stand, None)

            assert self.arrived(again) == [FIRST], "a batch whose cursor was not kept must be offered again"

    def test_a_failing_source_raises_an_adapter_error(self, tmp_path: Path) -> None:
        with self._stand(tmp_path) as stand:
            stand.fail()

            try:
                batches = _take(stand, None)
            except AdapterError as error:
                assert str(error).strip(), "an error says to its reader what is wrong"  # noqa: PT017  shipped without pytest
            else:
                raise AssertionError(f"the source cannot be read, yet {len(batches)} batches came and no AdapterError")

    @contextmanager
    def _stand(self, folder: Path) -> Iterator[Stand]:
        with type(self).stand(folder) as stand:
            yield stand


def contract(stand: MakeStand) -> type[AdapterContract]:
    """The contract's tests for the adapters of one stand: `TestMine = contract(my_stand)`."""
    return type(
        "TestAdapterContract",
        (AdapterContract,),
        {"stand": staticmethod(stand), "__doc__": f"The adapter contract, on {stand!r}."},
    )


def _take(stand: Stand, cursor: Cursor | None, *, acknowledge: bool = True) -> list[Batch]:
    """Fetch as the exchange does: a fresh adapter, and word on each batch to those that ask for it."""
    adapter = stand.adapter()
    batches: list[Batch] = []
    try:
        for batch in adapter.fetch(cursor):
            batches.append(batch)
            done = getattr(adapter, "done", None)
            if acknowledge and done is not None:
                done(batch, Report().to_dict())
    finally:
        _close(adapter)
    return batches


def _close(adapter: object) -> None:
    close = getattr(adapter, "close", None)
    if close is not None:
        close()


def _stored(cursor: Cursor) -> Cursor:
    """A cursor as it comes back from the database."""
    kept: Cursor = json.loads(json.dumps(cursor))
    return kept


def _no_network(*_: Any, **__: Any) -> Any:
    raise AssertionError("an adapter must not touch the network before fetch()")
