"""Polite HTTP pull: asks only for what is new, waits when told to, and neither waits nor reads without end.

cursor {etag, lastModified} --> GET, If-None-Match --> 304: nothing new
                                                   --> 200: read under the caps, yield, keep the new cursor
                                                   --> 429, 503, no answer: wait as told, try again, else Unreachable
                                                   --> redirect: checked again, at most three, never down to http
                                                   --> anything else: ChangedShape (stop, tell the owner)
"""

import hashlib
import ssl
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import urlsplit

import httpx2
import stamina

from placefeed.adapters.addresses import Guard
from placefeed.adapters.base import Batch, ChangedShape, Cursor, Refused, Unreachable
from placefeed.adapters.bodies import MIB, read_capped
from placefeed.adapters.guarded import guarded_transport
from placefeed.adapters.http_words import check_form, described, reason, site, unexpected, wait_asked
from placefeed.adapters.media import content_type as told_by

REDIRECTS = 3
REDIRECT_STATUSES = {301, 302, 303, 307, 308}
TRY_AGAIN_STATUSES = {408, 425, 429, 500, 502, 503, 504}
VALIDATOR_LIMIT = 1000  # characters of an ETag that we are ready to keep


@dataclass(frozen=True)
class _Answer:
    """A complete answer: `content` is None for `nothing new`."""

    content: bytes | None
    declared: str | None
    url: str
    etag: str | None
    last_modified: str | None


class HttpPull:
    """Fetches one document by HTTP when it has changed. Made without touching the network.

    `authorization` is sent as the Authorization header, to the host of `url` alone, over HTTPS alone.
    `timeout` (seconds) is for a whole fetch: redirects, retries and waits included. `max_bytes` holds before and after
    decompression. Plain http is taken only from hosts that the guard allows by name. `verify` is an SSL context where a
    provider's certificate comes from an authority of its own.
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
        attempts: int = 3,
        verify: ssl.SSLContext | bool = True,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        user_agent: str = "placefeed/1.0",
    ) -> None:
        self.address = address
        self._content_type = content_type
        self._authorization = authorization
        self._guard = guard or Guard()
        self._timeout = timeout
        self._max_bytes = max_bytes
        self._attempts = attempts
        self._verify = verify
        self._now = now
        self._user_agent = user_agent

    def fetch(self, cursor: Cursor | None) -> Iterator[Batch]:
        """Yield the document if it changed since `cursor`, else nothing.

        Raises Unreachable (its `retry_after` in seconds, where the server said), ChangedShape, TooLarge or Refused.
        """
        check_form(self.address, guard=self._guard, secret=bool(self._authorization))
        same = hashlib.sha256(self.address.encode()).hexdigest()[:16]
        known = cursor if cursor and cursor.get("address") == same else {}
        answer = self._patiently(known)
        if answer.content is None:
            return
        digest = hashlib.sha256(answer.content).hexdigest()
        if known.get("sha256") == digest:
            return  # the server keeps no validators, or renews them without need: the same bytes are nothing new
        kind = self._content_type or told_by(answer.declared, name=answer.url, head=answer.content[:1024])
        if kind is None:
            raise ChangedShape(
                f"{site(answer.url)} sent {described(answer.declared)}, not a feed or a sheet. "
                "Check that the address leads to the file itself and needs no sign-in page."
            )
        new = {"address": same, "sha256": digest, "etag": answer.etag, "lastModified": answer.last_modified}
        yield Batch(
            content=answer.content,
            content_type=kind,
            cursor={name: value for name, value in new.items() if value},
            name=urlsplit(answer.url).path.rpartition("/")[2],
        )

    def _patiently(self, known: Cursor) -> _Answer:
        """Try a few times within the one time limit; as long between tries as the server asks."""
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
                return self._follow(known, deadline=deadline)
        raise Unreachable(f"{site(self.address)} did not answer.")

    def _follow(self, known: Cursor, *, deadline: float) -> _Answer:
        url = self.address
        with httpx2.Client(
            transport=guarded_transport(self._guard, deadline=deadline, verify=self._verify),
            trust_env=False,
            follow_redirects=False,
            timeout=self._timeout,
        ) as client:
            for _ in range(REDIRECTS + 1):
                try:
                    found = self._get(client, url, known)
                except httpx2.TimeoutException as error:
                    raise Unreachable(f"{site(url)} did not answer in {self._timeout:g} seconds.") from error
                except (httpx2.TransportError, httpx2.DecodingError) as error:
                    raise Unreachable(f"{site(url)} could not be read: {reason(error)}.") from error
                if isinstance(found, _Answer):
                    return found
                url = self._next(url, found)
        raise Refused(
            f"{site(self.address)} redirects more than {REDIRECTS} times (rule redirect-limit). Give the final address.",
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
        check_form(target, guard=self._guard, secret=self._is_home(target) and bool(self._authorization))
        return target

    def _get(self, client: httpx2.Client, url: str, known: Cursor) -> "_Answer | str":
        """One request: the answer, or where it redirects to."""
        headers = {
            "Accept": "application/json, application/x-ndjson, text/csv, */*;q=0.5",
            "Accept-Encoding": "gzip",
            "User-Agent": self._user_agent,
        }
        if known.get("etag"):
            headers["If-None-Match"] = str(known["etag"])
        if known.get("lastModified"):
            headers["If-Modified-Since"] = str(known["lastModified"])
        if self._authorization and self._is_home(url):
            headers["Authorization"] = self._authorization
        with client.stream("GET", url, headers=headers) as response:
            if response.status_code in REDIRECT_STATUSES and "location" in response.headers:
                return response.headers["location"]
            if response.status_code == 304 and known:
                return _Answer(None, None, url, None, None)
            if response.status_code in TRY_AGAIN_STATUSES or response.status_code >= 500:
                raise Unreachable(
                    f"{site(url)} answered {response.status_code}: it cannot serve the feed just now.",
                    retry_after=wait_asked(response.headers.get("retry-after"), now=self._now()),
                )
            if response.status_code != 200:
                raise ChangedShape(unexpected(url, response.status_code))
            return _Answer(
                content=read_capped(response, max_bytes=self._max_bytes, site=site(url)),
                declared=response.headers.get("content-type"),
                url=url,
                etag=_kept(response.headers.get("etag")),
                last_modified=_kept(response.headers.get("last-modified")),
            )

    def _is_home(self, url: str) -> bool:
        """Whether a URL has the origin to which the owner gave us a key."""
        mine, theirs = httpx2.URL(self.address), httpx2.URL(url)
        return (mine.scheme, mine.host, mine.port) == (theirs.scheme, theirs.host, theirs.port)


def _kept(validator: str | None) -> str | None:
    return validator if validator and len(validator) <= VALIDATOR_LIMIT else None
