"""The headings of a sheet's columns, so that a report can say “column Age from” and not only “column E”."""

from itertools import islice
from typing import Any

import orjson
from sqlmodel import Session

from placefeed.adapters.paths import column_and_row
from placefeed.schema import personal
from placefeed.service.intake.keeping import quarantined, raw_records

Headings = dict[tuple[str, int], str]
"""By sheet and column, from 0."""

ENOUGH = 200  # records looked at: by then every column has been met, or nearly


def headings_of(raw: Any, known: Headings) -> None:
    """Take note of the headings of a record's rows; not of one that looks like data about a child."""
    for row in raw if isinstance(raw, list) else ():
        if not isinstance(row, dict) or not {"sheet", "cells", "addresses"} <= row.keys():
            continue
        for heading, cell in zip(row["cells"], row["addresses"], strict=False):
            key = row["sheet"], column_and_row(cell)[0]
            if key not in known and not looks_personal(str(heading)):
                known[key] = str(heading)


def headings_kept(session: Session, submission_id: str) -> Headings:
    """The headings of a submission that was a sheet, from what was kept of it."""
    known: Headings = {}
    for line in islice(raw_records(session, submission_id), ENOUGH):
        headings_of(line.get("row"), known)
    for refused in quarantined(session, submission_id)[:ENOUGH]:
        headings_of(orjson.loads(refused.record) if refused.record else None, known)
    return known


def looks_personal(text: str) -> bool:
    """Whether a text that is not free text looks like data about a child."""
    return any(hit.severity == "error" for hit in personal.screen_text(text, free_text=False))
