"""Which of the forms that we read a document is in: by what the sender says, else by its name, else by its first bytes."""

from pathlib import PurePosixPath
from urllib.parse import unquote, urlsplit

JSON = "application/json"
NDJSON = "application/x-ndjson"
CSV = "text/csv"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
ODS = "application/vnd.oasis.opendocument.spreadsheet"

SUFFIXES = {
    ".json": JSON,
    ".geojson": JSON,
    ".ndjson": NDJSON,
    ".jsonl": NDJSON,
    ".csv": CSV,
    ".tsv": CSV,
    ".txt": CSV,
    ".xlsx": XLSX,
    ".xlsm": XLSX,
    ".ods": ODS,
}

# Other names under which servers send the same.
SYNONYMS = {
    "application/jsonl": NDJSON,
    "application/x-jsonlines": NDJSON,
    "application/ndjson": NDJSON,
    "application/json-seq": NDJSON,
    "text/json": JSON,
    "application/csv": CSV,
    "text/comma-separated-values": CSV,
    "text/tab-separated-values": CSV,
    "application/vnd.ms-excel": CSV,  # what Windows with Excel calls a CSV; a workbook is told by its first bytes
}


def content_type(declared: str | None, *, name: str, head: bytes) -> str | None:
    """The media type of a document, or None when it is none that we read (a web page, a PDF).

    `declared` is a Content-Type header, `name` a file name or URL, `head` the first bytes (a kilobyte will do).
    The bytes win over both where they are plain: a workbook stays one, whatever a server calls it.
    """
    start = head[:1024].removeprefix(b"\xef\xbb\xbf").lstrip()
    if start.startswith(b"PK\x03\x04"):
        return ODS if b"opendocument.spreadsheet" in head[:1024] else XLSX
    if start[:15].lower().startswith((b"<!doctype", b"<html", b"<?xml", b"%pdf")):
        return None
    said = (declared or "").partition(";")[0].strip().lower()
    said = SYNONYMS.get(said, said)
    by_name = SUFFIXES.get(PurePosixPath(unquote(urlsplit(name).path)).suffix.lower())
    looks_json = start[:1] in (b"{", b"[")
    if said in (NDJSON, CSV):
        return said
    if said == JSON or said.endswith("+json"):
        return NDJSON if by_name == NDJSON else JSON
    if by_name in (JSON, NDJSON, CSV):
        return by_name
    if looks_json:
        return NDJSON if b'"line"' in start.partition(b"\n")[0] else JSON
    return None if b"\x00" in head[:1024] and not head.startswith((b"\xff\xfe", b"\xfe\xff")) else CSV
