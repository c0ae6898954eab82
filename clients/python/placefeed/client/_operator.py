"""Calls of the operator: who is who, who may do what, and which feeds are polled."""

from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import orjson

from placefeed.client._steps import Progress, Request, Steps, ask
from placefeed.client._wire import JSON, Filter, content_disposition, media_type_of, query_of, segment, unseen
from placefeed.client.results import Document


def organisations(**filters: Filter) -> Steps[list[Document]]:
    """All organisations: providers, members, vendors, the operator."""
    return (yield from _all("v1/organisations", filters))


def add_organisation(document: Mapping[str, Any]) -> Steps[Document]:
    """Add an organisation. Raises Conflict if its id is taken."""
    return (yield from _post("v1/organisations", document))


def consortia(**filters: Filter) -> Steps[list[Document]]:
    """All consortia, with their members and the providers they take."""
    return (yield from _all("v1/consortia", filters))


def add_consortium(document: Mapping[str, Any]) -> Steps[Document]:
    """Add a consortium."""
    return (yield from _post("v1/consortia", document))


def add_consortium_member(consortium: str, document: Mapping[str, Any]) -> Steps[Document]:
    """Let a member into a consortium, from and until a day (Europe/London, inclusive)."""
    return (yield from _post(f"v1/consortia/{segment(consortium)}/members", document))


def add_consortium_provider(consortium: str, document: Mapping[str, Any]) -> Steps[Document]:
    """Let a consortium take a provider, from and until a day (Europe/London, inclusive)."""
    return (yield from _post(f"v1/consortia/{segment(consortium)}/providers", document))


def speaks_for(**filters: Filter) -> Steps[list[Document]]:
    """Which settings organisations speak for: `state` proposed (unless told), confirmed or refused, of one `organisation` or all."""
    return (yield from _all("v1/speaks-for", filters))


def confirm_settings(organisation: str, *, urns: Sequence[str] | None = None) -> Steps[Document]:
    """Confirm that an organisation speaks for settings: those named, or all that are proposed."""
    return (yield from _post("v1/speaks-for/confirm", _decision(organisation, urns)))


def refuse_settings(organisation: str, *, urns: Sequence[str] | None = None) -> Steps[Document]:
    """Say that an organisation does not speak for settings; what it said of them leaves the list."""
    return (yield from _post("v1/speaks-for/refuse", _decision(organisation, urns)))


def keys(**filters: Filter) -> Steps[list[Document]]:
    """All keys, without their secrets."""
    return (yield from _all("v1/keys", filters))


def add_key(document: Mapping[str, Any]) -> Steps[Document]:
    """Make a key. The answer is the only time its secret is shown."""
    return (yield from _post("v1/keys", document))


def rotate_key(key: str) -> Steps[Document]:
    """Make a key's successor; the old one works on for the time of grace."""
    return (yield from _post(f"v1/keys/{segment(key)}/rotate", {}))


def revoke_key(key: str) -> Steps[None]:
    """End a key at once."""
    yield from ask(Request("DELETE", f"v1/keys/{segment(key)}"))


def sources(**filters: Filter) -> Steps[list[Document]]:
    """All sources: how each provider's word reaches the exchange, and how well."""
    return (yield from _all("v1/sources", filters))


def add_source(document: Mapping[str, Any]) -> Steps[Document]:
    """Register a source: a feed to poll, a folder to watch, a key that pushes."""
    return (yield from _post("v1/sources", document))


def poll_source(source: str) -> Steps[Document]:
    """Poll a source now, without waiting for its timetable; `lastError` of the answer says what went wrong, if anything."""
    return (yield from _post(f"v1/sources/{segment(source)}/polls", {}))


def import_ofsted(
    path: str | Path, *, as_at: date | None = None, complete: bool = False, progress: Progress | None = None
) -> Steps[Document]:
    """Take one of Ofsted's files (CSV, XLSX, ODS) into the register. The same file again changes nothing.

    `as_at` is the day on which the file was true, where it does not say so itself. `complete`: it names every setting,
    so those that it lacks have left.
    """
    file = Path(path)
    headers = {"Content-Type": media_type_of(file), "Content-Disposition": content_disposition(file.name)}
    query = query_of({"as_at": as_at, "complete": complete or None}, None)
    answer = yield from ask(
        Request("POST", "v1/register/imports", query=query, headers=headers, body=file, progress=progress)
    )
    return answer.document()


def _decision(organisation: str, urns: Sequence[str] | None) -> Document:
    return {"organisation": organisation, **({} if urns is None else {"urns": list(urns)})}


def _all(path: str, filters: Mapping[str, Filter]) -> Steps[list[Document]]:
    found: list[Document] = []
    cursor: str | None = None
    seen: set[str] = set()
    while True:
        document = (yield from ask(Request("GET", path, query=query_of(filters, cursor)))).document()
        found.extend(document.get("items") or [])
        cursor = unseen(document.get("next"), seen)
        if cursor is None:
            return found


def _post(path: str, document: Mapping[str, Any]) -> Steps[Document]:
    request = Request("POST", path, headers={"Content-Type": JSON}, body=orjson.dumps(document), repeatable=False)
    answer = yield from ask(request)
    return answer.document() if answer.content else {}
