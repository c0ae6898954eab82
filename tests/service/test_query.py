"""A filter means the same on every channel, and the index only makes it quick."""

import base64
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as tried
from hypothesis import strategies as st

from placefeed.service.channels import near, parameters
from placefeed.service.channels.index import Index, State
from placefeed.service.channels.pages import Cursor, Plan, page_of
from placefeed.service.channels.query import Filter
from placefeed.service.channels.rows import Row, row_of
from placefeed.service.channels.snapshot import snapshot_of
from placefeed.service.errors import BadRequest
from placefeed.service.publishing.sight import OPERATOR_VIEW, View
from tests.service.factories import NOW, listing_row, rate

MEMBER = View(everything=False, audiences=frozenset({"north"}), buyers=frozenset({"placefeed:leeds"}))


def as_row(id: str = "listing-1", moved: int = 1, **about: Any) -> Row:
    columns = listing_row(id, **about)
    names = ("id", "urn", "changes_at", "audiences", "facts", "body", "restricted")
    return row_of(moved=moved, **{name: columns[name] for name in names})


def state_of(*rows: Row) -> State:
    return snapshot_of(rows, epoch=1, position=9, written_at=NOW)


def takes(query: dict[str, str | list[str]], view: View = MEMBER, **about: Any) -> bool:
    params = {name: [value] if isinstance(value, str) else value for name, value in query.items()}
    filter, row = Filter.parse(params), as_row(**about)
    by_index = bool(state_of(row).select(filter, view, NOW).items)
    assert by_index is filter.matches(row.facts, view)
    return by_index


@pytest.mark.parametrize(
    ("query", "about", "expected"),
    [
        ({"la": "E06000023"}, {}, True),
        ({"la": "Bristol"}, {}, True),
        ({"la": ["E08000035", "E06000023"]}, {}, True),
        ({"la": "E08000035"}, {}, False),
        ({"region": "South West"}, {}, True),
        ({"provisionType": "supported-accommodation,children-home"}, {}, True),
        ({"age": "11"}, {}, True),
        ({"age": "17"}, {}, False),
        ({"age": "17"}, {"ages": [None, None]}, True),
        ({"gender": "male"}, {}, False),
        ({"gender": "male"}, {"genders": []}, True),
        ({"gender": "male"}, {"genders": ["any-gender"]}, True),
        ({"risk": "going-missing"}, {}, True),
        ({"risk": "going-missing", "risksStated": "true"}, {}, False),
        ({"risk": "going-missing", "risksStated": "true"}, {"risksAccepted": ["going-missing"]}, True),
        ({"risk": "going-missing"}, {"risksExcluded": ["going-missing"]}, False),
        ({"risk": ["going-missing", "self-harm"], "risksStated": "true"}, {"risksAccepted": ["going-missing"]}, False),
        ({"placementType": "emergency"}, {}, False),
        ({"response": "today"}, {}, True),
        ({"judgement": "sccif-2017:good"}, {}, True),
        ({"judgement": ["sccif-2017:outstanding", "sccif-2017:good"]}, {}, True),
        ({"judgement": "ofsted-homes-2015:good"}, {}, False),
        ({"judgement": "sccif-2017/helped-and-protected:good"}, {}, False),
        ({"notJudgement": "sccif-2017:good"}, {}, False),
        ({"weeklyAtMostPence": "500000"}, {}, True),
        ({"weeklyAtMostPence": "499999"}, {}, False),
        ({"weeklyAtMostPence": "500000"}, {"rates": [rate(None)]}, False),
        ({"contractType": "block"}, {"rates": [rate(contract="block")]}, True),
        (
            {"contractType": "block", "weeklyAtMostPence": "450000"},
            {"rates": [rate(contract="block"), rate(400_000)]},
            False,
        ),
        ({"package": "with-therapy"}, {"rates": [rate(package="with-therapy")]}, True),
        ({"freshness": "fresh"}, {}, True),
        ({"availability": "unknown"}, {}, False),
        ({"q": "Willow BRIS"}, {}, True),
        ({"q": "illow"}, {}, False),
        ({"placesAtLeast": "2"}, {}, False),
        ({"availableBy": "2026-06-01"}, {}, True),
        ({"availableBy": "2026-05-31"}, {}, False),
        ({"shortBreaksOnly": "false"}, {}, True),
        ({"simulated": "true"}, {}, False),
        ({"la": ""}, {}, True),
        ({"near": "51.46,-0.01"}, {}, True),
        ({"near": "51.46,-0.01", "withinMiles": "5"}, {"at": [51.5, -0.05]}, True),
        ({"near": "51.46,-0.01", "withinMiles": "3"}, {"at": [51.5, -0.05]}, False),
        ({"near": "51.46,-0.01", "withinMiles": "300"}, {"at": [51.5, -0.05]}, True),
        ({"near": "51.46,-0.01", "withinMiles": "300"}, {"at": None}, False),
        ({"near": "51.46,-0.01", "withinMiles": "300"}, {}, False),
    ],
)
def test_a_filter_takes_what_it_says(query: dict[str, str | list[str]], about: dict[str, Any], expected: bool) -> None:
    assert takes(query, **about) is expected


