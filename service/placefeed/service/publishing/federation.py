"""Whose word counts of a setting that other exchanges list as well: pure, given the moment.

```
somebody here speaks for it ──> its own sources, joined; no other exchange's
nobody does ──> of the exchanges that list it, one: through the fewest others, then by precedence, then by the source's id
```
One exchange says all that it has of a setting, so two are never joined: the same offer would stand twice. What another lists
from an exchange that we follow ourselves is left out: we have it at first hand, or that exchange does not show it to us. Since
the shortest way wins whatever the operator's precedence, exchanges that follow each other come to rest (see decision 5).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from placefeed.adapters.federation import ARROW, origin_of
from placefeed.service.intake.parts import VACANCY, instant
from placefeed.service.publishing.freshness import Ages, freshness
from placefeed.service.publishing.inputs import Speaker, Word


@dataclass(frozen=True, slots=True)
class Heard:
    """The words that count of a setting, those of other exchanges that do not, and the exchange that was chosen."""

    words: list[Word]
    others: list[Word]
    exchange: Speaker | None = None


def heard(words: Iterable[Word], speakers: Mapping[str, Speaker], *, ours: bool, now: datetime, ages: Ages) -> Heard:
    """Choose whom to hear. `ours`: an organisation of this exchange speaks for the setting."""
    own: list[Word] = []
    foreign: list[Word] = []
    for word in words:
        (own if speakers[word.source_id].exchange is None else foreign).append(word)
    if ours or not foreign:
        return Heard(own, foreign)
    followed = {speaker.exchange for speaker in speakers.values() if speaker.followed}
    hops: dict[str, int] = {}
    for word in foreign:
        offers = word.part == VACANCY and not word.withdrawn and freshness(word.as_of, now, ages).state != "gone"
        if offers and followed.isdisjoint(_before(word)):
            length = len(_before(word))
            hops[word.source_id] = min(length, hops.get(word.source_id, length))
    if not hops:
        return Heard([], foreign)
    chosen = min(hops, key=lambda source: (hops[source], speakers[source].precedence, source))
    kept: list[Word] = []
    others: list[Word] = []
    for word in foreign:
        counts = word.source_id == chosen and followed.isdisjoint(_before(word))
        (kept if counts else others).append(word)
    return Heard(kept, others, speakers[chosen])


def provenance(word: Word, speaker: Speaker) -> dict[str, Any]:
    """Whose word a listing is: of another exchange's, as that exchange says, and how it came here."""
    if speaker.exchange is None:
        shown, simulated = {"source": speaker.name, "publisher": speaker.organisation_name}, False
    else:
        origin = origin_of(word.document)
        shown = {name: origin[name] for name in ("source", "publisher") if origin.get(name)}
        shown["via"] = ARROW.join(origin.get("via") or [speaker.exchange])
        simulated = bool(origin.get("simulated"))
    return {**shown, **({"simulated": True} if simulated or speaker.simulated else {})}


def stated_at(word: Word, speaker: Speaker) -> datetime:
    """When an offer was last said anew, by its provider's clock: another exchange says it beside when it was last confirmed."""
    said = None if speaker.exchange is None else origin_of(word.document).get("asOf")
    return word.stated_at if said is None else min(instant(said), word.as_of)


def _before(word: Word) -> list[str]:
    """The exchanges through which a word came to the one that we have it from."""
    via = origin_of(word.document).get("via") or []
    return list(via[:-1])
