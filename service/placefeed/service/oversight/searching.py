"""What somebody typed, looked for anywhere in some columns, whatever its case."""

from typing import Any

import sqlalchemy as sa


def containing(text: str, *columns: Any) -> sa.ColumnElement[bool]:
    """A condition that any of the columns has the text; `%` and `_` in it are just themselves."""
    wanted = "".join(f"\\{each}" if each in "\\%_" else each for each in text.lower())
    return sa.or_(*(sa.func.lower(column).like(f"%{wanted}%", escape="\\") for column in columns))
