"""The `placefeed` command: check, make and send files, read and follow the list, subscribe; the exchange's own commands join it when installed.

Nothing heavy is imported before a command needs it: `placefeed validate` must start as quickly on a laptop as `--help`.
"""

import sys
from collections.abc import Callable
from importlib.metadata import EntryPoint, PackageNotFoundError, entry_points, version
from typing import Annotated

import typer

from placefeed.client.cli import files, listing, live, subscribing

COMMANDS = "placefeed.commands"
OURS = ("validate", "template", "push", "list", "follow", "stream", "subscribe")
# Known by name, so that a missing extra can be told from a misspelt command.
OF_THE_SERVICE = (
    "demo", "serve", "worker", "db", "org", "consortium", "key", "source", "speaks-for", "import-ofsted", "import-postcodes", "simulate", "run", "doctor",
)  # fmt: skip

app = typer.Typer(
    name="placefeed",
    help="Places in children's homes: check and send feeds, read the live list.",
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,  # locals may hold a key, or what somebody sent
    add_completion=False,
)


@app.callback(invoke_without_command=True)
def _top(
    show_version: Annotated[bool, typer.Option("--version", help="Print the version and stop.", is_eager=True)] = False,
) -> None:
    if show_version:
        typer.echo(f"placefeed {_version()}")
        raise typer.Exit


app.command()(files.validate)
app.command()(files.template)
app.command()(files.push)
app.command("list")(listing.list_)
app.command()(live.follow)
app.command()(live.stream)
app.add_typer(subscribing.app, name="subscribe")


def main() -> None:
    """The entry of the command line: adds the commands of larger installs if they may be asked for, then runs."""
    asked = next((word for word in sys.argv[1:] if not word.startswith("-")), None)
    if asked not in OURS and "--version" not in sys.argv[1:]:
        missing = _add_commands()
        if asked in OF_THE_SERVICE and asked not in _names():
            why = f" ({missing})" if missing else ""
            typer.echo(
                f"`placefeed {asked}` belongs to the exchange itself, which is not installed{why}. Install it: pip install 'placefeed[service]'.",
                err=True,
            )
            raise SystemExit(2)
    app()


def _add_commands() -> str | None:
    """Let each package that has commands register them; says what is missing where one cannot be imported."""
    missing: str | None = None
    for point in sorted(entry_points(group=COMMANDS), key=lambda point: point.name):
        register = _loaded(point)
        if isinstance(register, str):
            missing = register
        else:
            register(app)
    return missing


def _loaded(point: EntryPoint) -> Callable[[typer.Typer], None] | str:
    try:
        register: Callable[[typer.Typer], None] = point.load()
    except ModuleNotFoundError as error:
        return f"{error.name} is missing"
    return register


def _names() -> set[str]:
    """The commands there are by now."""
    return set(getattr(typer.main.get_command(app), "commands", {}))


def _version() -> str:
    try:
        return version("placefeed")
    except PackageNotFoundError:
        return "(not installed)"
