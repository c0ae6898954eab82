"""`placefeed source`: the ways in which providers speak; register a feed to poll, fetch it now, pause it."""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from placefeed.service.cli.edge import AsJson, Data, audited, new_group, opened, print_json, say, show, stop, writing

app = new_group("Sources: pushes, uploads, polled feeds, folders here and on other servers, other exchanges.")

Source = Annotated[str, typer.Argument(metavar="SOURCE", help="The source's id.")]
KeyFile = Annotated[
    Path | None,
    typer.Option(
        help="SFTP: our private key, OpenSSH's form, no passphrase; it is kept encrypted.", show_default=False
    ),
]
KnownHostsFile = Annotated[
    Path | None, typer.Option(help="SFTP: the server's host keys, as known_hosts lines.", show_default=False)
]


@app.command()
def add(
    organisation: Annotated[str, typer.Argument(metavar="ORGANISATION", help="Whose source it is.")],
    name: Annotated[str, typer.Option(help="What people call it.")],
    transport: Annotated[
        str, typer.Option(help="push, upload, http, folder, sftp or rpde (another exchange).")
    ] = "push",
    source: Annotated[
        str | None, typer.Option("--id", help="Its id; made from the organisation's unless given.", show_default=False)
    ] = None,
    address: Annotated[
        str | None,
        typer.Option(help="URL of the feed, full path of the folder, or sftp://user@host/path.", show_default=False),
    ] = None,
    cron: Annotated[
        str | None,
        typer.Option(help="When to poll: five fields, British time, such as '*/15 * * * *'.", show_default=False),
    ] = None,
    format_: Annotated[
        str | None, typer.Option("--format", help="Media type, where the feed does not say it.", show_default=False)
    ] = None,
    mapping: Annotated[
        str | None, typer.Option(help="Mapping of a form of their own: its name, or a TOML file.", show_default=False)
    ] = None,
    expected_hours: Annotated[
        float | None, typer.Option(help="It is late after so many silent hours.", show_default=False)
    ] = None,
    precedence: Annotated[
        int, typer.Option(help="Where several sources speak for a setting, the lowest is heard.")
    ] = 100,
    credential: Annotated[
        bool,
        typer.Option(
            "--credential", help="Read the feed's Authorization header from standard input; it is kept encrypted."
        ),
    ] = False,
    key_file: KeyFile = None,
    known_hosts_file: KnownHostsFile = None,
    simulated: Annotated[bool, typer.Option("--simulated", help="What it says is invented.")] = False,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Register a source."""
    from placefeed.service.access.sources import create_source

    secret = _keys(key_file, known_hosts_file) or (sys.stdin.readline().strip() if credential else None)
    with opened(data, as_json=as_json) as here:
        with writing(here) as session:
            made = create_source(
                session, organisation, name=name, transport=transport, source_id=source, format=format_, mapping=_mapping(mapping),
                address=address, credential=secret, cron=cron, expected_every=None if expected_hours is None else round(expected_hours * 3600),
                precedence=precedence, simulated=simulated, secret=here.secret, now=here.now,
            )  # fmt: skip
            audited(session, here, "source.created", made.id)
        if as_json:
            print_json(_row(made))
        else:
            say(f"The source {made.id} of {organisation} is registered.")
            _say_public_key(made.transport, made.address, secret)


@app.command("list")
def list_(
    organisation: Annotated[
        str | None, typer.Argument(metavar="[ORGANISATION]", help="Only this organisation's.", show_default=False)
    ] = None,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Show the sources and how they are."""
    from placefeed.service.access.sources import list_sources

    with opened(data, as_json=as_json) as here:
        with here.database.read() as session:
            rows = [_row(each) for each in list_sources(session, organisation)]
        show(
            rows,
            as_json=as_json,
            empty="There are no sources. Register one with `placefeed source add`.",
            hidden=("address", "cron", "mapping", "simulated"),
        )


@app.command()
def poll(source: Source, data: Data = None, as_json: AsJson = False) -> None:
    """Fetch a polled feed, or look into a watched folder, now. Ends with 1 if that did not go well."""
    from placefeed.service.access.sources import POLLED, get_source
    from placefeed.service.clock import system_clock
    from placefeed.service.intake.sources import poll as fetch

    with opened(data, as_json=as_json) as here:
        with here.database.read() as session:
            transport = get_source(session, source).transport
        if transport not in POLLED:
            stop(f"{source} is a {transport}: there is nothing to fetch. Polled are {', '.join(POLLED)}.", code=2)
        outcome = fetch(here.database, source, settings=here.settings, clock=system_clock)
        if as_json:
            print_json({"source": source, "outcome": outcome})
        else:
            say(f"{source}: {outcome}")
        if outcome.startswith(("unreachable", "stopped", "failed")):
            raise typer.Exit(1)


@app.command()
def credential(
    source: Source, key_file: KeyFile = None, known_hosts_file: KnownHostsFile = None, data: Data = None
) -> None:
    """Give a source another credential: keys from files, or an Authorization header from standard input."""
    from placefeed.service.access.sources import update_source

    secret = _keys(key_file, known_hosts_file) or sys.stdin.readline().strip()
    if not secret:
        stop("Nothing came on standard input.", code=2)
    with opened(data) as here:
        with writing(here) as session:
            row = update_source(session, source, secret=here.secret, now=here.now, credential=secret)
            audited(session, here, "source.changed", source, fields=["credential"])
            transport, address, state = row.transport, row.address, row.state
        say(
            f"{source} has a new credential."
            + ("" if state == "active" else f" It is {state}: placefeed source resume.")
        )
        _say_public_key(transport, address, secret)


@app.command()
def pause(source: Source, data: Data = None) -> None:
    """Stop listening to a source for now; what it said stands."""
    _set(source, "paused", data)


@app.command()
def resume(source: Source, data: Data = None) -> None:
    """Listen to a paused or stopped source again; it is read whole once more."""
    _set(source, "active", data)


def _set(source: str, state: str, data: Path | None) -> None:
    from placefeed.service.access.sources import update_source

    with opened(data) as here:
        with writing(here) as session:
            update_source(session, source, secret=here.secret, now=here.now, state=state)
            audited(session, here, "source.changed", source, state=state)
        say(f"{source} is {state}.")


def _keys(key_file: Path | None, known_hosts_file: Path | None) -> str | None:
    """The credential of an SFTP folder from its two files."""
    if key_file is None and known_hosts_file is None:
        return None
    if key_file is None or known_hosts_file is None:
        stop("An SFTP folder needs both --key-file and --known-hosts-file: no server is trusted unseen.", code=2)
    try:
        return f"{key_file.read_text(encoding='utf-8').strip()}\n{known_hosts_file.read_text(encoding='utf-8')}"
    except (OSError, UnicodeDecodeError) as error:
        stop(f"{key_file} or {known_hosts_file} cannot be read: {getattr(error, 'strerror', 'it is no text')}.", code=2)


def _say_public_key(transport: str, address: str | None, secret: str | None) -> None:
    """Say which key the owner of an SFTP folder has to let in."""
    if transport == "sftp":
        from placefeed.adapters.sftp_words import check

        say(f"The server must let this key in: {check(address or '', secret).public}")


def _mapping(given: str | None) -> str | None:
    """A shipped mapping's name, or the text of a TOML file; checked before it is kept."""
    from placefeed.adapters.mapping import Mapping, builtin

    if given is None:
        return None
    if not given.endswith(".toml"):
        builtin(given)
        return given
    text = Path(given).read_text(encoding="utf-8")
    Mapping.load(text)
    return text


def _row(source: Any) -> dict[str, Any]:
    return {
        "id": source.id, "organisation": source.organisation_id, "name": source.name, "transport": source.transport, "state": source.state,
        "address": source.address, "cron": source.cron, "mapping": (source.mapping or "").partition("\n")[0] or None,
        "precedence": source.precedence, "lastGoodAt": source.last_good_at, "lateSince": source.late_since, "lastError": source.stopped_why or source.last_error,
        "simulated": source.simulated,
    }  # fmt: skip
