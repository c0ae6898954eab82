"""Many rows in one statement, without SQLAlchemy's work on every value, which costs more than the database's own.

The statement is still SQLAlchemy's, compiled once for the dialect; values are made ready a column at a time, as the
column's type would store them, and handed to the driver as they are.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Session

Convert = Callable[[Any], Any]

_OLD = "key_"  # before the name of a key's parameter: SQLAlchemy keeps the plain names for what is set
_POSTGRES = postgresql.dialect(paramstyle="format")  # type: ignore[no-untyped-call]
_SQLITE = sqlite.dialect(paramstyle="qmark")


class Bulk:
    """One statement for many rows with these columns, in their order.

    Without `key` an INSERT; with one, an INSERT that brings rows up to date that are there; with `update`, an UPDATE of
    rows that are known to be there.
    """

    def __init__(self, table: Any, *columns: str, key: Sequence[str] = (), update: bool = False) -> None:
        self._table: sa.Table = table.__table__
        self._columns = columns
        self._key = tuple(key)
        self._update = update
        self._ready: dict[str, tuple[str, list[tuple[int, Convert | None]]]] = {}

    def write(self, session: Session, rows: Sequence[Sequence[Any]]) -> None:
        """Write these rows, each with a value for every column, in the caller's transaction."""
        if not rows:
            return
        connection = session.connection()
        name = connection.dialect.name
        if name not in self._ready:
            self._ready[name] = self._compile(name)
        text, steps = self._ready[name]
        columns = list(zip(*rows, strict=True))
        ready = [
            columns[position] if convert is None else map(convert, columns[position]) for position, convert in steps
        ]
        connection.exec_driver_sql(text, list(zip(*ready, strict=True)))

    def _compile(self, name: str) -> tuple[str, list[tuple[int, Convert | None]]]:
        dialect: Any = _POSTGRES if name == "postgresql" else _SQLITE
        compiled = self._statement(name).compile(dialect=dialect)
        order: Sequence[str] = [column.removeprefix(_OLD) for column in compiled.positiontup]
        steps = [(self._columns.index(column), _convert(self._table.c[column].type, name)) for column in order]
        return str(compiled), steps

    def _statement(self, name: str) -> Any:
        bare = sa.table(
            self._table.name, *map(sa.column, self._columns)
        )  # no defaults of Python's: each column is given
        others = [column for column in self._columns if column not in self._key]
        if self._update:
            where = [bare.c[column] == sa.bindparam(_OLD + column) for column in self._key]
            return sa.update(bare).where(*where).values({column: sa.bindparam(column) for column in others})
        insert = (postgresql if name == "postgresql" else sqlite).insert(bare)
        statement: Any = insert.values({column: sa.bindparam(column) for column in self._columns})
        if self._key:
            changed = {column: statement.excluded[column] for column in others}
            statement = statement.on_conflict_do_update(index_elements=list(self._key), set_=changed)
        return statement


def _convert(kind: sa.types.TypeEngine[Any], dialect: str) -> Convert | None:
    if isinstance(kind, sa.JSON):
        return _json
    if dialect == "sqlite" and isinstance(_bare(kind), sa.DateTime):
        return _instant
    if dialect == "sqlite" and isinstance(_bare(kind), sa.Date):
        return lambda day: None if day is None else day.isoformat()
    return None


def _bare(kind: sa.types.TypeEngine[Any]) -> sa.types.TypeEngine[Any]:
    return kind.impl_instance if isinstance(kind, sa.TypeDecorator) else kind


def _json(value: Any) -> str | None:
    """A document as it is stored; text is one that was read `as_stored` and is written again."""
    if value is None or value.__class__ is str:
        return value
    return orjson.dumps(value).decode()


def _instant(value: datetime | None) -> str | None:
    """As SQLAlchemy stores an instant in SQLite: in UTC, without saying so."""
    if value is None:
        return None
    return (value if value.tzinfo is UTC else value.astimezone(UTC)).isoformat(" ", "microseconds")[:26]


def instant_of(value: Any) -> Any:
    """An instant (or None) that was read `as_stored`: SQLite keeps text, which costs less to read here than in the column's type."""
    if value.__class__ is str:
        return datetime.fromisoformat(value + "+00:00")
    return value if value is None or value.tzinfo is UTC else value.astimezone(UTC)


def document_of(value: Any) -> Any:
    """A JSON document that was read `as_stored`."""
    return orjson.loads(value) if value.__class__ is str else value


def as_stored(table: Any, *names: str) -> list[Any]:
    """Columns to select as they are stored, without work on every value: see `instant_of` and `document_of`."""
    columns = table.__table__.c
    return [sa.type_coerce(columns[name], sa.String()).label(name) for name in names]
