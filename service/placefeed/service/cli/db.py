"""`placefeed db`: the database's shape, its state, and what to do after a backup was put back."""

import typer

from placefeed.service.cli.edge import (
    AsJson,
    Data,
    audited,
    failures,
    new_group,
    opened,
    print_json,
    say,
    stop,
    writing,
)

app = new_group("The database: bring it up to date, look at it, and after a backup was put back.")


@app.command()
def upgrade(data: Data = None) -> None:
    """Bring the database to the shape of this version; makes it where there is none."""
    from placefeed.service.migrations import upgrade as to_head

    with opened(data, shaped=False) as here:
        to_head(here.database.writer)
        say(f"The database {_where(here.settings.url)} is up to date.")


@app.command()
def check() -> None:
    """Check that the migrations make what the tables say (on a scratch database). For developers."""
    import tempfile
    from pathlib import Path

    import sqlalchemy as sa
    from alembic import command
    from alembic.util import CommandError

    from placefeed.service.migrations import config
    from placefeed.service.migrations import upgrade as to_head

    with failures(), tempfile.TemporaryDirectory() as folder:
        engine = sa.create_engine(f"sqlite:///{Path(folder) / 'check.db'}")
        try:
            to_head(engine)
            with engine.connect() as connection:
                command.check(config(connection))
        except CommandError as error:
            stop(f"The tables and the migrations disagree; make a migration. {error}")
        finally:
            engine.dispose()
    say("The migrations make what the tables say.")


@app.command()
def restored(
    data: Data = None,
    yes: bool = typer.Option(False, "--yes", help="Do it without asking."),
) -> None:
    """After a backup was put back: positions go past any that were issued, and all is published again."""
    from placefeed.service.publishing.restore import after_restore

    with opened(data) as here:
        if not yes and not typer.confirm("Every reader will start again from the list. Was a backup put back?"):
            stop("Nothing was done.")
        with writing(here) as session:
            listings = after_restore(session, now=here.now)
            audited(session, here, "database.restored", "database", listings=listings)
        say(f"{listings:,} listings have new positions; everything will be published again.")


@app.command()
def status(data: Data = None, as_json: AsJson = False) -> None:
    """How the exchange is: shape, position of the log, what waits."""
    from sqlmodel import func, select

    from placefeed.service.migrations import at_head
    from placefeed.service.tables import Listing, Organisation, RegisterSetting, Source
    from placefeed.service.vitals import vitals

    with opened(data, as_json=as_json, shaped=False) as here:
        with here.database.read() as session:
            state: dict[str, object] = {
                "database": _where(here.settings.url),
                "upToDate": at_head(session.connection()),
            }
            if state["upToDate"]:
                seen = vitals(session, here.now)
                state |= {
                    "position": seen.position,
                    "epoch": seen.epoch,
                    "listings": session.exec(select(func.count()).where(Listing.state == "updated")).one(),
                    "settingsOnRegister": session.exec(select(func.count()).select_from(RegisterSetting)).one(),
                    "organisations": session.exec(select(func.count()).select_from(Organisation)).one(),
                    "sources": session.exec(select(func.count()).select_from(Source)).one(),
                    "pending": seen.pending_small + seen.pending_bulk,
                    "pendingSeconds": round(seen.pending_age.total_seconds(), 1),
                    "due": seen.due,
                    "submissionsWorking": seen.working,
                    "openAlerts": seen.alerts,
                }
        if as_json:
            print_json(state)
        else:
            for name, value in state.items():
                say(f"{_label(name):<22} {_value(value)}")
    if not state["upToDate"]:
        stop("Run `placefeed db upgrade`.")


def _where(url: str) -> str:
    from sqlalchemy import make_url

    return make_url(url).render_as_string(hide_password=True)


def _label(name: str) -> str:
    return "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in name).capitalize()


def _value(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:,}" if isinstance(value, int) else str(value)
