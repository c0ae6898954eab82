"""`placefeed simulate` and `placefeed demo`: invented providers, in files, at an exchange, or with an exchange around them."""

from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from placefeed.service.cli.edge import AsJson, Data, failures, opened, print_json, progress, say, settings_of, stop

if TYPE_CHECKING:
    from placefeed.adapters.ofsted import OfstedRow
    from placefeed.service.simulate.world import World


def simulate(
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Folder to write the providers' files into.", show_default=False)
    ] = None,
    push: Annotated[
        str | None,
        typer.Option(
            "--push", help="Address of an exchange to push to, each provider with its own key.", show_default=False
        ),
    ] = None,
    keys: Annotated[
        Path | None,
        typer.Option(
            "--keys", help="File of the providers' keys: the keys.json of a demo, or {id: key}.", show_default=False
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="The same seed (and moment) gives the same feeds.")] = 1,
    settings: Annotated[
        int | None, typer.Option(min=1, help="Size of the invented England; 5,600 unless given.", show_default=False)
    ] = None,
    ofsted: Annotated[
        Path | None,
        typer.Option(
            help="Simulate the settings of this file of Ofsted's, not an invented England.", show_default=False
        ),
    ] = None,
    as_at: Annotated[
        str | None, typer.Option("--as-at", help="The day of that file, where it does not say so.", show_default=False)
    ] = None,
    invented: Annotated[
        bool, typer.Option("--invented", help="An invented England even where the database has a register.")
    ] = False,
    changes: Annotated[
        int, typer.Option(min=0, help="Later states to make: time passes, places fill and fall free.")
    ] = 0,
    messy: Annotated[
        bool, typer.Option("--messy", help="Make a share of it untidy or broken, as it really comes.")
    ] = False,
    single: Annotated[bool, typer.Option("--single", help="One NDJSON feed of everything, as from a vendor.")] = False,
    moment: Annotated[
        datetime | None,
        typer.Option("--now", help="The present moment in UTC, for the same bytes again.", show_default=False),
    ] = None,
    insecure: Annotated[
        bool, typer.Option("--insecure", help="Let the keys go over plain http, inside a network that you trust.")
    ] = False,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Write or push feeds of simulated providers, for the register's settings or for an invented England. All of it says that it is simulated."""
    from datetime import UTC

    from placefeed.service.cli.edge import day
    from placefeed.service.clock import system_clock
    from placefeed.service.simulate.world import World
    from placefeed.service.simulate.writing import BETWEEN

    if out is None and push is None:
        stop("Say where to: --out FOLDER writes files, --push URL pushes them.", code=2)
    if push is not None and keys is None:
        stop("To push, give the file of the providers' keys: --keys FILE (a demo has keys.json in its folder).", code=2)
    now = moment.replace(tzinfo=UTC) if moment is not None else system_clock()
    with failures(as_json=as_json):
        rows, register = _rows(
            ofsted, day(as_at, option="--as-at"), data, seed=seed, size=settings, invented=invented, now=now
        )
        begun = now - BETWEEN * changes  # the last state is the present: no provider's clock is ahead of ours
        if out is not None:
            world = World.begin(rows, seed=seed, now=begun, messy=messy)
            _write(world, out, begun=begun, changes=changes, single=single, register=register, as_json=as_json)
        if push is not None and keys is not None:
            world = World.begin(rows, seed=seed, now=begun, messy=messy)
            _push(world, push, keys, begun=begun, changes=changes, single=single, insecure=insecure, as_json=as_json)


def demo(
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port to listen at.")] = 8000,
    data: Annotated[Path, typer.Option(help="Folder of the demo; a second start uses it again.")] = Path(".demo"),
    ofsted: Annotated[
        Path | None,
        typer.Option(help="Take the settings of this file of Ofsted's, not an invented England.", show_default=False),
    ] = None,
    seed: Annotated[int, typer.Option(help="Another seed gives another England.")] = 1,
    settings: Annotated[
        int | None, typer.Option(min=10, help="A smaller invented England.", show_default=False)
    ] = None,
) -> None:
    """Start the whole exchange with simulated providers: API, publisher, schedule, and a list that fills. Ctrl-C ends it."""
    from placefeed.service.cli.running import check_port
    from placefeed.service.demo import Demo

    if ofsted is not None and not ofsted.is_file():
        stop(f"There is no file {ofsted}.", code=2)
    check_port("127.0.0.1", port)
    with failures():
        exchange = settings_of(
            data, base_url=f"http://127.0.0.1:{port}", rate_per_minute=0, worker=True, allow_loopback=True,
            second_factor_for_operators=False,
        )  # fmt: skip
        Demo(exchange, port=port, seed=seed, size=settings, ofsted=ofsted, say=say).run()


