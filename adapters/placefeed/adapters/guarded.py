"""Connections that go only where a guard lets them, and that end at one deadline."""

import ssl
import time
from typing import Any

import httpcore2
import httpx2

from placefeed.adapters.addresses import Guard
from placefeed.adapters.base import Refused


class GuardedBackend(httpcore2.NetworkBackend):
    """Opens sockets to checked addresses only, and ends every wait at one deadline.

    The host name stays in the URL, so `Host`, SNI and the certificate's check are as they would be without it.
    `deadline` is an instant of `time.monotonic`: a peer that sends a byte now and then cannot hold us for longer.
    """

    def __init__(self, guard: Guard, *, deadline: float | None = None) -> None:
        self._guard = guard
        self._deadline = deadline
        self._inner = httpcore2.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Any = None,
    ) -> httpcore2.NetworkStream:
        """Resolve, check, and connect to the first checked address that answers."""
        try:
            addresses = self._guard.check(host, port)
        except (OSError, UnicodeError) as error:  # a label that is too long is a UnicodeError
            raise httpcore2.ConnectError(f"the name {host} is not known") from error
        failure: Exception | None = None
        for address in addresses:
            try:
                stream = self._inner.connect_tcp(
                    address,
                    port,
                    timeout=within(timeout, self._deadline),
                    local_address=local_address,
                    socket_options=socket_options,
                )
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as error:
                failure = error
            else:
                return DeadlineStream(stream, self._deadline)
        raise failure or httpcore2.ConnectError(f"{host} does not answer")

    def connect_unix_socket(
        self,
        path: str,  # noqa: ARG002  all arguments are of no matter here
        timeout: float | None = None,  # noqa: ARG002
        socket_options: Any = None,  # noqa: ARG002
    ) -> httpcore2.NetworkStream:
        """Never: a feed is not read from a socket of this machine."""
        raise Refused("A feed cannot be read from a socket of this machine (rule unix-socket).", rule="unix-socket")


class DeadlineStream(httpcore2.NetworkStream):
    """A stream whose every wait ends at the deadline, headers included."""

    def __init__(self, stream: httpcore2.NetworkStream, deadline: float | None) -> None:
        self._stream = stream
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, timeout=within(timeout, self._deadline))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, timeout=within(timeout, self._deadline))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: Any, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore2.NetworkStream:
        inner = self._stream.start_tls(
            ssl_context, server_hostname=server_hostname, timeout=within(timeout, self._deadline)
        )
        return DeadlineStream(inner, self._deadline)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


def guarded_transport(
    guard: Guard, *, deadline: float | None = None, verify: ssl.SSLContext | bool = True
) -> httpx2.HTTPTransport:
    """An httpx2 transport that connects through a guard, ignoring proxies of the environment.

    httpx2 has no public way to give a transport its network backend, so the pool's private attribute is set;
    tests/adapters/test_http.py fails if a release stops using it.
    """
    transport = httpx2.HTTPTransport(verify=verify, trust_env=False, retries=0)
    pool = transport._pool
    if not hasattr(pool, "_network_backend"):
        raise RuntimeError(
            "This release of httpx2 opens its sockets elsewhere: outgoing connections cannot be guarded, so none is made."
        )
    pool._network_backend = GuardedBackend(guard, deadline=deadline)
    return transport


def within(timeout: float | None, deadline: float | None) -> float | None:
    """The shorter of a time limit and what is left until the deadline, in seconds; never zero, which would mean `at once`."""
    if deadline is None:
        return timeout
    left = max(deadline - time.monotonic(), 0.001)
    return left if timeout is None else min(timeout, left)
