"""The name of an uploaded file, from its Content-Disposition (RFC 6266)."""

from email.message import Message
from pathlib import PurePosixPath

from starlette.requests import Request

LONGEST = 200


def file_name(request: Request) -> str:
    """The file's name without any path, or an empty text."""
    header = request.headers.get("content-disposition", "")
    if not header:
        return ""
    message = Message()
    message["Content-Disposition"] = header.replace("\r", " ").replace("\n", " ")
    name = message.get_filename("") or ""
    name = PurePosixPath(name.replace("\\", "/")).name
    return "".join(character for character in name if character.isprintable())[:LONGEST]
