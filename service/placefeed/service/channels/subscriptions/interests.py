"""Which of many subscriptions a step of the log concerns: a bit each, and a few ANDs for all of them.

The list's index has a bit for each listing and asks it for one filter; here each filter has a bit, and a listing asks for those
that take it. Subscriptions of one organisation that ask the same share a bit. What masks cannot say exactly (rates, several
words, whoever's own sight changed) is decided by `news()`, which is the meaning of all of it.
"""

from collections.abc import Iterable, Iterator, Mapping
from itertools import compress
from typing import Any, NamedTuple

from placefeed.service.access.who import OPERATOR, PROVIDER
from placefeed.service.channels.criteria import Facts
from placefeed.service.channels.news import CHANGED, CONFIRMED, PUBLISHED, WITHDRAWN, Reader
from placefeed.service.channels.subscriptions.notices import Asked
from placefeed.service.channels.subscriptions.questions import READERS, Question, questions
from placefeed.service.publishing.steps import Step

RATE = "rate.changed"
_BITS = bytes.maketrans(b"01", b"\x00\x01")


class Who(NamedTuple):
    """As whom something is asked."""

    role: str
    organisation_id: str


class Slot:
    """One interest: what is asked and by whom, and the subscriptions that ask it, each with the position where it begins."""

    __slots__ = ("asked", "exact", "questions", "subscriptions", "who")

    def __init__(self, asked: Asked) -> None:
        self.asked = asked
        self.who = Who(asked.role, asked.organisation_id)
        self.subscriptions: dict[str, int] = {}
        self.questions, self.exact = questions(asked.filter)

    @property
    def key(self) -> Any:
        """Equal for subscriptions that share a slot."""
        asked = self.asked
        return self.who, asked.filter.key, asked.types, asked.attestations


