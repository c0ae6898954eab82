"""kill -9 at any step: what was acknowledged is worked to its end by the next worker, and nothing is taken twice."""

import math
import os
import signal
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import orjson
import pytest

from placefeed.service.config import Settings
from placefeed.service.db import Database
from placefeed.service.intake import submit, working
from placefeed.service.intake.reading import CHUNK
from placefeed.service.intake.spool import Spool
from placefeed.service.tables import Absence, Idempotency, Observation, Submission, SubmissionRaw
from tests.service.conftest import MovableClock
from tests.service.feeds import Desk, feed, record, urns, vacancy

ROOT = Path(__file__).parents[2]

# The child dies by SIGKILL at the n-th time that it comes to a step; its clock stands where the test's does.
CHILD = textwrap.dedent(
    """
    import os, signal, sys
    from datetime import datetime
    from pathlib import Path

    import sqlalchemy as sa
    from sqlalchemy.orm import Session

    from placefeed.service.config import Settings
    from placefeed.service.db import Database
    from placefeed.service.intake import observe, reading, spool, submit
    from placefeed.service.tables import Source

    data, url, step, count, now, what, body = sys.argv[1:]
    left = int(count)

    def dying():
        global left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    def before(place, name):
        plain = getattr(place, name)

        def call(*arguments, **named):
            dying()
            return plain(*arguments, **named)

        setattr(place, name, call)

    if step == "before a commit":
        before(Session, "commit")
    elif step == "after a commit":
        sa.event.listen(sa.Engine, "commit", lambda _: None)
        plain = Session.commit
        def commit(self):
            plain(self)
            dying()
        Session.commit = commit
    elif step == "before observations are kept":
        before(reading, "keep")
    elif step == "before standing is written":
        before(observe, "touch")
    elif step == "before the spooled file is removed":
        before(spool.Spool, "remove")
    elif step == "while spooling":
        before(spool.Writer, "_frame")

    settings = Settings(data=Path(data), secret="s" * 40, worker=False, database_url=url or None)
    database = Database(settings)
    clock = lambda: datetime.fromisoformat(now)
    if what == "work":
        while submit.work(database, settings=settings, clock=clock):
            pass
    else:
        content = Path(body).read_bytes()
        if what == "take":
            with database.write() as session:
                submit.take(session, source=session.get_one(Source, "example-homes-push"), body=content,
                            content_type="application/json", idempotency_key="once", settings=settings, now=clock())
        else:
            writer = spool.Spool(settings).writer()
            writer.write(content)
            writer.close()
            with database.write() as session:
                submit.take_large(session, source=session.get_one(Source, "example-homes-push"), spool_name=writer.name,
                                  size=writer.size, sha256=writer.sha256, content_type="application/json",
                                  idempotency_key="once", settings=settings, now=clock())
    print("done")
    """
)


@pytest.fixture
def desk(database: Database, settings: Settings, clock: MovableClock) -> Desk:
    made = Desk(database, settings, clock)
    made.provider(speaks_for=urns(1200))
    return made


