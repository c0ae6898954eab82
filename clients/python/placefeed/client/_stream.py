"""Listening to the stream of the list: connected again after every break, where it broke off."""

from typing import Any

import orjson

from placefeed.client._patience import Patience, Troubled
from placefeed.client._sse import Frame, Parser, TooLargeEvent
from placefeed.client._steps import Answer, Emit, Open, Pause, Read, Request, Steps, failure
from placefeed.client._wire import Filter, query_of
from placefeed.client.changes import RESET, Event
from placefeed.client.errors import Gone, NotAllowed, PlacefeedError, TooManyRequests, Unavailable

PATH = "v1/listings/stream"
SILENCE = 45.0  # the exchange sends at least a ping every 15 s
FIRST_WAIT, LONGEST_WAIT = 3.0, 60.0


def stream(
    *,
    snapshot: bool = False,
    attestations: bool = False,
    last_event_id: str | None = None,
    start_again: bool = False,
    silence: float = SILENCE,
    give_up_after: float | None = None,
    troubled: Troubled | None = None,
    **filters: Filter,
) -> Steps[None]:
    """What happens to the listings that match, as it happens, for ever. Filters as for `listings`.

    With `snapshot` all that match now come first, as `snapshot` events; then a `ready`, then news. Without it, news from
    now, or from after `last_event_id`. `attestations` tells also that something was confirmed. A connection that breaks, is
    silent for `silence` seconds, or is ended by the exchange is made again, and nothing is lost or repeated; each begins
    with a `ready`. A failure is raised after `give_up_after` seconds of waiting in a row (None: never; two minutes before
    the first `ready`); `troubled` is told of each that is borne, and the wait.

    Raises NotAllowed where you may no longer read the list; Gone where the exchange has no longer what came since. With
    `start_again` you get a `reset` instead, and then a snapshot.
    """
    listening = _Listening(last_event_id, snapshot=snapshot and last_event_id is None)
    patience = Patience(first=FIRST_WAIT, longest=LONGEST_WAIT, give_up_after=give_up_after, troubled=troubled)
    asked = query_of({**filters, "attestations": attestations or None}, None)
    begun_again = False
    while True:
        if listening.halfway:  # a snapshot broke off: what came of it may be gone by now
            listening.halfway = False
            yield Emit(Event(RESET))
        query = [*asked, *([("snapshot", "true")] if listening.snapshot else [])]
        headers = {"Accept": "text/event-stream", "Cache-Control": "no-store", "Accept-Encoding": "identity"}
        if listening.id is not None:
            headers["Last-Event-ID"] = listening.id
        try:
            yield from _connection(Request("GET", PATH, query=query, headers=headers), silence, listening, patience)
        except Gone as gone:
            if not start_again or (begun_again and not listening.ready):
                raise
            begun_again = True
            listening = _Listening(None, snapshot=True)
            if patience.troubled is not None:
                patience.troubled(gone, 0.0)
            yield Emit(Event(RESET))
        except (TooManyRequests, Unavailable) as error:
            begun_again = begun_again and not listening.ready
            yield Pause(patience.wait(error))
        listening.ready = False


class _Listening:
    """How far a listener has come. `snapshot`: it still wants the whole; `halfway`: it has a part of that."""

    def __init__(self, id: str | None, *, snapshot: bool) -> None:
        self.id, self.snapshot = id, snapshot
        self.halfway = self.ready = False


def _connection(request: Request, silence: float, listening: _Listening, patience: Patience) -> Steps[None]:
    """One connection. It ends by an error that says why, always."""
    answer: Answer = yield Open(request, silence)
    if not 200 <= answer.status < 300:
        raise failure(answer)
    if answer.headers.get("content-type", "").partition(";")[0].strip().lower() != "text/event-stream":
        raise Unavailable(
            "The answer is no stream of events. Check that the URL is that of a Placefeed exchange, not of a proxy or a sign-in page.",
            status=answer.status,
        )
    parser = Parser()
    parser.id = listening.id
    while chunk := (yield Read()):
        try:
            frames = list(parser.feed(chunk))
        except TooLargeEvent as error:
            raise Unavailable(f"The stream makes no sense: {error}", status=answer.status) from error
        if parser.retry is not None:
            patience.first = min(parser.retry, LONGEST_WAIT)
        for frame in frames:
            event = _event(frame, answer)
            if event.type == "end":
                raise _ended(event)
            if event.type == "snapshot":
                listening.halfway = True
            else:
                patience.recovered()
            if event.type == "ready":
                listening.halfway = listening.snapshot = False
                listening.ready = True
            elif event.type != "snapshot":
                patience.progressed()
            yield Emit(event)
            if not listening.halfway:
                listening.id = frame.id
    raise Unavailable("The stream ended without a reason.")


def _event(frame: Frame, answer: Answer) -> Event:
    try:
        document: Any = orjson.loads(frame.data)
    except orjson.JSONDecodeError:
        document = None
    if not isinstance(document, dict) or (frame.id is not None and not (frame.id.isascii() and frame.id.isprintable())):
        raise Unavailable(
            "The stream makes no sense: an event is no JSON object, or its id no text.", status=answer.status
        )
    return Event(frame.event, frame.id, document)


def _ended(event: Event) -> PlacefeedError:
    """The exchange ends a stream with a reason."""
    reason, detail = event.document.get("reason"), str(event.document.get("detail") or "")
    if reason == "access":
        return NotAllowed(detail or "You may no longer read this list. Ask the exchange's operator.")
    if reason == "restarted":
        return Gone(
            f"{detail or 'The exchange was restored from a backup.'} Drop what you hold and begin again with a snapshot: `start_again=True` does so by itself."
        )
    return Unavailable(detail or f"The exchange ended the stream ({reason}).")
