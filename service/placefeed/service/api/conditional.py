"""Conditional requests: If-None-Match for readers, If-Match for writers (RFC 9110, section 13)."""

import re

from placefeed.service.errors import PreconditionRequired, Stale

_TAG = re.compile(r'(?:W/)?("[^"]*")')


def is_current(if_none_match: str | None, etag: str) -> bool:
    """Whether the reader's copy is the current one: then answer 304. The comparison is weak, as the RFC says."""
    if not if_none_match:
        return False
    return if_none_match.strip() == "*" or etag.removeprefix("W/") in _TAG.findall(if_none_match)


def check_match(if_match: str | None, etag: str | None, *, required: bool = False) -> None:
    """Let a writer through who names the current version (`etag`; None: there is none yet).

    Raises Stale for another version, PreconditionRequired where one must be named and none is. The comparison is strong.
    """
    if not if_match:
        if required:
            raise PreconditionRequired("Read it first, and send its ETag in If-Match, so that nobody's change is lost.")
        return
    if if_match.strip() == "*":
        matches = etag is not None
    else:
        matches = etag is not None and etag in (tag.strip() for tag in if_match.split(","))
    if not matches:
        raise Stale("It has changed since you read it. Read it again, and repeat your change if it still holds.")
