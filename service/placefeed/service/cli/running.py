"""`placefeed serve` and `placefeed worker`: the exchange's processes."""

import gc
import os
import signal
import threading
from typing import TYPE_CHECKING, Annotated

import typer

from placefeed.service.cli.edge import Data, log_to_stderr, opened, say, settings_of, stop

if TYPE_CHECKING:
    from fastapi import FastAPI

GRACE = 3  # seconds that requests under way are given when the process is asked to end


def serve(
    host: Annotated[str, typer.Option(help="Address to listen at; 0.0.0.0 for all.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port to listen at.")] = 8000,
    worker: Annotated[
        bool, typer.Option("--worker/--no-worker", help="Run publisher and schedule in the same process.")
    ] = True,
    workers: Annotated[
        int, typer.Option(min=1, help="Processes that answer requests; more than one only with PostgreSQL.")
    ] = 1,
    data: Data = None,
) -> None:
    """Start the exchange. PLACEFEED_... in the environment says the rest; the database must be up to date."""
    from placefeed.service.telemetry import telemetry_of

    with opened(data) as here:  # says what is wrong before anything starts
        settings = here.settings
        telemetry_of(settings)
    if workers > 1 and settings.database_url is None:
        stop(
            "Several processes need PostgreSQL (PLACEFEED_DATABASE_URL): the embedded database has one writer.", code=2
        )
    check_port(host, port)
    given = {"data": str(settings.data), "worker": str(worker and settings.worker).lower()}
    if "PLACEFEED_BASE_URL" not in os.environ:
        given["base_url"] = f"http://{'127.0.0.1' if host == '0.0.0.0' else host}:{port}"  # noqa: S104
    for name, value in given.items():  # uvicorn's own processes read the settings again
        os.environ[f"PLACEFEED_{name.upper()}"] = value

    import uvicorn

    log_to_stderr(settings, quiet=False)
    say(f"Placefeed listens at http://{host}:{port}")
    uvicorn.run(
        "placefeed.service.cli.running:application", factory=True, host=host, port=port, workers=workers, log_config=None, access_log=False,
        server_header=False, forwarded_allow_ips=settings.trusted_proxies, timeout_graceful_shutdown=GRACE,
    )  # fmt: skip


def settle() -> None:
    """Let the garbage collector look less often: a server holds much that stays, and each look at it is a moment without answers."""
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


def application() -> "FastAPI":
    """What each of uvicorn's processes runs."""
    from placefeed.service.app import create_app

    settle()

    settings = settings_of(None)
    log_to_stderr(settings, quiet=False)
    return create_app(settings)


def worker(
    schedule: Annotated[
        bool, typer.Option("--schedule/--no-schedule", help="Stand for election to run the schedule.")
    ] = True,
    metrics_port: Annotated[
        int | None,
        typer.Option(
            min=0, max=65535, help="Serve metrics at this port (0: any); none unless given.", show_default=False
        ),
    ] = None,
    metrics_host: Annotated[str, typer.Option(help="Address to serve metrics at.")] = "127.0.0.1",
    data: Data = None,
) -> None:
    """Start publisher, submissions, schedule and deliveries beside `placefeed serve --no-worker`."""
    from contextlib import ExitStack

    from placefeed.service.clock import system_clock
    from placefeed.service.figures import watched
    from placefeed.service.running.metrics import LEADER, LEADS, Metrics, exposed
    from placefeed.service.telemetry import telemetry_of
    from placefeed.service.worker import Worker

    with ExitStack() as stack:
        here = stack.enter_context(opened(data))
        log_to_stderr(here.settings, quiet=False)
        telemetry = telemetry_of(here.settings)
        telemetry.start()
        stack.callback(telemetry.close)
        here.database.trace(telemetry)
        here.database.listen()
        metrics = Metrics()
        running = Worker(here.database, here.settings, system_clock, schedule=schedule, metrics=metrics)
        metrics.watch(watched(here.database, system_clock))
        metrics.gauge(LEADER, LEADS, lambda: float(running.leads))
        ended = threading.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: ended.set())
        if metrics_port is not None:
            port = stack.enter_context(exposed(metrics, host=metrics_host, port=metrics_port))
            say(f"Metrics are at http://{metrics_host}:{port}/metrics")
        running.start()
        say("The worker runs. Ctrl-C ends it.")
        ended.wait()
        running.stop()


def check_port(host: str, port: int) -> None:
    """Say in one line that a port cannot be had, before anything is opened."""
    import socket

    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the server itself: a port just let go is free
        try:
            probe.bind((host, port))
        except OSError as error:
            stop(
                f"Port {port} of {host} cannot be had ({error.strerror}). Stop what listens there, or choose another with --port."
            )
