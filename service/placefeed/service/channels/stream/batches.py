"""What a stretch of the log is to its readers on a stream, as bytes: looked at once for all who are told the same."""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from heapq import merge
from operator import attrgetter

from sqlmodel import Session

from placefeed.service.channels.news import Reader, news
from placefeed.service.channels.query import Filter
from placefeed.service.channels.rows import Row
from placefeed.service.channels.stream.frames import Frames, Piece, pieces
from placefeed.service.channels.stream.rights import Party, Right, Rights
from placefeed.service.publishing.log import head
from placefeed.service.publishing.sight import View
from placefeed.service.publishing.steps import Step, steps

Find = Callable[[str], Row | None]


@dataclass(frozen=True, slots=True)
class Kind:
    """What readers have in common who are told the same: who they are and what they ask.

    `doubtful` are listings that they were given as unknown because time had changed them and the publisher had not looked:
    the next step of one is told in any case.
    """

    party: Party
    asks: str  # the filter's key
    filter: Filter = field(compare=False, repr=False)
    attestations: bool = False
    doubtful: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Batch:
    """What a stretch is to each kind of reader; who is not in it is told nothing. `touched`: the listings that had a step."""

    pieces: Mapping[Kind, list[Piece]]
    touched: frozenset[str]


class Parted(Exception):
    """The log cannot be followed from where we are: another epoch, or the history is no longer kept as far back."""


def check_followed(session: Session, *, epoch: int, after: int) -> int:
    """The head's position; raises Parted where the log no longer goes on from `after`."""
    place = head(session)
    if place.epoch != epoch or place.history_after > after:
        raise Parted
    return place.position


def build(
    session: Session,
    kinds: Collection[Kind],
    rights: Rights,
    *,
    epoch: int,
    after: int,
    upto: int,
    find: Find,
    now: datetime,
) -> Batch:
    """What the stretch above `after` up to `upto` is to each of these kinds. Raises Parted."""
    check_followed(session, epoch=epoch, after=after)
    parties = {kind.party for kind in kinds}
    right = rights.of(session, parties, after=after, upto=upto, now=now)
    happened = steps(session, after, upto)
    alone = rights.alone(session, after=after, upto=upto, known=happened)
    frames = Frames(epoch, after, upto, find=find, now=now)
    made: dict[object, list[Piece]] = {}
    joined: dict[tuple[int, ...], list[Piece]] = {}
    found: dict[Kind, list[Piece]] = {}
    said = _mentioned(happened, find)
    for kind in kinds:
        own = alone.get(kind.party)
        ours = right[kind.party]
        # Who differs only in what none of these steps mentions is told the same.
        alike = (kind.party, ours) if own else (kind.party.role, said.narrowed(ours.was), said.narrowed(ours.view))
        key = (*alike, kind.asks, kind.attestations, kind.doubtful)
        told = made.get(key)
        if told is None:
            mine = _frames(happened, own or (), ours, kind, frames)
            same = tuple(map(id, mine))  # who asks differently is often told the same, too: then the very same bytes
            told = joined.get(same)
            if told is None:
                told = joined[same] = list(pieces(mine))
            made[key] = told
        if told:
            found[kind] = told
    touched = frozenset(step.listing_id for step in happened if step.listing_id)
    return Batch(found, touched)


@dataclass(frozen=True, slots=True)
class _Mentioned:
    """Every audience and every buyer on whom it depends what some steps are to a reader."""

    audiences: frozenset[str]
    buyers: frozenset[str]

    def narrowed(self, view: View) -> tuple[bool, frozenset[str], frozenset[str]]:
        """What of a view matters here."""
        return view.everything, view.audiences & self.audiences, view.buyers & self.buyers


def _mentioned(happened: Iterable[Step], find: Find) -> _Mentioned:
    audiences: set[str] = set()
    buyers: set[str] = set()
    for step in happened:
        audiences.update(step.audiences_before, step.audiences_after)
        buyers.update(step.offered_to)
        sides = [side for side in (step.before, step.after) if side is not None]
        listings = [each for side in sides for each in side.get("listings", ())]
        audiences.update(name for each in listings for name in each["audiences"])
        for facts in (*sides, *(each["facts"] for each in listings)):
            buyers.update(
                name for rate in facts.get("rates", ()) if rate["offeredTo"] != "any" for name in rate["offeredTo"]
            )
        row = find(step.listing_id) if step.listing_id else None
        if row is not None:
            audiences.update(row.audiences)
            buyers.update(name for offered_to, _rate in row.restricted for name in offered_to)
    return _Mentioned(frozenset(audiences), frozenset(buyers))


def missed(
    session: Session,
    kind: Kind,
    *,
    epoch: int,
    after: int,
    upto: int,
    find: Find,
    now: datetime,
    beyond: int = 0,
) -> list[Piece]:
    """What that stretch is to one reader who was away; only what stands above `beyond`. Raises Parted."""
    check_followed(session, epoch=epoch, after=after)
    rights, parties = Rights(), [kind.party]
    right = rights.of(session, parties, after=after, upto=upto, now=now)[kind.party]
    happened = steps(session, after, upto)
    own = rights.alone(session, after=after, upto=upto, known=happened).get(kind.party, [])
    frames = Frames(epoch, after, upto, find=find, now=now)
    return list(pieces(_frames(happened, own, right, kind, frames, beyond=beyond)))


def _frames(
    happened: Iterable[Step], own: Iterable[Step], right: Right, kind: Kind, frames: Frames, *, beyond: int = 0
) -> list[bytes]:
    reader = Reader(kind.party.role, kind.party.organisation_id, view=right.view, was=right.was)
    found = []
    for step in merge(happened, own, key=attrgetter("position")):
        if step.position <= beyond:
            continue
        told = news(step, reader, kind.filter, attestations=kind.attestations)
        if told is None and step.listing_id in kind.doubtful:
            same = replace(step, before=step.after, audiences_before=step.audiences_after)
            told = news(same, reader, kind.filter, attestations=True)
        frame = frames.of(told, right.view) if told is not None else None
        if frame is not None:
            found.append(frame)
    return found