def test_a_price_filter_only_looks_at_rates_offered_to_the_reader() -> None:
    rates = [rate(900_000), rate(400_000, offered_to=["placefeed:leeds"], contract="block")]
    other = View(everything=False, audiences=frozenset({"north"}), buyers=frozenset({"placefeed:york"}))

    assert takes({"weeklyAtMostPence": "400000"}, rates=rates)
    assert takes({"contractType": "block"}, rates=rates)
    assert not takes({"weeklyAtMostPence": "400000"}, other, rates=rates)
    assert not takes({"contractType": "block"}, other, rates=rates)


def test_a_price_order_only_looks_at_rates_offered_to_the_reader() -> None:
    hidden_cheap = as_row("a", rates=[rate(900_000), rate(100_000, offered_to=["placefeed:york"])])
    state = state_of(hidden_cheap, as_row("b", rates=[rate(800_000)]))

    order = [row.id for _key, row, _overdue in state.select(Filter.parse({}), MEMBER, NOW, sort="price").items]

    assert order == ["b", "a"]


def test_a_grade_hidden_by_default_is_counted_and_can_be_asked_for() -> None:
    inadequate = {"judgements": [["sccif-2017", "overall", "inadequate"]]}
    state = state_of(as_row("a", **inadequate), as_row("b"))

    usual = state.select(Filter.parse({}), MEMBER, NOW)
    lifted = state.select(Filter.parse({"showHidden": ["true"]}), MEMBER, NOW)

    assert ([row.id for _key, row, _overdue in usual.items], usual.hidden) == (["b"], 1)
    assert (len(lifted.items), lifted.hidden) == (2, 0)
    assert takes({"judgement": "sccif-2017:inadequate"}, **inadequate)


def test_the_usual_order_is_available_first_then_soonest_then_newest() -> None:
    older = (NOW - timedelta(hours=5)).isoformat()
    state = state_of(
        as_row("e", availability="unknown"),
        as_row("d", response="over-5-days"),
        as_row("c", response=None),
        as_row("b", asOf=older),
        as_row("a"),
    )

    order = [row.id for _key, row, _overdue in state.select(Filter.parse({}), MEMBER, NOW).items]

    assert order == ["a", "b", "d", "c", "e"]


