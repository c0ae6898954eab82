"""What every test may lean on: the clock, and where the real files are."""

import logging
import os
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa

from placefeed.service.migrations import upgrade

# The embedded PostgreSQL wants a runtime folder; a service account or a container has none.
if "XDG_RUNTIME_DIR" not in os.environ:
    runtime = Path(tempfile.gettempdir()) / f"placefeed-tests-{os.getuid()}"
    runtime.mkdir(mode=0o700, exist_ok=True)
    os.environ["XDG_RUNTIME_DIR"] = str(runtime)
# Without its own folder there the package locks a file in /tmp itself, which may be another user's.
Path(os.environ["XDG_RUNTIME_DIR"], "python_PostgresServer").mkdir(exist_ok=True)

SHARED = Path(os.environ.get("PLACEFEED_SHARED_DATA", Path(__file__).parents[2] / "shared" / "data"))


@pytest.fixture
def now() -> datetime:
    """A working afternoon, in summer time."""
    return datetime(2026, 7, 1, 14, 0, tzinfo=UTC)


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated, empty SQLite file to copy."""
    path = tmp_path_factory.mktemp("sqlite") / "template.db"
    engine = sa.create_engine(f"sqlite:///{path}")
    upgrade(engine)
    engine.dispose()
    return path


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real Ofsted and LA files beside the checkout; the test is skipped, saying so, where it is missing."""
    if not (SHARED / "ofsted").is_dir():
        pytest.skip(f"MISSING: the real Ofsted files ({SHARED}); set PLACEFEED_SHARED_DATA to run this test")
    return SHARED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say in one loud line what was skipped and what is missing for it."""
    skipped = terminalreporter.stats.get("skipped", [])
    reasons = sorted({str(report.longrepr[2]) for report in skipped if isinstance(report.longrepr, tuple)})
    for reason in reasons:
        terminalreporter.write_line(f"SKIPPED SOME TESTS: {reason}", red=True, bold=True)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """In CI a skipped test is a failed run: `PLACEFEED_NO_SKIPS=1`."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if os.environ.get("PLACEFEED_NO_SKIPS") and reporter is not None and reporter.stats.get("skipped"):
        session.exitstatus = 1


@pytest.fixture(autouse=True)
def _log_as_before() -> Iterator[None]:
    """A command that sets the log up does so for its own process: what comes after it in ours must not go to its closed ends."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
