"""The client of a Placefeed exchange, for providers, members and reusers.

    from placefeed.client import Provider

    with Provider("https://exchange.example", key) as provider:
        report = provider.push(feed)

Names are imported when they are first used, so that the command line starts quickly.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from placefeed.client._async import AsyncMember, AsyncOperator, AsyncProvider
    from placefeed.client._steps import Retry
    from placefeed.client._sync import Member, Operator, Provider
    from placefeed.client.changes import Change, Event, mirror
    from placefeed.client.cursors import CursorFile, CursorStore
    from placefeed.client.errors import (
        Conflict,
        Gone,
        NotAllowed,
        NotAuthenticated,
        NotFound,
        NotGenuine,
        NotSigned,
        NotTimely,
        PlacefeedError,
        Refused,
        Stale,
        TooManyRequests,
        Unavailable,
        Unreachable,
        WrongSignature,
    )
    from placefeed.client.results import Edition, EditionFile, Page, Report, Versioned
    from placefeed.client.webhooks import verify_webhook

_HOMES = {
    "_async": ("AsyncMember", "AsyncOperator", "AsyncProvider"),
    "_steps": ("Retry",),
    "_sync": ("Member", "Operator", "Provider"),
    "changes": ("Change", "Event", "mirror"),
    "cursors": ("CursorFile", "CursorStore"),
    "errors": (
        "Conflict", "Gone", "NotAllowed", "NotAuthenticated", "NotFound", "NotGenuine", "NotSigned", "NotTimely",
        "PlacefeedError", "Refused", "Stale", "TooManyRequests", "Unavailable", "Unreachable", "WrongSignature",
    ),
    "results": ("Edition", "EditionFile", "Page", "Report", "Versioned"),
    "webhooks": ("verify_webhook",),
}  # fmt: skip
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}

__all__ = [
    "AsyncMember",
    "AsyncOperator",
    "AsyncProvider",
    "Change",
    "Conflict",
    "CursorFile",
    "CursorStore",
    "Edition",
    "EditionFile",
    "Event",
    "Gone",
    "Member",
    "NotAllowed",
    "NotAuthenticated",
    "NotFound",
    "NotGenuine",
    "NotSigned",
    "NotTimely",
    "Operator",
    "Page",
    "PlacefeedError",
    "Provider",
    "Refused",
    "Report",
    "Retry",
    "Stale",
    "TooManyRequests",
    "Unavailable",
    "Unreachable",
    "Versioned",
    "WrongSignature",
    "mirror",
    "verify_webhook",
]


def __getattr__(name: str) -> Any:
    home = _HOME_OF.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{home}"), name)