@pytest.mark.parametrize(
    ("query", "advice"),
    [
        ({"provisiontype": ["children-home"]}, "`provisionType`"),
        ({"judgment": ["sccif-2017:good"]}, "`judgement`"),
        ({"provisionType": ["childrens-home"]}, "`children-home`"),
        ({"judgement": ["sccif-2017:oustanding"]}, "`outstanding`"),
        ({"judgement": ["good"]}, "framework:code"),
        ({"la": ["Bristl"]}, "`Bristol`"),
        ({"age": ["eleven"]}, "whole number"),
        ({"age": ["11", "12"]}, "only once"),
        ({"needsStated": ["yes"]}, "true or false"),
        ({"availableBy": ["2026-02-30"]}, "YYYY-MM-DD"),
        ({"weeklyAtMostPence": ["-1"]}, "whole number"),
        ({"withinMiles": ["20"]}, "measured from `near`"),
        ({"near": ["51.46,-0.01"], "withinMiles": ["0"]}, "from 1 to 300"),
        ({"near": ["51.46,-0.01"], "withinMiles": ["301"]}, "from 1 to 300"),
        ({"near": ["51.46,-0.01"], "withinMiles": ["2.5"]}, "from 1 to 300"),
        ({"near": ["-0.01,51.46"]}, "Latitude comes first"),
        ({"near": ["40.7,-74.0"]}, "not in the United Kingdom"),
        ({"near": ["51.46"]}, "latitude,longitude"),
        ({"near": ["51.123456,-0.1"]}, "at most 5 decimals"),
        ({"near": ["nan,inf"]}, "latitude,longitude"),
        ({"near": ["SE13 5AB"]}, "latitude,longitude"),
        ({"near": ["51.46,-0.01", "51.5,-0.01"]}, "only once"),
    ],
)
def test_a_parameter_that_is_not_understood_is_named_with_advice(query: dict[str, list[str]], advice: str) -> None:
    with pytest.raises(BadRequest) as refused:
        Filter.parse(query)

    assert advice in str(refused.value)


def test_a_refusal_repeats_nothing_of_what_was_sent() -> None:
    for query in (
        {"provisionType": ["zq-secret-zq"]}, {"zq-secret-zq": ["1"]}, {"la": ["zq-secret-zq"]}, {"near": ["zq-secret-zq"]},
    ):  # fmt: skip
        with pytest.raises(BadRequest) as refused:
            Filter.parse(query)
        assert "zq-secret-zq" not in f"{refused.value}{refused.value.errors}"


def test_filters_that_ask_the_same_have_the_same_key() -> None:
    one = Filter.parse({"la": ["Bristol", "E08000035"], "age": ["12"], "gender": [""]})
    other = Filter.parse({"age": ["12"], "la": ["E08000035", "E06000023"]})

    assert one.key == other.key
    assert one.key != Filter.parse({"age": ["12"], "la": ["E08000035"]}).key


def test_a_place_has_one_key_and_is_not_in_the_audit() -> None:
    one = Filter.parse({"near": ["51.460, -0.01000"], "withinMiles": ["20"], "q": ["willow"]})
    other = Filter.parse({"withinMiles": ["20"], "near": ["51.46,-0.01"], "q": ["willow"]})

    assert one.key == other.key
    assert one.near == (51.46, -0.01)
    assert one.key != Filter.parse({"near": ["51.47,-0.01"], "withinMiles": ["20"], "q": ["willow"]}).key
    assert one.said == "near&q&withinMiles=20"


def test_the_order_by_distance_has_the_nearest_first_and_the_unknown_last() -> None:
    state = state_of(
        as_row("unplaced"),
        as_row("far", at=[54.9, -1.6]),
        as_row("called for", at=[51.46, -0.01], availability="unknown"),
        as_row("near", at=[51.5, -0.05]),
        as_row("nearest", at=[51.46, -0.02]),
    )

    asked = Filter.parse({"near": ["51.46,-0.01"]})
    order = [row.id for _key, row, _overdue in state.select(asked, MEMBER, NOW, sort="distance").items]

    assert order == ["nearest", "near", "far", "unplaced", "called for"]


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        # true distances by Vincenty's formula on WGS84, in miles
        ((51.5074, -0.1278), (53.4808, -2.2426), 163.03),
        ((50.3755, -4.1427), (54.9783, -1.6178), 335.43),
        ((51.5074, -0.1278), (51.5074, 0.2722), 17.26),
        ((54.0, -2.0), (54.0, -2.0), 0.0),
    ],
)
def test_a_distance_is_right_within_half_a_percent(
    one: tuple[float, float], other: tuple[float, float], expected: float
) -> None:
    assert near.miles_between(one, other) == pytest.approx(expected, rel=0.005)
    assert near.miles_between(other, one) == near.miles_between(one, other)


