"""The commands about subscriptions: being told of changes by webhook or e-mail."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from placefeed.client._terminal import console, failures, print_json
from placefeed.client.cli.options import AsJson, Insecure, Key, Url, needed, with_filters

if TYPE_CHECKING:
    from placefeed.client import Member

app = typer.Typer(help="Be told of changes by webhook or e-mail.", no_args_is_help=True)

Id = Annotated[str, typer.Argument(metavar="ID", help="The subscription's id.", show_default=False)]
From = Annotated[int, typer.Option("--from", min=1, help="First number.", show_default=False)]
Until = Annotated[int | None, typer.Option(min=1, help="Last number; without it the newest.", show_default=False)]


@app.command()
@with_filters
def create(
    *,
    channel: Annotated[Literal["webhook", "email"], typer.Argument(help="How to be told.", show_default=False)],
    to: Annotated[str, typer.Argument(help="The https address, or the e-mail address.", show_default=False)],
    url: Url = None,
    key: Key = None,
    asked: dict[str, Any],
    title: Annotated[str | None, typer.Option(help="What you call it.", show_default=False)] = None,
    event: Annotated[
        list[str] | None,
        typer.Option(help="Type of event, such as vacancy.published; without it all.", show_default=False),
    ] = None,
    content: Annotated[
        Literal["empty", "ids", "full"], typer.Option(help="How much to be told: take the least that serves.")
    ] = "ids",
    attestations: Annotated[
        bool, typer.Option("--attestations", help="Be told also that something was confirmed.")
    ] = False,
    heartbeat: Annotated[
        int | None,
        typer.Option(min=60, max=86_400, help="Webhook: seconds of quiet before a heartbeat.", show_default=False),
    ] = None,
    every: Annotated[
        Literal["instant", "hourly", "daily"] | None, typer.Option(help="E-mail: how often.", show_default=False)
    ] = None,
    at: Annotated[
        str | None, typer.Option(help="E-mail, daily: the time in England, HH:MM.", show_default=False)
    ] = None,
    owner_email: Annotated[
        str | None, typer.Option(help="Who is written to when it stops working.", show_default=False)
    ] = None,
    insecure: Insecure = False,
    as_json: AsJson = False,
) -> None:
    """Subscribe, with filters in the words of `list`. A webhook's secret is shown once."""
    document: dict[str, Any] = {
        "title": title,
        "channel": channel,
        "url" if channel == "webhook" else "email": to,
        "events": event or None,
        "filter": asked or None,
        "content": content,
        "includeAttestations": attestations or None,
        "heartbeat": heartbeat,
        "schedule": _schedule(every, at),
        "ownerEmail": owner_email,
    }
    with _member(url, key, insecure=insecure, as_json=as_json) as member:
        made = member.add_subscription({name: value for name, value in document.items() if value is not None})
    _show(made, as_json=as_json)
    if as_json:
        return
    if made.get("secret"):
        typer.echo("Keep the secret now: it is not shown again. The receiver checks each message with it.")
    elif channel == "email":
        typer.echo(f"A code is on its way to that address: placefeed subscribe confirm {made.get('id')} CODE")


@app.command("list")
def list_(url: Url = None, key: Key = None, insecure: Insecure = False, as_json: AsJson = False) -> None:
    """Your organisation's subscriptions."""
    with _member(url, key, insecure=insecure, as_json=as_json) as member:
        found = member.subscriptions()
    if as_json:
        print_json({"items": found})
        return
    rows = [
        [
            item.get("id"),
            item.get("state"),
            item.get("channel"),
            item.get("url") or item.get("email"),
            item.get("title"),
        ]
        for item in found
    ]
    _table(["Id", "State", "Channel", "To", "Title"], rows, empty="There is no subscription.")


@app.command()
def show(id: Id, url: Url = None, key: Key = None, insecure: Insecure = False, as_json: AsJson = False) -> None:
    """One subscription, as it was asked for."""
    with _member(url, key, insecure=insecure, as_json=as_json) as member:
        found = member.subscription(id).document
    _show(found, as_json=as_json)


@app.command()
def status(id: Id, url: Url = None, key: Key = None, insecure: Insecure = False, as_json: AsJson = False) -> None:
    """How it is doing: the newest number, what has arrived, what failed."""
    with _member(url, key, insecure=insecure, as_json=as_json) as member:
        found = member.subscription_status(id)
    _show(found, as_json=as_json)


@app.command()
def pause(id: Id, url: Url = None, key: Key = None, insecure: Insecure = False, as_json: AsJson = False) -> None:
    """Send nothing for now."""
    with _member(url, key, insecure=insecure, as_json=as_json) as member:
        found = member.pause_subscription(id)
    _done(found, "Paused. What happens meanwhile is sent once it is resumed.", as_json=as_json)


@app.command()
def resume(id: Id, url: Url = None, key: Key = None, insecure: Insecure = False, as_json: AsJson = False) -> None:
    """Send again, after a pause or after an error that is mended."""
    with _member(url, key, insecure=insecure, as_json=as_json) as member:
        found = member.resume_subscription(id)
    _done(found, "Resumed. Compare the numbers that came with `status`: there may be a gap.", as_json=as_json)


