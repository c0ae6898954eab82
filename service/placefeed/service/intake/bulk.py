"""Run one statement over many rows without converting each value: on SQLite that costs more than the storing itself.

The statement is still SQLAlchemy's, compiled once a dialect; only the values go straight to the driver.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from operator import itemgetter
from typing import Any

import sqlalchemy as sa

Row = dict[str, Any]


class Many:
    """A statement for many rows, given as dictionaries by the names of its parameters. `instants` are those that hold datetimes."""

    def __init__(self, make: Callable[[sa.Connection], Any], *, names: Sequence[str], instants: Iterable[str]) -> None:
        self._make = make
        self._names = list(names)
        self._instants = tuple(instants)
        self._ready: dict[str, tuple[str, Callable[[Row], Any] | None]] = {}

    def run(self, connection: sa.Connection, rows: list[Row]) -> None:
        """Execute it once a row, in one call to the driver. On SQLite the rows' instants become text in place."""
        if not rows:
            return
        sql, order = self._compiled(connection)
        if order is None:
            connection.exec_driver_sql(sql, rows)
            return
        texts: dict[datetime, str] = {}
        for row in rows:
            for name in self._instants:
                instant = row[name]
                text = texts.get(instant)
                if text is None:
                    text = texts[instant] = stored(instant)
                row[name] = text
        connection.exec_driver_sql(sql, [order(row) for row in rows])

    def _compiled(self, connection: sa.Connection) -> tuple[str, Callable[[Row], Any] | None]:
        name = connection.dialect.name
        ready = self._ready.get(name)
        if ready is None:
            compiled = self._make(connection).compile(dialect=connection.dialect, column_keys=self._names)
            order = compiled.positiontup
            ready = self._ready[name] = (compiled.string, itemgetter(*order) if order else None)
        return ready


def stored(instant: datetime) -> str:
    """An instant as SQLAlchemy stores it on SQLite: in UTC, without offset, to the microsecond."""
    return instant.astimezone(UTC).replace(tzinfo=None).isoformat(" ", "microseconds")


def read(value: Any) -> datetime:
    """An instant as either driver gives it, in UTC."""
    if isinstance(value, str):
        return datetime.fromisoformat(value).replace(tzinfo=UTC)
    found: datetime = value.astimezone(UTC)
    return found