def test_every_parameter_is_in_the_readme() -> None:
    readme = Path(parameters.__file__).with_name("README.md").read_text()

    for parameter in parameters.FILTERS + parameters.PAGING:
        assert f"| `{parameter.name}` | {parameter.description} |" in readme, parameter.name


# -- the index and the meaning agree -----------------------------------------------------------------------------------

GRADES = [
    ["sccif-2017", "overall", "good"],
    ["sccif-2017", "overall", "inadequate"],
    ["sccif-2017", "education", "good"],
    ["ciw", "overall", "good"],
]
RISKS = ["self-harm", "going-missing", "fire-setting"]


def some(values: list[Any]) -> st.SearchStrategy[list[Any]]:
    return st.lists(st.sampled_from(values), unique_by=str, max_size=len(values))


rates = st.builds(
    rate,
    st.none() | st.integers(0, 40_000),
    offered_to=st.just("any") | some(["placefeed:leeds", "placefeed:york", "agreement:1"]),
    contract=st.sampled_from([None, "block", "spot"]),
    package=st.sampled_from([None, "standard", "with-therapy"]),
)
places = st.tuples(
    st.floats(49.0, 61.5) | st.sampled_from([51.0, 51.5]), st.floats(-9.0, 2.5) | st.sampled_from([-0.5, 0.0])
)
abouts = st.fixed_dictionaries(
    {
        "at": st.none() | places.map(list),
        "la": st.sampled_from(["E06000023", "E08000035", ""]),
        "ages": st.tuples(st.none() | st.integers(0, 12), st.none() | st.integers(12, 25)).map(list),
        "genders": some(["female", "male", "any-gender"]),
        "risksAccepted": some(RISKS),
        "risksExcluded": some(RISKS),
        "communication": some(["bsl", "makaton"]),
        "placementTypes": some(["planned", "emergency"]),
        "response": st.sampled_from([None, "today", "under-5-days"]),
        "places": st.integers(1, 3),
        "from": st.sampled_from(["2026-06-01", "2026-08-01"]),
        "judgements": some(GRADES),
        "freshness": st.sampled_from(["fresh", "ageing"]),
        "availability": st.sampled_from(["available", "unknown"]),
        "shortBreaksOnly": st.booleans(),
        "text": st.sampled_from(["willow house", "oak lodge bristol"]),
        "rates": st.lists(rates, max_size=3),
        "audiences": some(["north", "south"]),
        "changes_at": st.sampled_from([None, NOW - timedelta(minutes=1), NOW, NOW + timedelta(hours=1)]),
    }
)
queries = st.fixed_dictionaries(
    {},
    optional={
        "la": some(["E06000023", "E08000035"]),
        "age": st.integers(0, 25).map(lambda n: [str(n)]),
        "gender": some(["female", "male"]),
        "risk": some(RISKS),
        "risksStated": st.sampled_from([["true"], ["false"]]),
        "communication": some(["bsl", "makaton"]),
        "placementType": some(["planned", "emergency"]),
        "response": some(["today", "under-5-days"]),
        "placesAtLeast": st.sampled_from([["1"], ["2"]]),
        "availableBy": st.just(["2026-07-01"]),
        "judgement": some(["sccif-2017:good", "sccif-2017:inadequate", "ciw:good"]),
        "notJudgement": some(["sccif-2017:good", "sccif-2017/education:good"]),
        "showHidden": st.just(["true"]),
        "weeklyAtMostPence": st.integers(0, 40_000).map(lambda n: [str(n)]),
        "contractType": some(["block", "spot"]),
        "package": some(["standard", "with-therapy"]),
        "freshness": some(["fresh", "ageing", "unknown"]),
        "availability": some(["available", "unknown"]),
        "shortBreaksOnly": st.sampled_from([["true"], ["false"]]),
        "q": st.sampled_from([["willow"], ["bris oak"]]),
    },
) | st.fixed_dictionaries(
    {
        "near": places.map(lambda point: [near.parameter(point)]),
        "withinMiles": (st.integers(1, 300) | st.just(300)).map(lambda n: [str(n)]),
    }
)
views = st.sampled_from(
    [
        OPERATOR_VIEW,
        MEMBER,
        View(
            everything=False,
            audiences=frozenset({"north", "south"}),
            buyers=frozenset({"placefeed:york", "agreement:1"}),
        ),
        View(everything=False, audiences=frozenset(), buyers=frozenset({"placefeed:leeds"})),
    ]
)


