"""A watched folder: each complete file is taken once, and ends in `done/` or `failed/` with its report beside it.

    drop/vacancies.xlsx --claimed--> drop/.working/vacancies.xlsx --done()----> drop/done/vacancies.xlsx (+ .report.json)
                                                                 --failed()--> drop/failed/vacancies.xlsx (+ .report.json)

Every arrow is a rename, so a crash leaves the file on one side or the other. What is found in `.working/` was neither
done nor failed when its reader died: it is yielded again. The same bytes twice change nothing further on.
"""

import errno
import fcntl
import os
import stat
import time
import weakref
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Self

import orjson

from placefeed.adapters.base import AdapterError, Batch, Cursor, Refused, TooLarge, Unreachable
from placefeed.adapters.drops import (
    DONE,
    FAILED,
    MIB,
    REPORT,
    WORKING,
    batch_of,
    free_names,
    refusal,
    too_large,
    under_way,
)


class WatchedFolder:
    """Takes files from a folder. Made without touching it; the folders are made at the first fetch.

    `settle` (seconds): a file that changed less than this ago may still be on its way and waits for the next fetch.
    Hidden files and those named like an upload under way (`.part`, `.tmp`...) are left alone.
    One reader at a time: a lock is held from the first fetch until `close()`.
    """

    def __init__(
        self,
        address: str | os.PathLike[str],
        *,
        content_type: str | None = None,
        settle: float = 5.0,
        max_bytes: int = 256 * MIB,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.folder = Path(address)
        self._content_type = content_type
        self._settle = settle
        self._max_bytes = max_bytes
        self._now = now
        self._unlock: weakref.finalize[[int], WatchedFolder] | None = None

    def fetch(self, cursor: Cursor | None) -> Iterator[Batch]:  # noqa: ARG002  part of the protocol
        """Yield each complete file, oldest first; those that a dead reader left behind come before all.

        A file that may not be read (a link, a device, over the size limit) goes to `failed/` with a report that says so,
        and does not stop the others. `cursor` is not needed: the folder itself knows. Raises Unreachable or Refused.
        """
        self._open()
        working = self.folder / WORKING
        left_behind = self._names(working, settled=False)
        for name in left_behind:
            yield from self._take(name)
        for name in self._names(self.folder, settled=True):
            if os.path.lexists(working / name):
                continue  # an older file of this name is not finished with; this one waits for the next fetch
            try:
                os.rename(self.folder / name, working / name)
            except FileNotFoundError:
                continue  # its owner took it back
            yield from self._take(name)

    def done(self, batch: Batch, report: Mapping[str, Any]) -> None:
        """Move a yielded file to `done/`, with its report beside it; nothing that is there is overwritten."""
        self._put_away(batch.name, DONE, report)

    def failed(self, batch: Batch, report: Mapping[str, Any]) -> None:
        """Move a yielded file to `failed/`, with its report beside it."""
        self._put_away(batch.name, FAILED, report)

    def close(self) -> None:
        """Let another reader in."""
        if self._unlock is not None:
            self._unlock()
            self._unlock = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _open(self) -> None:
        """Make the folders, refuse one that leads elsewhere, and take the lock."""
        if not self.folder.is_dir():
            raise Unreachable(f"The folder {self.folder.name} is not there.")
        try:
            for name in (WORKING, DONE, FAILED):
                path = self.folder / name
                path.mkdir(mode=0o750, exist_ok=True)
                if not stat.S_ISDIR(path.lstat().st_mode):
                    raise Refused(
                        f"{name}/ in the watched folder is a link or a file, not a folder (rule symlink).",
                        rule="symlink",
                    )
        except FileExistsError as error:
            raise Refused(
                "The watched folder holds a file where done/ or failed/ should be (rule symlink).", rule="symlink"
            ) from error
        except PermissionError as error:
            raise Unreachable("The watched folder cannot be written to: the exchange moves files in it.") from error
        if self._unlock is not None:
            return
        handle = os.open(self.folder / WORKING / ".lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o640)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(handle)
            raise Unreachable("Another process is reading this folder.") from error
        self._unlock = weakref.finalize(self, os.close, handle)

    def _names(self, folder: Path, *, settled: bool) -> list[str]:
        """Names of the files to take, oldest first."""
        found: list[tuple[int, str]] = []
        with os.scandir(folder) as entries:
            for entry in entries:
                if under_way(entry.name) or entry.is_dir(follow_symlinks=False):
                    continue
                try:
                    state = entry.stat(follow_symlinks=False)
                except FileNotFoundError:
                    continue
                # ctime as well: a copy that keeps the times of the original has an old mtime from its first byte.
                if not settled or self._now() - max(state.st_mtime, state.st_ctime) >= self._settle:
                    found.append((state.st_mtime_ns, entry.name))
        return [name for _, name in sorted(found)]

    def _take(self, name: str) -> Iterator[Batch]:
        try:
            content = self._read(self.folder / WORKING / name)
            batch = batch_of(content, name=name, kind=self._content_type, cursor={"name": name})
        except (Refused, TooLarge) as error:
            self._put_away(name, FAILED, refusal(error))
            return
        yield batch

    def _read(self, path: Path) -> bytes:
        """The bytes of a plain file; never follows a link, never waits on a pipe."""
        try:
            handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            if error.errno in (errno.ELOOP, errno.ENXIO, errno.EMLINK):
                raise Refused(
                    "This is a link or a device, not a file. Put the file itself into the folder.", rule="symlink"
                ) from error
            if isinstance(error, PermissionError):
                raise Refused(
                    "The exchange may not read this file. Give it leave to, and send it again.", rule="permission"
                ) from error
            raise
        with os.fdopen(handle, "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise Refused(
                    "This is a device or a pipe, not a file. Put the file itself into the folder.", rule="not-a-file"
                )
            content = file.read(self._max_bytes + 1)
        if len(content) > self._max_bytes:
            raise too_large(self._max_bytes)
        return content

    def _put_away(self, name: str, where: str, report: Mapping[str, Any]) -> None:
        source = self.folder / WORKING / name
        if name in ("", ".", "..") or Path(name).name != name or not os.path.lexists(source):
            raise AdapterError(f"“{name}” is not a file that this folder gave out, or it was put away already.")
        target, beside = self._free(self.folder / where, name)
        beside.write_bytes(orjson.dumps(report, option=orjson.OPT_INDENT_2, default=str))
        os.replace(source, target)  # over the empty file that reserved the name

    def _free(self, folder: Path, name: str) -> tuple[Path, Path]:
        """A name that nobody has, reserved, and the report's beside it; the time is put in where the plain one is taken."""
        for tried in free_names(name, at=self._now()):
            target, beside = folder / tried, folder / f"{tried}{REPORT}"
            try:
                target.touch(exist_ok=False)
            except FileExistsError:
                continue
            try:
                beside.touch(exist_ok=False)
            except FileExistsError:
                target.unlink()
                continue
            return target, beside
        raise Unreachable(f"There are a thousand files of one name in {folder.name}/: clear it.")
