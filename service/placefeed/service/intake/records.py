"""Judge one record: the screen for personal data first, then the standard; keep what is good of it and say why the rest is not.

```
record ──unreadable──────────────────────────> refused
   └─screen──looks like data about a child───> refused, and only hash, pointer and rule are kept
        └─schema and rules──top of the record─> refused
                  ├──in some of its items─────> those are refused, the rest goes on
                  └──nothing──────────────────> goes on
```
Nothing here writes anything.
"""

import hashlib
import hmac
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from hashlib import blake2b
from typing import Any

import orjson

from placefeed.adapters.base import SourceRecord
from placefeed.schema import personal
from placefeed.schema.issues import Issue, Place
from placefeed.schema.rules import check_rules
from placefeed.schema.validation import check_record, is_valid_fast
from placefeed.service.access.sealing import derived_key
from placefeed.service.clock import london_day
from placefeed.service.intake import parts
from placefeed.service.intake.memory import Clean, CleanMemory, Clocks
from placefeed.service.intake.parts import CheckedRecord, PartDocument
from placefeed.service.intake.spots import Spot, item_at, spots_of_cell

URN = re.compile(r"SC[0-9]{6}|[0-9]{7}")  # too short for an NHS number
IN_RAW = "raw:"  # before a pointer that leads into the source's own form of a record, not into its document
CHILD_ADVICE = "Nothing of this record was kept. Take out what concerns a child and send the record again."


@dataclass(slots=True)
class Refused:
    """Something for the quarantine: `record` is absent where personal data was the reason."""

    sha256: str
    issues: list[Issue]
    record: bytes | None
    part: str | None = None
    item: str | None = None


@dataclass(slots=True)
class Judged:
    """A record after judgement. `checked` is None where the whole was refused; `kept` is what may be kept raw of it."""

    index: int
    place: Place
    urn: str | None
    checked: CheckedRecord | None = None
    issues: list[Issue] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)
    unreadable: bool = False
    kept: Any = None
    row: Any = None  # the sheet's own form of it
    clean: Clean | None = None  # it was found clean, now or before; then `checked` is recalled when it is needed


