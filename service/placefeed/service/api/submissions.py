"""Routes of providers: send a feed, read what became of it, decide about what a complete feed lacked."""

import time
from collections.abc import Callable
from typing import Annotated, Any, Final
from urllib.parse import urlencode

from anyio.to_thread import run_sync
from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response
from structlog.contextvars import bind_contextvars

from placefeed.adapters import media
from placefeed.service import oversight
from placefeed.service.access.sources import own_source
from placefeed.service.access.who import PROVIDER, Caller
from placefeed.service.api import shapes
from placefeed.service.api.bodies import AbsenceBody, Limit
from placefeed.service.api.deps import ProviderOrOperator, Running, Submitter, answer
from placefeed.service.api.names import file_name
from placefeed.service.api.openapi import BINARY, OBJECT, TEXT, answers, listed, refuses, standard, takes
from placefeed.service.comments import FORMS, commented, form_asked
from placefeed.service.errors import BadRequest, Invalid, UnsupportedMediaType
from placefeed.service.intake import guards
from placefeed.service.intake.arriving import Arriving
from placefeed.service.intake.arriving import submit as submit_arrived
from placefeed.service.intake.submit import Taken, report_of, reserve
from placefeed.service.running.limits import check_length, too_large
from placefeed.service.running.parts import Exchange
from placefeed.service.running.waiting import asked_to_wait, until_published

router = APIRouter(prefix="/v1/submissions", tags=["submissions"], default_response_class=Response)

TAKEN: Final = {
    media.JSON: standard("feed"),
    media.NDJSON: TEXT,
    media.CSV: TEXT,
    media.XLSX: BINARY,
    media.ODS: BINARY,
}
KEY_LONGEST = 255
SourceId = Annotated[str | None, Query(max_length=120, description="Another source of your own than the key's.")]


@router.post(
    "", status_code=201, summary="Send a feed, whole or in part",
    openapi_extra={
        **takes(TAKEN, "The feed, in any of its forms; its file name may stand in Content-Disposition."),
        "parameters": [
            {"name": "Idempotency-Key", "in": "header", "schema": {"type": "string", "maxLength": KEY_LONGEST}, "description": "The same key and body get the same answer."},
            {"name": "Prefer", "in": "header", "schema": {"type": "string"}, "description": "`wait=2`: wait up to so many seconds (at most 10) until it is published."},
        ],
    },
    responses=answers("Taken; the report says what became of each record.", standard("report"), status=201, headers=["Location"])
    | answers("Nothing in it was new.", standard("report"))
    | answers("Kept safe and being worked; ask `Location` for its report.", standard("report"), status=202, headers=["Location"])
    | refuses(409, 413, 415, 422),
)  # fmt: skip
async def submit(request: Request, caller: Submitter, exchange: Running, source: SourceId = None) -> Response:
    """A 2xx means that it is durable. A record with errors never stops a good one. Of a feed of which nothing could be taken
    the answer is 422, with the report in it."""
    started = time.perf_counter()
    kind = _kind(request)
    key = _idempotency_key(request)
    sender = _Sender(exchange, caller, source=source, content_type=kind, name=file_name(request), key=key)
    taken = await sender.send(request)
    exchange.metrics.took_in("large" if taken.status == 202 else "submission", time.perf_counter() - started)
    bind_contextvars(submission=taken.submission_id, source=sender.source_id)  # for the line that ends this request
    report = taken.report
    headers = {"Location": _address(exchange, taken.submission_id)}
    if taken.status == 202:
        return answer(report, status=202, headers=headers)
    seconds = asked_to_wait(request)
    report = await run_sync(_report, exchange, taken.submission_id)
    if seconds and taken.status != 422:
        await until_published(exchange, _published(exchange, taken.submission_id), seconds=seconds)
        report = await run_sync(_report, exchange, taken.submission_id)
        headers["Preference-Applied"] = f"wait={seconds:.0f}"
    if taken.status == 422:
        raise Invalid(
            "Nothing in this submission could be taken. Its issues say what was wrong, where, and what to do.",
            headers=headers,
            **_apart(report),
        )
    return answer(report, status=taken.status, headers=headers)


@router.get("", summary="Submissions, newest first", responses=answers("The submissions.", listed(OBJECT)))
def list_submissions(
    caller: ProviderOrOperator,
    exchange: Running,
    state: Annotated[str | None, Query(max_length=20, description="working, done, rejected or failed")] = None,
    before: Annotated[str | None, Query(max_length=40, description="Only those before this one.")] = None,
    limit: Limit = 100,
) -> Response:
    """A provider's own; all of them for the operator."""
    with exchange.database.read() as session:
        rows = oversight.submissions(session, organisation_id=_own(caller), state=state, before=before, limit=limit)
    page: shapes.Json = {"items": [shapes.submission(row) for row in rows]}
    if len(rows) == limit:
        asked = {"limit": limit, "before": rows[-1].id, **({"state": state} if state else {})}
        page["next"] = f"{exchange.settings.base_url.rstrip('/')}/v1/submissions?{urlencode(asked)}"
    return answer(page)


@router.get("/{submission_id}", summary="One submission", responses=answers("The submission.", OBJECT))
def read_submission(submission_id: str, caller: ProviderOrOperator, exchange: Running) -> Response:
    """When it came, in which form, how far it is."""
    with exchange.database.read() as session:
        return answer(shapes.submission(oversight.submission(session, submission_id, organisation_id=_own(caller))))


