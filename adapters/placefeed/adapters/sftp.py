"""SFTP pull: takes new, complete files from a folder on somebody else's server. Keys only, known hosts only.

The folder has `done/` and `failed/`: its owner wants taken files moved, as in a watched folder (see `folder`).

    a.csv ──claimed──> .working/1f6e20c9-a.csv ──done()───> done/a.csv   (+ a.csv.report.json)
                                               ──failed()─> failed/a.csv (+ a.csv.report.json)

It has not: nothing there is touched, and the cursor remembers which files were taken (name, size, time of change).
A file counts as complete when its size and time stand still between two looks, and still do once it has been read.
"""

import base64
import hashlib
import re
import secrets
import time
import weakref
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Self

import orjson

from placefeed.adapters.addresses import Guard
from placefeed.adapters.base import AdapterError, Batch, Cursor, Refused, TooLarge, Unreachable
from placefeed.adapters.drops import (
    DONE,
    FAILED,
    MIB,
    REPORT,
    WORKING,
    batch_of,
    free_names,
    kind_of,
    refusal,
    too_large,
    under_way,
)
from placefeed.adapters.sftp_line import Entry, Line
from placefeed.adapters.sftp_words import folder_of, keys_of

NAMES = 20_000  # names that a folder may hold
REMEMBERED = 800  # files that stay on the server and are told apart by the cursor; 8 bytes each
AT_ONCE = 100  # files taken in one fetch; the rest waits for the next
CLAIM = re.compile(r"([0-9a-f]{8})-(.+)", re.DOTALL)
FINGERPRINT = 8  # characters


class NotTaken(AdapterError):
    """Some files could not be taken, all others were: tell the owner, and go on."""


@dataclass(frozen=True, slots=True)
class _File:
    """A file on the server: where it is, what it was called, and what it looked like."""

    path: bytes
    name: bytes
    entry: Entry
    claim: str = ""

    @property
    def shown(self) -> str:
        """Its name for people: as sent if that is UTF-8, else as Windows writes it."""
        try:
            text = self.name.decode()
        except UnicodeDecodeError:
            text = self.name.decode("cp1252", "replace")
        return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text)


