"""What a filter can ask of a listing: each criterion says it of facts, and of a block of the index.

`matches(facts, view)` is the meaning. `masks(block, view)` only speeds it up: it returns (may match, surely matches) as bit
masks over the block's slots; what is in the first and not in the second is decided by `matches`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from placefeed.service.channels.near import Point, cells_within, miles
from placefeed.service.publishing.sight import View

Facts = Mapping[str, Any]
Facet = tuple[Any, ...]
Judgement = tuple[str, str, str]
"""framework, aspect, code"""

OLDEST = 25  # years: nobody older is placed
BUCKET = 10_000  # pence: how finely prices are indexed


class Block(Protocol):
    """The part of the index that a criterion asks; `channels/blocks.py` has the one that serves."""

    rates: dict[Facet, int]

    @property
    def used(self) -> int:
        """The slots that hold a listing."""

    @property
    def restricted(self) -> int:
        """The slots of listings with a rate that not everybody may see."""

    def having(self, *facet: Any) -> int:
        """The slots of listings with this facet."""


Masks = tuple[int, int]


class Criterion(Protocol):
    """One thing that a filter asks."""

    def matches(self, facts: Facts, view: View, /) -> bool:
        """Whether a listing with these facts has it, as this view may know."""

    def masks(self, block: Block, view: View, /) -> Masks:
        """The slots that may match, and those that surely do."""


def _any(block: Block, fact: str, codes: Iterable[Any]) -> int:
    mask = 0
    for code in codes:
        mask |= block.having(fact, code)
    return mask


def values(facts: Facts, fact: str) -> list[Any]:
    """A fact as a list, whether it is one code, several or none."""
    value = facts.get(fact)
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """The fact is, or has, any of these codes."""

    fact: str
    codes: frozenset[Any]

    def matches(self, facts: Facts, _view: View) -> bool:
        """Any of them."""
        return not self.codes.isdisjoint(values(facts, self.fact))

    def masks(self, block: Block, _view: View) -> Masks:
        """Exact."""
        mask = _any(block, self.fact, self.codes)
        return mask, mask


@dataclass(frozen=True, slots=True)
class EveryOf:
    """The fact has every one of these codes."""

    fact: str
    codes: frozenset[str]

    def matches(self, facts: Facts, _view: View) -> bool:
        """All of them."""
        return self.codes.issubset(values(facts, self.fact))

    def masks(self, block: Block, _view: View) -> Masks:
        """Exact."""
        mask = block.used
        for code in self.codes:
            mask &= block.having(self.fact, code)
        return mask, mask


@dataclass(frozen=True, slots=True)
class Suits:
    """None of these needs (or risks) is excluded; with `stated`, every one is accepted. Unstated is neither."""

    fact: str  # needs or risks
    codes: frozenset[str]
    stated: bool

    def matches(self, facts: Facts, _view: View) -> bool:
        """Accepted, excluded and unstated are three different things."""
        if not self.codes.isdisjoint(facts[f"{self.fact}Excluded"]):
            return False
        return not self.stated or self.codes.issubset(facts[f"{self.fact}Accepted"])

    def masks(self, block: Block, _view: View) -> Masks:
        """Exact."""
        mask = block.used & ~_any(block, f"{self.fact}Excluded", self.codes)
        if self.stated:
            for code in self.codes:
                mask &= block.having(f"{self.fact}Accepted", code)
        return mask, mask


@dataclass(frozen=True, slots=True)
class Gender:
    """Suits any of these genders; unstated suits all."""

    codes: frozenset[str]

    def matches(self, facts: Facts, _view: View) -> bool:
        """Any of them, or nothing is said."""
        return not (self.codes | {"any-gender"}).isdisjoint(facts["genders"] or ["any-gender"])

    def masks(self, block: Block, _view: View) -> Masks:
        """Exact: the index notes unstated as any-gender."""
        mask = _any(block, "genders", self.codes | {"any-gender"})
        return mask, mask


@dataclass(frozen=True, slots=True)
class Aged:
    """A child of this age may come; an end that is not stated is open."""

    years: int

    def matches(self, facts: Facts, _view: View) -> bool:
        """Within the ages."""
        youngest, oldest = facts["ages"]
        return (youngest is None or youngest <= self.years) and (oldest is None or self.years <= oldest)

    def masks(self, block: Block, _view: View) -> Masks:
        """Exact."""
        mask = block.having("ages", self.years)
        return mask, mask


@dataclass(frozen=True, slots=True)
class Judged:
    """Has any of these judgements, or (`wanted` false) none of them."""

    judgements: frozenset[Judgement]
    wanted: bool

    def matches(self, facts: Facts, _view: View) -> bool:
        """By framework, aspect and code; never across frameworks."""
        return any(tuple(judgement) in self.judgements for judgement in facts["judgements"]) is self.wanted

    def masks(self, block: Block, _view: View) -> Masks:
        """Exact."""
        mask = 0
        for judgement in self.judgements:
            mask |= block.having("judgements", *judgement)
        if not self.wanted:
            mask = block.used & ~mask
        return mask, mask


@dataclass(frozen=True, slots=True)
class Offered:
    """One rate that this view may see is of such a contract type and package, and comes to at most so much a week."""

    contracts: frozenset[str]
    packages: frozenset[str]
    weekly_at_most: int | None  # pence

    def matches(self, facts: Facts, view: View) -> bool:
        """The same rate must do it all; a rate offered to others does not exist here."""
        return any(self.takes(rate) and view.may_have_rate(rate["offeredTo"]) for rate in facts["rates"])

    def takes(self, rate: Facts) -> bool:
        """Whether one rate is of such a contract type and package, and cheap enough; not whether it may be seen."""
        if not self._fits(rate["contract"], rate["package"]):
            return False
        return self.weekly_at_most is None or (rate["weekly"] is not None and rate["weekly"] <= self.weekly_at_most)

    def masks(self, block: Block, _view: View) -> Masks:
        """Sure for rates offered to any in price buckets below the limit; the border bucket and restricted rates are looked at."""
        border = None if self.weekly_at_most is None else self.weekly_at_most // BUCKET
        may = block.restricted
        sure = 0
        for (contract, package, bucket), mask in block.rates.items():
            if not self._fits(contract, package):
                continue
            if border is None or (bucket is not None and bucket < border):
                sure |= mask
            elif bucket == border:
                may |= mask
        return may | sure, sure

    def _fits(self, contract: str | None, package: str | None) -> bool:
        return (not self.contracts or contract in self.contracts) and (not self.packages or package in self.packages)


@dataclass(frozen=True, slots=True)
class Words:
    """Each of these begins a word of the listing's text."""

    words: tuple[str, ...]

    def matches(self, facts: Facts, _view: View) -> bool:
        """Case does not count; derive writes the text in lower case."""
        text = f" {facts['text']}"
        return all(f" {word}" in text for word in self.words)

    def masks(self, block: Block, _view: View) -> Masks:
        """Not indexed."""
        return block.used, 0