@router.get(
    "/{submission_id}/report", summary="What became of a submission",
    responses=answers("The report.", {"application/json": standard("report"), media.CSV: TEXT, media.XLSX: BINARY}) | refuses(406),
)  # fmt: skip
def read_report(
    submission_id: str,
    request: Request,
    caller: ProviderOrOperator,
    exchange: Running,
    form: Annotated[
        str | None, Query(alias="format", max_length=10, description="json, csv or xlsx; else by the Accept header.")
    ] = None,
) -> Response:
    """As CSV or XLSX: the sheet that was sent, with a column of comments."""
    chosen = form_asked(form, request.headers.get("accept", ""))
    with exchange.database.read() as session:
        row = oversight.submission(session, submission_id, organisation_id=_own(caller))
        report = report_of(session, submission_id)
        if chosen == "json":
            return answer(report, headers={"Vary": "Authorization, Accept"})
        content = commented(session, row, report, form=chosen)
    headers = {
        "Content-Disposition": f'attachment; filename="report-{submission_id}.{chosen}"',
        "Cache-Control": "private, no-store",
        "Vary": "Authorization, Accept",
    }
    return Response(content, media_type=FORMS[chosen], headers=headers)


@router.post(
    "/{submission_id}/absences",
    summary="Say whether the settings that a complete feed lacked are gone",
    responses=answers("How many were decided.", OBJECT) | refuses(409),
)
def decide_absences(submission_id: str, body: AbsenceBody, caller: ProviderOrOperator, exchange: Running) -> Response:
    """A sudden loss of settings waits for a person's word; meanwhile what they offer shows as unknown."""
    caller.require("submit" if caller.role == PROVIDER else "operate")
    with exchange.database.write() as session:
        return answer(
            guards.decide(
                session, submission_id=submission_id, confirm=body.confirm, caller=caller, now=exchange.clock()
            )
        )


class _Sender:
    """Takes in one body: a small one in memory and at once, a larger one by way of the encrypted spool."""

    def __init__(
        self, exchange: Exchange, caller: Caller, *, source: str | None, content_type: str, name: str, key: str | None
    ) -> None:
        self._exchange = exchange
        self._organisation = caller.organisation_id or ""
        self._source = source or caller.source_id
        self._key = key
        self.source_id = self._source  # which one it was, once it is known
        self._options: dict[str, Any] = {"content_type": content_type, "name": name, "idempotency_key": key}

    async def send(self, request: Request) -> Taken:
        """Read the body to its end and take it in. Raises TooLarge as soon as it is too large."""
        settings = self._exchange.settings
        check_length(request, settings.max_body)
        body = Arriving(settings)
        try:
            async for chunk in request.stream():
                due = body.add(chunk)
                if body.size > settings.max_body:
                    raise too_large(settings.max_body)
                if due:
                    if not body.large:
                        await run_sync(self._reserve)
                    await run_sync(body.put_down)
            if not body.size:
                raise BadRequest("The body is empty. Send the feed as the body.")
            await run_sync(body.end)
            return await run_sync(self._submit, body)
        finally:
            # Whatever went wrong (a connection cut, a refusal), nothing readable or unreadable is left behind.
            body.discard()

    def _submit(self, body: Arriving) -> Taken:
        exchange = self._exchange
        taken, self.source_id = submit_arrived(
            exchange.database,
            body,
            organisation_id=self._organisation,
            source_id=self._source,
            reserved=body.large,
            settings=exchange.settings,
            now=exchange.clock(),
            **self._options,
        )
        return taken

    def _reserve(self) -> None:
        exchange = self._exchange
        with exchange.database.write() as session:
            source = own_source(session, self._organisation, source_id=self._source, now=exchange.clock())
            if self._key is not None:
                reserve(
                    session, source=source, idempotency_key=self._key, settings=exchange.settings, now=exchange.clock()
                )


def _kind(request: Request) -> str:
    said = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    kind = media.SYNONYMS.get(said, said)
    if kind not in TAKEN:
        raise UnsupportedMediaType(
            f"Send the feed with one of these Content-Types: {', '.join(TAKEN)}.",
            headers={"Accept-Post": ", ".join(TAKEN)},
        )
    return kind


def _idempotency_key(request: Request) -> str | None:
    key = request.headers.get("idempotency-key")
    if key is None:
        return None
    key = key.strip()
    if not key or len(key) > KEY_LONGEST or not key.isprintable():
        raise BadRequest(
            f"An Idempotency-Key has 1 to {KEY_LONGEST} characters.", errors=[{"parameter": "Idempotency-Key"}]
        )
    return key


def _report(exchange: Exchange, submission_id: str) -> dict[str, Any]:
    with exchange.database.read() as session:
        return report_of(session, submission_id)


def _published(exchange: Exchange, submission_id: str) -> Callable[[], bool]:
    def done() -> bool:
        return bool(_report(exchange, submission_id)["publication"]["status"] == "published")

    return done


def _apart(report: dict[str, Any]) -> dict[str, Any]:
    """A report as further members of a problem document, which has meanings of its own for these."""
    return {
        name: value for name, value in report.items() if name not in ("type", "title", "status", "detail", "errors")
    }


def _own(caller: Caller) -> str | None:
    return caller.organisation_id if caller.role == PROVIDER else None


def _address(exchange: Exchange, submission_id: str) -> str:
    return f"{exchange.settings.base_url.rstrip('/')}/v1/submissions/{submission_id}"
