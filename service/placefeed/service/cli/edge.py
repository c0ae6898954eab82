"""The edge of every command: the settings, the database, one transaction, and plain sentences instead of tracebacks."""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

if TYPE_CHECKING:
    from rich.progress import Progress
    from sqlmodel import Session

    from placefeed.service.access.who import Caller
    from placefeed.service.config import Settings
    from placefeed.service.db import Database

Data = Annotated[
    Path | None,
    typer.Option(
        "--data",
        envvar="PLACEFEED_DATA",
        help="Folder of the embedded database, the spool and the secret.",
        show_default=False,
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document, for machines.")]
BY = "command line"
"""Who decided, in what is kept of a decision."""


@dataclass(frozen=True, slots=True)
class Here:
    """An open exchange: its settings and database, and the moment at which the command began."""

    settings: "Settings"
    database: "Database"
    now: datetime

    @property
    def today(self) -> date:
        """The day in England."""
        from placefeed.service.clock import london_day

        return london_day(self.now)

    @property
    def secret(self) -> bytes:
        """What keys and credentials are kept under."""
        from placefeed.service.db import secret_of

        return secret_of(self.settings)


def new_group(text: str) -> typer.Typer:
    """A group of commands."""
    return typer.Typer(help=text, no_args_is_help=True, pretty_exceptions_show_locals=False)


def settings_of(data: Path | None, **more: Any) -> "Settings":
    """The settings of the environment, with what the command line says over them. Stops with 2 where one is wrong."""
    from pydantic import ValidationError

    from placefeed.service.config import Settings

    given = {**({"data": data} if data is not None else {}), **more}
    try:
        return Settings(**given)
    except ValidationError as error:
        first = error.errors()[0]
        stop(f"PLACEFEED_{'_'.join(map(str, first['loc'])).upper()}: {first['msg']}.", code=2)


@contextmanager
def opened(data: Path | None, *, as_json: bool = False, shaped: bool = True) -> Iterator[Here]:
    """The exchange that the settings name. Errors inside become sentences and exit codes; `shaped`: only if it is up to date."""
    from placefeed.service.clock import system_clock
    from placefeed.service.db import Database

    with failures(as_json=as_json):
        settings = settings_of(data)
        log_to_stderr(settings)
        if shaped and settings.database_url is None and not (settings.data / "placefeed.db").exists():
            stop(
                f"There is no exchange in {settings.data}. Make one with `placefeed db upgrade`, or name its folder with --data."
            )
        database = Database(settings)
        try:
            if shaped:
                _check_shape(database)
            yield Here(settings, database, system_clock())
        finally:
            database.close()


def log_to_stderr(settings: "Settings", *, quiet: bool = True) -> None:
    """Set up the log: away from stdout, which belongs to what was asked for; `quiet`: only what went wrong."""
    import logging

    from placefeed.service.logs import configure

    configure(settings)
    if quiet:
        logging.getLogger().setLevel(logging.WARNING)


@contextmanager
def writing(here: Here) -> Iterator["Session"]:
    """One transaction that commits when the command's step ends well."""
    with here.database.write() as session:
        yield session


def operator() -> "Caller":
    """Who the audit says it was: the command line, which only an operator has."""
    from placefeed.service.access.who import OPERATOR, Caller

    return Caller(key_id=None, organisation_id=None, role=OPERATOR, name=BY)


def audited(session: "Session", here: Here, action: str, subject: str, **detail: Any) -> None:
    """Note in the audit what this command does, in the same transaction."""
    from placefeed.service.access.audit import record

    record(session, caller=operator(), action=action, subject=subject, detail={"by": BY, **detail}, at=here.now)


def _check_shape(database: "Database") -> None:
    from placefeed.service.migrations import at_head

    with database.read() as session:
        fits = at_head(session.connection())
    if not fits:
        stop("The database has another shape than this version expects. Run `placefeed db upgrade`.")


@contextmanager
def failures(*, as_json: bool = False) -> Iterator[None]:
    """What can go wrong, as a sentence on stderr (or JSON on stdout) and exit code 1; 2 where the call itself was wrong."""
    from sqlalchemy.exc import SQLAlchemyError

    from placefeed.adapters.base import AdapterError
    from placefeed.client.errors import PlacefeedError as ClientError
    from placefeed.service.errors import PlacefeedError

    try:
        yield
    except PlacefeedError as error:
        _refused(error, str(error), as_json=as_json, errors=error.errors)
    except (ClientError, AdapterError) as error:
        _refused(error, str(error), as_json=as_json)
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        _refused(error, f"{where}{error.strerror or error}.", as_json=as_json)
    except SQLAlchemyError as error:
        reason = str(getattr(error, "orig", None) or error).strip().partition("\n")[0]
        _refused(error, f"The database cannot be used: {reason}", as_json=as_json)
    except ValueError as error:
        _refused(error, str(error), as_json=as_json, code=2)


def _refused(error: Exception, message: str, *, as_json: bool, errors: Sequence[Any] = (), code: int = 1) -> NoReturn:
    if as_json:
        print_json({"error": {"kind": type(error).__name__, "message": message, "errors": list(errors)}})
        raise typer.Exit(code) from error
    stop(message, code=code)


def stop(message: str, *, code: int = 1) -> NoReturn:
    """Say what is wrong, on stderr, and end."""
    typer.echo("".join(letter if letter.isprintable() else " " for letter in message), err=True)
    raise typer.Exit(code)


def day(text: str | None, *, option: str) -> date | None:
    """A day given as an option."""
    if text is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter("Give the day as 2026-03-31.", param_hint=option) from None


# -- what is shown --------------------------------------------------------------------------------------------------


def print_json(document: Any) -> None:
    """One JSON document on stdout."""
    import orjson

    sys.stdout.write(orjson.dumps(document, option=orjson.OPT_INDENT_2, default=str).decode() + "\n")


def say(text: str) -> None:
    """A line for people."""
    typer.echo(text)


def show(rows: Sequence[dict[str, Any]], *, as_json: bool, empty: str, hidden: Sequence[str] = ()) -> None:
    """Rows as a table with a column for each name, or as JSON; `hidden` ones are for machines only."""
    if as_json:
        print_json({"items": list(rows)})
        return
    if not rows:
        say(empty)
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    columns = [name for name in rows[0] if name not in hidden]
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in columns:
        table.add_column(_heading(name), overflow="fold")
    for row in rows:
        table.add_row(*(Text(_cell(row[name])) for name in columns))
    # cut off by nobody but a terminal: in a pipe every line is as long as it is
    Console(highlight=False, width=None if sys.stdout.isatty() else 1000).print(table)


def _heading(name: str) -> str:
    words = "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in name)
    return words[:1].upper() + words[1:]


def _cell(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "–"
    text = (
        f"{value:%Y-%m-%d %H:%M}"
        if isinstance(value, datetime)
        else f"{value:,}"
        if isinstance(value, int)
        else str(value)
    )
    return "".join(letter if letter.isprintable() else " " for letter in text)


@contextmanager
def progress(*, quiet: bool = False) -> Iterator[Callable[[str], Callable[[int, int | None], None]]]:
    """Progress bars on stderr, on a terminal only: call it with a title for a bar, call that with done and total."""
    if quiet or not sys.stderr.isatty():
        yield lambda _title: lambda _done, _total: None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bars:
        yield lambda title: _bar(bars, title)


def _bar(bars: "Progress", title: str) -> Callable[[int, int | None], None]:
    task = bars.add_task(title, total=None)
    return lambda done, total: bars.update(task, completed=done, total=total)
