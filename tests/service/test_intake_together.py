"""Several at once: two submissions to one setting, one key twice, a small update while a large feed is worked."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from placefeed.service.config import Settings
from placefeed.service.db import Database
from placefeed.service.intake import submit, updates
from placefeed.service.tables import Observation, Source, Submission
from tests.service.conftest import MovableClock
from tests.service.feeds import Desk, capacity, feed, record, urns, vacancy


@pytest.fixture
def desk(database: Database, settings: Settings, clock: MovableClock) -> Desk:
    made = Desk(database, settings, clock)
    made.provider(speaks_for=urns(3000))
    return made


def together(*calls: Callable[[], object]) -> None:
    """Run at once, in threads; raise what any of them raised."""
    barrier = threading.Barrier(len(calls))

    def run(call: Callable[[], object]) -> object:
        barrier.wait()
        return call()

    with ThreadPoolExecutor(len(calls)) as pool:
        for future in [pool.submit(run, call) for call in calls]:
            future.result()


def test_of_two_feeds_at_once_the_newer_word_stands(desk: Desk) -> None:
    for turn in range(6):
        older = feed(
            [record("SC000001", desk.ago(minutes=2), capacity=capacity(desk.ago(minutes=2), occupied=1, available=3))],
            desk.now,
        )
        newer = feed(
            [record("SC000001", desk.ago(minutes=1), capacity=capacity(desk.ago(minutes=1), occupied=2, available=2))],
            desk.now,
        )

        together(*((lambda each=each: desk.send(each)) for each in ((older, newer) if turn % 2 else (newer, older))))

        row = desk.standing("capacity")[("SC000001", "capacity", "")]
        assert row.as_of == desk.ago(minutes=1)
        assert b'"occupied":2' in row.document
        desk.clock.move(hours=1)


def test_one_key_sent_twice_at_once_makes_one_submission(desk: Desk) -> None:
    document = feed([record("SC000001", desk.now)], desk.now)
    answers: list[submit.Taken] = []

    together(*((lambda: answers.append(desk.send(document, idempotency_key="abc"))) for _ in range(6)))

    assert len({answer.submission_id for answer in answers}) == 1
    assert len(desk.rows(Submission)) == 1


def test_two_workers_share_the_work_and_take_nothing_twice(desk: Desk) -> None:
    first = feed([{"urn": urn, "vacancies": [vacancy(desk.ago(minutes=5))]} for urn in urns(1200)], desk.now)
    second = feed([{"urn": urn, "vacancies": [vacancy(desk.ago(minutes=4), places=2)]} for urn in urns(1200)], desk.now)
    for document in (first, second):
        desk.send_large(document, work=False)

    def work() -> None:
        while submit.work(desk.database, settings=desk.settings, clock=desk.clock):
            pass

    together(work, work)

    assert {row.state for row in desk.rows(Submission)} == {"done"}
    assert {row.as_of for row in desk.standing().values()} == {desk.ago(minutes=4)}
    assert len(desk.rows(Observation)) == 2400


def test_a_small_update_does_not_wait_for_a_large_feed(desk: Desk) -> None:
    desk.send_large(feed([record(urn, desk.ago(minutes=5)) for urn in urns(3000)], desk.now), work=False)
    waits: list[float] = []
    ended = threading.Event()

    def bulk() -> None:
        submit.work(desk.database, settings=desk.settings, clock=desk.clock)
        ended.set()

    def small() -> None:
        number = 0
        while not ended.is_set():
            number += 1
            started = time.perf_counter()
            with desk.database.write() as session:
                updates.put(
                    session,
                    source=session.get_one(Source, desk.source_id),
                    urn="SC003000",
                    part="capacity",
                    document=capacity(desk.now, occupied=number % 4, available=4 - number % 4),
                    now=desk.now,
                )
            waits.append(time.perf_counter() - started)
            time.sleep(0.02)

    together(bulk, small)

    assert len(waits) > 5
    assert sorted(waits)[len(waits) // 2] < 1.0, (
        waits
    )  # many machines' worth of slack; a few milliseconds on a quiet one
