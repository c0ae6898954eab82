"""One simulated setting in time: places fill and fall free, and what its provider would say of it now.

```
occupied ──a child leaves──> free ──reserved, closed, or offered──> vacancy ──a child comes──> occupied
```
Counts always add up: registered = occupied + reserved + closed + available.
"""

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from random import Random
from typing import Any

from placefeed.adapters.ofsted import OfstedRow
from placefeed.service.clock import iso, london_day
from placefeed.service.simulate.england import RANKED, judged
from placefeed.service.simulate.prices import FAMILY, FOSTERING, price_of, rates_of
from placefeed.service.simulate.profile import SELLS, Profile, profile_of

OCCUPANCY = 0.83
_REASONS = {"staffing": 45, "matching": 30, "repair": 15, "notice": 10}
_RESPONSES = {"today": 25, "under-5-days": 50, "over-5-days": 25}
_MOST_OFFERS = 4


@dataclass(slots=True)
class Offer:
    """A vacancy: what of it may change. `uses`: places of the pool that one placement takes (a solo offer takes all)."""

    id: str
    places: int
    begins: date
    traits: dict[str, Any]
    said_at: datetime


@dataclass(slots=True)
class Life:
    """A setting and its present state. `said_at` is when its counts were last said."""

    row: OfstedRow
    profile: Profile
    said_at: datetime
    rng: Random
    rates: list[dict[str, Any]] = field(default_factory=list)
    registered: int | None = None
    occupied: int | None = None
    reserved: int = 0
    closed: dict[str, int] = field(default_factory=dict)
    available: int = 0
    accepting: bool = True
    offers: list[Offer] = field(default_factory=list)
    expected: date | None = None
    ofsted: dict[str, Any] | None = None
    made: int = 0  # offers so far: each gets an id of its own

    @property
    def urn(self) -> str:
        """The setting's URN."""
        return self.row.urn

    @property
    def changes(self) -> bool:
        """Whether places can fill and fall free here."""
        return self.profile.kind in SELLS and self.row.registration_status == "active" and self.accepting

    # -- time passes ---------------------------------------------------------------------------------------------

    def step(self, now: datetime) -> str:
        """Let some time go by: `filled`, `freed`, or mostly `attested` (all as it was). Occupancy stays about the same."""
        if not self.changes:
            return self._attest(now)
        if self.offers and self.rng.random() < 0.35:
            return self._fill(now)
        if self.occupied and self.rng.random() < 0.18:
            return self._free(now)
        return self._attest(now)

    def _attest(self, now: datetime) -> str:
        self.said_at = now
        for offer in self.offers:
            offer.said_at = now
        return "attested"

    def _fill(self, now: datetime) -> str:
        """A child comes; offers that draw on the same places shrink or end."""
        offer = self.offers[0]
        taken = min(offer.traits.get("uses", {}).get("places", 1), self.available)
        self.available -= taken
        if self.occupied is not None:
            self.occupied += taken
        offer.places -= 1
        offer.said_at = self.said_at = now
        if not self.available:
            offer.places = 0
            self.offers, self.expected = [], None
        for other in self.offers:
            if "uses" in other.traits and other is not offer:
                solo = other.traits["uses"]["places"] > 1
                other.places = 0 if solo else min(other.places, self.available)
                other.said_at = now
        self.offers = [each for each in self.offers if each.places > 0]
        return "filled"

    def _free(self, now: datetime) -> str:
        assert self.occupied is not None
        self.occupied -= 1
        self.available += 1
        self.expected = None
        self.said_at = now
        self.offers.append(self._offer(1, now, begins=london_day(now)))
        return "freed"

    # -- what it says --------------------------------------------------------------------------------------------

    def capacity(self) -> dict[str, Any]:
        """The part `capacity`."""
        counts: dict[str, Any] = {"asOf": iso(self.said_at)}
        if self.registered is not None:
            counts |= {"registered": self.registered, "occupied": self.occupied, "reserved": self.reserved}
        if self.closed:
            counts["unavailable"] = [{"reason": reason, "places": places} for reason, places in self.closed.items()]
        counts["available"] = self.available
        counts["acceptingReferrals"] = bool(self.accepting and (self.available or self.offers))
        if not counts["acceptingReferrals"]:
            counts["notAcceptingReason"] = self._why_not()
        if self.expected:
            counts["expected"] = [{"from": self.expected.isoformat(), "places": 1}]
        return counts

    def _why_not(self) -> str:
        if self.row.registration_status == "suspended":
            return "restriction"
        return "full" if not self.available else "contractually-closed"

    def vacancies(self) -> list[dict[str, Any]]:
        """The part `vacancies`: everything that is offered."""
        return [self.vacancy(offer) for offer in self.offers]

    def vacancy(self, offer: Offer) -> dict[str, Any]:
        """One offer as a document."""
        return {
            "id": offer.id,
            "asOf": iso(offer.said_at),
            "places": offer.places,
            "from": offer.begins.isoformat(),
            **offer.traits,
        }

    def record(self) -> dict[str, Any]:
        """The settingRecord: everything that its provider says of it."""
        record: dict[str, Any] = {"urn": self.urn, "setting": self.profile.document()}
        if self.profile.kind in SELLS or self.registered is not None:
            record["capacity"] = self.capacity()
        if self.profile.kind in SELLS:
            record["vacancies"] = self.vacancies()
        if self.rates:
            record["rates"] = self.rates
        if self.ofsted:
            record["ofsted"] = self.ofsted
        return record

    # -- beginnings ----------------------------------------------------------------------------------------------

    def begin(self, now: datetime) -> None:
        """Draw a first state."""
        rng, kind = self.rng, self.profile.kind
        suspended = self.row.registration_status == "suspended"
        self.accepting = not suspended and rng.random() > 0.04
        places = self.row.places
        if places is None:
            self.available = rng.choice((0, 1, 1, 2, 3, 5)) if kind == FOSTERING else rng.choice((0, 1, 4))
        else:
            self.registered = places
            self.occupied = sum(rng.random() < OCCUPANCY for _ in range(places))
            free = places - self.occupied
            self.reserved = min(free, int(free > 0 and rng.random() < 0.1))
            shut = sum(rng.random() < 0.3 for _ in range(free - self.reserved))
            if shut:
                self.closed = {_drawn(rng, _REASONS): shut}
            self.available = free - self.reserved - shut
        if kind not in SELLS or not self.accepting:
            return
        today = london_day(now)
        if self.available:
            self._first_offers(today)
        elif self.occupied and rng.random() < 0.15:
            self.expected = today + timedelta(days=rng.randrange(5, 60))
            self.offers = [self._offer(1, self.said_at, begins=self.expected)]

    def _first_offers(self, today: date) -> None:
        rng = self.rng
        begins = (
            today - timedelta(days=rng.randrange(15))
            if rng.random() < 0.88
            else today + timedelta(days=rng.randrange(1, 28))
        )
        if self.profile.units:
            for places in _split(rng, self.available, _MOST_OFFERS):
                self.offers.append(self._offer(places, self.said_at, begins=begins))
        elif self.available > 1 and self.profile.kind == "children-home" and rng.random() < 0.25:
            shared, solo = (
                self._offer(self.available, self.said_at, begins=begins),
                self._offer(1, self.said_at, begins=begins),
            )
            shared.traits |= {"cared": "with-others", "uses": {"pool": "home", "places": 1}}
            solo.traits |= {"cared": "solo", "uses": {"pool": "home", "places": self.available}}
            self.offers = [shared, solo]
        else:
            self.offers = [
                self._offer(places, self.said_at, begins=begins) for places in _split(rng, self.available, 2)
            ]

    def _offer(self, places: int, said_at: datetime, *, begins: date) -> Offer:
        self.made += 1
        return Offer(f"v{self.made}", places, begins, self._traits(), said_at)

    def _traits(self) -> dict[str, Any]:
        """Whom an offer suits: within what the setting is for."""
        rng, profile = self.rng, self.profile
        low, high = profile.ages
        if profile.kind == "children-home" and high - low > 5 and rng.random() < 0.6:
            low += rng.randint(0, 3)
            high -= rng.randint(0, 2)
        traits: dict[str, Any] = {"ages": {"from": low, "to": high}, "genders": [profile.gender]}
        if self.row.short_breaks_only or profile.kind == "residential-holiday-scheme":
            traits |= {
                "placementTypes": ["short-break", "respite"],
                "nights": {"min": 1, "max": rng.choice((3, 7, 14))},
            }
        elif profile.kind == FAMILY:
            family = {
                "parents": rng.choice((1, 2)),
                "children": rng.choice((1, 2)),
                "parentAges": {"from": 16, "to": 45},
            }
            traits |= {"placementTypes": ["parent-and-child", "assessment"], "parentAndChild": True, "family": family}
        else:
            traits["placementTypes"] = ["planned", "emergency"] if profile.emergency else ["planned"]
        traits["response"] = "today" if "emergency" in traits["placementTypes"] else _drawn(rng, _RESPONSES)
        needs = {"accepted": profile.accepted, "excluded": profile.excluded}
        risks = {"accepted": profile.risks, "excluded": profile.hard_risks}
        traits |= {
            name: {key: codes for key, codes in lists.items() if codes}
            for name, lists in (("needs", needs), ("risks", risks))
        }
        if profile.kind == FOSTERING and rng.random() < 0.4:
            traits["siblings"] = {"max": rng.choice((2, 3))}
        if rng.random() < 0.08:
            traits["adaptations"] = ["step-free", "accessible-bathroom"]
        if rng.random() < 0.05:
            traits["communication"] = [rng.choice(("bsl", "makaton", "esol"))]
        if profile.units:
            traits["unit"] = rng.choice(profile.units)["id"]
        if self.rates:
            traits["rates"] = [rate["id"] for rate in self.rates]
        return traits


