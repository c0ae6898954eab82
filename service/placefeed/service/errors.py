"""Every refusal of the exchange: one class each, and one table that says its status, type and what to do.

The classes are raised by operations; `api/problems.py` turns them into RFC 9457 problem documents, later pages into
pages, from the same table.
"""

from dataclasses import dataclass, field
from typing import Any


class PlacefeedError(Exception):
    """A refusal with a message for its reader. `errors` point at what was wrong; `extra` goes into the problem document."""

    status = 500
    slug = "internal"
    title = "Something went wrong on our side"

    def __init__(
        self,
        message: str = "",
        *,
        errors: list[dict[str, Any]] | None = None,
        headers: dict[str, str] | None = None,
        **extra: Any,
    ) -> None:
        super().__init__(message or self.title)
        self.errors = errors or []
        self.headers = headers or {}
        self.extra = extra


class NotFound(PlacefeedError):
    """There is no such thing, or the caller may not know of it: both look alike from outside."""

    status, slug, title = 404, "not-found", "There is nothing here that you can see"


class NotAuthenticated(PlacefeedError):
    """No key, or one that is unknown, expired or revoked."""

    status, slug, title = 401, "not-authenticated", "A valid key is needed"


class NotAllowed(PlacefeedError):
    """The key is good, but may not do this."""

    status, slug, title = 403, "not-allowed", "Your key does not allow this"


class BadRequest(PlacefeedError):
    """The request itself cannot be understood (a parameter, a header)."""

    status, slug, title = 400, "bad-request", "The request could not be understood"


class Invalid(PlacefeedError):
    """The document was understood and is wrong; `errors` say where."""

    status, slug, title = 422, "invalid", "The document has errors"


class Conflict(PlacefeedError):
    """It cannot be done as things stand (an older time than what is known, a key in flight, a name taken)."""

    status, slug, title = 409, "conflict", "This conflicts with what is already known"


class Stale(PlacefeedError):
    """`If-Match` names a version that is no longer the newest."""

    status, slug, title = 412, "stale", "Somebody has changed this since you read it"


class PreconditionRequired(PlacefeedError):
    """A change must say which version it changes."""

    status, slug, title = 428, "precondition-required", "Say which version you change, with If-Match"


class Gone(PlacefeedError):
    """A cursor from before the kept history, or from before a backup was put back."""

    status, slug, title = 410, "gone", "This cursor is too old; start again from the list"


class TooLarge(PlacefeedError):
    """The body is larger than the exchange takes."""

    status, slug, title = 413, "too-large", "The body is too large"


class UnsupportedMediaType(PlacefeedError):
    """The body is not in a form that this address takes."""

    status, slug, title = 415, "unsupported-media-type", "This form of body is not taken here"


class NotAcceptable(PlacefeedError):
    """None of the forms asked for is to be had."""

    status, slug, title = 406, "not-acceptable", "None of the forms you accept is available"


class TooManyRequests(PlacefeedError):
    """The key has used up its rate."""

    status, slug, title = 429, "too-many-requests", "Too many requests"


class Unavailable(PlacefeedError):
    """The exchange cannot answer for a moment (database away, publisher behind)."""

    status, slug, title = 503, "unavailable", "The exchange cannot answer just now"


@dataclass(frozen=True, slots=True)
class Problem:
    """A row of the table of problems, for the documentation page at `/problems/{slug}`."""

    slug: str
    status: int
    title: str
    meaning: str = field(default="")


def problems() -> list[Problem]:
    """Every kind of problem, by status."""
    kinds: list[type[PlacefeedError]] = [PlacefeedError, *PlacefeedError.__subclasses__()]
    return sorted(
        (Problem(kind.slug, kind.status, kind.title, (kind.__doc__ or "").strip()) for kind in kinds),
        key=lambda problem: (problem.status, problem.slug),
    )