@dataclass(frozen=True, slots=True)
class AtLeast:
    """A number is at least this."""

    fact: str
    number: int

    def matches(self, facts: Facts, _view: View) -> bool:
        """Unknown is not enough."""
        return facts[self.fact] is not None and facts[self.fact] >= self.number

    def masks(self, block: Block, _view: View) -> Masks:
        """Not indexed."""
        return block.used, 0


@dataclass(frozen=True, slots=True)
class By:
    """A day (YYYY-MM-DD) is not after this one."""

    fact: str
    day: str

    def matches(self, facts: Facts, _view: View) -> bool:
        """Unknown is not soon enough."""
        return facts[self.fact] is not None and facts[self.fact] <= self.day

    def masks(self, block: Block, _view: View) -> Masks:
        """Not indexed."""
        return block.used, 0


@dataclass(frozen=True, slots=True)
class Near:
    """The middle of its postcode sector is at most so many miles away."""

    point: Point
    within: int

    def matches(self, facts: Facts, _view: View) -> bool:
        """Where nobody knows is not near."""
        away = miles(facts, self.point)
        return away is not None and away <= self.within

    def masks(self, block: Block, _view: View) -> Masks:
        """Sure for squares that lie wholly within; those that only reach in are looked at."""
        may = sure = 0
        for cell, whole in cells_within(self.point, self.within):
            mask = block.having("cell", *cell)
            may |= mask
            if whole:
                sure |= mask
        return may, sure