def life_of(row: OfstedRow, *, seed: int, now: datetime, buyers: tuple[tuple[str, str], ...] = ()) -> Life:
    """A setting's first state; the same for the same seed and moment, whatever others there are."""
    rng = Random(f"{seed} {row.urn}")  # noqa: S311 - nothing here is secret
    settled = iso((now - timedelta(days=rng.randrange(20, 200))).replace(hour=9, minute=0, second=0, microsecond=0))
    profile = profile_of(row, rng, said_at=settled)
    life = Life(row, profile, now - _age(rng), rng)
    price = price_of(row, rng, buyers=buyers)
    if price is not None and profile.kind in SELLS:
        life.rates = rates_of(row, price, on=london_day(now), said_at=settled, rng=rng)
    life.begin(now)
    life.ofsted = declared(row, rng, now=now, said_at=settled)
    return life


def declared(row: OfstedRow, rng: Random, *, now: datetime, said_at: str) -> dict[str, Any] | None:
    """What the provider says of its inspections: mostly what Ofsted has, at times a newer one, at times another grade."""
    if rng.random() < 0.3:
        return None
    said: dict[str, Any] = {"asOf": said_at, "registrationStatus": row.registration_status or "active"}
    newest = row.inspections[0] if row.inspections else None
    if newest is None or newest.inspected_on is None:
        return said
    grades, published, event = newest.judgements, newest.published_on, newest.event
    inspected: date = newest.inspected_on
    draw = rng.random()
    if newest.framework == "sccif-2017" and newest.kind == "full" and "overall" in grades and draw < 0.07:
        rank = RANKED.index(grades["overall"]) if grades["overall"] in RANKED else 1
        grades = judged(rng, RANKED[max(0, rank - 1)] if draw < 0.03 else rng.choice(RANKED[:3]))
        if draw >= 0.03:  # an inspection since Ofsted's list
            inspected, published, event = london_day(now) - timedelta(days=rng.randrange(10, 90)), None, None
    inspection: dict[str, Any] = {
        "framework": newest.framework,
        "kind": newest.kind,
        "inspectedOn": inspected.isoformat(),
    }
    if event:
        inspection["id"] = event
    if published:
        inspection["publishedOn"] = published.isoformat()
    if grades:
        inspection["judgements"] = [{"aspect": aspect, "code": code} for aspect, code in grades.items()]
    return said | {"inspections": [inspection]}


def _age(rng: Random) -> timedelta:
    """How long ago a provider last said how it stands: mostly today, some days ago by a few."""
    draw = rng.random()
    if draw < 0.86:
        return timedelta(minutes=rng.randrange(5, 14 * 60))
    return timedelta(hours=rng.randrange(25, 70)) if draw < 0.95 else timedelta(hours=rng.randrange(74, 240))


def _split(rng: Random, places: int, most: int) -> list[int]:
    """Places over one or more offers."""
    parts = 1 if places < 2 else min(places, rng.choice(range(1, most + 1)))
    return [places // parts + (at < places % parts) for at in range(parts)]


def _drawn(rng: Random, weights: dict[str, int]) -> str:
    return rng.choices(list(weights), weights=list(weights.values()))[0]
