"""What the operator looks through: the parts that judge. Lists and searches are tried through their pages and routes."""

import pytest

from placefeed.service.oversight.imports import fell, kinds_of


@pytest.mark.parametrize(
    ("pair", "is_worse"),
    [
        (["outstanding", "good"], True),
        (["good", "inadequate"], True),
        (["inadequate", "good"], False),
        (["good", "good"], False),
        ([None, "good"], False),
        (["good", None], False),
        (["good", "a-grade-of-tomorrow"], False),
        (None, False),
    ],
)
def test_a_grade_fell_where_both_are_ranked_and_the_newer_is_worse(
    pair: list[str | None] | None, is_worse: bool
) -> None:
    assert fell(pair) is is_worse


def test_who_joins_has_no_fact_that_was_another_before() -> None:
    facts = {"places": [None, 4], "owner": [None, "Example Homes Ltd"], "overall": [None, "good"]}
    assert kinds_of("joined", facts) == ["joined"]
    assert kinds_of("changed", {"places": [4, 6], "overall": ["good", "inadequate"]}) == [
        "changed",
        "places",
        "grade-fell",
    ]
    assert kinds_of("returned", {"owner": ["A", "B"]}) == ["returned", "owner"]
