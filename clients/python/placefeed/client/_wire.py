"""How what is asked is written on the wire: media types, queries, paths, cursors."""

import mimetypes
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from urllib.parse import parse_qsl, quote, urlsplit

from placefeed.client._steps import Query
from placefeed.client.errors import PlacefeedError

JSON = "application/json"
NDJSON = "application/x-ndjson"
MEDIA_TYPES = {
    ".json": JSON,
    ".ndjson": NDJSON,
    ".jsonl": NDJSON,
    ".csv": "text/csv",
    ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ".ods": "application/vnd.oasis.opendocument.spreadsheet",
}
PAGES_AT_MOST = 100_000  # a server that invents ever new pages is left at some time

Filter = str | int | bool | date | datetime | Sequence[str | int] | None


def media_type_of(path: Path) -> str:
    """The media type of a file by its ending. ValueError, for people, if it is none that an exchange takes."""
    kind = MEDIA_TYPES.get(path.suffix.lower())
    if kind is None:
        guess = mimetypes.guess_type(path.name)[0]
        raise ValueError(
            f"{path.name} is {guess or 'of an unknown kind'}. An exchange takes {', '.join(sorted(MEDIA_TYPES))}."
        )
    return kind


def content_disposition(name: str) -> str:
    """The header that tells a file's name, whatever letters are in it (RFC 6266 section 4.3)."""
    return f"attachment; filename*=UTF-8''{quote(name, safe='')}"


def query_of(filters: Mapping[str, Filter], cursor: str | None) -> Query:
    """Filters as a query: `max_weekly_pence=1` is `maxWeeklyPence=1`, `from_` is `from`, a list repeats its name, None is left out.

    A cursor is a token, or a `next` link, whose query carries the filters itself.
    """
    if cursor is not None and "?" in cursor:
        return parse_qsl(urlsplit(cursor).query, keep_blank_values=True)
    pairs: list[tuple[str, str]] = []
    for name, value in filters.items():
        if value is None:
            continue
        head, *rest = name.rstrip("_").split("_")
        many = value if isinstance(value, Sequence) and not isinstance(value, str) else [value]
        pairs.extend((head + "".join(word.capitalize() for word in rest), _text(each)) for each in many)
    if cursor is not None:
        pairs.append(("cursor", cursor))
    return pairs


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return value.isoformat() if isinstance(value, date) else str(value)


def next_of(link: object) -> str | None:
    """`?` and the query of a `next` link, or the token that it is. Host and path are left out: a key never follows a link elsewhere."""
    if not isinstance(link, str) or not link:
        return None
    return f"?{urlsplit(link).query}" if "?" in link else link


def unseen(link: object, seen: set[str]) -> str | None:
    """The next page's query, None at the end. A link that came before would go round for ever, so it is an error."""
    cursor = next_of(link)
    if cursor is None:
        return None
    if cursor in seen or len(seen) >= PAGES_AT_MOST:
        raise PlacefeedError(
            "The exchange's pages lead round in a circle: the list is not complete. Tell its operator."
        )
    seen.add(cursor)
    return cursor


def segment(value: str) -> str:
    """A part of a path; nothing in it can lead elsewhere."""
    if value in ("", ".", ".."):
        raise ValueError("An identifier is empty or a dot.")
    return quote(value, safe=":")
