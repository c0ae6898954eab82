"""An invented England: as many settings, homes, places and owners as Ofsted counts in the real one, and none of them real.

The proportions are those of the provider-level list as at 31 March 2025 (see `domain.md`, 3, for the totals).
"""

from collections import Counter
from collections.abc import Mapping
from datetime import date, timedelta
from random import Random
from typing import TypeVar

from placefeed.adapters.ofsted import OfstedInspection, OfstedRow
from placefeed.schema.codelists import LocalAuthority
from placefeed.service.simulate.areas import Areas
from placefeed.service.simulate.names import owner_name, owner_names, setting_name

K = TypeVar("K")

TYPES: Mapping[str, int] = {
    "children-home": 3946, "supported-accommodation": 893, "independent-fostering-agency": 339, "residential-family-centre": 110,
    "residential-special-school": 95, "boarding-school": 51, "residential-special-school-childrens-home": 49,
    "further-education-college": 34, "voluntary-adoption-agency": 29, "adoption-support-agency": 29, "secure-childrens-home": 14,
    "residential-holiday-scheme": 10, "secure-training-centre": 1,
}  # fmt: skip
SETTINGS = sum(TYPES.values())

HOMES: Mapping[int, int] = {
    1: 326, 2: 786, 3: 1027, 4: 842, 5: 425, 6: 309, 7: 91, 8: 82, 9: 16, 10: 19, 11: 4, 12: 6, 13: 1, 14: 4, 15: 1, 16: 4,
    17: 1, 18: 1, 23: 1,
}  # fmt: skip
"""Children's homes by places: 3,946 homes, 14,275 places, 2,981 with fewer than five."""

OWNERS: Mapping[int, int] = {
    1: 1798, 2: 314, 3: 143, 4: 90, 5: 60, 6: 42, 7: 36, 8: 19, 9: 19, 10: 16, 11: 6, 12: 6, 13: 8, 14: 3, 15: 2, 16: 1, 17: 1,
    18: 5, 19: 2, 20: 1, 22: 2, 28: 2, 29: 1, 38: 1, 40: 1, 46: 1, 54: 2, 59: 1, 183: 1,
}  # fmt: skip
"""Owners by settings: 91 % have fewer than five."""

_BY_LARGE_OWNERS = {
    "children-home": 0.86, "supported-accommodation": 0.06, "residential-family-centre": 0.03, "independent-fostering-agency": 0.03,
    "residential-special-school-childrens-home": 0.02,
}  # fmt: skip
_SECTORS = {
    "children-home": {"private": 84, "local-authority": 12, "voluntary": 4},
    "supported-accommodation": {"private": 87, "voluntary": 8, "local-authority": 5},
    "independent-fostering-agency": {"private": 84, "voluntary": 16},
    "residential-special-school": {"local-authority": 30, "academy": 27, "voluntary": 25, "private": 18},
    "boarding-school": {"academy": 45, "private": 31, "voluntary": 16, "local-authority": 8},
    "further-education-college": {"voluntary": 53, "private": 32, "local-authority": 9, "academy": 6},
    "secure-childrens-home": {"local-authority": 86, "voluntary": 14},
    "voluntary-adoption-agency": {"voluntary": 100},
}
_PLACES = {  # (smallest, usual, largest), triangular
    "supported-accommodation": (1, 6, 62), "residential-family-centre": (2, 5, 10), "residential-special-school": (7, 15, 60),
    "boarding-school": (12, 60, 420), "residential-special-school-childrens-home": (4, 12, 56),
    "further-education-college": (30, 80, 400), "secure-childrens-home": (4, 16, 30),
}  # fmt: skip
_GRADES: dict[str, dict[str | None, int]] = {
    "children-home": {"good": 2598, "requires-improvement": 478, "outstanding": 447, None: 380, "inadequate": 43},
    "independent-fostering-agency": {
        "good": 230,
        "outstanding": 78,
        "requires-improvement": 14,
        None: 14,
        "inadequate": 3,
    },
    "residential-family-centre": {"good": 73, None: 14, "requires-improvement": 13, "outstanding": 7, "inadequate": 3},
    "supported-accommodation": {
        None: 843,
        "consistently-strong": 26,
        "inconsistent-quality": 19,
        "serious-or-widespread-weaknesses": 5,
    },
}
_OTHER_GRADES: dict[str | None, int] = {
    "good": 120,
    "outstanding": 130,
    "requires-improvement": 17,
    None: 7,
    "inadequate": 4,
}
RANKED = ("outstanding", "good", "requires-improvement", "inadequate")


