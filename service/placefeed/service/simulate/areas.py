"""Where invented settings stand: every live English authority, some with ten times as much provision as others."""

from collections import defaultdict
from collections.abc import Iterator
from itertools import accumulate
from random import Random

from placefeed.schema.codelists import LocalAuthority, local_authorities

_REGIONS = {
    "E12000002": 1261, "E12000005": 852, "E12000008": 680, "E12000004": 630, "E12000007": 515, "E12000006": 489, "E12000003": 483,
    "E12000009": 407, "E12000001": 279,
}  # fmt: skip
"""Settings by region, as Ofsted counts them."""


class Areas:
    """Draws authorities by how much provision each has."""

    def __init__(self, rng: Random) -> None:
        live = [one for one in local_authorities() if one.live and one.code.startswith("E")]
        shares = {one.code: rng.lognormvariate(0, 0.9) for one in live}
        regions: defaultdict[str, float] = defaultdict(float)
        for one in live:
            regions[one.region or ""] += shares[one.code]
        rng.shuffle(live)
        self._all = live
        weights = [shares[one.code] / regions[one.region or ""] * _REGIONS.get(one.region or "", 1) for one in live]
        self._cumulative = list(accumulate(weights))
        self._by_region: defaultdict[str | None, list[LocalAuthority]] = defaultdict(list)
        for one in live:
            self._by_region[one.region].append(one)

    def each(self) -> Iterator[LocalAuthority]:
        """Every authority once."""
        return iter(self._all)

    def anywhere(self, rng: Random) -> LocalAuthority:
        """One of all."""
        return rng.choices(self._all, cum_weights=self._cumulative)[0]

    def near(self, rng: Random, home: LocalAuthority) -> LocalAuthority:
        """Mostly one of the same region."""
        return rng.choice(self._by_region[home.region]) if rng.random() < 0.75 else self.anywhere(rng)
