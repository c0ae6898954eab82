"""One SFTP connection to a checked address: keys only, known hosts only, and every wait ends.

It lives on a thread of its own, so that a plain generator can use it, and so that it stays alive (keep-alives are
answered) while the exchange works on what was fetched. Paths are bytes: what a server calls its files is its affair.
"""

import asyncio
import socket
import threading
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import asyncssh
from asyncssh.constants import FILEXFER_TYPE_DIRECTORY, FILEXFER_TYPE_REGULAR, FILEXFER_TYPE_SYMLINK
from asyncssh.packet import PacketDecodeError

from placefeed.adapters.addresses import Guard
from placefeed.adapters.base import AdapterError, ChangedShape, Refused, Unreachable
from placefeed.adapters.drops import too_large
from placefeed.adapters.sftp_words import Folder, Keys

T = TypeVar("T")

PIECE = 4 * 1024 * 1024  # bytes asked for at a time; asyncssh splits them into requests under way together
HEAD = 1024  # bytes by which a file is judged before the rest is asked for
AT_ONCE = 64  # questions under way together
FORMS = (
    "ssh-ed25519",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "rsa-sha2-512",
    "rsa-sha2-256",
)
GRACE = 10.0  # seconds for putting a taken file away when the time of the whole fetch is used up


@dataclass(frozen=True, slots=True)
class Entry:
    """A name on the server and what stands behind it; `kind` is file, folder, link, other, or path (not a name)."""

    name: bytes
    kind: str
    size: int
    mtime: int

    @property
    def state(self) -> tuple[str, int, int]:
        """What must not change while a file is taken."""
        return self.kind, self.size, self.mtime


class _Client(asyncssh.SSHClient):
    """Notes the host key that was shown when it is not a known one; what is known was said before."""

    shown: str | None = None

    def validate_host_public_key(self, host: str, addr: str, port: int, key: asyncssh.SSHKey) -> bool:  # noqa: ARG002
        self.shown = key.get_fingerprint()
        return False


