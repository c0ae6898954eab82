"""`placefeed import-ofsted`, `placefeed import-postcodes`: public files into the register, with counts that people and machines can read."""

from pathlib import Path
from typing import Annotated, Any

import typer

from placefeed.service.cli.edge import AsJson, Data, audited, day, opened, print_json, progress, say, writing


def import_ofsted(
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE...",
            help="CSV, ODS or XLSX as Ofsted publishes them; older ones become history.",
            show_default=False,
        ),
    ],
    as_at: Annotated[
        str | None,
        typer.Option(
            "--as-at",
            help="The day at which the file was true, as 2025-03-31, where it does not say so.",
            show_default=False,
        ),
    ] = None,
    complete: Annotated[
        bool, typer.Option("--complete", help="The list names every setting: those that it lacks have left.")
    ] = False,
    simulated: Annotated[
        bool, typer.Option("--simulated", help="It is an invented register, as `placefeed simulate` writes it.")
    ] = False,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Import Ofsted's files into the register. With --json one object: the counts, and for several files each under `files`.

    The counts at top level are those of the file, or of the last one. Ends with 1 as soon as a file cannot be imported.
    """
    from placefeed.service.register.load import load, read_file

    on = day(as_at, option="--as-at")
    results: list[dict[str, Any]] = []
    with opened(data, as_json=as_json) as here, progress(quiet=as_json) as bars:
        bar = bars("Importing")
        for number, path in enumerate(files):
            bar(number, len(files))
            reading = read_file(
                path.read_bytes(), name=path.name, as_at=on
            )  # before the transaction: a workbook takes seconds
            with writing(here) as session:
                result = load(session, reading, complete=complete, simulated=simulated, now=here.now)
                audited(
                    session,
                    here,
                    "register.imported",
                    path.name,
                    asAt=result.as_at.isoformat(),
                    settings=result.settings,
                )
            results.append({"file": path.name, **result.to_dict()})
    if as_json:
        print_json(results[-1] if len(results) == 1 else {**results[-1], "files": results})
        return
    for result_ in results:
        _tell(result_)


def _tell(result: dict[str, Any]) -> None:
    say(f"{result['file']}: {result['title'] or result['kind']}, as at {result['asAt']}")
    if result["repeated"]:
        say("  This file was imported before; nothing changes.")
    say(
        f"  {result['rows']:,} rows, {result['settings']:,} settings; {result['childrensHomes']:,} children's homes with {result['places']:,} places."
    )
    say(
        f"  {result['added']:,} added, {result['changed']:,} changed, {result['unchanged']:,} unchanged, {result['rejected']:,} rejected, {result['warnings']:,} warnings."
    )
    if result["older"]:
        say(f"  {result['older']:,} are older than what is known and became history.")
    if result["left"]:
        say(f"  {result['left']:,} settings are not in it and are no longer listed.")
    elif result["missing"]:
        say(
            f"  {result['missing']:,} settings that are known are not in it. They stay: only a list imported with --complete says who has left."
        )
    if result["proposed"]:
        say(f"  {result['proposed']:,} settings are proposed to providers: see `placefeed speaks-for list`.")
    for issue in result["issues"][:5]:
        times = f" ({issue['count']:,} times)" if issue.get("count", 1) > 1 else ""
        say(f"  {issue['severity']}: {issue['message']}{times} {issue.get('advice', '')}")


def import_postcodes(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE",
            help="The National Statistics Postcode Lookup (NSPL) of the ONS, of any year: its ZIP, or the large CSV in its folder Data.",
            show_default=False,
        ),
    ],
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Import where postcode sectors lie, so that lists can say how far a home is. Only the middle of each sector is kept.

    A newer file replaces what was imported before; the same file again changes nothing. Ends with 1 if it cannot be imported.
    """
    from placefeed.adapters.postcodes import open_postcodes
    from placefeed.service.register.postcodes import middles_of, store

    with opened(data, as_json=as_json) as here, progress(quiet=as_json) as bars:
        with open_postcodes(file, report=bars("Reading")) as lookup:
            middles = middles_of(lookup)  # before the transaction: it takes half a minute
        with writing(here) as session:
            result = store(session, middles, now=here.now)
            audited(session, here, "postcodes.imported", file.name, sectors=result.sectors, settings=result.settings)
    if as_json:
        print_json({"file": file.name, **result.to_dict()})
        return
    say(
        f"{file.name}: {result.rows:,} rows; {result.live:,} postcodes in use, {result.ended:,} ended, {result.nowhere:,} without a grid reference."
    )
    say(
        f"  {result.sectors:,} sectors: {result.new:,} new, {result.moved:,} moved, {result.unchanged:,} as before; {result.gone:,} gone."
    )
    say(f"  {result.settings:,} settings are worked out again.")
