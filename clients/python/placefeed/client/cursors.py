"""Where a follower keeps how far it has come."""

import os
from collections.abc import Awaitable
from pathlib import Path
from typing import Protocol


class CursorStore(Protocol):
    """Anything that keeps a cursor, a text. `save` is called once all of a page was dealt with, so what you wrote of it can be committed there.

    With an async client both may be `async`.
    """

    def load(self) -> str | Awaitable[str | None] | None:
        """The cursor saved last; None to begin at the beginning."""

    def save(self, cursor: str, /) -> Awaitable[None] | None:
        """Keep this one instead."""


class CursorFile:
    """A cursor in a file of one line, which is there whole or not at all."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)

    def load(self) -> str | None:
        """The cursor; None where there is no file yet. Raises ValueError for a file that holds something else."""
        try:
            text = self.path.read_text(encoding="utf-8").strip()
        except FileNotFoundError:
            return None
        except UnicodeDecodeError:
            text = ""
        if not text.startswith(("https://", "http://")) or len(text.split()) != 1:
            raise ValueError(
                f"{self.path} is no saved cursor. Name another file, or delete it to read from the beginning (then drop what you hold: deletions before that are not told)."
            )
        return text

    def save(self, cursor: str, /) -> None:
        """Write it beside its place, to the disk, and move it there."""
        part = self.path.with_name(f".{self.path.name}.part")
        try:
            with part.open("w", encoding="utf-8") as file:
                file.write(cursor + "\n")
                file.flush()
                os.fsync(file.fileno())
            part.replace(self.path)
        finally:
            part.unlink(missing_ok=True)
