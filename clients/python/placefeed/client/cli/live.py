"""The commands that go on until they are stopped: follow a change feed, watch the list."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from placefeed.client._terminal import console, failures, print_line, until_stopped
from placefeed.client.cli.options import Insecure, Key, Url, needed, with_filters

if TYPE_CHECKING:
    from collections.abc import Iterator

    from placefeed.client import Change, Event, PlacefeedError

AsLines = Annotated[bool, typer.Option("--json", help="Print one JSON document a line, for machines.")]
StartAgain = Annotated[
    bool,
    typer.Option(
        "--start-again",
        help="Where the exchange no longer has what came since: say `reset` and begin from the beginning, instead of stopping.",
    ),
]


def follow(
    feed: Annotated[Literal["vacancies", "settings"], typer.Argument(help="Which change feed.")] = "vacancies",
    url: Url = None,
    key: Key = None,
    state: Annotated[
        Path | None,
        typer.Option(
            help="File that keeps how far you have come. Without it: from the beginning, and nothing is kept.",
            show_default=False,
        ),
    ] = None,
    once: Annotated[bool, typer.Option("--once", help="Stop when there is no more for now.")] = False,
    every: Annotated[float, typer.Option(min=8, help="Seconds between two looks for more.")] = 8.0,
    start_again: StartAgain = False,
    insecure: Insecure = False,
    as_json: AsLines = False,
) -> None:
    """Follow a change feed: a line for each record that changed or was deleted, goes on where it was stopped."""
    from placefeed.client import Member

    with (
        failures(as_json, lines=True),
        until_stopped(),
        Member(needed(url, "url"), needed(key, "key"), insecure=insecure) as member,
    ):
        for change in member.follow(
            feed, cursor=state, until_current=once, start_again=start_again, poll_every=every, troubled=_troubled
        ):
            if as_json:
                print_line(_change(change))
            else:
                _say(f"{change.position:>9}  {change.state:<7}  {change.id}  {_in_short(change.data or {})}")


@with_filters
def stream(
    *,
    url: Url = None,
    key: Key = None,
    asked: dict[str, Any],
    snapshot: Annotated[
        bool, typer.Option("--snapshot", help="Begin with all that match, not with what happens next.")
    ] = False,
    attestations: Annotated[
        bool, typer.Option("--attestations", help="Tell also that something was confirmed.")
    ] = False,
    start_again: StartAgain = False,
    insecure: Insecure = False,
    as_json: AsLines = False,
) -> None:
    """Watch the vacancy list as it changes: a live table on a terminal, else a line for each event. Ctrl-C ends it."""
    from placefeed.client import Member

    with (
        failures(as_json, lines=True),
        until_stopped(),
        Member(needed(url, "url"), needed(key, "key"), insecure=insecure) as member,
    ):
        options = {"snapshot": snapshot, "attestations": attestations, "start_again": start_again, **asked}
        screen = console()
        if not as_json and screen.is_terminal and not screen.is_dumb_terminal:
            from placefeed.client._board import Board, watch

            board = Board()
            watch(board, member.stream(**options, troubled=board.trouble), console=screen)
            return
        _print(member.stream(**options, troubled=_troubled), as_json=as_json)


def _print(events: "Iterator[Event]", *, as_json: bool) -> None:
    for event in events:
        if as_json:
            print_line({**event.document, "type": event.type, "lastEventId": event.id})
        elif event.type == "snapshot":
            for item in event.items:
                _say(f"{'':20}  {'listed':<18}  {_listing(item)}")
        elif event.type == "ready":
            _say(f"{'':20}  {'ready':<18}  {event.document.get('total', '')}")
        elif event.listing is not None:
            _say(f"{_when(event):20}  {event.type:<18}  {_listing(event.listing)}")
        else:
            _say(f"{_when(event):20}  {event.type:<18}  {event.urn or ''}  {event.listing_id or ''}")


def _when(event: "Event") -> str:
    return str(event.document.get("timestamp") or "")


def _listing(item: dict[str, Any]) -> str:
    return f"{item.get('urn', '')}  {item.get('id', '')}  {_in_short(item)}"


def _in_short(data: dict[str, Any]) -> str:
    """A vacancy or a setting in a few words."""
    vacancy, setting = data.get("vacancy") or {}, data.get("setting") or {}
    words = [
        setting.get("name") or (data.get("urn") if vacancy else None),
        (setting.get("localAuthority") or {}).get("name"),
        f"{vacancy['places']} place{'' if vacancy['places'] == 1 else 's'}" if "places" in vacancy else None,
        f"from {vacancy['from']}" if vacancy.get("from") else None,
        "confirm by phone" if data.get("availability") == "unknown" else data.get("freshness"),
    ]
    return ", ".join(str(word) for word in words if word)


def _change(change: "Change") -> dict[str, Any]:
    document: dict[str, Any] = {"state": change.state}
    if change.id:
        document |= {"id": change.id, "position": change.position}
    return document if change.data is None else document | {"data": change.data}


def _say(text: str) -> None:
    from placefeed.client._tables import plain

    sys.stdout.write(plain(text).rstrip() + "\n")
    sys.stdout.flush()


def _troubled(error: "PlacefeedError", seconds: float) -> None:
    """A failure that is borne, on standard error."""
    from placefeed.client._tables import plain

    typer.echo(plain(f"{error} Trying again in {seconds:.0f} s."), err=True)
