"""Every call to an exchange, once: generators of steps (see `_steps`) that the sync and the async client drive alike."""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import orjson

from placefeed.client._steps import (
    Answer,
    Emit,
    Pause,
    Progress,
    Request,
    Steps,
    ask,
    failure,
    retry_after,
    with_header,
)
from placefeed.client._wire import JSON, Filter, content_disposition, media_type_of, next_of, query_of, segment, unseen
from placefeed.client.errors import Unavailable
from placefeed.client.results import Document, Page, Report, Versioned

PROBLEM = ("type", "title", "status", "detail", "errors", "requestId")

# -- provider ------------------------------------------------------------------------------------------------------


def push(
    feed: Mapping[str, Any] | bytes,
    *,
    content_type: str = JSON,
    name: str | None = None,
    wait: bool = True,
    timeout: float = 600.0,
    idempotency_key: str | None = None,
) -> Steps[Report]:
    """Send a feed: a document, or its bytes in the form that `content_type` says.

    With `wait`, a large one that the exchange works on later is waited for, at most `timeout` seconds. A feed with
    errors is no exception: read `report.ok` and `report.issues`. Sent again after a failure, it is not taken twice.
    """
    body = feed if isinstance(feed, bytes) else orjson.dumps(feed)
    return (
        yield from _submit(
            body, content_type, name=name, wait=wait, timeout=timeout, key=idempotency_key, progress=None
        )
    )


def upload(
    path: str | Path,
    *,
    content_type: str | None = None,
    wait: bool = True,
    timeout: float = 600.0,
    idempotency_key: str | None = None,
    progress: Progress | None = None,
) -> Steps[Report]:
    """Send a file (JSON, NDJSON, CSV, XLSX or ODS by its ending), streamed from disk. Else like `push`.

    `progress` is told bytes sent so far and in all. Raises ValueError for an ending that means nothing here, OSError.
    """
    file = Path(path)
    kind = content_type or media_type_of(file)
    if not file.is_file():
        raise FileNotFoundError(f"There is no file {file}.")
    return (
        yield from _submit(
            file, kind, name=file.name, wait=wait, timeout=timeout, key=idempotency_key, progress=progress
        )
    )


def _submit(
    body: bytes | Path,
    kind: str,
    *,
    name: str | None,
    wait: bool,
    timeout: float,
    key: str | None,
    progress: Progress | None,
) -> Steps[Report]:
    headers = {"Content-Type": kind, "Idempotency-Key": key or str(uuid4())}
    if name:
        headers["Content-Disposition"] = content_disposition(name)
    if wait:
        headers["Prefer"] = "wait=2"  # RFC 7240: seconds that a small one may take until members see it
    answer: Answer = yield Request("POST", "v1/submissions", headers=headers, body=body, progress=progress)
    if not (200 <= answer.status < 300 or _has_report(answer)):
        raise failure(answer)
    report = _report(answer)
    if wait and not report.finished:
        return (yield from wait_for_report(_id_of(report), timeout=timeout))
    return report


def report(submission: str) -> Steps[Report]:
    """What became of a submission; `finished` is false while the exchange is at work on it."""
    return _report(
        (yield from ask(Request("GET", f"v1/submissions/{segment(submission)}/report"))), submission=submission
    )


def submission(submission: str) -> Steps[Document]:
    """A submission itself: when it came, in which form, how far it is."""
    return (yield from ask(Request("GET", f"v1/submissions/{segment(submission)}"))).document()


def wait_for_report(submission: str, *, timeout: float = 600.0) -> Steps[Report]:
    """Ask until the exchange is done with a submission, at most `timeout` seconds; more slowly as time goes on."""
    started: float = yield Pause(0)
    pause = 0.5
    while True:
        answer = yield from ask(Request("GET", f"v1/submissions/{segment(submission)}/report"))
        found = _report(answer, submission=submission)
        if found.finished:
            return found
        pause = min(pause * 1.5, 10.0)
        asked = retry_after(answer, now=datetime.now(UTC))
        now: float = yield Pause(pause if asked is None else min(asked, 30.0))
        if now - started > timeout:
            raise Unavailable(
                f"Submission {submission} is safe with the exchange, but after {timeout:g} seconds it is still at work on it. Ask for its report later."
            )


def put_capacity(urn: str, document: Mapping[str, Any], *, if_match: str | None = None) -> Steps[Report]:
    """Say the counts of places of a setting (`capacity` of the standard). With `if_match`, only if nobody changed it since.

    Raises Conflict if its `asOf` is older than what is known, Stale, Refused.
    """
    return (yield from _put(f"v1/settings/{segment(urn)}/capacity", document, if_match=if_match))


def put_vacancy(urn: str, vacancy: str, document: Mapping[str, Any], *, if_match: str | None = None) -> Steps[Report]:
    """Offer a vacancy, or change it, under your own id of it (`vacancy` of the standard)."""
    return (yield from _put(f"v1/settings/{segment(urn)}/vacancies/{segment(vacancy)}", document, if_match=if_match))


def put_rate(urn: str, rate: str, document: Mapping[str, Any], *, if_match: str | None = None) -> Steps[Report]:
    """Give a rate, or change it, under your own id of it (`rate` of the standard)."""
    return (yield from _put(f"v1/settings/{segment(urn)}/rates/{segment(rate)}", document, if_match=if_match))


