"""A real SFTP server on loopback: chrooted, keys only, on a thread of its own; and what a test may want to go wrong with it."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncssh

USER = "placefeed"


@dataclass
class Server:
    """What a test knows of the server. `root` is what the account sees as /."""

    root: Path
    host_key: asyncssh.SSHKey = field(default_factory=lambda: asyncssh.generate_private_key("ssh-ed25519"))
    ours: asyncssh.SSHKey = field(default_factory=lambda: asyncssh.generate_private_key("ssh-ed25519"))
    port: int = 0
    certificate: Any = None
    """Shown in place of the plain host key."""
    chroot: bool = True
    password: str | None = None
    """Takes this password, and no keys."""
    on_read: Callable[["Server", bytes, int], None] = lambda *_: None
    """Called on the server's thread before a piece of a file is sent: (server, path, offset)."""
    sftp: bool = True
    nonsense: bytes | None = None
    """What it answers to everything, in place of SFTP."""
    writable: bool = True
    lie: int = 0
    """Bytes that it says a file has more than it has."""
    closed: bool = False
    """Lets nobody look into a folder."""
    names: list[bytes] | None = None
    """What it says a folder holds, in place of the truth."""
    log: list[tuple[str, bytes]] = field(default_factory=list)
    connections: list[asyncssh.SSHServerConnection] = field(default_factory=list)

    def address(self, path: str = "/", *, host: str = "127.0.0.1") -> str:
        return f"sftp://{USER}@{host}:{self.port}{path}"

    def known_hosts(self, key: asyncssh.SSHKey | None = None) -> str:
        return f"[127.0.0.1]:{self.port} {(key or self.host_key).export_public_key().decode()}"

    def credential(self, key: asyncssh.SSHKey | None = None, known_hosts: str | None = None) -> str:
        private = (key or self.ours).export_private_key().decode()
        return private + (self.known_hosts() if known_hosts is None else known_hosts)

    def cut(self) -> None:
        """Every connection breaks, now. On the server's thread."""
        for connection in self.connections:
            connection.abort()


class _Account(asyncssh.SSHServer):
    def __init__(self, server: Server) -> None:
        self._server = server

    def connection_made(self, connection: asyncssh.SSHServerConnection) -> None:
        self._server.connections.append(connection)

    def begin_auth(self, username: str) -> bool:
        return True

    def password_auth_supported(self) -> bool:
        return self._server.password is not None

    def validate_password(self, username: str, password: str) -> bool:
        return password == self._server.password

    def public_key_auth_supported(self) -> bool:
        return self._server.password is None

    def session_requested(self) -> Any:
        return self._server.nonsense is not None and _Nonsense(self._server.nonsense)

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        return username == USER and key == self._server.ours.convert_to_public()


class _Nonsense(asyncssh.SSHServerSession[bytes]):
    """Greets as SFTP does, and then says the same to everything."""

    def __init__(self, words: bytes) -> None:
        self._words = words
        self._greeted = False

    def connection_made(self, channel: Any) -> None:
        self._channel = channel

    def subsystem_requested(self, subsystem: str) -> bool:
        return subsystem == "sftp"

    def data_received(self, data: bytes, datatype: Any) -> None:
        self._channel.write(self._words if self._greeted else b"\0\0\0\5\2\0\0\0\3")
        self._greeted = True


class _Files(asyncssh.SFTPServer):
    """The server's files, and a note of what was asked."""

    def __init__(self, server: Server, channel: asyncssh.SSHServerChannel[bytes]) -> None:
        super().__init__(channel, chroot=str(server.root).encode() if server.chroot else None)
        self._server = server
        self._names: dict[int, bytes] = {}

    async def scandir(self, path: bytes) -> Any:
        if self._server.closed:
            raise asyncssh.SFTPPermissionDenied("not for you")
        for name in self._server.names or ():
            yield asyncssh.SFTPName(name, attrs=asyncssh.SFTPAttrs(permissions=0o100644, size=2, mtime=1))
        if self._server.names is None:
            async for entry in super().scandir(path):
                entry.attrs.size += self._server.lie
                yield entry

    def lstat(self, path: bytes) -> Any:
        found: Any = super().lstat(path)
        attrs = asyncssh.SFTPAttrs.from_local(found)
        attrs.size = (attrs.size or 0) + self._server.lie
        return attrs

    def open(self, path: bytes, pflags: int, attrs: asyncssh.SFTPAttrs) -> Any:
        self._server.log.append(("open", path))
        if not self._server.writable and pflags & asyncssh.FXF_WRITE:
            raise asyncssh.SFTPPermissionDenied("read only")
        file: Any = super().open(path, pflags, attrs)
        self._names[id(file)] = path
        return file

    def read(self, file: Any, offset: int, size: int) -> Any:
        self._server.on_read(self._server, self._names.get(id(file), b""), offset)
        return super().read(file, offset, size)

    def rename(self, oldpath: bytes, newpath: bytes) -> Any:
        self._server.log.append(("rename", oldpath))
        if not self._server.writable:
            raise asyncssh.SFTPPermissionDenied("read only")
        return super().rename(oldpath, newpath)

    def mkdir(self, path: bytes, attrs: asyncssh.SFTPAttrs) -> Any:
        if not self._server.writable:
            raise asyncssh.SFTPPermissionDenied("read only")
        return super().mkdir(path, attrs)


@contextmanager
def running(server: Server, **options: Any) -> Iterator[Server]:
    """The server, listening until the end of the block."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="sftp-server")
    thread.start()

    async def listen() -> asyncssh.SSHAcceptor:
        return await asyncssh.listen(
            "127.0.0.1",
            server.port,
            server_factory=lambda: _Account(server),
            server_host_keys=[(server.host_key, server.certificate) if server.certificate else server.host_key],
            sftp_factory=(lambda channel: _Files(server, channel)) if server.sftp and server.nonsense is None else None,
            encoding=None,
            **options,
        )

    async def end(acceptor: asyncssh.SSHAcceptor) -> None:
        server.cut()
        acceptor.close()
        await acceptor.wait_closed()
        rest = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in rest:
            task.cancel()
        await asyncio.gather(*rest, return_exceptions=True)

    acceptor = None
    try:
        acceptor = asyncio.run_coroutine_threadsafe(listen(), loop).result()
        server.port = acceptor.get_port()
        yield server
    finally:
        if acceptor is not None:
            asyncio.run_coroutine_threadsafe(end(acceptor), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
