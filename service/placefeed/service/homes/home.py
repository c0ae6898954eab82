"""One home as its provider's people see it: the words that count, whose they are and whether they can be changed here.

```
a word of one's own source that is open ──> changed through that source: it stays the newest of the same voice
a word of one's own source that is paused or stopped, or of a delegate's ──> read here; who to ask is said
nobody's word yet ──> said through the source “Entered by hand on Placefeed”
```
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson
import sqlalchemy as sa
from sqlmodel import Session, col, select

from placefeed.service.access.sources import by_hand_id
from placefeed.service.access.speaking import speaks_for
from placefeed.service.clock import london_day
from placefeed.service.config import Settings
from placefeed.service.errors import NotFound
from placefeed.service.intake.homes import names_of
from placefeed.service.intake.parts import CAPACITY, RATE, SETTING, VACANCY
from placefeed.service.publishing.derive import Derived, derive
from placefeed.service.publishing.freshness import freshness
from placefeed.service.publishing.inputs import Known, Speaker, Word, load
from placefeed.service.publishing.moment import Moment
from placefeed.service.publishing.pools import Pools, best
from placefeed.service.tables import Source, Standing

BY_HAND_PRECEDENCE = 100
"""The rank of the source of what is typed here, unless the operator has given it another."""


@dataclass(frozen=True, slots=True)
class Said:
    """A source's word on a part, as a page shows it. `mark` names this state of it; a form sends it back."""

    source_id: str
    source: str
    organisation: str
    ours: bool
    open: bool
    by_hand: bool
    part: str
    item: str
    document: Mapping[str, Any]
    as_of: datetime
    stated_at: datetime
    mark: str
    freshness: str
    leaves_at: datetime
    listed: bool = False
    why: tuple[str, ...] = ()
    places: int | None = None

    @property
    def changeable(self) -> bool:
        """Whether it can be changed here: the source is this organisation's and takes words."""
        return self.ours and self.open


@dataclass(slots=True)
class Home:
    """What is known of one home, as far as its provider's people may see it."""

    urn: str
    name: str
    provider: str | None
    provider_id: str | None
    profile: dict[str, Any]
    setting: Said | None
    counts: dict[str, Said]  # by unit; "" for the home as a whole
    vacancies: list[Said]
    rates: list[Said]
    units: dict[str, dict[str, Any]]
    ofsted: dict[str, Any] | None
    typed: dict[str, Said] = field(default_factory=dict)  # counts that were typed here, whether or not they count
    outranked: list[str] = field(default_factory=list)  # sources whose vacancies are preferred to what is typed here
    outcounted: dict[str, str] = field(default_factory=dict)  # by unit, who is preferred to a count that is typed here
    others: list[str] = field(default_factory=list)  # who speaks of it as well, in words that are not ours to read
    waiting: list[str] = field(default_factory=list)  # feeds that lack it, which waits for a person's word

    @property
    def forms(self) -> list[str]:
        """The units that are counted one by one; "" alone for a plain home."""
        if not self.units or ("" in self.counts and len(self.counts) == 1):
            return [""]
        return list(self.units)

    def target(self, unit: str) -> Said | None:
        """The count that a change here speaks over: the one that counts if it is ours to change, else what was typed before."""
        said = self.counts.get(unit)
        return said if said is not None and said.changeable else self.typed.get(unit)

    def registered(self, unit: str) -> int | None:
        """The registered places: as counted last, else as the unit or the register says."""
        said = self.counts.get(unit)
        if said is not None and "registered" in said.document:
            return int(said.document["registered"])
        known = self.units[unit].get("places") if unit else self.profile.get("places")
        return int(known) if known is not None else None

    def offered(self, unit: str = "", *, on: str) -> list[Said]:
        """The vacancies of a unit that are offered on a day (ISO), those that begin later left out."""
        return [
            each
            for each in self.vacancies
            if each.document.get("unit", "") == unit
            and each.document["from"] <= on <= each.document.get("until", on)
            and "too-old" not in each.why
            and "other-source" not in each.why
        ]

    def vacancy(self, source_id: str, item: str) -> Said:
        """One vacancy. Raises NotFound."""
        return _found(self.vacancies, source_id, item, "vacancy")

    def rate(self, source_id: str, item: str) -> Said:
        """One price. Raises NotFound."""
        return _found(self.rates, source_id, item, "price")


def mine(session: Session, organisation_id: str, urn: str) -> None:
    """Raise NotFound unless the organisation speaks for this home: another's looks like one that there is none of."""
    if not speaks_for(session, organisation_id, [urn]):
        raise NotFound("You have no such home.")


def home_of(session: Session, organisation_id: str, urn: str, *, settings: Settings, now: datetime) -> Home:
    """One home of an organisation's. Raises NotFound."""
    mine(session, organisation_id, urn)
    return homes_of(session, organisation_id, [urn], settings=settings, now=now)[0]


def homes_of(
    session: Session, organisation_id: str, urns: Sequence[str], *, settings: Settings, now: datetime
) -> list[Home]:
    """These homes of an organisation's, in their order, in a few statements."""
    loaded = load(session, urns)
    names = names_of(session, urns)
    rows = session.execute(
        sa.select(
            col(Standing.urn), col(Standing.source_id), col(Standing.part), col(Standing.item), col(Standing.version)
        ).where(col(Standing.urn).in_(urns))
    )
    versions = {(urn, source, part, item): version for urn, source, part, item, version in rows}
    heard = {word.source_id for known in loaded.settings.values() for word in known.words}
    states = sa.select(col(Source.id), col(Source.state)).where(col(Source.id).in_(heard))
    opened = {id for id, state in session.execute(states) if state == "active"}
    found = []
    for urn in urns:
        known = loaded.settings[urn]
        derived = derive(known, loaded.speakers, Moment.at(now, settings.ages, _id_of))
        tell = _Teller(organisation_id, known, loaded.speakers, derived, versions, opened, settings, now)
        found.append(_home(organisation_id, names[urn], known, loaded.speakers, derived, tell, settings, now))
    return found


