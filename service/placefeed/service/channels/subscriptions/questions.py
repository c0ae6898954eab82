"""A filter as questions with answers, so that a listing's facts find all the filters that take them at once.

A question has, for each answer, a mask of who would take it (`channels/interests.py`). A reader of a kind of question turns a
listing's facts into the mask of those who are content: it may let too many through, never too few, and where a filter's
questions are exact, exactly the right ones.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, NamedTuple

from placefeed.service.channels.criteria import (
    Aged,
    AnyOf,
    AtLeast,
    By,
    Criterion,
    EveryOf,
    Facts,
    Gender,
    Judged,
    Near,
    Offered,
    Suits,
    Words,
    values,
)
from placefeed.service.channels.near import cell_of, cells_within
from placefeed.service.channels.query import Filter

ANY_GENDER = "any-gender"
BUCKET = 10_000  # pence: price limits are told apart so finely, or a bargain hunter's every pound would be an answer of its own
ASKED: Final = "\0asked"
"""The answer under which all stand who ask a question at all: the others are content with anything."""


class Question(NamedTuple):
    """What is asked (`kind`) of which fact."""

    kind: str
    fact: str


Answered = tuple[Question, Any]
Answers = Mapping[Any, int]
Reads = Callable[[str, Answers, Facts], int]

_ONCE = frozenset({"any", "gender", "age", "judged", "least", "by", "word", "weekly", "near"})
"""Kinds that one filter can ask once of a fact: the answers of two questions would run together."""


def questions(filter: Filter) -> tuple[frozenset[Answered], bool]:
    """What a filter asks, and whether that is exactly the filter."""
    found: set[Answered] = set()
    asked: set[Question] = set()
    exact = True
    for criterion in (*filter.criteria, *(() if filter.hidden is None else (filter.hidden,))):
        answered = list(_answered(criterion))
        exact = exact and _exact(criterion)
        once = {question for question, _ in answered if question.kind in _ONCE}
        if once & asked:
            exact = False
            continue
        asked |= once
        found.update(answered)
        found.update((question, ASKED) for question in once)
    return frozenset(found), exact


def _exact(criterion: Criterion) -> bool:
    return not isinstance(criterion, (Offered, Near)) and not (
        isinstance(criterion, Words) and len(criterion.words) > 1
    )


def _answered(criterion: Criterion) -> Iterator[Answered]:
    match criterion:
        case AnyOf(fact, codes):
            yield Question("any", fact), ASKED  # also where it names no code at all
            for code in codes:
                yield Question("any", fact), code
        case EveryOf(fact, codes):
            for code in codes:
                yield Question("must", fact), code
        case Suits(fact, codes, stated):
            for code in codes:
                yield Question("none", f"{fact}Excluded"), code
                if stated:
                    yield Question("must", f"{fact}Accepted"), code
        case Gender(codes):
            yield Question("gender", "genders"), ASKED
            for code in codes:
                yield Question("gender", "genders"), code
        case Aged(years):
            yield Question("age", "ages"), years
        case Judged(judgements, wanted):
            for judgement in judgements:
                yield Question("judged" if wanted else "unjudged", "judgements"), judgement
        case AtLeast(fact, number):
            yield Question("least", fact), number
        case By(fact, day):
            yield Question("by", fact), day
        case Words(words) if words:
            yield Question("word", "text"), max(words, key=len)
        case Offered(_, _, limit) if limit is not None:
            yield Question("weekly", "rates"), -(-limit // BUCKET) * BUCKET
        case Near(point, within):
            for cell, _whole in cells_within(point, within):
                yield Question("near", "at"), cell


# -- one reader a kind: who is content with these facts --------------------------------------------------------------------


def _any(fact: str, answers: Answers, facts: Facts) -> int:
    content = ~answers[ASKED]
    for value in values(facts, fact):
        content |= answers.get(value, 0)
    return content


def _gender(fact: str, answers: Answers, facts: Facts) -> int:
    genders = facts[fact] or (ANY_GENDER,)
    if ANY_GENDER in genders:
        return -1
    content = ~answers[ASKED]
    for gender in genders:
        content |= answers.get(gender, 0)
    return content


def _age(fact: str, answers: Answers, facts: Facts) -> int:
    youngest, oldest = facts[fact]
    content = ~answers[ASKED]
    for years, who in answers.items():
        if years != ASKED and (youngest is None or youngest <= years) and (oldest is None or years <= oldest):
            content |= who
    return content


def _judged(fact: str, answers: Answers, facts: Facts) -> int:
    content = ~answers[ASKED]
    for judgement in facts[fact]:
        content |= answers.get(tuple(judgement), 0)
    return content


def _unjudged(fact: str, answers: Answers, facts: Facts) -> int:
    content = -1
    for judgement in facts[fact]:
        content &= ~answers.get(tuple(judgement), 0)
    return content


def _none(fact: str, answers: Answers, facts: Facts) -> int:
    content = -1
    for value in values(facts, fact):
        content &= ~answers.get(value, 0)
    return content


def _must(fact: str, answers: Answers, facts: Facts) -> int:
    content, has = -1, frozenset(values(facts, fact))
    for code, who in answers.items():
        if code not in has:
            content &= ~who
    return content


def _least(fact: str, answers: Answers, facts: Facts) -> int:
    content, value = ~answers[ASKED], facts[fact]
    if value is not None:
        for number, who in answers.items():
            if number != ASKED and value >= number:
                content |= who
    return content


def _by(fact: str, answers: Answers, facts: Facts) -> int:
    content, value = ~answers[ASKED], facts[fact]
    if value is not None:
        for day, who in answers.items():
            if day != ASKED and value <= day:
                content |= who
    return content


def _word(fact: str, answers: Answers, facts: Facts) -> int:
    content = ~answers[ASKED]
    for word in set(facts[fact].split(" ")):
        for end in range(1, len(word) + 1):
            content |= answers.get(word[:end], 0)
    return content


def _weekly(fact: str, answers: Answers, facts: Facts) -> int:
    content = ~answers[ASKED]
    lowest = min((rate["weekly"] for rate in facts[fact] if rate["weekly"] is not None), default=None)
    if lowest is not None:
        for limit, who in answers.items():
            if limit != ASKED and lowest <= limit:
                content |= who
    return content


def _near(fact: str, answers: Answers, facts: Facts) -> int:
    content, at = ~answers[ASKED], facts.get(fact)
    return content if at is None else content | answers.get(cell_of(at), 0)


READERS: Final[Mapping[str, Reads]] = {
    "any": _any,
    "gender": _gender,
    "age": _age,
    "judged": _judged,
    "unjudged": _unjudged,
    "none": _none,
    "must": _must,
    "least": _least,
    "by": _by,
    "word": _word,
    "weekly": _weekly,
    "near": _near,
}
