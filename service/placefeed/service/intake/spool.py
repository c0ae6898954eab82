"""Raw bytes wait here, encrypted, until they are judged: nothing readable is durable before the screen for personal data.

    file = magic, then frames: flag (last or not), length, AES-GCM of at most 64 KiB

The key is the file's own (from the exchange's secret and the file's random name), the nonce its frame's number, and the
flag is authenticated: a frame that is changed, moved or missing, and a file cut short, are found when it is read.
"""

import hashlib
import io
import os
import re
import secrets
import time
from collections.abc import Collection
from pathlib import Path
from typing import BinaryIO, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from placefeed.service.access.sealing import derived_key
from placefeed.service.config import Settings
from placefeed.service.db import secret_of

MAGIC: Final = b"PFSPOOL1"
FRAME: Final = 64 * 1024
NAME: Final = re.compile(r"[0-9a-f]{32}")
MORE, LAST = b"\x00", b"\x01"


class SpoolDamaged(Exception):
    """A spooled file is not as it was written: changed, cut short, or from before the exchange's secret was changed."""


class Spool:
    """The folder of encrypted files below the data folder."""

    def __init__(self, settings: Settings) -> None:
        self.folder = settings.data / "spool"
        self._secret = secret_of(settings)

    def writer(self) -> "Writer":
        """A new file. It is durable when `close()` has returned, and gone after `abort()`."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        name = secrets.token_hex(16)
        return Writer(self.folder / name, self._cipher(name))

    def reader(self, name: str) -> BinaryIO:
        """The bytes that were written, as a stream. Raises FileNotFoundError; reading raises SpoolDamaged."""
        return io.BufferedReader(_Frames(self._path(name), self._cipher(name)), buffer_size=FRAME)

    def remove(self, name: str) -> None:
        """Delete a file; one that is gone already is no error."""
        self._path(name).unlink(missing_ok=True)

    def sweep(self, keep: Collection[str], *, older_than: float) -> int:
        """Delete files that no submission names and that are older than so many seconds: uploads that broke off."""
        swept = 0
        if not self.folder.is_dir():
            return 0
        for path in self.folder.iterdir():
            try:
                left = (
                    NAME.fullmatch(path.name)
                    and path.name not in keep
                    and time.time() - path.stat().st_mtime > older_than
                )
            except FileNotFoundError:
                continue  # its submission was finished just now
            if left:
                path.unlink(missing_ok=True)
                swept += 1
        return swept

    def _path(self, name: str) -> Path:
        if not NAME.fullmatch(name):
            raise ValueError("not the name of a spooled file")
        return self.folder / name

    def _cipher(self, name: str) -> AESGCM:
        return AESGCM(derived_key(self._secret, f"spool/{name}"))


class Writer:
    """Encrypts what is written. `size` and `sha256` are of the bytes as they came."""

    def __init__(self, path: Path, cipher: AESGCM) -> None:
        self.name = path.name
        self.size = 0
        self._path = path
        self._cipher = cipher
        self._digest = hashlib.sha256()
        self._waiting = bytearray()
        self._number = 0
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        self._file = os.fdopen(handle, "wb")
        self._file.write(MAGIC)

    @property
    def sha256(self) -> str:
        """Of everything written so far, in hexadecimal."""
        return self._digest.hexdigest()

    def write(self, data: bytes) -> int:
        """Add bytes."""
        self.size += len(data)
        self._digest.update(data)
        self._waiting += data
        while len(self._waiting) > FRAME:  # never the last one: that is told apart when the file is closed
            self._frame(MORE, bytes(self._waiting[:FRAME]))
            del self._waiting[:FRAME]
        return len(data)

    def close(self) -> None:
        """Write the last frame; file and folder are on the disk when this returns."""
        if self._file.closed:
            return
        self._frame(LAST, bytes(self._waiting))
        self._waiting.clear()
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        folder = os.open(self._path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def abort(self) -> None:
        """Leave nothing behind."""
        self._file.close()
        self._path.unlink(missing_ok=True)

    def _frame(self, flag: bytes, plain: bytes) -> None:
        sealed = self._cipher.encrypt(self._number.to_bytes(12, "big"), plain, flag)
        self._number += 1
        self._file.write(flag + len(sealed).to_bytes(4, "big") + sealed)


class _Frames(io.RawIOBase):
    """Decrypts frame by frame."""

    def __init__(self, path: Path, cipher: AESGCM) -> None:
        super().__init__()
        self._file = path.open("rb")
        self._cipher = cipher
        self._number = 0
        self._left = memoryview(b"")
        self._ended = False
        self._at = 0
        if self._file.read(len(MAGIC)) != MAGIC:
            self._file.close()
            raise SpoolDamaged("This is not a spooled file.")

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Every frame but the last is full, so any place in the file is found without reading up to it."""
        if whence == io.SEEK_CUR:
            offset += self._at
        elif whence != io.SEEK_SET or offset < 0:
            raise io.UnsupportedOperation("a spooled file is sought from its start")
        frame, within = divmod(offset, FRAME)
        self._file.seek(len(MAGIC) + frame * (5 + FRAME + 16))
        self._number, self._left, self._ended, self._at = frame, memoryview(b""), False, frame * FRAME
        if within:
            self._next()
            self._left = self._left[within:]
        self._at = offset
        return offset

    def readinto(self, target: "bytearray | memoryview") -> int:  # type: ignore[override]
        while not self._left and not self._ended:
            self._next()
        taken = min(len(target), len(self._left))
        target[:taken] = self._left[:taken]
        self._left = self._left[taken:]
        self._at += taken
        return taken

    def _next(self) -> None:
        head = self._file.read(5)
        flag, length = head[:1], int.from_bytes(head[1:], "big")
        if len(head) != 5 or flag not in (MORE, LAST) or not 16 <= length <= FRAME + 16:
            raise SpoolDamaged("A spooled file was cut short.")
        try:
            plain = self._cipher.decrypt(self._number.to_bytes(12, "big"), self._file.read(length), flag)
        except InvalidTag as error:
            raise SpoolDamaged("A spooled file was changed, or the exchange's secret was.") from error
        self._number += 1
        self._left = memoryview(plain)
        if flag == LAST:
            self._ended = True
            if self._file.read(1):
                raise SpoolDamaged("A spooled file goes on after its end.")

    def close(self) -> None:
        self._file.close()
        super().close()