def withdraw_vacancy(urn: str, vacancy: str, *, if_match: str | None = None) -> Steps[Report]:
    """Withdraw a vacancy: filled, or no longer offered."""
    return (
        yield from _change(
            Request("DELETE", f"v1/settings/{segment(urn)}/vacancies/{segment(vacancy)}"), if_match=if_match
        )
    )


def attest(urn: str) -> Steps[Report]:
    """Say “no change” for a setting: all you said of it holds as of now."""
    request = Request("POST", f"v1/settings/{segment(urn)}/attestations", headers={"Idempotency-Key": str(uuid4())})
    return _report((yield from ask(request)))


def settings(**filters: Filter) -> Steps[list[Document]]:
    """The settings that you may see, from all pages."""
    found: list[Document] = []
    cursor: str | None = None
    seen: set[str] = set()
    while True:
        document = (yield from ask(Request("GET", "v1/settings", query=query_of(filters, cursor)))).document()
        found.extend(document.get("items") or [])
        cursor = unseen(document.get("next"), seen)
        if cursor is None:
            return found


def setting(urn: str) -> Steps[Versioned]:
    """What is known of a setting; a provider reads its own newest word."""
    answer = yield from ask(Request("GET", f"v1/settings/{segment(urn)}"))
    return Versioned(answer.document(), answer.headers.get("etag"))


def setting_sources(urn: str) -> Steps[Document]:
    """Who says what of a setting, since when."""
    return (yield from ask(Request("GET", f"v1/settings/{segment(urn)}/sources"))).document()


def setting_history(urn: str) -> Steps[Document]:
    """What was said of a setting, newest first."""
    return (yield from ask(Request("GET", f"v1/settings/{segment(urn)}/history"))).document()


# -- member --------------------------------------------------------------------------------------------------------


def listings(*, cursor: str | None = None, etag: str | None = None, **filters: Filter) -> Steps[Page]:
    """One page of the vacancy list, by filters in the words of the exchange (`la`, `age`, `weekly_at_most_pence`...).

    `cursor` is the `next` of a page. With the `etag` of a page you have, an unchanged list comes back empty and `unchanged`.
    """
    headers = {"If-None-Match": etag} if etag else {}
    answer = yield from ask(Request("GET", "v1/listings", query=query_of(filters, cursor), headers=headers), fine=[304])
    if answer.status == 304:
        return Page(items=[], next=None, etag=etag, document={}, unchanged=True)
    document = answer.document()
    return Page(
        items=document.get("items") or [],
        next=next_of(document.get("next")),
        etag=answer.headers.get("etag"),
        document=document,
    )


def iterate(**filters: Filter) -> Steps[None]:
    """Every listing that matches, page after page. A page that fails is asked for again; one that repeats is an error."""
    cursor: str | None = None
    seen: set[str] = set()
    while True:
        page = yield from listings(cursor=cursor, etag=None, **filters)
        for item in page.items:
            yield Emit(item)
        cursor = unseen(page.next, seen)
        if cursor is None:
            return


def listing(listing: str) -> Steps[Document]:
    """One listing, with its cost lines and Ofsted history."""
    return (yield from ask(Request("GET", f"v1/listings/{segment(listing)}"))).document()


def feeds() -> Steps[Document]:
    """What the exchange offers to this key, with addresses."""
    return (yield from ask(Request("GET", "v1/feeds.json"))).document()


# -- shared ------------------------------------------------------------------------------------------------------


def _put(path: str, document: Mapping[str, Any], *, if_match: str | None) -> Steps[Report]:
    return (
        yield from _change(
            Request("PUT", path, headers={"Content-Type": JSON}, body=orjson.dumps(document)), if_match=if_match
        )
    )


def _change(request: Request, *, if_match: str | None) -> Steps[Report]:
    if if_match:
        # Its answer may be lost after it took effect; sent again it would be refused as stale. So it is sent once.
        request = with_header(Request(**{**request.__dict__, "repeatable": False}), "If-Match", if_match)
    return _report((yield from ask(request)))


def _report(answer: Answer, *, submission: str | None = None) -> Report:
    document = answer.document() if answer.content else {}
    if answer.status == 422:  # the report came as further members of the problem
        document = {name: value for name, value in document.items() if name not in PROBLEM}
    if answer.status == 202:
        document = {"verdict": "working", **document}
    location = answer.headers.get("location")
    named = document.get("submission") or document.get("id") or submission
    if named is None and location:
        named = urlsplit(location).path.removesuffix("/report").rstrip("/").rpartition("/")[2]
    return Report(
        document=document, id=str(named) if named else None, etag=answer.headers.get("etag"), location=location
    )


def _has_report(answer: Answer) -> bool:
    """A feed of which nothing could be taken is answered as a refusal, with the report all the same."""
    return answer.status == 422 and {"verdict", "counts"} <= answer.problem().keys()


def _id_of(report: Report) -> str:
    if report.id is None:
        raise Unavailable("The exchange took the submission, but did not say under which number. Ask its operator.")
    return report.id
