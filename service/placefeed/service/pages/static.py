"""Style sheets and scripts, under an address that changes with their content, so that browsers may keep them for good."""

import hashlib
from functools import cache
from importlib.resources import files

from fastapi import APIRouter
from starlette.responses import Response

from placefeed.service.errors import NotFound
from placefeed.service.pages.visitors import Anybody

router = APIRouter(include_in_schema=False, default_response_class=Response)

MEDIA = {
    ".svg": "image/svg+xml",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".txt": "text/plain; charset=utf-8",
}
LONG = "public, max-age=31536000, immutable"


@router.get("/static/{version}/{name}")
def static(version: str, name: str, _visitor: Anybody) -> Response:
    """A file of the folder `static`."""
    found = contents().get(name)
    if found is None:
        raise NotFound("There is no such file.")
    media = MEDIA["." + name.rpartition(".")[2]]
    return Response(
        found, media_type=media, headers={"Cache-Control": LONG if version == version_of_all() else "no-cache"}
    )


@cache
def contents() -> dict[str, bytes]:
    """Every file that may be asked for; nothing else can be."""
    folder = files("placefeed.service.pages").joinpath("static")
    return {each.name: each.read_bytes() for each in folder.iterdir() if "." + each.name.rpartition(".")[2] in MEDIA}


@cache
def version_of_all() -> str:
    """A short hash of them all: scripts import each other by plain names."""
    digest = hashlib.sha256()
    for name, content in sorted(contents().items()):
        digest.update(name.encode() + b"\0" + content)
    return digest.hexdigest()[:12]