class Interests:
    """All interests, by slot. `look` says who the readers are; then `concerned` may be asked."""

    def __init__(self) -> None:
        self.slots: list[Slot | None] = []
        self.readers: dict[Who, Reader] = {}
        self._free: list[int] = []
        self._numbers: dict[Any, int] = {}  # a slot's key -> its number
        self._of: dict[str, int] = {}  # subscription -> its slot's number
        self._bits: dict[Who, int] = {}
        self._masks: dict[tuple[str, Any], int] = {}  # role, type, provider, everything, audience, buyer, attestations
        self._questions: dict[Question, dict[Any, int]] = {}  # -> answer -> who would take it
        self._used = 0
        self._exact = 0

    def __len__(self) -> int:
        return len(self._of)

    def __contains__(self, subscription_id: str) -> bool:
        return subscription_id in self._of

    def put(self, subscription_id: str, start: int, asked: Asked) -> None:
        """Take a subscription in, or as it is now."""
        self.drop(subscription_id)
        fresh = Slot(asked)
        number = self._numbers.get(fresh.key)
        slot = self.slots[number] if number is not None else None
        if slot is None or number is None:
            number, slot = self._free.pop() if self._free else len(self.slots), fresh
            self._fill(number, fresh)
        slot.subscriptions[subscription_id] = start
        self._of[subscription_id] = number

    def drop(self, subscription_id: str) -> None:
        """Let go of a subscription, if it is here."""
        number = self._of.pop(subscription_id, None)
        slot = self.slots[number] if number is not None else None
        if slot is None or number is None:
            return
        del slot.subscriptions[subscription_id]
        if not slot.subscriptions:
            self._empty(number, slot)

    def slot_of(self, subscription_id: str) -> Slot:
        """Where a subscription is. Raises KeyError."""
        slot = self.slots[self._of[subscription_id]]
        if slot is None:
            raise KeyError(subscription_id)
        return slot

    @property
    def who(self) -> Iterable[Who]:
        """As whom anything is asked."""
        return self._bits.keys()

    def look(self, readers: Mapping[Who, Reader]) -> int:
        """Let everyone see what its reader sees; returns the slots of those whose own sight changed in the stretch that is read."""
        moved = 0
        for who, bits in self._bits.items():
            reader, known = readers[who], self.readers.get(who)
            if known is None or known.view != reader.view:
                for facet in () if known is None else _sights(known):
                    self._unset(self._masks, facet, bits)
                for facet in _sights(reader):
                    self._masks[facet] = self._masks.get(facet, 0) | bits
            self.readers[who] = reader
            if reader.was != reader.view:
                moved |= bits
        return moved

    def bits(self, who: Who) -> int:
        """The slots of one reader."""
        return self._bits.get(who, 0)

    def each(self, mask: int) -> Iterator[tuple[int, Slot]]:
        """The slots of a mask."""
        return compress(enumerate(self.slots), bin(mask)[:1:-1].encode().translate(_BITS))  # type: ignore[arg-type]  # a set bit has a slot

    # -- asking -----------------------------------------------------------------------------------------------------------

    def concerned(self, step: Step, moved: int = 0) -> int:
        """The slots that this step is news to. `moved`: those whose own sight changed (see `look`)."""
        if step.listing_id is None:
            return self._of_setting(step)
        before = 0 if step.before is None else self.asking(step.before)
        after = 0 if step.after is None else self.asking(step.after)
        alone = moved & (before | after)
        before &= self._seeing(step.audiences_before)
        after &= self._seeing(step.audiences_after)
        found = after & ~before & self._having("type", PUBLISHED)
        found |= before & ~after & self._having("type", WITHDRAWN)
        found |= before & after & self._changed(step)
        doubtful = (before | after) & ~self._exact | alone
        return found & ~doubtful | self._decided(step, doubtful)

    def asking(self, facts: Facts) -> int:
        """The slots whose filter may take a listing with these facts, whoever sees it; of the exact ones, those that do."""
        mask = self._used
        for question, answers in self._questions.items():
            mask &= READERS[question.kind](question.fact, answers, facts)
            if not mask:
                break
        return mask

    def _seeing(self, audiences: Iterable[str]) -> int:
        mask = self._having("role", OPERATOR)
        for audience in audiences:
            mask |= self._having("audience", audience)
        return mask & ~self._having("role", PROVIDER)

    def _changed(self, step: Step) -> int:
        """The slots that are told of what a step changed, where they see the listing before and after."""
        types = {type for type in step.events if type not in (PUBLISHED, WITHDRAWN)}
        if len(types) < len(set(step.events)):
            types.add(CHANGED)  # it went and came again in between
        told, without = 0, self._used
        if RATE in types:
            types.discard(RATE)
            may = self._may_have(step.offered_to)
            told, without = self._having("type", RATE) & may, self._used & ~may
        for type in types:
            told |= self._having("type", type)
        if not types and step.changed:
            same = (step.before or {}).get("asOf") == (step.after or {}).get("asOf")
            told |= without & self._having("attestations", True) & self._having("type", CHANGED if same else CONFIRMED)
        return told

    def _may_have(self, offered_to: Iterable[str]) -> int:
        mask = self._having("role", OPERATOR)
        for buyer in offered_to:
            mask |= self._used if buyer == "any" else self._having("buyer", buyer)
        return mask

    def _of_setting(self, step: Step) -> int:
        told = 0
        for type in step.events:
            told |= self._having("type", type)
        own = told & (self._having("everything", True) | self._having("provider", step.organisation_id))
        sees = 0
        for side in (step.before, step.after):
            for listing in (side or {}).get("listings", ()):
                sees |= self._seeing(listing["audiences"]) & self.asking(listing["facts"])
        sees &= told & ~own
        return own | sees & self._exact | self._decided(step, sees & ~self._exact)

    def _decided(self, step: Step, mask: int) -> int:
        found = 0
        if mask:
            for number, slot in self.each(mask):
                if slot.asked.news(step, self.readers[slot.who]) is not None:
                    found |= 1 << number
        return found

    # -- keeping ----------------------------------------------------------------------------------------------------------

    def _having(self, kind: str, value: Any) -> int:
        return self._masks.get((kind, value), 0)

    def _fill(self, number: int, slot: Slot) -> None:
        bit = 1 << number
        if number == len(self.slots):
            self.slots.append(slot)
        self.slots[number] = slot
        self._numbers[slot.key] = number
        self._used |= bit
        self._exact |= bit if slot.exact else 0
        self._bits[slot.who] = self._bits.get(slot.who, 0) | bit
        known = self.readers.get(slot.who)
        for facet in (*_asks(slot), *(() if known is None else _sights(known))):
            self._masks[facet] = self._masks.get(facet, 0) | bit
        for question, answer in slot.questions:
            answers = self._questions.setdefault(question, {})
            answers[answer] = answers.get(answer, 0) | bit

    def _empty(self, number: int, slot: Slot) -> None:
        bit = 1 << number
        self.slots[number] = None
        self._free.append(number)
        del self._numbers[slot.key]
        self._used &= ~bit
        self._exact &= ~bit
        known = self.readers.get(slot.who)
        for facet in (*_asks(slot), *(() if known is None else _sights(known))):
            self._unset(self._masks, facet, bit)
        for question, answer in slot.questions:
            self._unset(self._questions[question], answer, bit)
            if not self._questions[question]:
                del self._questions[question]
        self._unset(self._bits, slot.who, bit)
        if slot.who not in self._bits:
            self.readers.pop(slot.who, None)

    @staticmethod
    def _unset(masks: dict[Any, int], key: Any, bits: int) -> None:
        left = masks.get(key, 0) & ~bits
        if left:
            masks[key] = left
        else:
            masks.pop(key, None)


def _asks(slot: Slot) -> Iterator[tuple[str, Any]]:
    yield "role", slot.asked.role
    if slot.asked.role == PROVIDER:
        yield "provider", slot.asked.organisation_id
    if slot.asked.role == OPERATOR and not slot.asked.filter.criteria:
        yield "everything", True
    for type in slot.asked.types:
        yield "type", type
    if slot.asked.attestations:
        yield "attestations", True


def _sights(reader: Reader) -> Iterator[tuple[str, Any]]:
    for audience in reader.view.audiences:
        yield "audience", audience
    for buyer in reader.view.buyers:
        yield "buyer", buyer
