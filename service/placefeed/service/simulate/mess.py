"""Mess as it really comes: headings nearly right, blanks, totals beneath the table, one record that is broken."""

import csv
import io
from dataclasses import replace
from random import Random
from typing import Any

import orjson

from placefeed.service.simulate.forms import OWN_HEADINGS, Sending

SHARE = 0.15
"""Of the owners, those whose sendings are messy."""

_NEARLY = {
    "Free from": "Free  frm",
    "Vacs": "VACS ",
    "Host LA": "Host L.A.",
    "In placement": "In placment",
    "Fee pw": "Fee (pw)",
}
_BLANKS = ("", "-", "n/a", "NULL", "tbc")


def messed(sending: Sending, rng: Random) -> Sending:
    """A sending with something wrong: sheets untidy but readable, and one broken record in a feed or a sheet of several."""
    if sending.content_type == "application/json":
        feed = orjson.loads(sending.content)
        what = _break(feed["settings"], rng)
        return replace(sending, content=orjson.dumps(feed), messy=what)
    if sending.content_type == "application/x-ndjson":
        lines = sending.content.splitlines()
        record = [orjson.loads(lines[rng.randrange(1, len(lines) - 1)])]
        at = next(number for number, line in enumerate(lines) if record[0].get("urn", "?").encode() in line)
        what = _break(record, rng)
        lines[at] = orjson.dumps(record[0])
        return replace(sending, content=b"\n".join(lines) + b"\n", messy=what)
    if sending.content_type == "text/csv" and sending.mapping:
        return replace(
            sending,
            content=_untidy(sending.content, rng),
            messy="headings nearly right, blanks in many ways, a total beneath the table",
        )
    return sending


def _break(records: list[dict[str, Any]], rng: Random) -> str:
    """Break one record so that it, and only it, is refused."""
    record = rng.choice(records)
    kind = rng.choice(("urn", "count", "unknown"))
    if kind == "urn" or not record.get("capacity", {}).get("registered"):
        record["urn"] = record["urn"][:5]
        return "a URN that was cut off"
    if kind == "count":
        record["capacity"]["occupied"] = "two"
        return "a number in words"
    record["capacity"]["beds"] = record["capacity"]["registered"]
    return "a property that the standard does not have"


def _untidy(content: bytes, rng: Random) -> bytes:
    rows = list(csv.reader(io.StringIO(content.decode("cp1252"), newline="")))
    headings = [_NEARLY.get(name, name) if rng.random() < 0.7 else name for name in rows[0]]
    body = [[cell or rng.choice(_BLANKS) for cell in row] for row in rows[1:]]
    for row in body:
        if rng.random() < 0.3 and row[1]:
            row[1] = f"  {row[1]}  "
    places = OWN_HEADINGS.index("Vacs")
    total = ["Total", *[""] * (len(OWN_HEADINGS) - 1)]
    total[places] = str(sum(int(row[places]) for row in body if row[places].isdigit()))
    text = io.StringIO(newline="")
    csv.writer(text).writerows(
        [headings, *body, [], total, [""] * len(OWN_HEADINGS), ["Any questions please ring the office"]]
    )
    return text.getvalue().encode("cp1252", "replace")