@tried(max_examples=300, deadline=None)
@given(
    abouts=st.lists(abouts, max_size=12),
    query=queries,
    view=views,
    sort=st.sampled_from(["default", "price", "newest", "distance"]),
)
def test_the_index_and_the_meaning_agree(
    abouts: list[dict[str, Any]], query: dict[str, list[str]], view: View, sort: str
) -> None:
    rows = [as_row(f"id-{number}", **about) for number, about in enumerate(abouts)]
    filter = Filter.parse(query)

    selection = state_of(*rows).select(filter, view, NOW, sort=sort)

    expected = {
        row.id
        for row in rows
        if view.sees(row.audiences) and filter.matches(row.facts_at(overdue=row.overdue(NOW)), view)
    }
    assert {row.id for _key, row, _overdue in selection.items} == expected
    assert [key for key, _row, _overdue in selection.items] == sorted(key for key, _row, _overdue in selection.items)
    assert selection.available + selection.unknown == len(expected)
    assert all(overdue is row.overdue(NOW) for _key, row, overdue in selection.items)


@tried(max_examples=100, deadline=None)
@given(steps=st.lists(st.tuples(st.integers(0, 5), st.none() | abouts), max_size=25))
def test_rows_that_come_change_and_go_leave_the_index_as_if_made_afresh(
    steps: list[tuple[int, dict[str, Any] | None]],
) -> None:
    index, standing = Index(), dict[str, Row]()
    for number, about in steps:
        name = f"id-{number}"
        if about is None:
            standing.pop(name, None)
            index.apply([], [name])
        else:
            standing[name] = as_row(name, **about)
            index.apply([standing[name]], [])

    def facets(blocks: Any) -> dict[Any, int]:
        found: dict[Any, int] = {}
        for block in blocks:
            for facet, mask in [
                *block._facets.items(),
                *block.rates.items(),
                ("used", block.used),
                ("restricted", block.restricted),
            ]:
                found[facet] = found.get(facet, 0) + mask.bit_count()
        return {facet: count for facet, count in found.items() if count}

    afresh = Index()
    afresh.apply(standing.values(), [])
    assert facets(index.blocks) == facets(afresh.blocks)
    assert index.buyers == afresh.buyers


def test_readers_of_an_older_state_notice_nothing() -> None:
    index = Index()
    index.apply([as_row("a"), as_row("b")], [])
    before = State(epoch=1, position=1, written_at=NOW, blocks=index.blocks)

    index.apply([as_row("a", availability="unknown"), as_row("c")], ["b"])

    ids = [row.id for _key, row, _overdue in before.select(Filter.parse({}), MEMBER, NOW).items]
    assert ids == ["a", "b"]


