"""What every command of the terminal does alike: stop with a message, print JSON, show progress where somebody looks."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NoReturn

import typer

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress


@contextmanager
def failures(as_json: bool, *, lines: bool = False) -> Iterator[None]:
    """Errors of the client as a message and an exit code, never as a traceback. With `lines`, a document on one line."""
    from placefeed.client.errors import PlacefeedError

    try:
        yield
    except PlacefeedError as error:
        if as_json:
            (print_line if lines else print_json)(
                {
                    "error": {
                        "kind": type(error).__name__,
                        "message": str(error),
                        "status": error.status,
                        "problem": dict(error.problem),
                    }
                }
            )
            raise typer.Exit(1) from error
        request = f" (request {error.request_id})" if error.request_id else ""
        stop(f"{error}{request}")
    except (OSError, ValueError) as error:
        stop(str(error))


def stop(message: str, *, code: int = 1) -> NoReturn:
    typer.echo("".join(character if character.isprintable() else " " for character in message), err=True)
    raise typer.Exit(code)


def print_json(document: Any) -> None:
    import orjson

    sys.stdout.write(orjson.dumps(document, option=orjson.OPT_INDENT_2, default=str).decode() + "\n")


def print_line(document: Any) -> None:
    """One document on one line, at once: whoever reads must have it before the next is waited for."""
    import orjson

    sys.stdout.write(orjson.dumps(document, default=str).decode() + "\n")
    sys.stdout.flush()


@contextmanager
def until_stopped() -> Iterator[None]:
    """Run until Ctrl-C, or until nobody reads any more: the ordinary ends of a command that has none of its own."""
    try:
        yield
    except KeyboardInterrupt:
        raise typer.Exit(0) from None
    except BrokenPipeError:
        # The interpreter flushes standard output once more when it ends; there must be something that takes it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit(0) from None


def console() -> "Console":
    from rich.console import Console

    return Console(highlight=False)


@contextmanager
def progress(as_json: bool) -> Iterator["Progress | None"]:
    """Progress bars on stderr, on a terminal only."""
    if as_json or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bars:
        yield bars


def counting(bars: "Progress | None", name: str) -> Callable[[int], None] | None:
    if bars is None:
        return None
    task = bars.add_task(f"Checking {name}", total=None)
    return lambda done: bars.update(task, completed=done, description=f"Checking {name}: {done:,} records")


def moving(bars: "Progress | None", name: str) -> Callable[[int, int | None], None] | None:
    if bars is None:
        return None
    task = bars.add_task(f"Sending {name}", total=None)
    return lambda done, total: bars.update(task, completed=done, total=total)
