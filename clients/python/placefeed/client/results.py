"""What calls give back: the exchange's documents, with the few things that are asked of them most."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Document = dict[str, Any]


@dataclass(frozen=True)
class Report:
    """What became of a submission: the `report` document of the standard, whole, as `document`.

    `id` is the submission's, for asking again. `etag` is the new version of what a small update wrote.
    """

    document: Document
    id: str | None = None
    etag: str | None = None
    location: str | None = None

    @property
    def verdict(self) -> str:
        """`accepted`, `partly-accepted`, `unchanged`, `rejected`, or `working` while it is not finished."""
        return str(self.document.get("verdict") or "accepted")

    @property
    def finished(self) -> bool:
        """Whether the exchange is done with it."""
        return self.verdict != "working"

    @property
    def ok(self) -> bool:
        """Whether all of it was taken: nothing rejected, and no issue that is an error."""
        return self.verdict in ("accepted", "unchanged") and not any(
            issue.get("severity") == "error" for issue in self.issues
        )

    @property
    def counts(self) -> Mapping[str, int]:
        """How many records came, and what became of them."""
        found: Mapping[str, int] = self.document.get("counts") or {}
        return found

    @property
    def issues(self) -> Sequence[Mapping[str, Any]]:
        """What is wrong, grouped by cause, worst first: rule, severity, message, advice, count, places."""
        found: Sequence[Mapping[str, Any]] = self.document.get("issues") or []
        return found

    @property
    def records(self) -> Sequence[Mapping[str, Any]]:
        """What became of single records, where the report names them."""
        found: Sequence[Mapping[str, Any]] = self.document.get("records") or []
        return found

    @property
    def published(self) -> bool:
        """Whether members see it by now."""
        return (self.document.get("publication") or {}).get("status") == "published"


@dataclass(frozen=True)
class Versioned:
    """A document with its version: give `etag` as `if_match` to change it only if nobody else has."""

    document: Document
    etag: str | None


@dataclass(frozen=True)
class Page:
    """One page of the vacancy list. `next` is the cursor of the next page, None on the last.

    `unchanged` is true when the list is still that of the `etag` you gave; then `items` is empty.
    """

    items: Sequence[Document]
    next: str | None
    etag: str | None
    document: Document = field(repr=False)
    unchanged: bool = False

    @property
    def totals(self) -> Mapping[str, int]:
        """Listings on all pages: `available`, and `unknown` (to confirm by phone)."""
        found: Mapping[str, int] = self.document.get("totals") or {}
        return found


@dataclass(frozen=True)
class EditionFile:
    """A file of an edition, as it lies on disk; its hash was compared with the manifest's."""

    path: Path
    media_type: str
    size: int  # bytes
    sha256: str


@dataclass(frozen=True)
class Edition:
    """A scheduled edition: its manifest, and the files that were fetched."""

    manifest: Document
    files: Sequence[EditionFile]