def _rows(
    ofsted: Path | None,
    as_at: date | None,
    data: Path | None,
    *,
    seed: int,
    size: int | None,
    invented: bool,
    now: datetime,
) -> "tuple[Sequence[OfstedRow], tuple[Sequence[OfstedRow], date] | None]":
    """Whom to simulate, and the register to write beside it where that is invented."""
    from placefeed.service.simulate.england import SETTINGS, england
    from placefeed.service.simulate.world import last_march

    if ofsted is not None:
        from placefeed.adapters.ofsted import read_ofsted

        return read_ofsted(ofsted.read_bytes(), name_hint=ofsted.name, as_at=as_at).rows, None
    if not invented and size is None and (rows := _registered(data)):
        return rows, None
    march = last_march(now)
    rows = england(seed=seed, as_at=march, settings=min(size or SETTINGS, SETTINGS))
    return rows, (rows, march)


def _registered(data: Path | None) -> "list[OfstedRow]":
    """The register of the exchange that the settings name; empty where there is none."""
    settings = settings_of(data)
    if settings.database_url is None and not (settings.data / "placefeed.db").exists():
        return []
    from placefeed.service.simulate.register import registered

    with opened(data) as here, here.database.read() as session:
        return registered(session)


def _write(
    world: "World", out: Path, *, begun: datetime, changes: int, single: bool, register: Any, as_json: bool
) -> None:
    from placefeed.service.simulate.writing import write

    with progress(quiet=as_json) as bars:
        manifest = write(
            world, out, begun=begun, changes=changes, single=single, register=register, progress=bars("Writing")
        )
    if as_json:
        print_json(manifest)
        return
    files = sum(len(state["files"]) for state in manifest["states"])
    say(
        f"{manifest['settings']:,} settings of {manifest['owners']:,} simulated providers: {files:,} files in {out} (see manifest.json)."
    )
    if register is not None:
        say(
            f"Their register is {out / 'register.csv'}: `placefeed import-ofsted --simulated --complete {out / 'register.csv'}`."
        )


def _push(
    world: "World", url: str, keys: Path, *, begun: datetime, changes: int, single: bool, insecure: bool, as_json: bool
) -> None:
    from placefeed.service.simulate.pushing import Providers, read_keys
    from placefeed.service.simulate.writing import BETWEEN

    providers = Providers(url, read_keys(keys), insecure=insecure)
    rounds: list[dict[str, Any]] = []
    try:
        for number in range(changes + 1):
            at = begun + BETWEEN * number
            owners = world.owners if number == 0 else world.step(at)
            with progress(quiet=as_json) as bars:
                bar = bars("Pushing")
                sent = [world.one_feed(now=at)] if single else world.sendings(owners, now=at)
                outcome = providers.push(sent, progress=lambda done, bar=bar: bar(done, None))  # type: ignore[misc]
            rounds.append(outcome.to_dict())
    finally:
        providers.close()
    if as_json:
        print_json({"simulated": True, "rounds": rounds})
    else:
        for one in rounds:
            verdicts = ", ".join(f"{count:,} {verdict}" for verdict, count in one["verdicts"].items()) or "nothing"
            say(
                f"{one['sent']:,} sendings: {verdicts}."
                + (f" {one['withoutKey']:,} providers have no key." if one["withoutKey"] else "")
            )
            for failure in one["failures"]:
                typer.echo(failure, err=True)
    if any(one["failed"] or (one["verdicts"].get("rejected") and not world.messy) for one in rounds):
        raise typer.Exit(1)