@app.command("rotate-secret")
def rotate_secret(
    id: Id, url: Url = None, key: Key = None, insecure: Insecure = False, as_json: AsJson = False
) -> None:
    """A new secret, shown once; for a time of grace messages are signed with both."""
    with _member(url, key, insecure=insecure, as_json=as_json) as member:
        found = member.rotate_subscription_secret(id)
    _show(found, as_json=as_json)
    if not as_json:
        typer.echo("Keep the secret now: it is not shown again. Let the receiver take both, then only this one.")


@app.command("test")
def send_test(id: Id, url: Url = None, key: Key = None, insecure: Insecure = False, as_json: AsJson = False) -> None:
    """Have a test message sent."""
    with _member(url, key, insecure=insecure, as_json=as_json) as member:
        found = member.test_subscription(id)
    _done(found, f"A test is on its way. See how it went: placefeed subscribe deliveries {id}", as_json=as_json)


@app.command()
def confirm(
    id: Id,
    code: Annotated[str, typer.Argument(help="The code that came by e-mail.", show_default=False)],
    url: Url = None,
    key: Key = None,
    insecure: Insecure = False,
    as_json: AsJson = False,
) -> None:
    """Confirm an e-mail subscription with the code that came by e-mail."""
    with _member(url, key, insecure=insecure, as_json=as_json) as member:
        found = member.confirm_subscription(id, code)
    _done(found, "Confirmed.", as_json=as_json)


@app.command()
def events(
    id: Id,
    from_: From,
    until: Until = None,
    url: Url = None,
    key: Key = None,
    insecure: Insecure = False,
    as_json: AsJson = False,
) -> None:
    """Read the events of some numbers once more."""
    with _member(url, key, insecure=insecure, as_json=as_json) as member:
        found = member.subscription_events(id, from_=from_, until=until)
    if as_json:
        print_json({"items": found})
        return
    rows: list[list[Any]] = []
    for item in found:
        for event in item.get("events") or [{"timestamp": item.get("at"), "type": item.get("state")}]:
            rows.append([item.get("number"), *(event.get(name) for name in ("timestamp", "type", "urn", "listingId"))])
    _table(["Number", "When", "What", "URN", "Listing"], rows, empty="There is no event of these numbers.")


@app.command()
def resend(
    id: Id,
    from_: From,
    until: Until = None,
    url: Url = None,
    key: Key = None,
    insecure: Insecure = False,
    as_json: AsJson = False,
) -> None:
    """Have the messages of some numbers sent once more."""
    with _member(url, key, insecure=insecure, as_json=as_json) as member:
        found = member.resend_subscription(id, from_=from_, until=until)
    _done(found, "They are on their way.", as_json=as_json)


@app.command()
def deliveries(
    id: Id,
    limit: Annotated[int, typer.Option(min=1, help="Attempts to show at most.")] = 50,
    url: Url = None,
    key: Key = None,
    insecure: Insecure = False,
    as_json: AsJson = False,
) -> None:
    """The attempts to tell you, newest first, and what was answered."""
    with _member(url, key, insecure=insecure, as_json=as_json) as member:
        found = member.subscription_deliveries(id, limit=limit)
    if as_json:
        print_json(found)
        return
    rows = [
        [item.get("at"), item.get("kind"), "arrived" if item.get("ok") else "failed", item.get("status"), item.get("ms"), item.get("error") or item.get("answer")]
        for item in found.get("items") or []
    ]  # fmt: skip
    _table(["When", "Kind", "How", "Status", "ms", "What was said"], rows, empty="Nothing was sent yet.")


@app.command()
def delete(id: Id, url: Url = None, key: Key = None, insecure: Insecure = False, as_json: AsJson = False) -> None:
    """End a subscription, with all that was kept for sending again."""
    with _member(url, key, insecure=insecure, as_json=as_json) as member:
        member.delete_subscription(id)
    _done({"id": id, "deleted": True}, "Deleted.", as_json=as_json)


@contextmanager
def _member(url: str | None, key: str | None, *, insecure: bool, as_json: bool) -> "Iterator[Member]":
    """Subscriptions are the same for every role, so one kind of client does for all."""
    from placefeed.client import Member

    with failures(as_json), Member(needed(url, "url"), needed(key, "key"), insecure=insecure) as member:
        yield member


def _schedule(every: str | None, at: str | None) -> dict[str, str] | None:
    if every is None and at is None:
        return None
    return {"every": every or "daily", **({} if at is None else {"at": at})}


def _done(document: dict[str, Any], words: str, *, as_json: bool) -> None:
    if as_json:
        print_json(document)
    else:
        typer.echo(words)


def _show(document: dict[str, Any], *, as_json: bool) -> None:
    """A document as a list of names and values."""
    if as_json:
        print_json(document)
        return
    rows = [
        [name, value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)]
        for name, value in document.items()
        if value is not None
    ]
    _table(None, rows)


def _table(headings: list[str] | None, rows: list[list[Any]], *, empty: str = "") -> None:
    from rich.table import Table
    from rich.text import Text

    from placefeed.client._tables import plain

    if not rows:
        typer.echo(empty)
        return
    table = Table(*(headings or ["", ""]), header_style="bold", show_header=headings is not None)
    for column in table.columns:
        column.overflow = "fold"
    for row in rows:
        table.add_row(*(Text("" if value is None else plain(value)) for value in row))
    console().print(table)
