"""The open weekly counts: rounded, off unless switched on, and no count that is kept back can be worked out."""

from collections.abc import Iterator
from datetime import timedelta
from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as tried
from hypothesis import strategies as st

from placefeed.service.channels.disclosure import LEAST, ROUNDED_TO, WIDTH, Count, bounds_of, protect
from placefeed.service.channels.summary import count_places, make_summary, summary_document, week_of
from placefeed.service.config import Settings
from placefeed.service.db import Database
from tests.service.conftest import MovableClock
from tests.service.factories import NOW, listing_row, publish
from tests.service.reading import Reading, reading
from tests.service.test_query import as_row

PATH = "/v1/public/summary"


def homes(la: str, count: int, *, places: int = 1, **about: Any) -> list[dict[str, Any]]:
    return [
        listing_row(f"{la}-{number}", la=la, urn=f"SC{number:06}", places=places, **about) for number in range(count)
    ]


@pytest.fixture
def exchange(database: Database, settings: Settings, clock: MovableClock) -> Iterator[Reading]:
    with database.write() as session:
        publish(session, *homes("E06000023", 12, places=3), *homes("E06000026", 9, places=2), *homes("E08000035", 3))
    with reading(database, settings.model_copy(update={"public": True}), clock) as opened:
        yield opened


def area(document: dict[str, Any], code: str) -> Any:
    found = [
        one for region in document["regions"] for one in (region, *region["localAuthorities"]) if one["code"] == code
    ]
    return found[0]["places"]


def test_it_is_off_unless_switched_on(exchange: Reading, settings: Settings, clock: MovableClock) -> None:
    assert not make_summary(exchange.database, settings, clock)
    assert exchange.client.get(PATH).status_code == 404

    assert make_summary(exchange.database, exchange.settings, clock)
    assert exchange.client.get(PATH).status_code == 200

    exchange.exchange.settings = settings
    assert exchange.client.get(PATH).status_code == 404


def test_counts_are_rounded_and_small_ones_kept_back(exchange: Reading, clock: MovableClock) -> None:
    make_summary(exchange.database, exchange.settings, clock)

    document = exchange.client.get(PATH).json()

    assert area(document, "E06000023") == 35
    assert area(document, "E06000026") == 20
    assert area(document, "E08000035") is None
    assert document["week"] == "2026-06-29"
    assert document["roundedTo"] == 5


def test_it_is_made_once_a_week_and_never_live(exchange: Reading, clock: MovableClock) -> None:
    make_summary(exchange.database, exchange.settings, clock)
    first = exchange.client.get(PATH)
    with exchange.database.write() as session:
        publish(session, *homes("E06000023", 40, places=3))

    assert not make_summary(exchange.database, exchange.settings, clock)
    assert exchange.client.get(PATH).json() == first.json()
    assert exchange.client.get(PATH, headers={"If-None-Match": first.headers["etag"]}).status_code == 304

    clock.move(days=7)
    assert make_summary(exchange.database, exchange.settings, clock)


def test_what_is_unknown_overdue_or_not_yet_free_is_not_counted(exchange: Reading, clock: MovableClock) -> None:
    with exchange.database.write() as session:
        publish(
            session,
            *homes("E06000047", 9, places=5, availability="unknown"),
            *homes("E06000001", 9, places=5, changes_at=NOW - timedelta(minutes=1)),
            *homes("E06000002", 9, places=5, **{"from": "2026-09-01"}),
        )
    make_summary(exchange.database, exchange.settings, clock)

    document = exchange.client.get(PATH).json()

    assert [area(document, code) for code in ("E06000047", "E06000001", "E06000002")] == [None, None, None]
    assert document["places"] in (55, 60, None)


def test_every_authority_stands_in_it_so_that_absence_says_nothing() -> None:
    codes = [one["code"] for region in summary_document([], week=NOW)["regions"] for one in region["localAuthorities"]]

    assert len(codes) == len(set(codes)) > 150


def test_offers_that_share_places_count_once() -> None:
    rows = [
        as_row("solo", places=1, shares=["pair"]),
        as_row("pair", places=3, shares=["solo"]),
        as_row("else", urn="SC000002", places=2),
    ]

    assert count_places(rows).places == 5


def test_a_week_begins_on_monday_in_england() -> None:
    assert week_of(NOW).isoformat() == "2026-06-28T23:00:00+00:00"


# -- no count that is kept back can be worked out ----------------------------------------------------------------------

places = st.integers(0, 14)
trees = st.lists(st.lists(st.tuples(places, st.integers(0, 5)), min_size=1, max_size=4), min_size=1, max_size=4)


def tree_of(areas: list[list[tuple[int, int]]]) -> Count:
    whole = Count(None, "All")
    for number, parts in enumerate(areas):
        region = Count(
            f"r{number}",
            "",
            parts=[Count(f"r{number}-{index}", "", count, homes) for index, (count, homes) in enumerate(parts)],
        )
        region.places, region.settings = (
            sum(part.places for part in region.parts),
            sum(part.settings for part in region.parts),
        )
        whole.parts.append(region)
    whole.places, whole.settings = sum(part.places for part in whole.parts), sum(part.settings for part in whole.parts)
    return whole


@tried(max_examples=300, deadline=None)
@given(trees)
def test_no_kept_back_count_is_pinned_and_small_ones_are_kept_back(areas: list[list[tuple[int, int]]]) -> None:
    tree = tree_of(areas)

    protect(tree)

    bounds = bounds_of(tree)
    for count in tree.walk():
        low, high = bounds[count]
        assert low <= count.places <= high
        if count.shown is None:
            assert high - low + 1 >= WIDTH
        else:
            assert count.places >= LEAST
            assert count.shown % ROUNDED_TO == 0
            assert abs(count.shown - count.places) <= 2


@tried(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 8), st.integers(0, 5)), min_size=1, max_size=3),
    st.tuples(st.integers(0, 8), st.integers(0, 5)),
)
def test_by_trying_every_possibility_too(parts: list[tuple[int, int]], other: tuple[int, int]) -> None:
    tree = tree_of([parts, [other]])
    protect(tree)
    leaves = [leaf for region in tree.parts for leaf in region.parts]

    def agrees(count: Count, value: int) -> bool:
        return count.shown is None or (value >= LEAST and abs(count.shown - value) <= 2)

    possible: dict[str | None, set[int]] = {}
    for values in product(range(13), repeat=len(leaves)):
        given_values = {leaf.code: value for leaf, value in zip(leaves, values, strict=True)}
        for region in tree.parts:
            given_values[region.code] = sum(given_values[leaf.code] for leaf in region.parts)
        given_values[None] = sum(values)
        if all(agrees(count, given_values[count.code]) for count in tree.walk()):
            for code, value in given_values.items():
                possible.setdefault(code, set()).add(value)

    for count in tree.walk():
        assert count.places in possible[count.code]
        if count.shown is None:
            assert len(possible[count.code]) >= WIDTH
