"""How a reader begins: from now, with all that stands, or from where it stopped; then it joins those who are told live.

```
snapshot ─────────┐
Last-Event-ID ────┼──> what it missed, stretch by stretch, at its own pace ──> as far as the hub has come: joins in that very turn
now ──────────────┘
```
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import structlog
from anyio.to_thread import run_sync
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import Session

from placefeed.service.channels.index import Selected
from placefeed.service.channels.query import Filter, refuse
from placefeed.service.channels.stream import frames
from placefeed.service.channels.stream.batches import Parted, missed
from placefeed.service.channels.stream.frames import STRETCH, Mark, Piece
from placefeed.service.channels.stream.hub import Hub
from placefeed.service.channels.stream.readers import Reader
from placefeed.service.channels.stream.rights import Rights, both
from placefeed.service.errors import Gone
from placefeed.service.publishing.log import head
from placefeed.service.publishing.sight import View
from placefeed.service.publishing.steps import window

log = structlog.get_logger(__name__)

ALSO = ("snapshot", "attestations", "lastEventId")
"""The parameters of the stream beside those of the filter."""

LONGEST = 4 * STRETCH  # changes in the stretch of an id: another version of us may have given it
ITEMS = 100  # listings in one event of a snapshot
AGAIN = 1.0  # seconds after an error of the database
AHEAD = 0.02  # seconds between two looks whether this process has come as far as its reader
ALWAYS = datetime.min.replace(tzinfo=UTC)

Seen = Callable[[], Awaitable[View]]
"""What the reader may see at this moment."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What a reader asks for."""

    filter: Filter
    snapshot: bool
    attestations: bool
    mark: Mark | None

    @staticmethod
    def parse(params: Mapping[str, Sequence[str]], last_event_id: str) -> "Asked":
        """Read the parameters, and the header Last-Event-ID, which counts before the parameter. Raises BadRequest."""
        filter = Filter.parse(params, also=ALSO)
        mark = last_event_id or _one(params, "lastEventId")
        return Asked(
            filter,
            snapshot=_flag(params, "snapshot"),
            attestations=_flag(params, "attestations"),
            mark=Mark.parse(mark) if mark else None,
        )

    @property
    def said(self) -> str:
        """For the audit."""
        begins = "resumed" if self.mark is not None else "snapshot" if self.snapshot else "from now"
        return f"{begins} {self.filter.said}".strip()


def _one(params: Mapping[str, Sequence[str]], name: str) -> str:
    texts = params.get(name, ())
    if len(texts) > 1:
        raise refuse(name, "may be given only once.")
    return texts[0] if texts else ""


def _flag(params: Mapping[str, Sequence[str]], name: str) -> bool:
    text = _one(params, name)
    if text not in ("true", "false", ""):
        raise refuse(name, "takes true or false.")
    return text == "true"


def check(session: Session, mark: Mark) -> None:
    """Raise Gone where the log no longer goes on from there."""
    place = head(session)
    again = "Begin again with snapshot=true and without Last-Event-ID."
    if mark.epoch != place.epoch or mark.upto > place.position:
        raise Gone(f"This id is of another log: a backup of the exchange was put back since. {again}")
    if mark.after < place.history_after:
        raise Gone(f"This id is older than the history that is kept. {again}")
    if mark.after < mark.upto and window(session, mark.after, mark.upto, most=LONGEST) < mark.upto:
        raise frames.not_ours()


async def bring_up(hub: Hub, reader: Reader, asked: Asked, view: Seen) -> None:
    """Give the reader what it asked for first and what it missed, and let it join; returns when it has, or when it was ended."""
    mark, total = asked.mark, None
    await reader.write(frames.HELLO)
    if mark is not None:
        if mark.position < mark.upto:
            await _tell(hub, reader, mark.epoch, mark.after, mark.upto, beyond=mark.position, most=LONGEST)
        epoch, position = mark.epoch, mark.upto
    elif asked.snapshot:
        epoch, position, total = await _snapshot(hub, reader, view)
    else:
        epoch, position = hub.epoch, hub.position
    while reader.open:
        if epoch != hub.epoch:
            reader.end("restarted")
        elif position > hub.position:  # another process told it more than this one knows yet
            await asyncio.sleep(AHEAD)
        elif position < hub.position:
            position = await _tell(hub, reader, epoch, position, hub.position)
        else:  # no turn of the loop between here and there
            hub.join(reader)
            reader.push(frames.ready(Mark.at(epoch, position), total))
            return
    await reader.part()


async def _tell(
    hub: Hub, reader: Reader, epoch: int, after: int, upto: int, *, beyond: int = 0, most: int | None = None
) -> int:
    """Write what a stretch of the log is to this reader, up to `upto` or as far as one stretch goes; returns how far it was."""

    def read(session: Session) -> tuple[list[Piece], int]:
        longest = STRETCH if most is None else most
        until = upto if upto - after <= longest else window(session, after, upto, most=longest)
        told = missed(
            session, reader.kind, epoch=epoch, after=after, upto=until, find=hub.find(), now=hub.clock(), beyond=beyond
        )
        return told, until

    while reader.open:
        try:
            pieces, upto = await run_sync(hub.reading, read, limiter=hub.comers)
        except Parted:
            reader.end("restarted")
        except SQLAlchemyError as error:
            log.warning("a stream could not be brought up to date; trying again", error=type(error).__name__)
            await asyncio.sleep(AGAIN)
        else:
            for piece in pieces:
                await reader.write(piece)
            break
    return upto


async def _snapshot(hub: Hub, reader: Reader, view: Seen) -> tuple[int, int, int]:
    """Write what stands; returns epoch, position and how many listings. What is in doubt by the clock is noted at the reader."""
    state = hub.snapshot.state
    kind = reader.kind

    def select() -> tuple[View, list[Selected]]:
        at = state.position
        right = hub.reading(
            lambda session: Rights().of(session, [kind.party], after=at, upto=at, now=hub.clock())[kind.party]
        )
        # By what the log says, as every later event; what time has changed since is only shown as unknown.
        return right.view, state.select(kind.filter, right.view, ALWAYS).items

    first, items = await run_sync(select, limiter=hub.comers)
    doubtful: set[str] = set()
    total = 0
    for start in range(0, len(items), ITEMS):
        seen = both(first, await view())  # a slow reader may have lost a right since it began
        now = hub.clock()
        rows = [row for _key, row, _overdue in items[start : start + ITEMS] if seen.sees(row.audiences)]
        doubtful.update(row.id for row in rows if row.overdue(now))
        total += len(rows)
        if not await reader.write(frames.snapshot(row.fragment(seen, overdue=row.overdue(now)) for row in rows)):
            break
    reader.kind = replace(kind, doubtful=frozenset(doubtful))
    return state.epoch, state.position, total