def _home(
    organisation_id: str,
    name: str,
    known: Known,
    speakers: Mapping[str, Speaker],
    derived: Derived,
    tell: "_Teller",
    settings: Settings,
    now: datetime,
) -> Home:
    by_part: dict[str, list[Word]] = {}
    for word in known.words:
        if speakers[word.source_id].exchange is None:
            by_part.setdefault(word.part, []).append(word)
    identity = best(by_part.get(SETTING, ()), speakers)
    shown = identity if identity is not None and tell.readable(identity) else None
    profile = {**known.place, **(shown.document if shown else {})}
    ages = settings.ages(known.place.get("provisionType") or profile.get("provisionType"))
    pools = Pools(by_part, speakers, profile)
    hand_id = by_hand_id(organisation_id)
    rank = speakers[hand_id].precedence if hand_id in speakers else BY_HAND_PRECEDENCE
    live = {
        part: [word for word in by_part.get(part, ()) if not word.withdrawn and tell.readable(word)]
        for part in (CAPACITY, VACANCY, RATE)
    }
    return Home(
        urn=known.urn,
        name=name,
        provider=known.provider.name if known.provider else None,
        provider_id=known.provider.id if known.provider else None,
        profile=profile,
        setting=tell(shown) if shown else None,
        counts={unit: tell(word) for unit, word in pools.capacity.items() if tell.readable(word)},
        typed={word.item: tell(word) for word in live[CAPACITY] if word.source_id == hand_id},
        vacancies=[tell(word, pools) for word in live[VACANCY]],
        rates=[tell(word) for word in live[RATE]],
        units=pools.units,
        ofsted=derived.ofsted_document,
        outranked=sorted(
            {
                speakers[word.source_id].name
                for word in by_part.get(VACANCY, ())
                if speakers[word.source_id].precedence < rank and freshness(word.as_of, now, ages).state != "gone"
            }
        ),
        outcounted={
            unit: speakers[word.source_id].name
            for unit, word in pools.capacity.items()
            if speakers[word.source_id].precedence < rank and not tell(word).changeable
        },
        others=sorted(
            {
                speakers[word.source_id].organisation_name
                for words in by_part.values()
                for word in words
                if not word.withdrawn and not tell.readable(word)
            }
        ),
        waiting=[speakers[each].name for each in sorted(known.waiting) if each in speakers],
    )


def last_offer(session: Session, organisation_id: str, urn: str, unit: str = "") -> Standing | None:
    """The vacancy of one's own that was withdrawn last: what “like the last one” means. None where there was none."""
    rows = session.exec(
        select(Standing)
        .join(Source, col(Source.id) == col(Standing.source_id))
        .where(
            Source.organisation_id == organisation_id,
            Source.state == "active",
            Standing.urn == urn,
            Standing.part == VACANCY,
            col(Standing.withdrawn).is_(True),
        )
        .order_by(col(Standing.as_of).desc(), col(Standing.source_id), col(Standing.item))
    )
    return next((row for row in rows if orjson.loads(row.document).get("unit", "") == unit), None)


class _Teller:
    """Makes `Said` of a word: what the publisher thinks of it, and whether this organisation may read and change it."""

    def __init__(
        self,
        organisation_id: str,
        known: Known,
        speakers: Mapping[str, Speaker],
        derived: Derived,
        versions: Mapping[tuple[str, str, str, str], int],
        opened: Collection[str],
        settings: Settings,
        now: datetime,
    ) -> None:
        self._own, self._urn = organisation_id, known.urn
        self._provider = known.provider.id if known.provider else None
        self._speakers, self._versions, self._open, self._now = speakers, versions, opened, now
        self._ages = settings.ages(known.place.get("provisionType"))
        self._verdicts = {(each["source"], each["vacancy"]): each for each in derived.explanation}

    def readable(self, word: Word) -> bool:
        """One's own words; and to the provider, what its delegates say in its name."""
        return self._own in (self._speakers[word.source_id].organisation_id, self._provider)

    def __call__(self, word: Word, pools: Pools | None = None) -> Said:
        speaker = self._speakers[word.source_id]
        verdict = self._verdicts.get((word.source_id, word.item), {}) if word.part == VACANCY else {}
        age = freshness(word.as_of, self._now, self._ages)
        return Said(
            source_id=speaker.id,
            source=speaker.name,
            organisation=speaker.organisation_name,
            ours=speaker.organisation_id == self._own,
            open=speaker.id in self._open,
            by_hand=speaker.id == by_hand_id(speaker.organisation_id),
            part=word.part,
            item=word.item,
            document=word.document,
            as_of=word.as_of,
            stated_at=word.stated_at,
            mark=f"{self._versions[self._urn, word.source_id, word.part, word.item]}@{speaker.id}",
            freshness=age.state,
            leaves_at=age.leaves_at,
            listed=bool(verdict.get("listed")),
            why=tuple(verdict.get("why", ())),
            places=pools.places(word, london_day(self._now)) if pools is not None else None,
        )


def _id_of(key: tuple[str, str, int]) -> str:
    return "|".join(map(str, key))


def _found(said: list[Said], source_id: str, item: str, what: str) -> Said:
    for each in said:
        if (each.source_id, each.item) == (source_id, item):
            return each
    raise NotFound(f"There is no such {what} of this home. It may have been withdrawn meanwhile.")