class Judge:
    """Judges the records of one submission. `published_at` is the clock of parts that have none of their own."""

    def __init__(
        self, *, now: datetime, published_at: datetime, secret: bytes, memory: CleanMemory | None = None
    ) -> None:
        self._now = now
        self._day = london_day(now)
        self._published_at = published_at
        self._secret = secret
        self._memory = memory

    def judge(self, record: SourceRecord) -> Judged:
        """What is to become of one record."""
        document = record.document
        if document is None or record.raw is not None or record.issues or self._memory is None:
            return self._whole(record)
        try:
            body = orjson.dumps(document)
        except (TypeError, ValueError):
            return self._whole(record)  # a number too large, or the like: the long way says so
        digest = blake2b(body, digest_size=16).digest()
        known = self._memory.get(digest, now=self._now, day=self._day)
        if known is None:
            return self._whole(record, body=body, digest=digest)
        urn = parts.setting_key(document)
        if urn is None:
            return self._whole(record, body=body)
        return Judged(record.index, record.place, urn, kept=document, clean=known)

    def recall(self, judged: Judged) -> CheckedRecord:
        """The parts of a record that is remembered as clean, without hashing them again."""
        clean, document = judged.clean, judged.kept
        assert clean is not None  # only asked for those
        stated = _again(document, clean.clocks, self._published_at)
        return CheckedRecord(judged.urn or "", stated, judged.index, judged.place, clean.present)

    def _whole(self, record: SourceRecord, *, body: bytes | None = None, digest: bytes | None = None) -> Judged:
        document = record.document
        judged = Judged(record.index, record.place, None, kept=document, row=record.raw)
        hits = self._screen(record, body)
        if any(hit.severity == "error" for hit in hits):
            return self._personal(record, judged, hits)
        judged.urn = parts.setting_key(document) if document is not None else record.place.urn
        place = record.place if record.place.urn or judged.urn is None else replace(record.place, urn=judged.urn)
        judged.place = place
        judged.issues = [*record.issues, *(hit.to_issue(_at(record, hit.pointer, place)) for hit in hits)]
        if document is None:
            judged.unreadable = True
            judged.refused.append(Refused(_sha(record.raw), _errors(judged.issues), _dump(record.raw)))
            return judged
        found = self._check(document)
        judged.issues += [replace(issue, place=_at(record, issue.place.pointer or "", place)) for issue in found]
        errors = [issue for issue in found if issue.severity == "error"]
        good: dict[str, Any] | None = document
        failed: list[tuple[str, str | None]] = []
        if errors or any(issue.severity == "error" for issue in record.issues):
            good, failed = self._prune(record, document, judged, errors)
        if good is None or judged.urn is None:
            judged.urn = judged.urn if _named(document) else None  # a garbled URN may stand for any setting
            judged.kept = None
            return judged
        stated = list(parts.split(good, default_as_of=self._published_at))
        judged.kept = good
        judged.checked = CheckedRecord(
            judged.urn, stated, record.index, place, parts.present_in(document), tuple(failed)
        )
        if self._memory is not None and digest is not None and not judged.issues and not failed:
            judged.clean = self._memory.add(
                digest, day=self._day, clocks=_remembered(good, stated), present=judged.checked.present
            )
        return judged

    def _check(self, document: dict[str, Any]) -> list[Issue]:
        """The standard's word: the fast verdict, and an explanation only of what fails it."""
        if is_valid_fast(document):
            return check_rules(document, now=self._now)
        return check_record(document, now=self._now)

    # -- personal data ----------------------------------------------------------------------------------------------

    def _screen(self, record: SourceRecord, body: bytes | None) -> list[personal.Hit]:
        hits: list[personal.Hit] = []
        if record.document is not None and (body is None or personal.screen_bytes(body)):
            hits += personal.screen(record.document)
        if record.raw is not None:
            # The sheet's row has columns that the standard has no place for.
            hits += [replace(hit, pointer=IN_RAW + hit.pointer, column=None) for hit in personal.screen(record.raw)]
            for number, row in enumerate(record.raw if isinstance(record.raw, list) else [record.raw]):
                cells = row.get("cells", row) if isinstance(row, dict) else {}
                if isinstance(cells, dict):  # some forms have the label in one cell and the date in the next
                    found = personal.screen_cells(list(cells), list(cells.values()))
                    hits += [
                        replace(hit, pointer=_in_row(number, list(cells)[hit.column or 0]), column=None)
                        for hit in found
                    ]
        for issue in record.issues:  # a message may quote the cell that it complains of
            hits += [
                replace(hit, pointer="")
                for hit in personal.screen_text(f"{issue.message} {issue.advice}", free_text=False)
            ]
        return list(dict.fromkeys(hits))

    def _personal(self, record: SourceRecord, judged: Judged, hits: Sequence[personal.Hit]) -> Judged:
        document = record.document or {}
        touched = {hit.pointer for hit in hits}
        named = not any(pointer in ("", "/urn") or pointer.startswith(("/registration", IN_RAW)) for pointer in touched)
        urn = parts.setting_key(document) if (named and _named(document)) or _plain_urn(document) else None
        place = Place(
            pointer=record.place.pointer,
            line=record.place.line,
            sheet=record.place.sheet,
            cell=record.place.cell,
            urn=urn,
        )
        judged.urn, judged.place, judged.kept, judged.row = urn, place, None, None
        errors = [hit for hit in hits if hit.severity == "error"]
        found = [replace(hit.to_issue(_at(record, hit.pointer, place)), advice=CHILD_ADVICE) for hit in errors]
        judged.issues = list(dict.fromkeys(found))  # a cell that is in the document too was found twice
        content = _dump([record.document, record.raw]) or b""
        # Keyed, so that the number cannot be found by hashing all that there are.
        digest = hmac.new(derived_key(self._secret, "refused"), content, hashlib.sha256).hexdigest()
        judged.refused.append(Refused(digest, judged.issues, None))
        return judged

    # -- what is wrong with the rest --------------------------------------------------------------------------------

    def _prune(
        self, record: SourceRecord, document: dict[str, Any], judged: Judged, errors: list[Issue]
    ) -> tuple[dict[str, Any] | None, list[tuple[str, str | None]]]:
        """Take the items with errors out of a record. None where the whole is wrong."""
        by_item: dict[Spot, list[Issue]] = {}
        read_errors = [issue for issue in record.issues if issue.severity == "error"]
        found: list[tuple[Issue, set[Spot]]] = [
            *((issue, spots_of_cell(record, document, issue.place)) for issue in read_errors),
            *((issue, {spot} if (spot := item_at(document, issue.place.pointer or "")) else set()) for issue in errors),
        ]
        for issue, spots in found:
            if not spots:
                judged.unreadable = True
                judged.refused.append(
                    Refused(
                        _sha(document), _errors(judged.issues), _dump(document if record.raw is None else record.raw)
                    )
                )
                return None, []
            for spot in spots:
                by_item.setdefault(spot, []).append(issue)
        good = dict(document)
        failed: list[tuple[str, str | None]] = []
        gone: dict[str, set[int]] = {}
        for (name, position), issues in by_item.items():
            value = document[name] if position is None else document[name][position]
            part = parts.SINGLE.get(name) or parts.MANY[name]
            item = parts.item_of(part, value) if isinstance(value, dict) else None
            # A refused array as a whole says nothing of any of its items.
            failed.append((part, None if position is None and name in parts.MANY else item))
            judged.refused.append(Refused(_sha(value), issues, _dump({name: value}), part, item))
            if position is None:
                del good[name]
            else:
                gone.setdefault(name, set()).add(position)
        for name, positions in gone.items():
            if name in good:
                good[name] = [each for position, each in enumerate(good[name]) if position not in positions]
        return good, failed


