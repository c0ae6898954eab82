"""Calls for the scheduled files: read the manifest, fetch what is wanted, believe only what matches its hash."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from placefeed.client._steps import Answer, Progress, Request, Steps, ask
from placefeed.client.errors import PlacefeedError, Unavailable
from placefeed.client.results import Document, Edition, EditionFile

MANIFEST = "v1/editions/latest/manifest.json"
ATTEMPTS = 3


def edition() -> Steps[Document]:
    """The manifest of the latest edition: its files with sizes and hashes."""
    return (yield from ask(Request("GET", MANIFEST))).document()


def download_edition(
    folder: str | Path, *, formats: Sequence[str] | None = None, progress: Progress | None = None
) -> Steps[Edition]:
    """Fetch the latest edition's files into a folder: all, or those whose ending is in `formats` (`csv`, `xlsx`...).

    Each is written beside its place and moved there once its hash is right, so that a file is there whole or not at all.
    A new edition that comes out meanwhile is begun anew. Raises ValueError if no file is of the formats wanted.
    """
    target = Path(folder)
    target.mkdir(parents=True, exist_ok=True)
    for attempt in range(1, ATTEMPTS + 1):
        manifest = yield from edition()
        wanted = _wanted(manifest, formats)
        try:
            files: list[EditionFile] = []
            for entry in wanted:
                files.append((yield from _fetch(entry, target, progress)))
            return Edition(manifest=manifest, files=files)
        except _Changed:
            if attempt == ATTEMPTS:
                raise
    raise AssertionError("unreachable")


class _Changed(PlacefeedError):
    """A file is not what the manifest says."""


def _wanted(manifest: Document, formats: Sequence[str] | None) -> list[dict[str, Any]]:
    entries = [entry for entry in manifest.get("files") or [] if isinstance(entry, dict) and entry.get("name")]
    if formats is None:
        return entries
    endings = {text.lower().lstrip(".") for text in formats}
    wanted = [entry for entry in entries if _ending(entry) in endings]
    if not wanted:
        raise ValueError(
            f"The edition has no file of the formats {', '.join(sorted(endings))}; it has {', '.join(sorted({_ending(entry) for entry in entries}))}."
        )
    return wanted


def _ending(entry: dict[str, Any]) -> str:
    return str(entry["name"]).rpartition(".")[2].lower()


def _fetch(entry: dict[str, Any], folder: Path, progress: Progress | None) -> Steps[EditionFile]:
    name = str(entry["name"])
    if Path(name).name != name or name.startswith("."):
        raise Unavailable("The edition names a file that cannot be saved under its name. Tell the exchange's operator.")
    place, part = folder / name, folder / f".{name}.part"
    try:
        answer: Answer = yield from ask(Request("GET", _path(entry), save_to=part, progress=progress))
        expected = str(entry.get("sha256") or "")
        if expected and answer.sha256 != expected:
            raise _Changed(
                f"{name} is not the file that the manifest describes. Try again; if it stays so, tell the exchange's operator."
            )
        part.replace(place)
    finally:
        part.unlink(missing_ok=True)
    media_type = answer.headers.get("content-type", "").partition(";")[0]
    return EditionFile(path=place, media_type=media_type, size=answer.saved, sha256=answer.sha256)


def _path(entry: dict[str, Any]) -> str:
    """Where a file is: the manifest's link if it leads to an edition of this exchange, else beside the manifest."""
    path = urlsplit(str(entry.get("url") or "")).path
    at = path.find("/v1/editions/")
    if at >= 0 and ".." not in path:
        return path[at + 1 :]
    return f"v1/editions/latest/{quote(str(entry['name']), safe='')}"


def sha256_of(path: Path) -> str:
    """The hash of a file, as a manifest writes it."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
