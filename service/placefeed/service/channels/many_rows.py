"""Many rows in one statement on both databases: a statement a row, or a parameter an id, costs PostgreSQL and its driver several
times as much as the rows themselves."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import orjson
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlmodel import Session

from placefeed.service.bulk import Bulk
from placefeed.service.db import is_postgres

_POSTGRES = postgresql.dialect(paramstyle="format")  # type: ignore[no-untyped-call]
_ARRAY = postgresql.ARRAY(sa.String())


class ManyRows:
    """An INSERT of these columns; with `key`, an UPDATE of rows that are known to be there.

    For values that the database takes as they are. `binary`: some of them are bytes.
    """

    def __init__(self, table: Any, *columns: str, key: str | None = None, binary: bool = False) -> None:
        self._columns = columns
        self._binary = binary
        self._bulk = Bulk(table, *columns, key=() if key is None else (key,), update=key is not None)
        types = {name: table.__table__.c[name].type.compile(_POSTGRES) for name in columns}
        source = _from_arrays(types) if binary else _from_json(types)
        self._text = _statement(table.__tablename__, columns, key, source)

    def write(self, session: Session, rows: Sequence[Sequence[Any]]) -> None:
        """Write these rows, each with a value for every column, in the caller's transaction."""
        if not rows:
            return
        if not is_postgres(session):
            self._bulk.write(session, rows)
            return
        given: tuple[Any, ...]
        if self._binary:
            given = tuple(list(column) for column in zip(*rows, strict=True))
        else:
            given = (orjson.dumps([dict(zip(self._columns, row, strict=True)) for row in rows]).decode(),)
        session.connection().exec_driver_sql(self._text, given)


def _from_arrays(types: Mapping[str, str]) -> str:
    arrays = ", ".join(f"%s::{kind}[]" for kind in types.values())
    return f"unnest({arrays}) AS new ({', '.join(_quoted(types))})"


def _from_json(types: Mapping[str, str]) -> str:
    columns = ", ".join(f'"{name}" {kind}' for name, kind in types.items())
    return f"json_to_recordset(%s::json) AS new ({columns})"


def _statement(table: str, columns: Sequence[str], key: str | None, source: str) -> str:
    names = _quoted(columns)
    if key is None:
        chosen = ", ".join(f"new.{name}" for name in names)
        return f'INSERT INTO "{table}" ({", ".join(names)}) SELECT {chosen} FROM {source}'  # noqa: S608  names of ours
    sets = ", ".join(f"{name} = new.{name}" for name in _quoted(each for each in columns if each != key))
    return f'UPDATE "{table}" AS old SET {sets} FROM {source} WHERE old."{key}" = new."{key}"'  # noqa: S608  as above


def _quoted(names: Any) -> list[str]:
    return [f'"{name}"' for name in names]


Among = Callable[[Any], sa.ColumnElement[bool]]


class OfIds:
    """A SELECT of what belongs to some ids, made once: `make(among)` says `among(column)` where the ids come in."""

    def __init__(self, make: Callable[[Among], Any]) -> None:
        self._sqlite = make(lambda column: column.in_(sa.bindparam("ids", expanding=True)))
        self._postgres = make(lambda column: column == sa.any_(sa.bindparam("ids", type_=_ARRAY)))

    def rows(self, session: Session, ids: Sequence[str]) -> list[Any]:
        """What there is of these."""
        if is_postgres(session):
            return list(session.execute(self._postgres, {"ids": list(ids)}))
        found: list[Any] = []
        for start in range(0, len(ids), MOST):
            found += session.execute(self._sqlite, {"ids": ids[start : start + MOST]})
        return found


MOST: Final = 5_000  # parameters that SQLite is given at a time