def child(desk: Desk, what: str, *, step: str = "none", count: int = 1, body: Path | None = None) -> bool:
    """Run a step in another process; whether it lived to the end."""
    arguments = [
        str(desk.settings.data),
        desk.settings.database_url or "",
        step,
        str(count),
        desk.now.isoformat(),
        what,
        str(body or ""),
    ]
    done = subprocess.run(
        [sys.executable, "-c", CHILD, *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={**os.environ},
    )
    assert done.returncode in (0, -signal.SIGKILL), done.stderr
    return done.returncode == 0


def england(desk: Desk, count: int = 1200) -> bytes:
    return orjson.dumps(
        feed(
            [{"urn": urn, "vacancies": [vacancy(desk.ago(minutes=5))]} for urn in urns(count)], desk.now, complete=True
        )
    )


STEPS = [
    ("before a commit", 1),  # of the claim
    ("before a commit", 3),  # of the second chunk
    ("after a commit", 2),  # of the first chunk
    ("after a commit", 4),  # of the last chunk
    ("before a commit", 6),  # of the withdrawals
    ("after a commit", 6),
    ("before observations are kept", 2),  # in the middle of a chunk
    ("before the spooled file is removed", 1),  # after the end
]


@pytest.mark.parametrize(("step", "count"), STEPS)
def test_a_worker_killed_at_any_step_is_followed_by_one_that_ends_it(desk: Desk, step: str, count: int) -> None:
    gone = [
        {"urn": "SC001102", "vacancies": [vacancy(desk.ago(hours=2), "old")]},
        {"urn": "SC001101", "vacancies": [vacancy(desk.ago(hours=2), "old")]},
    ]
    desk.send(feed(gone, desk.ago(hours=2)))
    taken = desk.send_large(england(desk, 1099), work=False)

    assert not child(desk, "work", step=step, count=count)
    desk.clock.move(minutes=2)
    while submit.work(desk.database, settings=desk.settings, clock=desk.clock):
        pass

    report = desk.report(taken.submission_id)
    assert report["counts"] | {"withdrawn": 0} == {"records": 1099, "accepted": 1099, "warnings": 1099, "withdrawn": 0}
    assert report["counts"]["withdrawn"] == 2
    assert set(desk.standing()) == {(urn, "vacancy", "v1") for urn in urns(1099)}
    told = [(row.urn, row.item, row.kind) for row in desk.rows(Observation) if row.submission_id == taken.submission_id]
    assert len(told) == len(set(told)) == 1099 + 2
    assert sum(1 for _ in desk.rows(SubmissionRaw)) == 1 + math.ceil(1099 / CHUNK)
    (row,) = (row for row in desk.rows(Submission) if row.id == taken.submission_id)
    assert (row.state, row.spool) == ("done", None)
    assert Spool(desk.settings).sweep(set(), older_than=-1) <= 1
    assert desk.rows(Absence) == []


@pytest.mark.parametrize(("step", "count"), [("while spooling", 2), ("before a commit", 1), ("after a commit", 1)])
def test_an_upload_is_safe_or_was_never_acknowledged(desk: Desk, tmp_path: Path, step: str, count: int) -> None:
    body = tmp_path / "feed.json"
    body.write_bytes(england(desk))

    assert not child(desk, "take_large", step=step, count=count, body=body)
    assert len(desk.rows(Submission)) == (1 if step == "after a commit" else 0)

    assert child(desk, "take_large", body=body)  # the sender tries again, with the same key
    assert len(desk.rows(Submission)) == len(desk.rows(Idempotency)) == 1
    while submit.work(desk.database, settings=desk.settings, clock=desk.clock):
        pass
    assert len(desk.standing()) == len(desk.rows(Observation)) == 1200
    assert submit.sweep_spool(desk.database, desk.settings) == 0  # young; a day later:
    assert Spool(desk.settings).sweep(set(), older_than=-1) == 1


@pytest.mark.parametrize(
    ("step", "count"), [("before standing is written", 1), ("before a commit", 1), ("after a commit", 1)]
)
def test_a_small_submission_is_taken_whole_or_not_at_all(desk: Desk, tmp_path: Path, step: str, count: int) -> None:
    body = tmp_path / "feed.json"
    body.write_bytes(orjson.dumps(feed([record(urn, desk.ago(minutes=5)) for urn in urns(30)], desk.now)))

    assert not child(desk, "take", step=step, count=count, body=body)
    taken = len(desk.rows(Submission))
    assert taken == (1 if step == "after a commit" else 0)
    assert len(desk.rows(Observation)) == 90 * taken

    assert child(desk, "take", body=body)
    assert len(desk.rows(Submission)) == 1
    assert len(desk.rows(Observation)) == 90


def test_a_worker_that_was_only_frozen_stops_when_another_has_taken_over(desk: Desk) -> None:
    taken = desk.send_large(england(desk, 1100), work=False)

    class Frozen(threading.Event):
        """Asked between two chunks; the first time, for longer than the lease: meanwhile another worker ends the work."""

        asked = 0

        def is_set(self) -> bool:
            self.asked += 1
            if self.asked == 1:
                desk.clock.move(minutes=2)
                assert submit.work(desk.database, settings=desk.settings, clock=desk.clock)
                assert desk.report(taken.submission_id)["verdict"] == "accepted"
            return False

    claim = working._claim(desk.database, settings=desk.settings, clock=desk.clock)
    assert claim is not None

    with pytest.raises(working.LeaseLost):
        working._work(desk.database, claim, settings=desk.settings, clock=desk.clock, stop=Frozen())

    assert desk.report(taken.submission_id)["counts"]["records"] == 1100
    assert len(desk.rows(Observation)) == 1100
