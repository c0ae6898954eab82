"""What folders have in common, here and on other people's servers: whose names are taken, and where taken files end."""

import hashlib
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Protocol, runtime_checkable

from placefeed.adapters.base import AdapterError, Batch, Cursor, Refused, TooLarge
from placefeed.adapters.media import content_type as told_by
from placefeed.schema.issues import Issue, Report

MIB = 1024 * 1024
UNFINISHED = (".part", ".tmp", ".partial", ".crdownload", ".filepart", ".swp", ".lock")
WORKING, DONE, FAILED = ".working", "done", "failed"
REPORT = ".report.json"


@runtime_checkable
class Acknowledged(Protocol):
    """An adapter that wants to hear what became of each batch."""

    def done(self, batch: Batch, report: Mapping[str, Any]) -> None:
        """The batch is safe; `report` is the report document of the standard."""
        ...

    def failed(self, batch: Batch, report: Mapping[str, Any]) -> None:
        """The batch was refused as a whole."""
        ...


def under_way(name: str) -> bool:
    """Whether a name says that it is none of ours, or that its upload is not finished."""
    return name.startswith((".", "~")) or name.lower().endswith(UNFINISHED)


def batch_of(content: bytes, *, name: str, kind: str | None, cursor: Cursor) -> Batch:
    """A file as a batch; `kind` where the source is known to send nothing else. Raises Refused (rule unknown-format)."""
    return Batch(
        content=content,
        content_type=kind_of(content[:1024], name=name, kind=kind),
        cursor={**cursor, "sha256": hashlib.sha256(content).hexdigest()},
        name=name,
    )


def kind_of(head: bytes, *, name: str, kind: str | None) -> str:
    """The media type of a file by its first kilobyte and its name. Raises Refused (rule unknown-format)."""
    told = kind or told_by(None, name=name, head=head)
    if told is None:
        raise Refused("This is neither a feed nor a sheet. Send JSON, NDJSON, CSV, XLSX or ODS.", rule="unknown-format")
    return told


def too_large(max_bytes: int) -> TooLarge:
    """The refusal of a file over the limit."""
    cap = f"{max_bytes // MIB} MB" if max_bytes >= MIB else f"{max_bytes} bytes"
    return TooLarge(f"The file is larger than {cap}, the most that is read.")


def free_names(name: str, *, at: float) -> Iterator[str]:
    """Names to try for a file that is put away, the plain one first; then with the moment (seconds since 1970) put in."""
    stem, dot, suffix = name.rpartition(".")
    stem, ending = (stem, dot + suffix) if stem else (name, "")
    moment = datetime.fromtimestamp(at, UTC).strftime("%Y%m%dT%H%M%SZ")
    for turn in range(1000):
        yield name if turn == 0 else f"{stem}-{moment}{'' if turn == 1 else f'-{turn}'}{ending}"


def refusal(error: AdapterError) -> dict[str, Any]:
    """The report of a file that was not even read."""
    report = Report()
    rule = error.rule if isinstance(error, Refused) else "too-large"
    message, _, advice = str(error).partition(". ")
    report.add(
        Issue(
            rule=f"file-{rule}",
            severity="error",
            message=message.rstrip(".") + ".",
            advice=advice or "Send it in parts, or remove what is not needed.",
        )
    )
    return report.to_dict()
