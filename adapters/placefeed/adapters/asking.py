"""Asks a server for one document at a time: guarded, capped, timed; waits when told to, and keeps its key to one host.

```
GET ──> a status that was expected: its answer, read under the caps
    ──> 429, 503, no answer: wait as told, try again, else Unreachable
    ──> redirect: checked again, at most three, never down to http
    ──> anything else: ChangedShape (stop, tell the owner)
```
"""

import ssl
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import urlsplit

import httpx2
import stamina

from placefeed.adapters.addresses import Guard
from placefeed.adapters.base import ChangedShape, Refused, Unreachable
from placefeed.adapters.bodies import MIB, read_capped
from placefeed.adapters.guarded import guarded_transport
from placefeed.adapters.http_words import check_form, reason, site, unexpected, wait_asked

REDIRECTS = 3
REDIRECT_STATUSES = {301, 302, 303, 307, 308}
TRY_AGAIN_STATUSES = {408, 425, 429, 500, 502, 503, 504}


@dataclass(frozen=True, slots=True)
class Answer:
    """A complete answer; `content` is there for a 200 alone. `url` is where it came from, after redirects."""

    status: int
    url: str
    headers: Mapping[str, str]
    content: bytes = b""


class Asker:
    """Asks at one address and what it leads to. Made without touching the network.

    `authorization` is sent as the Authorization header, to the host of `address` alone, over HTTPS alone.
    `timeout` (seconds) is for one question: redirects, retries and waits included. `max_bytes` holds before and after
    decompression. Plain http is taken only from hosts that the guard allows by name. `verify` is an SSL context where a
    server's certificate comes from an authority of its own.
    """

    def __init__(
        self,
        address: str,
        *,
        accept: str,
        authorization: str | None = None,
        guard: Guard | None = None,
        timeout: float = 60.0,
        max_bytes: int = 256 * MIB,
        attempts: int = 3,
        verify: ssl.SSLContext | bool = True,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        user_agent: str = "placefeed/1.0",
    ) -> None:
        self.address = address
        self._accept = accept
        self._authorization = authorization
        self._guard = guard or Guard()
        self._timeout = timeout
        self._max_bytes = max_bytes
        self._attempts = attempts
        self._verify = verify
        self._now = now
        self._user_agent = user_agent

    def ask(
        self, url: str | None = None, *, headers: Mapping[str, str] | None = None, expected: Collection[int] = (200,)
    ) -> Answer:
        """The answer at `url` (the address itself unless given), which has one of the expected statuses.

        Tries a few times within the one time limit; as long between tries as the server asks. Raises Unreachable (its
        `retry_after` in seconds, where the server said), ChangedShape, TooLarge or Refused.
        """
        first = url or self.address
        if self._verify is True:  # made once: it reads all authorities, which takes longer than a page of a feed
            self._verify = httpx2.create_ssl_context(trust_env=False)
        check_form(first, guard=self._guard, secret=bool(self._authorization) and self.is_home(first))
        deadline = time.monotonic() + self._timeout

        def try_again(error: Exception) -> bool | float:
            if not isinstance(error, Unreachable):
                return False
            left = deadline - time.monotonic()
            if error.retry_after is None:
                return left > 1
            return error.retry_after if error.retry_after < left else False

        for attempt in stamina.retry_context(
            on=try_again, attempts=self._attempts, timeout=self._timeout, wait_initial=0.5, wait_max=10.0
        ):
            with attempt:
                return self._follow(first, headers or {}, expected, deadline=deadline)
        raise Unreachable(f"{site(first)} did not answer.")

    def is_home(self, url: str) -> bool:
        """Whether a URL has the origin to which the owner gave us a key."""
        mine, theirs = httpx2.URL(self.address), httpx2.URL(url)
        return (mine.scheme, mine.host, mine.port) == (theirs.scheme, theirs.host, theirs.port)

    def _follow(self, url: str, headers: Mapping[str, str], expected: Collection[int], *, deadline: float) -> Answer:
        first = url
        with httpx2.Client(
            transport=guarded_transport(self._guard, deadline=deadline, verify=self._verify),
            trust_env=False,
            follow_redirects=False,
            timeout=self._timeout,
        ) as client:
            for _ in range(REDIRECTS + 1):
                try:
                    found = self._get(client, url, headers, expected)
                except httpx2.TimeoutException as error:
                    raise Unreachable(f"{site(url)} did not answer in {self._timeout:g} seconds.") from error
                except (httpx2.TransportError, httpx2.DecodingError) as error:
                    raise Unreachable(f"{site(url)} could not be read: {reason(error)}.") from error
                if isinstance(found, Answer):
                    return found
                url = self._next(url, found)
        raise Refused(
            f"{site(first)} redirects more than {REDIRECTS} times (rule redirect-limit). Give the final address.",
            rule="redirect-limit",
        )

    def _next(self, url: str, location: str) -> str:
        """The address of a redirect, checked like a first one."""
        try:
            target = str(httpx2.URL(url).join(location))
        except (httpx2.InvalidURL, ValueError) as error:
            raise ChangedShape(f"{site(url)} redirects to something that is not an address.") from error
        if urlsplit(url).scheme == "https" and urlsplit(target).scheme != "https":
            raise Refused(
                f"{site(url)} redirects from https to an address without it (rule redirect-downgrade).",
                rule="redirect-downgrade",
            )
        check_form(target, guard=self._guard, secret=self.is_home(target) and bool(self._authorization))
        return target

    def _get(
        self, client: httpx2.Client, url: str, headers: Mapping[str, str], expected: Collection[int]
    ) -> "Answer | str":
        """One request: the answer, or where it redirects to."""
        sent = {
            "Accept": self._accept,
            "Accept-Encoding": "gzip",
            "User-Agent": self._user_agent,
            **headers,
        }
        if self._authorization and self.is_home(url):
            sent["Authorization"] = self._authorization
        with client.stream("GET", url, headers=sent) as response:
            status = response.status_code
            if status in REDIRECT_STATUSES and "location" in response.headers:
                return response.headers["location"]
            if status in TRY_AGAIN_STATUSES or status >= 500:
                raise Unreachable(
                    f"{site(url)} answered {status}: it cannot serve the feed just now.",
                    retry_after=wait_asked(response.headers.get("retry-after"), now=self._now()),
                )
            if status not in expected:
                raise ChangedShape(unexpected(url, status))
            content = read_capped(response, max_bytes=self._max_bytes, site=site(url)) if status == 200 else b""
            return Answer(status, url, response.headers, content)