def england(*, seed: int, as_at: date, settings: int = SETTINGS) -> list[OfstedRow]:
    """The settings of an invented England as a register would have them at a day; `settings` makes a smaller one.

    URNs begin with SC9 or 99, which Ofsted has not come near.
    """
    rng = Random(f"england {seed}")  # noqa: S311 - nothing here is secret
    owners = _owner_sizes(rng, settings)
    types = Counter(TYPES) if settings == SETTINGS else _scaled(TYPES, settings)
    homes = _shuffled(HOMES if settings == SETTINGS else _scaled(HOMES, types["children-home"]), rng)
    areas = Areas(rng)
    names = owner_names(rng)
    first = areas.each()  # the first owners sit in one authority each, so that none is left out
    rows: list[OfstedRow] = []
    for size in owners:
        kinds = _kinds(rng, size, types)
        stem, ending = next(names)
        sector = _draw(rng, _SECTORS.get(kinds[0], {"private": 90, "voluntary": 10})) if size < 20 else "private"
        owner = owner_name(stem, ending, sector, rng)
        home = next(first, None) or areas.anywhere(rng)
        for at, kind in enumerate(kinds):
            area = home if at == 0 or rng.random() < 0.6 else areas.near(rng, home)
            places = homes.pop() if kind == "children-home" else _places(rng, kind)
            rows.append(_row(rng, len(rows), kind, owner, sector, area, places, as_at))
    return rows


def _owner_sizes(rng: Random, settings: int) -> list[int]:
    sizes = _shuffled(OWNERS, rng)
    if settings < SETTINGS:
        taken: list[int] = []
        for size in sizes:
            if (left := settings - sum(taken)) <= 0:
                break
            taken.append(min(size, left))
        sizes = taken
    return sorted(sizes, reverse=True)  # the large choose first what they run


def _kinds(rng: Random, size: int, types: Counter[str]) -> list[str]:
    """What an owner runs: a small one only one kind; taken from what is left to give."""
    kinds: list[str] = []
    wanted: Mapping[str, float] = _BY_LARGE_OWNERS if size > 4 else types
    kind = ""
    for _ in range(size):
        if size > 4 or not types[kind]:
            kind = _draw(
                rng,
                {name: share for name, share in wanted.items() if types[name]}
                or {name: n for name, n in types.items() if n},
            )
        types[kind] -= 1
        kinds.append(kind)
    return kinds


def _scaled(counts: Mapping[K, int], total: int) -> Counter[K]:
    """The same proportions of a smaller total, exact in sum (largest remainders)."""
    whole = sum(counts.values())
    exact = {name: count * total / whole for name, count in counts.items()}
    scaled: Counter[K] = Counter({name: int(share) for name, share in exact.items()})
    missing = total - sum(scaled.values())
    for name in sorted(exact, key=lambda name: int(exact[name]) - exact[name])[:missing]:
        scaled[name] += 1
    return scaled


def _shuffled(counts: Mapping[int, int], rng: Random) -> list[int]:
    found = [value for value, count in counts.items() for _ in range(count)]
    rng.shuffle(found)
    return found


def _draw(rng: Random, weights: Mapping[K, float]) -> K:
    return rng.choices(list(weights), weights=list(weights.values()))[0]


# -- one setting ----------------------------------------------------------------------------------------------------


def _row(
    rng: Random, at: int, kind: str, owner: str, sector: str, area: LocalAuthority, places: int | None, as_at: date
) -> OfstedRow:
    old = rng.random() < 0.29  # URNs with SC are the older ones
    inspection = _inspection(rng, at, kind, as_at)
    return OfstedRow(
        urn=f"SC9{at:05}" if old else f"99{at:05}",
        line=at + 2,
        provision_type=kind,
        registration_status="suspended" if rng.random() < 0.0025 else "active",
        name=setting_name(rng),
        owner=owner,
        places=places,
        local_authority=area.code,
        local_authority_text=area.name,
        region=area.region,
        sector=sector,
        short_breaks_only=rng.random() < 0.03 if kind == "children-home" else None,
        registered_on=as_at
        - timedelta(
            days=rng.randrange(30, 300) if inspection is None else rng.randrange(400, 2000 if not old else 7000)
        ),
        premises=max(1, round((places or 1) / rng.uniform(1.5, 6))) if kind == "supported-accommodation" else None,
        inspections=(inspection,) if inspection else (),
    )


def _places(rng: Random, kind: str) -> int | None:
    if kind not in _PLACES:
        return None  # agencies and schemes have no number of places
    low, usual, high = _PLACES[kind]
    return round(rng.triangular(low, high, usual))


def _inspection(rng: Random, at: int, kind: str, as_at: date) -> OfstedInspection | None:
    overall = _draw(rng, _GRADES.get(kind, _OTHER_GRADES))
    if overall is None:
        return None
    inspected = as_at - timedelta(days=rng.randrange(20, 540))
    published = inspected + timedelta(days=rng.randrange(28, 60))
    supported = kind == "supported-accommodation"
    return OfstedInspection(
        event=f"99{at:06}",
        kind="full",
        framework="supported-accommodation-2024" if supported else "sccif-2017",
        inspected_on=inspected,
        published_on=published if published <= as_at else None,
        judgements={"overall": overall} if supported else judged(rng, overall),
    )


def judged(rng: Random, overall: str) -> dict[str, str]:
    """The three aspects of an inspection with this overall grade, within Ofsted's limiting rule."""
    judgements = {"overall": overall}
    for aspect in ("helped-and-protected", "leaders-and-managers"):
        rank = RANKED.index(overall)
        if rng.random() < 0.08:
            rank = min(max(rank + rng.choice((-1, 1)), 0), 2)  # a single "inadequate" would pull the overall grade down
        judgements[aspect] = RANKED[rank]
    return judgements