class Line:
    """An open connection. `seconds` is for all steps together; time between them does not count."""

    def __init__(self, folder: Folder, keys: Keys, *, guard: Guard, seconds: float) -> None:
        self._folder = folder
        self._keys = keys
        self._left = seconds
        self._seconds = seconds
        self._connection: asyncssh.SSHClientConnection | None = None
        self._sftp: asyncssh.SFTPClient | None = None
        stream = self._dial(guard)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="sftp", daemon=True)
        self._thread.start()
        try:
            self._run(self._greet(stream))
        except BaseException:
            self.close()
            stream.close()
            raise

    def entries(self, path: bytes, *, most: int) -> list[Entry]:
        """What a folder holds, without . and .. in it. Raises ChangedShape where it is gone, closed, or holds more than `most`."""
        return self._run(self._entries(path, most))

    def looks(self, paths: Sequence[bytes]) -> list[Entry | None]:
        """What stands at each path now, links not followed; None where nothing does."""
        return self._run(self._looks(paths))

    def look(self, path: bytes) -> Entry | None:
        """What stands at a path now."""
        return self.looks([path])[0]

    def read(self, path: bytes, *, max_bytes: int, judge: Callable[[bytes], object]) -> bytes:
        """A file's bytes; `judge` sees the first of them and may raise. Raises TooLarge, Refused, or FileNotFoundError."""
        return self._run(self._read(path, max_bytes, judge))

    def make_folder(self, path: bytes) -> bool:
        """Make a folder; False where the server does not let us."""
        return self._run(self._tried(lambda sftp: sftp.mkdir(path)))

    def rename(self, old: bytes, new: bytes) -> bool:
        """Rename, never over another file; False where the server does not let us."""
        return self._run(self._tried(lambda sftp: sftp.rename(old, new)))

    def remove(self, path: bytes) -> bool:
        """Remove a file; False where the server does not let us."""
        return self._run(self._tried(lambda sftp: sftp.remove(path)))

    def write_new(self, path: bytes, content: bytes) -> bool:
        """Write a file that is not there yet; False where one is, or the server does not let us."""

        async def write(sftp: asyncssh.SFTPClient) -> None:
            async with sftp.open(path, "xb") as file:
                try:
                    await file.write(content)
                except asyncssh.SFTPError:
                    await sftp.remove(path)  # a full disk: half a report is none
                    raise

        return self._run(self._tried(write))

    @contextmanager
    def grace(self) -> Iterator[None]:
        """A little time for what must still be done, however little is left."""
        before = self._left
        self._left = max(before, GRACE)
        try:
            yield
        finally:
            self._left = min(self._left, before)

    def close(self) -> None:
        """Hang up. A second time does nothing."""
        if self._loop.is_closed():
            return
        asyncio.run_coroutine_threadsafe(self._hang_up(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    # -- one step ---------------------------------------------------------------------------------------------------

    def _dial(self, guard: Guard) -> socket.socket:
        """A socket to a checked address: the very one that was checked."""
        host, port = self._folder.host, self._folder.port
        started = time.monotonic()
        try:
            addresses = guard.check(host, port)
        except (OSError, UnicodeError) as error:  # a label that is too long is a UnicodeError
            raise Unreachable(f"The name {host} is not known.") from error
        failure: OSError | None = None
        for address in addresses:
            try:
                stream = socket.create_connection((address, port), timeout=max(self._left, 0.001))
            except OSError as error:
                failure = error
                self._left -= time.monotonic() - started
                started = time.monotonic()
            else:
                self._left -= time.monotonic() - started
                return stream
        raise Unreachable(f"{host} does not answer at port {port}.") from failure

    def _run(self, step: Coroutine[Any, Any, T]) -> T:
        started = time.monotonic()
        try:
            return asyncio.run_coroutine_threadsafe(self._timed(step), self._loop).result()
        finally:
            self._left -= time.monotonic() - started

    async def _timed(self, step: Awaitable[T]) -> T:
        host = self._folder.host
        try:
            async with asyncio.timeout(self._left):
                return await step
        except (AdapterError, FileNotFoundError):
            raise
        except TimeoutError as error:
            raise Unreachable(f"{host} was not done within {self._seconds:g} seconds.") from error
        except (asyncssh.Error, PacketDecodeError, OSError) as error:
            raise Unreachable(f"{host}: the connection failed or broke off ({_words(error)}).") from error

    async def _greet(self, stream: socket.socket) -> None:
        client = _Client()
        host, user, keys = self._folder.host, self._folder.user, self._keys
        try:
            self._connection = await asyncssh.connect(
                host, self._folder.port, sock=stream, client_factory=lambda: client, username=user,
                known_hosts=(list(keys.host), list(keys.authorities), list(keys.revoked)), x509_trusted_certs=None,
                server_host_key_algs=_algorithms(keys),
                # Nothing of this machine's own: no configuration, no agent, no keys but the source's, no passwords.
                config=None, agent_path=None, client_keys=[keys.private], preferred_auth="publickey", password_auth=False,
                kbdint_auth=False, gss_auth=False, gss_kex=False, host_based_auth=False,
                compression_algs=["none"],  # nothing that could unpack to more than was sent
                keepalive_interval=15, keepalive_count_max=4, login_timeout=None, connect_timeout=None,
            )  # fmt: skip
            self._sftp = await self._connection.start_sftp_client(path_encoding=None)
        except asyncssh.HostKeyNotVerifiable as error:
            raise self._stranger(f"shows another host key ({client.shown or 'a revoked one'})") from error
        except asyncssh.KeyExchangeFailed as error:
            if "host key" in str(error):
                raise self._stranger("shows no host key in a form that is safe, let alone the one") from error
            raise ChangedShape(f"{host} has no method of encryption in common with us: {_words(error)}.") from error
        except asyncssh.PermissionDenied as error:
            raise ChangedShape(
                f"{host} does not accept our key for {user}. Ask its owner to enter this one: {keys.public}. "
                "A server that takes nothing but passwords cannot be used."
            ) from error
        except asyncssh.ChannelOpenError as error:
            raise ChangedShape(f"{host} lets {user} in but offers no SFTP: {_words(error)}.") from error

    def _stranger(self, what: str) -> Refused:
        return Refused(
            f"HOST KEY CHANGED: {self._folder.host} {what} than was registered; nothing was read (rule host-key). Either the "
            "server was set up anew, or somebody stands between. Ask its owner by telephone, then enter the new known_hosts line.",
            rule="host-key",
        )

    def _open(self) -> asyncssh.SFTPClient:
        if self._sftp is None:
            raise Unreachable(f"{self._folder.host}: the connection is closed.")
        return self._sftp

    async def _hang_up(self) -> None:
        if self._connection is not None:
            self._connection.abort()  # politeness could take for ever
            await self._connection.wait_closed()
            self._connection = self._sftp = None
        # What a broken connection left waiting must not outlive its loop.
        mine = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in mine:
            task.cancel()
        await asyncio.gather(*mine, return_exceptions=True)

    async def _entries(self, path: bytes, most: int) -> list[Entry]:
        found: list[Entry] = []
        shown = path.decode("utf-8", "replace")
        try:
            async for each in self._open().scandir(path):
                name = bytes(each.filename) if isinstance(each.filename, bytes) else each.filename.encode()
                if name in (b".", b".."):
                    continue
                if len(found) == most:
                    raise ChangedShape(f"The folder {shown} holds more than {most:,} names: ask its owner to clear it.")
                found.append(_entry(name, each.attrs))
        except (asyncssh.SFTPNoSuchFile, asyncssh.SFTPNoSuchPath, asyncssh.SFTPNotADirectory) as error:
            raise ChangedShape(f"The folder {shown} is not on the server: ask its owner where it is now.") from error
        except asyncssh.SFTPPermissionDenied as error:
            raise ChangedShape(f"The server does not let {self._folder.user} look into {shown}.") from error
        return found

    async def _looks(self, paths: Sequence[bytes]) -> list[Entry | None]:
        sftp = self._open()
        turn = asyncio.Semaphore(AT_ONCE)

        async def one(path: bytes) -> Entry | None:
            async with turn:
                try:
                    return _entry(path.rpartition(b"/")[2], await sftp.lstat(path))
                except (asyncssh.SFTPNoSuchFile, asyncssh.SFTPNoSuchPath):
                    return None

        return list(await asyncio.gather(*map(one, paths)))

    async def _read(self, path: bytes, max_bytes: int, judge: Callable[[bytes], object]) -> bytes:
        content = bytearray()
        try:
            async with self._open().open(path, "rb") as file:
                while piece := await file.read(PIECE if content else HEAD):
                    data = piece if isinstance(piece, bytes) else piece.encode()
                    if not content:
                        judge(data)
                    content += data
                    if len(content) > max_bytes:
                        raise too_large(max_bytes)
        except (asyncssh.SFTPNoSuchFile, asyncssh.SFTPNoSuchPath) as error:
            raise FileNotFoundError from error
        except asyncssh.SFTPPermissionDenied as error:
            raise Refused(
                "The exchange may not read this file. Give it leave to, and send it again.", rule="permission"
            ) from error
        return bytes(content)

    async def _tried(self, step: Callable[[asyncssh.SFTPClient], Awaitable[None]]) -> bool:
        """Whether the server did as asked. A broken connection is no answer and raises."""
        try:
            await step(self._open())
        except (asyncssh.SFTPConnectionLost, asyncssh.SFTPNoConnection):
            raise
        except asyncssh.SFTPError:
            return False
        return True


def _algorithms(keys: Keys) -> list[str]:
    """In which forms a host key may be shown: those of the known keys first, then any, so that a stranger is told apart
    from a server with which nothing can be agreed."""
    known = [name.decode() for key in keys.host for name in key.sig_algorithms if name != b"ssh-rsa"]  # SHA-1
    certified = [f"{name}-cert-v01@openssh.com" for name in FORMS] if keys.authorities else []
    return [*certified, *known, *FORMS]


def _entry(name: bytes, attrs: asyncssh.SFTPAttrs) -> Entry:
    kinds = {FILEXFER_TYPE_REGULAR: "file", FILEXFER_TYPE_DIRECTORY: "folder", FILEXFER_TYPE_SYMLINK: "link"}
    kind = kinds.get(attrs.type, "other")
    if b"/" in name or b"\0" in name:
        kind = "path"  # such a server says what no file is called: it is never used in a path of ours
    return Entry(name, kind, attrs.size or 0, int(attrs.mtime or 0))


def _words(error: Exception) -> str:
    """An error of the server's in one short line: it is theirs, and may be as long as they like."""
    text = "".join(letter if letter.isprintable() else " " for letter in str(error))[:200].strip()
    return text or type(error).__name__
