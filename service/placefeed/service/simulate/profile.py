"""What does not change of a simulated setting: whom it takes, what it can and can't meet, how it is reached."""

from dataclasses import dataclass, field
from random import Random
from typing import Any

from placefeed.adapters.ofsted import OfstedRow
from placefeed.service.simulate.names import marked, slug
from placefeed.service.simulate.places import sector_in
from placefeed.service.simulate.prices import FAMILY, FOSTERING, SUPPORTED

SELLS = frozenset(
    ("children-home", SUPPORTED, FOSTERING, FAMILY, "residential-special-school", "boarding-school",
     "residential-special-school-childrens-home", "further-education-college", "residential-holiday-scheme")
)  # fmt: skip
"""Provision types whose places are offered."""

_AGES = {
    SUPPORTED: ((16, 17),), FAMILY: ((0, 17),), FOSTERING: ((0, 17),), "boarding-school": ((11, 18), (13, 18)),
    "further-education-college": ((16, 19),), "residential-holiday-scheme": ((6, 17),),
}  # fmt: skip
_HOME_AGES = ((8, 17), (10, 17), (11, 17), (7, 16), (5, 12), (0, 17), (12, 17), (9, 15))
_NEEDS = (
    "attachment-and-trauma",
    "autism",
    "adhd",
    "learning-disability",
    "mental-disorders",
    "speech-language-and-communication",
    "epilepsy",
    "asylum-seeking",
)
_HARD_NEEDS = ("physical-disabilities", "complex-health", "drug-problems", "alcohol-problems", "sensory-impairment")
_RISKS = ("going-missing", "self-harm", "criminal-exploitation", "sexual-exploitation", "drug-and-alcohol")
_HARD_RISKS = ("fire-setting", "sexual-harm", "physical-harm", "harm-to-animals", "eating-disorder")
_MODELS = (
    "therapeutic",
    "trauma-informed",
    "positive-behaviour-support",
    "social-pedagogy",
    "staying-close",
    "no-wrong-door",
)
_CATEGORIES = ("single-occupancy", "shared-ring-fenced", "shared-not-ring-fenced")
_MOST_UNITS = 40
_PLACED = 0.92
"""The share of settings that say in which postcode sector they are."""
_ONLY_UNIT = {SUPPORTED: "premises", FOSTERING: "team"}


@dataclass(slots=True)
class Profile:
    """Drawn once for each setting."""

    row: OfstedRow
    ages: tuple[int, int]
    gender: str
    accepted: list[str]
    excluded: list[str]
    risks: list[str]
    hard_risks: list[str]
    emergency: bool
    said_at: str
    models: list[str]
    services: list[dict[str, Any]]
    telephone: str
    units: list[dict[str, Any]] = field(default_factory=list)  # where there are several
    sector: str | None = None  # of the only one

    @property
    def kind(self) -> str:
        """The provision type."""
        return self.row.provision_type or ""

    def document(self) -> dict[str, Any]:
        """The part `setting` of the standard."""
        row, owner = self.row, slug(self.row.owner or "")[:40].strip("-")
        document: dict[str, Any] = {
            "asOf": self.said_at,
            "name": marked(row.name or f"Setting {row.urn}"),
            "provisionType": row.provision_type,
            "provider": {"name": marked(row.owner or "Owner unknown")},
            "ages": {"from": self.ages[0], "to": self.ages[1]},
            "genders": [self.gender],
            "referralContact": {
                "role": "referrals-team",
                "telephone": self.telephone,
                "email": f"referrals@{owner}.example",
                "hours": "Monday to Friday 9 to 5",
            },
        }
        optional: dict[str, Any] = {
            "localAuthority": row.local_authority, "modelsOfCare": self.models, "services": self.services, "units": self.units,
            "shortBreaksOnly": row.short_breaks_only,
        }  # fmt: skip
        if self.sector and not self.units:
            kind = _ONLY_UNIT.get(self.kind, "building")
            optional["units"] = [{"id": "main", "kind": kind, "postcodeSector": self.sector}]
        if self.kind == "children-home":
            optional["registeredNeeds"] = ["emotional-and-behavioural-difficulties"]
        return document | {name: value for name, value in optional.items() if value not in (None, [], False)}


def profile_of(row: OfstedRow, rng: Random, *, said_at: str) -> Profile:
    """Draw what does not change."""
    ages = rng.choice(_AGES.get(row.provision_type or "", _HOME_AGES))
    return Profile(
        row=row,
        ages=ages,
        gender=rng.choices(("any-gender", "male", "female"), weights=(76, 14, 10))[0],
        accepted=["emotional-and-behavioural-difficulties", *rng.sample(_NEEDS, rng.randint(1, 3))],
        excluded=rng.sample(_HARD_NEEDS, rng.randint(0, 2)),
        risks=rng.sample(_RISKS, rng.randint(1, 3)),
        hard_risks=rng.sample(_HARD_RISKS, rng.randint(0, 3)),
        emergency=rng.random() < 0.35,
        said_at=said_at,
        models=[rng.choice(_MODELS)] if rng.random() < 0.3 else [],
        services=[{"kind": rng.choice(("education", "therapy", "health")), "included": rng.random() < 0.6}]
        if rng.random() < 0.35
        else [],
        telephone=f"01632 960{rng.randrange(1000):03}",  # numbers that are kept for drama
        units=_units(row, rng),
        sector=_sector(row),
    )


def _sector(row: OfstedRow, part: str = "") -> str | None:
    """About where it stands; some do not say. Of a series of its own: it changes nothing else that is drawn."""
    rng = Random(f"sector {row.urn} {part}")  # noqa: S311 - nothing here is secret
    return sector_in(row.local_authority, rng) if rng.random() < _PLACED else None


def _units(row: OfstedRow, rng: Random) -> list[dict[str, Any]]:
    count = min(row.premises or 0, _MOST_UNITS)
    if row.provision_type != SUPPORTED or count < 2:
        return []
    spread = {"localAuthority": row.local_authority} if row.local_authority else {}
    return [
        {
            "id": f"p{number}",
            "kind": "premises",
            **spread,
            **_about(row, f"p{number}"),
            "category": rng.choice(_CATEGORIES),
        }
        for number in range(1, count + 1)
    ]


def _about(row: OfstedRow, part: str) -> dict[str, str]:
    sector = _sector(row, part)
    return {"postcodeSector": sector} if sector else {}