class SftpPull:
    """Takes files from a folder on a server. Made without touching the network.

    `authorization` is a private key followed by known_hosts lines (see `sftp_words`). `settle` (seconds) lies between the
    two looks. `timeout` (seconds) is for all that the network does in one fetch; `max_bytes` for one file, and for all
    files of one fetch together. Hidden files and those named like an upload under way (`.part`, `.tmp`...) are left alone.
    """

    def __init__(
        self,
        address: str,
        *,
        content_type: str | None = None,
        authorization: str | None = None,
        guard: Guard | None = None,
        timeout: float = 60.0,
        max_bytes: int = 256 * MIB,
        settle: float = 5.0,
        sleep: Callable[[float], None] = time.sleep,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.address = address
        self._content_type = content_type
        self._authorization = authorization
        self._guard = guard or Guard()
        self._timeout = timeout
        self._max_bytes = max_bytes
        self._settle = settle
        self._sleep = sleep
        self._now = now
        self._line: Line | None = None
        self._hang_up: weakref.finalize[[], SftpPull] | None = None
        self._root = b""
        self._moves = False
        self._given: dict[str, _File] = {}

    def fetch(self, cursor: Cursor | None) -> Iterator[Batch]:
        """Yield each new complete file, oldest first; those that a dead reader left behind come before all.

        Raises Unreachable, ChangedShape (the folder is gone, our key is refused), Refused (another host key, a private
        address) or, when everything else was taken, NotTaken.
        """
        line = self._connect()
        entries = line.entries(self._root.rstrip(b"/") or b"/", most=NAMES)
        self._moves = self._may_move(line, {entry.name.decode("utf-8", "replace"): entry.kind for entry in entries})
        memory = _memory(cursor)
        trouble: list[str] = []
        new, kept = self._new(line, entries, memory, trouble)
        size = taken = 0
        for file in self._settled(line, new):
            if taken == AT_ONCE or (taken and size + file.entry.size > self._max_bytes):
                break
            batch = self._take(line, file, trouble)
            if batch is None:
                continue
            if not self._moves:
                kept.add(self._fingerprint(file))
            batch.cursor.update(_bookmark(kept))
            taken, size = taken + 1, size + len(batch.content)
            yield batch
        if trouble:
            more = f" And {len(trouble) - 3} more." if len(trouble) > 3 else ""
            raise NotTaken(f"Not everything in the folder could be taken. {' '.join(trouble[:3])}{more}")

    def done(self, batch: Batch, report: Mapping[str, Any]) -> None:
        """Move a yielded file to `done/`, with its report beside it, where the folder's owner wants that."""
        self._put_away(batch, DONE, report)

    def failed(self, batch: Batch, report: Mapping[str, Any]) -> None:
        """Move a yielded file to `failed/`, with its report beside it, where the folder's owner wants that."""
        self._put_away(batch, FAILED, report)

    def close(self) -> None:
        """Hang up."""
        if self._hang_up is not None:
            self._hang_up()
            self._hang_up = self._line = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # -- what is there ----------------------------------------------------------------------------------------------

    def _connect(self) -> Line:
        self.close()
        folder = folder_of(self.address)
        keys = keys_of(self._authorization, folder)
        self._root = folder.path.rstrip(b"/") + b"/"
        self._line = Line(folder, keys, guard=self._guard, seconds=self._timeout)
        self._hang_up = weakref.finalize(self, self._line.close)
        return self._line

    def _may_move(self, line: Line, kinds: Mapping[str, str]) -> bool:
        """Whether the folder's owner made `done/` and `failed/`. A link in their place is none: it could lead anywhere."""
        if kinds.get(DONE) != "folder" or kinds.get(FAILED) != "folder":
            return False
        made = WORKING not in kinds and line.make_folder(self._at(WORKING))
        if not made and kinds.get(WORKING) != "folder":
            raise NotTaken(
                f"The folder has {DONE}/ and {FAILED}/, yet {WORKING}/ cannot be made in it. Let the account write there, or remove the two."
            )
        return True

    def _new(
        self, line: Line, entries: list[Entry], memory: set[str], trouble: list[str]
    ) -> tuple[list[_File], set[str]]:
        """The files to take, oldest first, and the part of the memory that is still of use."""
        found: list[_File] = []
        for entry in entries:
            name = entry.name.decode("utf-8", "surrogateescape")
            if entry.kind == "path":
                trouble.append("The server names a file whose name is a path.")
            elif entry.kind != "folder" and not under_way(name):
                found.append(_File(self._root + entry.name, entry.name, entry))
        found.sort(key=_by_age)
        if self._moves:
            kept = memory & {self._fingerprint(file) for file in found}
            fresh = [file for file in found if self._fingerprint(file) not in kept]
            return [*self._left_behind(line), *fresh][:AT_ONCE], kept
        if len(found) > REMEMBERED:
            trouble.append(
                f"There are {len(found) - REMEMBERED:,} files older than the newest {REMEMBERED}, which are not looked at: "
                f"ask the folder's owner to clear it, or to make {DONE}/ and {FAILED}/ in it, so that taken files are moved."
            )
            found = found[-REMEMBERED:]
        kept = memory & {self._fingerprint(file) for file in found}
        return [file for file in found if self._fingerprint(file) not in kept], kept

    def _left_behind(self, line: Line) -> list[_File]:
        """What a dead reader had claimed."""
        working = self._at(WORKING) + b"/"
        found: list[_File] = []
        for entry in line.entries(working.rstrip(b"/"), most=NAMES):
            match = CLAIM.fullmatch(entry.name.decode("utf-8", "surrogateescape"))
            if match and entry.kind not in ("folder", "path"):
                name = match[2].encode("utf-8", "surrogateescape")
                found.append(_File(working + entry.name, name, entry, claim=match[1]))
        return sorted(found, key=_by_age)

    def _settled(self, line: Line, files: list[_File]) -> list[_File]:
        """Those that look the same a moment later."""
        if not files:
            return []
        self._sleep(self._settle)
        again = line.looks([file.path for file in files])
        return [
            file for file, now in zip(files, again, strict=True) if now is not None and now.state == file.entry.state
        ]

    def _at(self, name: str) -> bytes:
        return self._root + name.encode()

    def _fingerprint(self, file: _File) -> str:
        """A file that is on the server, in eight characters; of this address alone."""
        parts = (self.address.encode(), file.name, b"%d %d" % (file.entry.size, file.entry.mtime))
        return base64.urlsafe_b64encode(hashlib.sha256(b"\0".join(parts)).digest()[:6]).decode()

    # -- one file ---------------------------------------------------------------------------------------------------

    def _take(self, line: Line, file: _File, trouble: list[str]) -> Batch | None:
        """Claim and read one file; None where it is gone, is still growing, or may not be read."""
        if self._moves and not file.claim:
            claim = secrets.token_hex(4)
            path = self._at(f"{WORKING}/{claim}-") + file.name
            if not line.rename(file.path, path):
                if line.look(file.path) is not None:
                    trouble.append(f"“{file.shown}” cannot be moved into {WORKING}/.")
                return None
            file = _File(path, file.name, file.entry, claim=claim)
        try:
            content = self._read(line, file)
            if content is None:
                return None
            batch = batch_of(content, name=file.shown, kind=self._content_type, cursor={"name": file.shown[:80]})
        except (Refused, TooLarge) as error:
            if self._moves:
                self._move(line, file, FAILED, refusal(error))
            else:
                trouble.append(f"“{file.shown}”: {error}")
            return None
        if self._moves:
            batch.cursor["claim"] = file.claim
            self._given[file.claim] = file
        return batch

    def _read(self, line: Line, file: _File) -> bytes | None:
        """The bytes of a plain file that did not change meanwhile, else None. Never follows a link."""
        if file.entry.kind != "file":
            rule, what = ("symlink", "a link") if file.entry.kind == "link" else ("not-a-file", "a device or a pipe")
            raise Refused(f"This is {what}, not a file. Put the file itself into the folder.", rule=rule)
        if file.entry.size > self._max_bytes:
            raise too_large(self._max_bytes)
        try:
            content = line.read(
                file.path,
                max_bytes=self._max_bytes,
                judge=lambda head: kind_of(head, name=file.shown, kind=self._content_type),
            )
        except FileNotFoundError:
            return None
        after = line.look(file.path)
        if after is None or after.state != file.entry.state:
            return None
        if len(content) != file.entry.size:
            raise Refused(
                f"The server sent {len(content):,} bytes of a file that it says has {file.entry.size:,}. Send it again.",
                rule="size-differs",
            )
        return content

    def _put_away(self, batch: Batch, where: str, report: Mapping[str, Any]) -> None:
        if not self._moves:
            return
        file = self._given.pop(str(batch.cursor.get("claim")), None)
        if file is None or self._line is None:
            raise AdapterError(f"“{batch.name}” is not a file that this folder gave out, or it was put away already.")
        with self._line.grace():
            self._move(self._line, file, where, report)

    def _move(self, line: Line, file: _File, where: str, report: Mapping[str, Any]) -> None:
        """Put a claimed file away under a name that nobody has, its report first; nothing that is there is overwritten."""
        content = orjson.dumps(report, option=orjson.OPT_INDENT_2, default=str)
        name = file.name.decode("utf-8", "surrogateescape")
        for tried in free_names(name, at=self._now()):
            target = self._at(f"{where}/") + tried.encode("utf-8", "surrogateescape")
            beside = target + REPORT.encode()
            if any(each is not None for each in line.looks([target, beside])):
                continue
            if not line.write_new(beside, content):
                break
            if line.rename(file.path, target):
                return
            line.remove(beside)
            break
        raise Unreachable(f"“{file.shown}” cannot be moved into {where}/: may the account write there?")


def _by_age(file: _File) -> tuple[int, bytes]:
    return file.entry.mtime, file.name


def _memory(cursor: Cursor | None) -> set[str]:
    """The fingerprints that a cursor holds."""
    text = str((cursor or {}).get("taken", ""))
    return {text[start : start + FINGERPRINT] for start in range(0, len(text), FINGERPRINT)}


def _bookmark(kept: set[str]) -> Cursor:
    return {"taken": "".join(sorted(kept))} if kept else {}
