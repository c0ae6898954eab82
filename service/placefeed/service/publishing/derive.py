"""From what is known of a setting to its listings: pure, given the moment.

```
words of its sources ──choose by precedence──> vacancies ──why not?──> listings (body, facts, audiences, changesAt)
register, certificate ──reconcile──────────────────┘  └──> the explanation its provider reads
```

The reasons why a vacancy is not listed have stable codes: see `WHY_NOT`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from placefeed.service.publishing.draw import Drawn, draw, note_shared_places, setting_document
from placefeed.service.publishing.federation import heard
from placefeed.service.publishing.freshness import Ages, Freshness, freshness
from placefeed.service.publishing.inputs import Known, Speaker, Word
from placefeed.service.publishing.moment import Moment, Turns
from placefeed.service.publishing.ofsted import declared_from, ofsted_document
from placefeed.service.publishing.pools import Pools, best
from placefeed.service.publishing.rates import rates_for
from placefeed.service.publishing.sight import audiences_on
from placefeed.service.register.reconcile import Reconciled, RegisterFacts, reconcile

WHY_NOT = {
    "withdrawn": "The provider has withdrawn it.",
    "ended": "Its last day has passed.",
    "full": "The newest count of places says that none is available.",
    "not-accepting": "The setting is not accepting referrals.",
    "too-old": "Nobody has confirmed it for too long.",
    "other-source": "Another source, or what somebody here says, is preferred for this setting's vacancies.",
    "no-consortium": "No consortium takes this provider at the moment, so no member sees it.",
    "suspended": "The registration is suspended.",
    "accommodation-restricted": "Accommodation at this setting is restricted.",
    "closed": "The registration has ended.",
    "not-on-register": "A newer complete list of Ofsted's no longer has this setting.",
    "unverified": "No list of Ofsted's has this setting yet and the operator has not recorded its certificate.",
    "provision-type-unknown": "Neither Ofsted's lists nor the provider say what kind of setting this is.",
    "provision-type-not-listable": "Places of this type are not listed.",
}


@dataclass(slots=True)
class Derived:
    """What a setting comes to: its listings, when that changes by time alone, and why each vacancy is listed or not."""

    listings: list[Drawn] = field(default_factory=list)
    changes_at: datetime | None = None
    explanation: list[dict[str, Any]] = field(default_factory=list)
    ofsted: Reconciled | None = None
    ofsted_document: dict[str, Any] | None = None  # the same, as listings show it
    shown: dict[str, Any] | None = None  # what seldom changes of the setting, where it has a listing
    audiences: frozenset[str] = frozenset()
    counts: list[Any] = field(default_factory=list)  # every source's counts of places, without clocks


def derive(known: Known, speakers: Mapping[str, Speaker], moment: Moment) -> Derived:
    """The listings of one setting at a moment."""
    derived = Derived()
    turns = Turns(moment.now)
    choice = heard(
        [word for word in known.words if word.source_id in speakers],
        speakers,
        ours=known.provider is not None,
        now=moment.now,
        ages=moment.ages(known.place.get("provisionType")),
    )
    by_part: dict[str, list[Word]] = {}
    for word in choice.words:
        by_part.setdefault(word.part, []).append(word)

    identity = best(by_part.get("setting", ()), speakers)
    profile = {**known.place, **(identity.document if identity else {})}
    if known.place.get("provisionType"):
        profile["provisionType"] = known.place["provisionType"]  # the register's word on what it is registered as
    ages = moment.ages(profile.get("provisionType"))

    ofsted = reconcile(
        known.register or RegisterFacts(),
        [declared_from(word.source_id, word.document) for word in by_part.get("ofsted", ()) if not word.withdrawn],
        today=moment.today,
    )
    derived.ofsted, derived.ofsted_document = ofsted, ofsted_document(ofsted)
    turns.at(ofsted.changes_at)
    barred = list(ofsted.reasons)

    exchange = choice.exchange
    takes = known.takes if exchange is None else known.takes_of_exchanges.get(exchange.organisation_id, [])
    audiences, turn = audiences_on(takes, moment.today)
    turns.on(turn)
    pools = Pools(by_part, speakers, profile)
    preferred = preferred_sources(by_part.get("vacancy", ()), speakers, moment.now, ages)

    drawn: list[tuple[Drawn, Word]] = []
    said = [(word, preferred) for word in by_part.get("vacancy", ())]
    said += [(word, frozenset()) for word in choice.others if word.part == "vacancy"]
    for word, wanted in said:
        speaker = speakers[word.source_id]
        age = freshness(word.as_of, moment.now, ages)
        why = [*barred, *why_not(word, age, moment, pools, turns, preferred=wanted)]
        if not why:
            turns.at(age.changes_at)
            rates = rates_for(word, by_part.get("rate", ()), speakers, moment, turns)
            listing = draw(
                known, word, age, speaker, profile, ofsted, derived.ofsted_document, rates, pools, moment, audiences
            )
            drawn.append((listing, word))
        derived.explanation.append(
            {
                "source": speaker.id,
                "vacancy": word.item,
                "listed": not why and bool(audiences),
                "why": why or ([] if audiences else ["no-consortium"]),
            }
        )
    note_shared_places(drawn, pools)
    derived.listings = [listing for listing, _word in drawn]
    for listing in derived.listings:
        listing.changes_at = turns.earliest
    derived.changes_at = turns.earliest
    if derived.listings:
        derived.audiences = audiences
        derived.shown = {
            "urn": known.urn,
            "setting": setting_document(known, profile),
            "ofsted": derived.ofsted_document,
        }
    derived.counts = sorted(
        [word.source_id, word.item, {name: value for name, value in word.document.items() if name != "asOf"}]
        for word in by_part.get("capacity", ())
        if not word.withdrawn
    )
    return derived


def preferred_sources(
    words: Iterable[Word], speakers: Mapping[str, Speaker], now: datetime, ages: Ages
) -> frozenset[str]:
    """The sources whose vacancies are listed: all of the most preferred rank that still speaks.

    A source that has withdrawn everything still speaks ("none"); one whose every word is too old does not, so that a
    feed that died does not silence the others for ever.
    """
    ranks: dict[int, set[str]] = {}
    for word in words:
        if freshness(word.as_of, now, ages).state != "gone":
            ranks.setdefault(speakers[word.source_id].precedence, set()).add(word.source_id)
    return frozenset(ranks[min(ranks)]) if ranks else frozenset()


def why_not(
    word: Word, age: Freshness, moment: Moment, pools: Pools, turns: Turns, *, preferred: frozenset[str]
) -> list[str]:
    """Why a vacancy is not listed now; empty when it is. Notes when time alone would change the answer."""
    if word.withdrawn:
        return ["withdrawn"]
    why: list[str] = []
    if word.source_id not in preferred and age.state != "gone":
        why.append("other-source")
    until = word.document.get("until")
    if until is not None:
        last = date.fromisoformat(until)
        if last < moment.today:
            why.append("ended")
        else:
            turns.on(last + timedelta(days=1))
    first = date.fromisoformat(word.document["from"])
    if first > moment.today:
        turns.on(first)
    if age.state == "gone":
        why.append("too-old")
    counts = pools.counts(word)
    if counts is not None and counts.document.get("acceptingReferrals") is False:
        why.append("not-accepting")
    if pools.places(word, moment.today) < 1:
        why.append("full")
    return why
