"""Charts as geometry: inside the drawing, words apart, nothing lost that the table does not say; empty, one and equal values too."""

from datetime import UTC, date, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from placefeed.service.pages.charts import SIZE, WIDTH, Bar, Chart, Point, bars, dots, steps
from placefeed.service.pages.render import environment

NOW = datetime(2026, 7, 1, 14, 0, tzinfo=UTC)
SINCE = NOW - timedelta(days=90)
GRADES = ["Outstanding", "Good", "Requires improvement to be good", "Inadequate"]


def check(chart: Chart) -> None:
    """What holds of every chart."""
    for words in chart.words:
        left, right = words.span
        assert left >= -1, words
        assert right <= WIDTH + 1, words
        assert 0 <= words.y <= chart.height
    placed = list(chart.words)
    for number, one in enumerate(placed):
        for other in placed[number + 1 :]:
            apart = one.span[1] <= other.span[0] or other.span[1] <= one.span[0] or abs(one.y - other.y) >= SIZE * 0.8
            assert apart, (one, other)
    for box in chart.boxes:
        assert box.x >= 0
        assert box.width >= 0
        assert box.x + box.width <= WIDTH
        assert box.y + box.height <= chart.height
    for spot in chart.spots:
        assert 0 <= spot.x <= WIDTH
        assert 0 <= spot.y <= chart.height
    assert all(len(row) == len(chart.columns) for row in chart.rows)


def drawn(chart: Chart) -> str:
    template = environment().from_string("{% from 'charts/chart.html' import chart %}{{ chart(it) }}")
    return template.render(it=chart)


def test_bars_are_as_long_as_their_values() -> None:
    chart = bars(
        "cost", "Cost", [Bar("Staff", 300, "£3"), Bar("Rooms", 150, "£1.50"), Bar("Extra", 0, "£0", extra=True)]
    )
    check(chart)
    assert [box.width for box in chart.boxes] == [358, 179, 0]
    assert [box.kind for box in chart.boxes] == ["full", "full", "open"]
    assert chart.rows == (("Staff", "£3"), ("Rooms", "£1.50"), ("Extra", "£0"))
    assert chart.description == "3 bars. The longest is Staff: £3."


def test_equal_bars_and_nothing_but_noughts() -> None:
    assert {box.width for box in bars("b", "B", [Bar("a", 5, "5"), Bar("b", 5, "5")]).boxes} == {358}
    assert {box.width for box in bars("b", "B", [Bar("a", 0, "0"), Bar("b", -3, "-3")]).boxes} == {0}


def test_a_long_label_is_cut_in_the_drawing_and_whole_in_the_table() -> None:
    chart = bars("b", "B", [Bar("A very long name of a line " * 4, 1, "£1,234,567 (100%)")])
    check(chart)
    assert chart.words[0].text.endswith("…")
    assert chart.rows[0][0] == "A very long name of a line " * 4


def test_steps_hold_until_the_next_and_leave_gaps() -> None:
    points = [(SINCE - timedelta(days=9), 2), (NOW - timedelta(days=45), None), (NOW - timedelta(days=30), 3)]
    chart = steps("free", "Free", points, since=SINCE, until=NOW, limit=(4, "Registered"))
    check(chart)
    assert len(chart.paths) == 2
    assert [row[1] for row in chart.rows] == ["3", "not known", "2"]
    assert "between 2 and 3 places, 3 at the end; 2 changes" in chart.description
    assert any(line.kind == "limit" for line in chart.lines)


def test_steps_of_one_of_equal_and_of_no_values() -> None:
    one = steps("free", "Free", [(NOW, 0)], since=SINCE, until=NOW)
    check(one)
    assert one.rows == (("3pm on 1 July 2026", "0"),)
    same = steps("free", "Free", [(SINCE, 2), (NOW, 2)], since=SINCE, until=NOW)
    assert len(same.rows) == 1
    assert "2 places, 2 at the end; 0 changes" in same.description
    for none in ([], [(SINCE, None)], [(NOW + timedelta(days=1), 3)]):
        chart = steps("free", "Free", none, since=SINCE, until=NOW)
        assert (chart.rows, chart.paths) == ((), ())
        assert "nothing to draw" in drawn(chart)


def test_dots_stand_on_their_level_and_day() -> None:
    points = [Point(date(2026, 2, 10), "Good", "Full"), Point(date(2020, 3, 1), "Inadequate", "Interim", open=True)]
    chart = dots("grades", "Grades", points, GRADES, columns=("Day", "Grade", "Kind"))
    check(chart)
    assert [spot.kind for spot in chart.spots] == ["open", "full"]
    assert chart.spots[0].x < chart.spots[1].x
    assert chart.spots[0].y > chart.spots[1].y
    assert chart.rows[0] == ("10 February 2026", "Good", "Full")
    assert {words.text for words in chart.words} >= {"2021", "2026", *GRADES}


def test_one_dot_none_and_a_level_that_is_new() -> None:
    one = dots("grades", "Grades", [Point(date(2026, 2, 10), "Splendid")], GRADES)
    check(one)
    assert one.spots[0].x == WIDTH / 2
    assert "Splendid" in {words.text for words in one.words}
    assert dots("grades", "Grades", [], GRADES).rows == ()


DAYS = st.dates(date(1995, 1, 1), date(2099, 1, 1))


@given(st.lists(st.tuples(DAYS, st.sampled_from(GRADES)), max_size=30))
def test_property_dots(points: list[tuple[date, str]]) -> None:
    chart = dots("grades", "Grades", [Point(on, level) for on, level in points], GRADES)
    check(chart)
    assert len(chart.spots) == len(chart.rows) == len(points)


@given(
    st.lists(st.tuples(st.integers(-200, 20), st.none() | st.integers(0, 10_000)), max_size=30),
    st.none() | st.integers(1, 10_000),
)
def test_property_steps(days: list[tuple[int, int | None]], limit: int | None) -> None:
    points = [(NOW + timedelta(days=number), value) for number, value in sorted(days, key=lambda each: each[0])]
    limited = None if limit is None else (limit, "Registered")
    check(steps("free", "Free", points, since=SINCE, until=NOW, limit=limited))


@given(st.lists(st.tuples(st.text(max_size=60), st.integers(0, 10**9)), max_size=30))
def test_property_bars(items: list[tuple[str, int]]) -> None:
    chart = bars("b", "B", [Bar(label, value, f"£{value:,}") for label, value in items])
    check(chart)
    assert len(chart.rows) == len(chart.boxes) == len(items)


def test_the_drawing_says_the_same_in_words_and_takes_nothing_from_outside_as_markup() -> None:
    evil = "<img src=x onerror=alert(1)>"
    text = drawn(bars("b", evil, [Bar(evil, 1, evil)]))
    assert evil not in text
    assert 'role="img"' in text
    assert 'aria-labelledby="b-title b-desc"' in text
    assert "<table" in text
    assert "style=" not in text
