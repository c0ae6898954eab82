"""Polite HTTP pull: asks only for what is new.

cursor {etag, lastModified} --> GET, If-None-Match --> 304: nothing new
                                                   --> 200: yield, keep the new cursor
                                                   --> anything else: see asking
"""

import hashlib
import ssl
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from urllib.parse import urlsplit

from placefeed.adapters.addresses import Guard
from placefeed.adapters.asking import Asker
from placefeed.adapters.base import Batch, ChangedShape, Cursor
from placefeed.adapters.bodies import MIB
from placefeed.adapters.http_words import described, site
from placefeed.adapters.media import content_type as told_by

VALIDATOR_LIMIT = 1000  # characters of an ETag that we are ready to keep


class HttpPull:
    """Fetches one document by HTTP when it has changed. Made without touching the network; options as `Asker` has them."""

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
        self._asker = Asker(
            address,
            accept="application/json, application/x-ndjson, text/csv, */*;q=0.5",
            authorization=authorization,
            guard=guard,
            timeout=timeout,
            max_bytes=max_bytes,
            attempts=attempts,
            verify=verify,
            now=now,
            user_agent=user_agent,
        )

    def fetch(self, cursor: Cursor | None) -> Iterator[Batch]:
        """Yield the document if it changed since `cursor`, else nothing.

        Raises Unreachable (its `retry_after` in seconds, where the server said), ChangedShape, TooLarge or Refused.
        """
        same = hashlib.sha256(self.address.encode()).hexdigest()[:16]
        known = cursor if cursor and cursor.get("address") == same else {}
        condition = {"If-None-Match": known.get("etag"), "If-Modified-Since": known.get("lastModified")}
        answer = self._asker.ask(
            headers={name: str(value) for name, value in condition.items() if value},
            expected=(200, 304) if known else (200,),
        )
        if answer.status == 304:
            return
        digest = hashlib.sha256(answer.content).hexdigest()
        if known.get("sha256") == digest:
            return  # the server keeps no validators, or renews them without need: the same bytes are nothing new
        declared = answer.headers.get("content-type")
        kind = self._content_type or told_by(declared, name=answer.url, head=answer.content[:1024])
        if kind is None:
            raise ChangedShape(
                f"{site(answer.url)} sent {described(declared)}, not a feed or a sheet. "
                "Check that the address leads to the file itself and needs no sign-in page."
            )
        new = {
            "address": same,
            "sha256": digest,
            "etag": _kept(answer.headers.get("etag")),
            "lastModified": _kept(answer.headers.get("last-modified")),
        }
        yield Batch(
            content=answer.content,
            content_type=kind,
            cursor={name: value for name, value in new.items() if value},
            name=urlsplit(answer.url).path.rpartition("/")[2],
        )


def _kept(validator: str | None) -> str | None:
    return validator if validator and len(validator) <= VALIDATOR_LIMIT else None
