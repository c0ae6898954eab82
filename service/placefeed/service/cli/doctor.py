"""`placefeed doctor`: is everything as it should be, and what to do where it is not."""

import typer

from placefeed.service.cli.edge import AsJson, Data, failures, log_to_stderr, print_json, say, settings_of


def doctor(data: Data = None, as_json: AsJson = False) -> None:
    """Look at everything: configuration, database, clocks, leader, lag, sources, subscribers. Ends with 0, 1 (warnings) or 2."""
    from placefeed.service.checks import LEVELS, examine
    from placefeed.service.clock import system_clock

    settings = settings_of(data)
    log_to_stderr(settings)
    worst = 0
    items = []
    with failures(as_json=as_json):
        for found in examine(settings, system_clock):
            worst = max(worst, LEVELS.index(found.level))
            items.append(
                {
                    "check": found.check,
                    "level": found.level,
                    "says": found.says,
                    **({"do": found.do} if found.do else {}),
                }
            )
            if not as_json:
                say(f"{found.level:<4}  {found.check:<13}  {found.says}{f' {found.do}' if found.do else ''}")
    if as_json:
        print_json({"worst": LEVELS[worst], "items": items})
    raise typer.Exit(worst)
