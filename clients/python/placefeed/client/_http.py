"""What both drivers share of HTTP: the address, the headers, and which failure means that nothing was sent."""

from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import Any
from urllib.parse import urlsplit

import httpx2

from placefeed.client._steps import Answer, Request
from placefeed.client.errors import Unreachable

CHUNK = 256 * 1024
TIMEOUT = httpx2.Timeout(30.0, read=120.0)


def options(base_url: str, key: str | None, *, insecure: bool, timeout: float | None) -> dict[str, Any]:
    """The arguments of an httpx2 client for an exchange. ValueError for a base URL that cannot be meant."""
    parts = urlsplit(base_url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("The exchange's URL begins with https:// (or http:// on your own machine).")
    if parts.scheme == "http" and key and not insecure and not _own_machine(parts.hostname):
        raise ValueError(
            "Over http the key would travel readable. Use the exchange's https address, or say `insecure=True` inside a network you trust."
        )
    headers = {"User-Agent": f"placefeed-client/{_version()}", "Accept": "application/json"}
    if key:
        if not key.isascii() or not key.isprintable() or " " in key.strip():
            raise ValueError("The key is not one of an exchange: it has blanks or special characters. Copy it again.")
        headers["Authorization"] = f"Bearer {key.strip()}"
    return {
        "base_url": base_url.rstrip("/") + "/",
        "headers": headers,
        "timeout": httpx2.Timeout(timeout) if timeout is not None else TIMEOUT,
        "follow_redirects": False,  # a redirect of a POST loses its body, and a key must not follow one
    }


def headers_of(response: httpx2.Response) -> Mapping[str, str]:
    """Header names in lower case."""
    return {name.lower(): value for name, value in response.headers.items()}


def answer_of(response: httpx2.Response, content: bytes) -> Answer:
    """What came back, with what has been read of its body."""
    return Answer(response.status_code, headers_of(response), content, url=str(response.url))


def silent(timeout: httpx2.Timeout, seconds: float) -> httpx2.Timeout:
    """The same patience, but no byte for so long is the end of an answer."""
    return httpx2.Timeout(connect=timeout.connect, read=seconds, write=timeout.write, pool=timeout.pool)


def no_answer(error: httpx2.HTTPError, host: str) -> Unreachable:
    """A failure of the transport, for people; `sent` is false only where surely nothing left."""
    if isinstance(error, httpx2.ConnectError | httpx2.ConnectTimeout | httpx2.PoolTimeout | httpx2.ProxyError):
        certificate = " Its certificate is not valid." if "CERTIFICATE" in str(error).upper() else ""
        return Unreachable(f"{host} could not be reached.{certificate} Check the URL and your connection.", sent=False)
    if isinstance(error, httpx2.TimeoutException):
        return Unreachable(f"{host} did not answer in time.", sent=True)
    return Unreachable(f"The connection to {host} broke off.", sent=True)


def total_of(request: Request) -> int | None:
    """Bytes of a request's body."""
    if request.body is None:
        return None
    return len(request.body) if isinstance(request.body, bytes) else request.body.stat().st_size


def _own_machine(host: str) -> bool:
    return host in ("localhost", "::1") or host.startswith("127.") or host.endswith(".localhost")


def _version() -> str:
    try:
        return version("placefeed")
    except PackageNotFoundError:  # run from a source folder that was not installed
        return "0"
