"""What can go wrong, as classes that say what to do about it.

PlacefeedError
├── Refused            mend what `errors` point at, then send again
├── NotAllowed         ask the operator: this key may not do this
│   └── NotAuthenticated   ... or is unknown, expired or revoked
├── NotFound           there is no such thing, or this key may not know of it
│   └── Gone           too old: begin again from the list
├── Conflict           it goes against what is known by now (an older time, the same key for another body)
├── Stale              somebody changed it since: read it again, then decide
├── TooManyRequests    wait `retry_after` seconds; the client did so already, as often as it may
├── Unavailable        try again later
│   └── Unreachable    no answer came at all
└── NotGenuine         a webhook that is not to be believed: answer 400 and do nothing
    ├── NotSigned          ... its signature is missing or not in a form of Standard Webhooks
    ├── WrongSignature     ... signed with another secret, or changed on the way
    └── NotTimely          ... too old or from the future: repeated by somebody, or a clock is wrong
"""

from collections.abc import Mapping, Sequence
from typing import Any


class PlacefeedError(Exception):
    """A call that did not succeed. `str(error)` is a message for people.

    `status` is the HTTP status (None where no answer came), `problem` the RFC 9457 document, `errors` its list of
    places (`detail` with `pointer`, `parameter`, or `sheet` and `cell`), `retry_after` seconds where the exchange said.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        problem: Mapping[str, Any] | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.problem: Mapping[str, Any] = problem or {}
        self.retry_after = retry_after

    @property
    def errors(self) -> Sequence[Mapping[str, Any]]:
        """Where it was wrong, as the exchange said it."""
        found = self.problem.get("errors")
        return [entry for entry in found if isinstance(entry, dict)] if isinstance(found, list) else []

    @property
    def type(self) -> str:
        """The kind of problem: the last part of its type URI, such as `too-large`; empty where there is none."""
        return str(self.problem.get("type") or "").rstrip("/").rpartition("/")[2]

    @property
    def request_id(self) -> str | None:
        """What to give the operator when you ask about it."""
        found = self.problem.get("requestId")
        return str(found) if found else None


class Refused(PlacefeedError):
    """The exchange understood and says no: mend what `errors` point at."""


class NotAllowed(PlacefeedError):
    """The key is good, but may not do this."""


class NotAuthenticated(NotAllowed):
    """No key, or one that is unknown, expired or revoked."""


class NotFound(PlacefeedError):
    """There is no such thing, or this key may not know of it."""


class Gone(NotFound):
    """What was asked for is too old to be kept; begin again from the list."""


class Conflict(PlacefeedError):
    """It goes against what the exchange knows by now."""


class Stale(PlacefeedError):
    """Somebody changed it since you read it: `If-Match` named an older version."""


class TooManyRequests(PlacefeedError):
    """The key has used up its rate."""


class Unavailable(PlacefeedError):
    """The exchange cannot answer for a moment."""


class Unreachable(Unavailable):
    """No answer came. `sent` says whether the request may have arrived all the same."""

    def __init__(self, message: str, *, sent: bool) -> None:
        super().__init__(message)
        self.sent = sent


class NotGenuine(PlacefeedError):
    """A webhook that is not to be believed. Answer 400, do nothing else; the exchange sends again what was its own."""


class NotSigned(NotGenuine):
    """It has no signature, or none in the form of Standard Webhooks."""


class WrongSignature(NotGenuine):
    """No secret of yours made its signature."""


class NotTimely(NotGenuine):
    """It was signed too long ago, or in the future."""


_BY_STATUS: dict[int, type[PlacefeedError]] = {
    401: NotAuthenticated,
    403: NotAllowed,
    404: NotFound,
    409: Conflict,
    410: Gone,
    412: Stale,
    428: Stale,
    429: TooManyRequests,
}


def error_for(
    status: int, *, problem: Mapping[str, Any], location: str | None = None, retry_after: float | None = None
) -> PlacefeedError:
    """The error that an answer stands for."""
    kind = _BY_STATUS.get(status) or (Unavailable if status >= 500 else Refused)
    return kind(_message(status, problem, location), status=status, problem=problem, retry_after=retry_after)


def _message(status: int, problem: Mapping[str, Any], location: str | None) -> str:
    if 300 <= status < 400:
        return f"This address answers {status} and points to {location or 'another one'}. Give the exchange's own address as the URL."
    said = str(problem.get("detail") or problem.get("title") or "").strip()
    if not said:
        return f"The exchange answered {status} without saying why. Check that the URL is that of a Placefeed exchange."
    found = problem.get("errors")
    places = [_place(entry, said) for entry in found[:3] if isinstance(entry, dict)] if isinstance(found, list) else []
    more = f" (and {len(found) - 3} more)" if isinstance(found, list) and len(found) > 3 else ""
    return said + ("".join(f" {place}" for place in places if place) + more if places else "")


def _place(entry: Mapping[str, Any], said: str) -> str:
    """One of a problem's errors in a sentence: where, and what, unless that is said already."""
    cell = " ".join(str(entry[name]) for name in ("sheet", "cell") if entry.get(name))
    where = cell or str(entry.get("pointer") or entry.get("parameter") or "")
    what = str(entry.get("detail") or entry.get("message") or "").strip()
    if what and what in said:
        return f"({where})" if where and where not in said else ""
    return f"{where}: {what}" if where and what else what or where
