"""The exchange's own commands, which the client's command line loads when the exchange is installed (`placefeed.commands`).

Nothing heavy is imported before a command runs: `placefeed --help` must answer at once.
"""

import typer

from placefeed.service.cli import (
    consortia,
    db,
    doctor,
    importing,
    jobs,
    keys,
    organisations,
    people,
    running,
    simulating,
    sources,
    speaking,
)


def register(app: typer.Typer) -> None:
    """Add every command of the exchange to the command line."""
    app.command("demo")(simulating.demo)
    app.command("serve")(running.serve)
    app.command("worker")(running.worker)
    app.command("import-ofsted")(importing.import_ofsted)
    app.command("import-postcodes")(importing.import_postcodes)
    app.command("simulate")(simulating.simulate)
    app.command("run")(jobs.run)
    app.command("doctor")(doctor.doctor)
    for name, group in (
        ("db", db.app),
        ("org", organisations.app),
        ("consortium", consortia.app),
        ("key", keys.app),
        ("source", sources.app),
        ("speaks-for", speaking.app),
        ("person", people.app),
    ):
        app.add_typer(group, name=name)