def test_a_filtered_page_of_england_takes_under_five_milliseconds() -> None:
    rows = [
        as_row(
            f"id-{number:05}",
            urn=f"SC{number:06}",
            response=["today", None][number % 2],
            rates=[rate(300_000 + number * 37 % 400_000)],
        )
        for number in range(5600)
    ]
    state = state_of(*rows)
    state.select(Filter.parse({}), MEMBER, NOW)
    taken = []
    for at_most in range(400_000, 400_020):
        filter = Filter.parse(
            {"weeklyAtMostPence": [str(at_most)], "age": ["12"], "gender": ["female"], "response": ["today"]}
        )
        started = time.perf_counter()
        items = state.select(filter, MEMBER, NOW).items[:50]
        b",".join(row.fragment(MEMBER) for _key, row, _overdue in items)
        taken.append(time.perf_counter() - started)

    assert sorted(taken)[len(taken) // 2] < 0.005


@tried(max_examples=200, deadline=None)
@given(at=places, point=places, within=st.integers(1, 300))
def test_squares_miss_nothing_that_is_near_and_are_sure_of_nothing_that_is_not(
    at: tuple[float, float], point: tuple[float, float], within: int
) -> None:
    squares = dict(near.cells_within(point, within))
    is_near = near.miles_between(at, point) <= within

    assert not is_near or near.cell_of(at) in squares
    assert is_near or not squares.get(near.cell_of(at), False)


@tried(max_examples=100, deadline=None)
@given(
    abouts=st.lists(st.fixed_dictionaries({"at": st.none() | places.map(list)}), max_size=12),
    point=places,
    limit=st.integers(1, 5),
)
def test_pages_by_distance_are_the_order_cut_in_pieces(
    abouts: list[dict[str, Any]], point: tuple[float, float], limit: int
) -> None:
    rows = [as_row(f"id-{number}", **about) for number, about in enumerate(abouts)]
    params = {"near": [near.parameter(point)], "sort": ["distance"], "limit": [str(limit)]}
    plan, state = Plan.parse(params), state_of(*rows)
    selection = state.select(plan.filter, MEMBER, NOW, sort=plan.sort)

    read: list[str] = []
    for _ in range(len(rows) + 1):
        page = page_of(selection, plan, epoch=1, position=9)
        read += [row.id for _key, row, _overdue in page.items]
        if page.next is None:
            break
        plan = Plan.parse({**params, "cursor": [page.next.text()]})

    def away(row: Row) -> tuple[bool, float, str]:
        miles = near.miles(row.facts, plan.filter.near or (0.0, 0.0))
        return miles is None, round(miles or 0.0, 6), row.id

    assert read == [row.id for row in sorted(rows, key=away)]


def test_a_cursor_by_distance_belongs_to_its_place() -> None:
    asked = {"near": ["51.46,-0.01"], "sort": ["distance"], "limit": ["1"]}
    plan = Plan.parse(asked)
    rows = (as_row("a", at=[51.5, -0.05]), as_row("b", at=[52.5, -0.05]))
    selection = state_of(*rows).select(plan.filter, MEMBER, NOW, sort=plan.sort)
    page = page_of(selection, plan, epoch=1, position=9)
    assert page.next is not None
    cursor = [page.next.text()]

    assert Plan.parse({**asked, "near": ["51.460, -0.010"], "cursor": cursor}).cursor == page.next
    with pytest.raises(BadRequest, match="another place"):
        Plan.parse({**asked, "near": ["51.47,-0.01"], "cursor": cursor})
    with pytest.raises(BadRequest, match="another sort order"):
        Plan.parse({"near": asked["near"], "cursor": cursor})
    with pytest.raises(BadRequest, match="measured from `near`"):
        Plan.parse({"sort": ["distance"]})
    assert Plan.parse(asked).key != Plan.parse({**asked, "near": ["51.47,-0.01"]}).key


def test_a_cursor_of_an_older_version_still_goes_on() -> None:
    packed = base64.urlsafe_b64encode(b'["newest",1,9,"00",false]').rstrip(b"=").decode()

    cursor = Cursor.parse(packed, sort="newest")

    assert (cursor.key, cursor.near) == (b"\x00", "")
    assert cursor.text() == packed


def test_an_order_by_distance_of_england_is_quick() -> None:
    rows = [
        as_row(
            f"id-{number:05}",
            urn=f"SC{number:06}",
            at=[50.5 + number * 37 % 5000 / 1000, -5 + number * 53 % 6000 / 1000],
        )
        for number in range(5600)
    ]
    state = state_of(*rows)
    state.select(Filter.parse({}), MEMBER, NOW)
    within, order = [], []
    for number in range(11):
        for taken, asked, sort in (
            (within, {"near": [f"51.4{number},-0.01"], "withinMiles": ["20"]}, "default"),
            (order, {"near": [f"51.4{number},-0.01"]}, "distance"),
        ):
            filter = Filter.parse(asked)
            started = time.perf_counter()
            state.select(filter, MEMBER, NOW, sort=sort)
            taken.append(time.perf_counter() - started)

    assert sorted(within)[5] < 0.005
    assert sorted(order)[5] < 0.05
