"""Say that a setting was touched, so that the publisher looks at it again. Anyone may; only the publisher takes."""

from collections.abc import Iterable
from datetime import datetime

from sqlmodel import Session

from placefeed.service.bulk import Bulk
from placefeed.service.db import tell
from placefeed.service.tables import Pending

CHUNK = 1000
_PENDING = Bulk(Pending, "urn", "bulk", "at", "submission_id")


def touch(session: Session, urns: Iterable[str], *, at: datetime, bulk: bool, submission_id: str | None = None) -> int:
    """Append one row a setting, in the caller's transaction, and wake the publisher when it commits.

    Small updates (`bulk=False`) are published before bulk ones. `submission_id` says what touched them, where one did.
    """
    rows = [(urn, bulk, at, submission_id) for urn in urns]
    for start in range(0, len(rows), CHUNK):
        _PENDING.write(session, rows[start : start + CHUNK])
    if rows:
        tell(session, "pending")
    return len(rows)
