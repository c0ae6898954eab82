"""Commands about files: check them, make the form to fill in, send them."""

from pathlib import Path
from typing import Annotated, Any

import typer

from placefeed.client._terminal import console, counting, failures, moving, print_json, progress, stop
from placefeed.client.cli.options import AsJson, Insecure, Key, Url, needed


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

    with failures(as_json), Provider(needed(url, "url"), needed(key, "key"), insecure=insecure) as provider:
        with progress(as_json) as bars:
            report = provider.upload(file, wait=wait, timeout=timeout, progress=moving(bars, file.name))
        if as_json:
            print_json({**report.document, "submission": report.id})
        else:
            from placefeed.client._tables import print_report

            print_report(console(), report.document, name=f"Submission {report.id}" if report.id else file.name)
    if not report.ok and report.finished:
        raise typer.Exit(1)


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
