"""Routes of the operator: keys. A secret is shown once, when the key is made."""

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from placefeed.service.access import audit, keys
from placefeed.service.api import shapes
from placefeed.service.api.bodies import KeyBody, RotateBody
from placefeed.service.api.deps import Operator, Running, answer
from placefeed.service.api.openapi import OBJECT, answers, listed, refuses
from placefeed.service.db import secret_of

router = APIRouter(prefix="/v1/keys", tags=["organisations"], default_response_class=Response)


@router.get("", summary="All keys, without their secrets", responses=answers("The keys.", listed(OBJECT)))
def list_keys(
    _caller: Operator, exchange: Running, organisation: Annotated[str | None, Query(max_length=80)] = None
) -> Response:
    """Newest first; expired and revoked ones too."""
    with exchange.database.read() as session:
        return answer({"items": [shapes.key(row) for row in keys.list_keys(session, organisation)]})


@router.post(
    "",
    status_code=201,
    summary="Issue a key",
    responses=answers("The key, with its secret in `key`.", OBJECT, status=201),
)
def issue_key(body: KeyBody, caller: Operator, exchange: Running) -> Response:
    """`key` in the answer is the only time that the secret is seen: only an HMAC of it is kept."""
    with exchange.database.write() as session:
        text, row = keys.issue(
            session,
            organisation_id=body.organisation,
            role=body.role,
            scopes=body.scopes,
            source_id=body.source,
            label=body.label,
            expires_at=body.expires_at,
            secret=secret_of(exchange.settings),
            now=exchange.clock(),
        )
        audit.record(
            session,
            caller=caller,
            action="key.issue",
            subject=row.id,
            detail={"organisation": body.organisation, "role": row.role},
            at=exchange.clock(),
        )
    return answer({**shapes.key(row), "key": text}, status=201)


@router.post(
    "/{key_id}/rotate", status_code=201, summary="Replace a key",
    responses=answers("The new key, with its secret in `key`.", OBJECT, status=201) | refuses(409),
)  # fmt: skip
def rotate_key(key_id: str, body: RotateBody, caller: Operator, exchange: Running) -> Response:
    """The new one has the same rights; the old one works on for the time of grace (a week unless told)."""
    with exchange.database.write() as session:
        text, row = keys.rotate(
            session,
            key_id,
            grace=timedelta(seconds=body.grace_seconds),
            secret=secret_of(exchange.settings),
            now=exchange.clock(),
        )
        audit.record(
            session,
            caller=caller,
            action="key.rotate",
            subject=key_id,
            detail={"replacedBy": row.id},
            at=exchange.clock(),
        )
    return answer({**shapes.key(row), "key": text}, status=201)


@router.delete("/{key_id}", summary="Revoke a key at once", responses=answers("The key.", OBJECT))
def revoke_key(key_id: str, caller: Operator, exchange: Running) -> Response:
    """It is useless from now on; revoking it again changes nothing."""
    with exchange.database.write() as session:
        row = keys.revoke(session, key_id, now=exchange.clock())
        audit.record(session, caller=caller, action="key.revoke", subject=key_id, at=exchange.clock())
    return answer(shapes.key(row))
