"""The `placefeed` command: check, make and send files, read the list; the exchange's own commands join it when installed.

Nothing heavy is imported before a command needs it: `placefeed validate` must start as quickly on a laptop as `--help`.
"""

import sys
from collections.abc import Callable, Iterator
from importlib.metadata import EntryPoint, PackageNotFoundError, entry_points, version
from pathlib import Path
from typing import Annotated, Any

import typer

from placefeed.client._terminal import console, counting, failures, moving, print_json, progress, stop

COMMANDS = "placefeed.commands"
OURS = ("validate", "template", "push", "list")
# Known by name, so that a missing extra can be told from a misspelt command.
OF_THE_SERVICE = ("demo", "serve", "worker", "db", "org", "consortium", "key", "source", "import-ofsted", "simulate")

app = typer.Typer(
    name="placefeed",
    help="Places in children's homes: check and send feeds, read the live list.",
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,  # locals may hold a key, or what somebody sent
    add_completion=False,
)

Url = Annotated[
    str | None, typer.Option("--url", envvar="PLACEFEED_URL", help="Address of the exchange.", show_default=False)
]
Key = Annotated[
    str | None,
    typer.Option(
        "--key",
        envvar="PLACEFEED_KEY",
        help="Your key. Better given by the environment: others on the machine can read options.",
        show_default=False,
        show_envvar=True,
    ),
]
Insecure = Annotated[
    bool,
    typer.Option(
        "--insecure",
        envvar="PLACEFEED_INSECURE",
        help="Let the key go over plain http, inside a network that you trust.",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document, for machines.")]


@app.callback(invoke_without_command=True)
def _top(
    show_version: Annotated[bool, typer.Option("--version", help="Print the version and stop.", is_eager=True)] = False,
) -> None:
    if show_version:
        typer.echo(f"placefeed {_version()}")
        raise typer.Exit


@app.command()
def validate(
    files: Annotated[list[Path], typer.Argument(help="JSON, NDJSON, CSV, XLSX or ODS files.", show_default=False)],
    kind: Annotated[
        str, typer.Option(help="What a JSON file holds: feed, capacity, vacancy, rate, setting, ofsted...")
    ] = "feed",
    mapping: Annotated[
        str | None,
        typer.Option(
            help="Mapping for a spreadsheet in a form of your own: its name, or a TOML file.", show_default=False
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Check files against the standard, offline. Ends with 0 if nothing is wrong, else with 1."""
    from datetime import UTC, datetime

    from placefeed.client._checking import CannotRead, check_file

    now = datetime.now(UTC)
    results: list[dict[str, Any]] = []
    for path in files:
        try:
            with progress(as_json) as bars:
                report = check_file(
                    path, now=now, kind=kind, mapping=_mapping(mapping), counted=counting(bars, path.name)
                )
        except (CannotRead, KeyError) as error:
            results.append({"file": str(path), "ok": False, "error": str(error.args[0])})
        else:
            results.append({"file": str(path), "ok": report.ok, "report": report.to_dict()})
    _show_checks(results, as_json=as_json)
    if not all(result["ok"] for result in results):
        raise typer.Exit(1)


@app.command()
def template(
    out: Annotated[
        Path,
        typer.Option(
            "--out", "-o", help="File to write: .xlsx (with drop-downs and guidance) or .csv.", show_default=False
        ),
    ],
    example: Annotated[bool, typer.Option(help="Put an example row in, which is never read back.")] = True,
    sheet: Annotated[
        str, typer.Option(help="For CSV, which holds one sheet: Vacancies, Settings or Rates.")
    ] = "Vacancies",
    force: Annotated[bool, typer.Option("--force", help="Write over a file that is there.")] = False,
) -> None:
    """Write the spreadsheet form of the standard, to fill in and send."""
    from placefeed.schema.template import write_csv_template, write_template

    if out.exists() and not force:
        stop(f"{out} is there already. Choose another name, or say --force.")
    ending = out.suffix.lower()
    try:
        if ending == ".xlsx":
            write_template(out, example=example)
        elif ending == ".csv":
            write_csv_template(out, sheet=sheet, example=example)
        else:
            stop("Name a file that ends in .xlsx or .csv.")
    except (RuntimeError, ImportError) as error:
        stop(str(error) or "Writing a workbook needs more: pip install 'placefeed[adapters]'.")
    except KeyError:
        stop(f"The form has no sheet “{sheet}”. It has Vacancies, Settings and Rates.")
    except OSError as error:
        stop(f"{out} cannot be written: {error.strerror}.")
    typer.echo(
        f"{out} is written. Fill it in, check it with `placefeed validate {out}`, send it with `placefeed push {out}`."
    )


@app.command()
def push(
    file: Annotated[Path, typer.Argument(help="JSON, NDJSON, CSV, XLSX or ODS.", show_default=False)],
    url: Url = None,
    key: Key = None,
    wait: Annotated[bool, typer.Option(help="Wait until the exchange is done with it.")] = True,
    timeout: Annotated[float, typer.Option(help="Seconds to wait at most.")] = 600.0,
    insecure: Insecure = False,
    as_json: AsJson = False,
) -> None:
    """Send a file to the exchange and show what became of it. Ends with 0 if all of it was taken, else with 1."""
    from placefeed.client import Provider

    with failures(as_json), Provider(_needed(url, "url"), _needed(key, "key"), insecure=insecure) as provider:
        with progress(as_json) as bars:
            report = provider.upload(file, wait=wait, timeout=timeout, progress=moving(bars, file.name))
        if as_json:
            print_json({**report.document, "submission": report.id})
        else:
            from placefeed.client._tables import print_report

            print_report(console(), report.document, name=f"Submission {report.id}" if report.id else file.name)
    if not report.ok and report.finished:
        raise typer.Exit(1)


@app.command("list")
def list_(
    url: Url = None,
    key: Key = None,
    la: Annotated[list[str] | None, typer.Option(help="Local authority: GSS code or name.", show_default=False)] = None,
    region: Annotated[list[str] | None, typer.Option(help="Region: code or name.", show_default=False)] = None,
    provision_type: Annotated[list[str] | None, typer.Option(help="Such as children-home.", show_default=False)] = None,
    age: Annotated[int | None, typer.Option(help="The age that it must suit, in years.", show_default=False)] = None,
    gender: Annotated[list[str] | None, typer.Option(help="female, male, any-gender...", show_default=False)] = None,
    placement_type: Annotated[
        list[str] | None, typer.Option(help="planned, emergency, short-break...", show_default=False)
    ] = None,
    response: Annotated[
        list[str] | None, typer.Option(help="today, under-5-days, over-5-days.", show_default=False)
    ] = None,
    available_by: Annotated[
        str | None, typer.Option(help="Free on or before this day: YYYY-MM-DD.", show_default=False)
    ] = None,
    weekly_at_most: Annotated[
        float | None, typer.Option(help="Weekly price in pounds, at most.", show_default=False)
    ] = None,
    search: Annotated[
        str | None, typer.Option("--search", "-s", help="Words in name, provider or area.", show_default=False)
    ] = None,
    filters: Annotated[
        list[str] | None,
        typer.Option("--filter", help="Any other filter of the exchange, as name=value.", show_default=False),
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="Listings to show at most.")] = 100,
    everything: Annotated[bool, typer.Option("--all", help="Show all that match.")] = False,
    insecure: Insecure = False,
    as_json: AsJson = False,
) -> None:
    """Show the live vacancy list."""
    from itertools import islice

    from placefeed.client import Member

    asked: dict[str, Any] = {
        "la": la, "region": region, "provisionType": provision_type, "age": age, "gender": gender, "placementType": placement_type,
        "response": response, "availableBy": available_by, "q": search,
        "weeklyAtMostPence": None if weekly_at_most is None else round(weekly_at_most * 100),
        **_named(filters or []),
    }  # fmt: skip
    with failures(as_json), Member(_needed(url, "url"), _needed(key, "key"), insecure=insecure) as member:
        page = member.listings(**asked, limit=min(limit, 500) if not everything else 500)
        items: Iterator[Any] = _rest(member, page, asked)
        shown = list(items if everything else islice(items, limit))
        if as_json:
            print_json({**{name: value for name, value in page.document.items() if name != "next"}, "items": shown})
        else:
            from placefeed.client._tables import print_listings

            print_listings(console(), shown, totals=page.totals)


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


def _named(filters: list[str]) -> dict[str, Any]:
    named: dict[str, list[str]] = {}
    for text in filters:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise typer.BadParameter(f"“{text}” is not of the form name=value.", param_hint="--filter")
        named.setdefault(name, []).append(value)
    return dict(named)


def _mapping(given: str | None) -> str | None:
    """A mapping by name, or the text of a TOML file."""
    if given is None or not given.endswith(".toml"):
        return given
    try:
        return Path(given).read_text(encoding="utf-8")
    except OSError as error:
        stop(f"The mapping {given} cannot be read: {error.strerror}.")


def _show_checks(results: list[dict[str, Any]], *, as_json: bool) -> None:
    if as_json:
        print_json({"ok": all(result["ok"] for result in results), "files": results})
        return
    from rich.text import Text

    from placefeed.client._tables import plain, print_report

    screen = console()
    for result in results:
        if "report" in result:
            print_report(screen, result["report"], name=result["file"])
        else:
            screen.print(Text.assemble((f"{plain(result['file'])}: ", "bold"), (plain(result["error"]), "bold red")))


def _needed(value: str | None, name: str) -> str:
    if not value:
        stop(
            f"Say which {'exchange' if name == 'url' else 'key'}: --{name}, or PLACEFEED_{name.upper()} in the environment.",
            code=2,
        )
    return value


def _version() -> str:
    try:
        return version("placefeed")
    except PackageNotFoundError:
        return "(not installed)"


if __name__ == "__main__":
    main()
