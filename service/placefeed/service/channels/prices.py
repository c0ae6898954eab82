"""What places like one usually cost: the median over the settings that a reader may see, from the rates that it may have.

```
the reader's view ──> listings of the same provision type, in the region, else in England ──> one figure a setting and package
                      five owners at least and none dominant ──> median; otherwise: too few to say
```
Never who; and no provider is told (competition law): neither rivals' prices nor statistics of them.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Final, NamedTuple

from placefeed.schema.codelists import codelist, fold
from placefeed.service.channels.index import State
from placefeed.service.channels.rows import Row
from placefeed.service.publishing.sight import View

LEAST_OWNERS: Final = 5
"""Below that many owners one of them could tell the others' prices from the figure."""
PLACE: Final = "place"  # what a price is for, unless it says otherwise
LARGEST_SHARE: Final = Fraction(1, 3)
"""An owner of more than this share of the settings would be what the figure tells of."""
REMEMBERED: Final = 2000
"""Answers kept of one state."""

ENGLAND: Final = "England"
WALES: Final = "W92000004"


class Like(NamedTuple):
    """What makes settings alike: of the same provision type, invented or not, and in one region."""

    provision_type: str | None
    region: str | None
    simulated: bool


@dataclass(frozen=True, slots=True)
class Typical:
    """The median of like settings for one package, in pence a week, and over how many of whom; None: too few to say."""

    package: str
    where: str
    median: int | None
    settings: int = 0
    owners: int = 0


class Offer(NamedTuple):
    """The lowest weekly equivalent of one setting for one package."""

    owner: str
    weekly: int


Offers = dict[str, Offer]
"""By setting."""


class Prices:
    """Medians of one process, remembered for as long as the list is what it was. Readers on any thread may ask."""

    def __init__(self) -> None:
        self._known: tuple[State | None, dict[tuple[str, Like, str], Typical]] = (None, {})

    def typical(self, state: State, view: View, like: Like, packages: Iterable[str]) -> dict[str, Typical]:
        """For each package the median in the region; in England where there are too few; `median` None where there too."""
        places: list[str | None] = [like.region] if like.region else []
        places += [] if like.region == WALES else [None]
        found: dict[str, Typical] = {}
        for package in packages:
            for region in places:
                found[package] = self._typical(state, view, like._replace(region=region), package)
                if found[package].median is not None:
                    break
        return found

    def _typical(self, state: State, view: View, like: Like, package: str) -> Typical:
        of, known = self._known
        if of is not state or len(known) >= REMEMBERED:
            known = {}
            self._known = (state, known)
        key = (state.sight(view).key, like, package)
        told = known.get(key)
        if told is None:
            offers = offers_of(rows_like(state, view, like, package), view, package)
            told = known[key] = typical(package, offers, where=_name(like.region))
        return told


def typical(package: str, offers: Offers, *, where: str) -> Typical:
    """The median of these settings' figures, unless their owners are too few or one has too many of them."""
    by_owner: dict[str, int] = {}
    for offer in offers.values():
        by_owner[offer.owner] = by_owner.get(offer.owner, 0) + 1
    if len(by_owner) < LEAST_OWNERS or max(by_owner.values()) > LARGEST_SHARE * len(offers):
        return Typical(package, where, None)
    figures = sorted(offer.weekly for offer in offers.values())
    middle = len(figures) // 2
    median = figures[middle] if len(figures) % 2 else (figures[middle - 1] + figures[middle] + 1) // 2
    return Typical(package, where, median, settings=len(offers), owners=len(by_owner))


def rows_like(state: State, view: View, like: Like, package: str) -> Iterator[Row]:
    """The listings of like settings that this view may see, and perhaps a rate for the package; `region` None: all but Wales's."""
    for block in state.blocks:
        mask = block.seen_by(view) & block.having("provisionType", like.provision_type)
        invented = block.having("simulated", True)
        mask &= invented if like.simulated else ~invented
        mask &= block.having("region", like.region) if like.region else ~block.having("region", WALES)
        priced = block.restricted
        for (_contract, offered, _bucket), slots in block.rates.items():
            if offered == package:
                priced |= slots
        yield from block.rows_in(mask & priced)


def offers_of(rows: Iterable[Row], view: View, package: str) -> Offers:
    """One figure a setting: the lowest weekly equivalent for a package of the rates that this view may have."""
    found: Offers = {}
    ids: dict[str, str] = {}  # an owner's name -> its id here: it may also be listed through another exchange, without
    for row in rows:
        facts = row.facts
        owner = facts["provider"]
        name = facts.get("providerName") or ""
        if not owner and not name:
            continue  # nobody can say whether it is one owner more
        lowest: int | None = None
        for rate in facts["rates"]:
            weekly = rate["weekly"]
            # A block's price, or that of brothers and sisters together, is not a place's.
            alike = rate["package"] == package and rate.get("for", PLACE) == PLACE
            if alike and weekly is not None and (lowest is None or weekly < lowest):
                offered = rate["offeredTo"]
                if offered == "any" or view.may_have_rate(offered):
                    lowest = weekly
        if lowest is None:
            continue
        if owner:
            ids[name] = owner
        known = found.get(row.urn)
        if known is None or lowest < known.weekly:
            found[row.urn] = Offer(owner or f"={name}", lowest)
    folded = {fold(name): owner for name, owner in ids.items()}
    return {
        urn: offer._replace(owner=folded.get(fold(offer.owner[1:]), fold(offer.owner[1:])))
        if offer.owner.startswith("=")
        else offer
        for urn, offer in found.items()
    }


def _name(region: str | None) -> str:
    if region is None:
        return ENGLAND
    return codelist("regions").title(region) if region in codelist("regions") else region