def refusal(judged: Judged, issue: Issue) -> Refused:
    """Refuse a whole record that is good in itself and may not be taken."""
    body = judged.row if judged.row is not None else judged.kept
    return Refused(_sha(body), [issue], _dump(body))


def _at(record: SourceRecord, pointer: str, place: Place) -> Place:
    """Where a pointer of this record stands: its cell, or the pointer within the whole feed."""
    if pointer.startswith(IN_RAW):
        found = record.where_in_raw(pointer.removeprefix(IN_RAW))
        return replace(found, urn=place.urn)
    found = record.where(pointer)
    if found is not record.place:
        return found if found.urn else replace(found, urn=place.urn)
    base = record.place.pointer
    joined = f"{base or ''}{pointer}" if record.place.sheet is None and (base or pointer) else base
    return replace(place, pointer=joined)


def _in_row(number: int, heading: str) -> str:
    """The pointer, within the raw record, of a cell in one of its rows."""
    return f"{IN_RAW}/{number}/cells/{heading.replace('~', '~0').replace('/', '~1')}"


def _again(document: dict[str, Any], known: Clocks, published_at: datetime) -> list[PartDocument]:
    """The parts of a record that is remembered, without hashing them again."""
    found: list[PartDocument] = []
    position = 0
    for name, value in document.items():
        part = parts.MANY.get(name)
        if part is None:
            part = parts.SINGLE.get(name)
            if part is None:
                continue
            value = (value,)
        for each in value:
            as_of, digest = known[position]
            position += 1
            found.append(PartDocument(part, parts.item_of(part, each) or "", as_of or published_at, each, digest))
    return found


def _remembered(document: dict[str, Any], stated: list[PartDocument]) -> Clocks:
    return tuple((each.as_of if "asOf" in each.document else None, each.hash) for each in stated)


def _named(document: dict[str, Any]) -> bool:
    """Whether a record that was refused still says which setting it is about."""
    return _plain_urn(document) or ("urn" not in document and parts.setting_key(document) is not None)


def _plain_urn(document: dict[str, Any]) -> bool:
    urn = document.get("urn")
    return isinstance(urn, str) and URN.fullmatch(urn) is not None


def _errors(issues: Sequence[Issue]) -> list[Issue]:
    return [issue for issue in issues if issue.severity == "error"]


def _dump(value: Any) -> bytes | None:
    return None if value is None else orjson.dumps(value, default=str, option=orjson.OPT_NON_STR_KEYS)


def _sha(value: Any) -> str:
    return hashlib.sha256(_dump(value) or b"").hexdigest()
