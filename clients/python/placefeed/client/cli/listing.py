"""The command that reads the list."""

from collections.abc import Iterator
from itertools import islice
from typing import Annotated, Any

import typer

from placefeed.client._terminal import console, failures, print_json, stop
from placefeed.client.cli.options import AsJson, Insecure, Key, Url, needed, with_filters


@with_filters
def list_(
    *,
    url: Url = None,
    key: Key = None,
    asked: dict[str, Any],
    limit: Annotated[int, typer.Option(min=1, help="Listings to show at most.")] = 100,
    everything: Annotated[bool, typer.Option("--all", help="Show all that match.")] = False,
    insecure: Insecure = False,
    as_json: AsJson = False,
) -> None:
    """Show the live vacancy list."""
    from placefeed.client import Member

    with failures(as_json), Member(needed(url, "url"), needed(key, "key"), insecure=insecure) as member:
        page = member.listings(**asked, limit=min(limit, 500) if not everything else 500)
        items: Iterator[Any] = _rest(member, page, asked)
        shown = list(items if everything else islice(items, limit))
        if as_json:
            print_json({**{name: value for name, value in page.document.items() if name != "next"}, "items": shown})
        else:
            from placefeed.client._tables import print_listings

            print_listings(console(), shown, totals=page.totals)


def _rest(member: Any, page: Any, asked: dict[str, Any]) -> Iterator[Any]:
    """A page's items, then those of the pages after it."""
    seen: set[str] = set()
    while True:
        yield from page.items
        if page.next is None:
            return
        if page.next in seen:
            stop("The exchange's pages lead round in a circle. Tell its operator.")
        seen.add(page.next)
        page = member.listings(cursor=page.next, **asked)
