"""`placefeed run`: any job of the schedule, now."""

from typing import Annotated

import typer

from placefeed.service.cli.edge import AsJson, Data, opened, print_json, say, show, stop


def run(
    job: Annotated[
        str | None,
        typer.Argument(metavar="[JOB]", help="The job's name; all are shown unless given.", show_default=False),
    ] = None,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Run a job of the schedule now, in this process; without a name, show the schedule."""
    from placefeed.service.clock import system_clock
    from placefeed.service.schedule import table

    with opened(data, as_json=as_json) as here:
        jobs = {row.name: row for row in table(here.settings)}
        if job is None:
            rows = [{"job": row.name, "when": row.cron, "what": row.what} for row in jobs.values()]
            show(rows, as_json=as_json, empty="")
            return
        if job not in jobs:
            stop(f"There is no job “{job}”. There are: {', '.join(jobs)}.", code=2)
        outcome = jobs[job].call(here.database, here.settings, system_clock)
        if as_json:
            print_json({"job": job, "outcome": outcome})
        else:
            say(f"{job}: {outcome}")
