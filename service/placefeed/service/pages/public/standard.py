"""`/standard`: the standard for people: its documents, codelists, rules, examples, mappings and changes, from the files that are checked with."""

from functools import cache
from pathlib import Path
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from placefeed.schema import reference_parts as parts
from placefeed.schema.files import DOCUMENTS, INPUTS, PROVISIONAL, VERSION, find
from placefeed.service.errors import NotFound
from placefeed.service.pages.prose import prose
from placefeed.service.pages.render import page, prefix_of
from placefeed.service.pages.visitors import Anybody
from placefeed.service.running.parts import exchange_of

router = APIRouter(include_in_schema=False, default_response_class=Response)

MISSING = "The standard has no such part. Its first page lists what there is."
FRONT = {"href": "/standard", "text": "The standard"}
COLUMNS = {
    "applies_to": "Applies to",
    "dfe": "DfE code",
    "hiddenByDefault": "Hidden by default",
    "ofsted": "Ofsted’s words",
    "pds": "Placements Data Standard",
    "ssda903": "SSDA903",
    "hsds": "HSDS",
    "section251": "Section 251",
    "stopsListing": "Stops listing",
    "theirs": "Theirs",
}
"""Headings of columns whose names don't say it themselves."""


@router.get("/standard")
def front(request: Request, _visitor: Anybody) -> Response:
    """What the standard has, and how to use it without us."""
    groups = [
        ("What is sent to an exchange", [parts.document(name) for name in DOCUMENTS if name in INPUTS]),
        ("What an exchange sends", [parts.document(name) for name in DOCUMENTS if name not in INPUTS]),
    ]
    return page(
        request,
        "public/standard.html",
        version=VERSION,
        groups=groups,
        codelists=list(parts.codelists()),
        mappings=parts.MAPPINGS,
        provisional=PROVISIONAL,
    )


@router.get("/standard/changes")
def changes(request: Request, _visitor: Anybody) -> Response:
    """The standard's own list of changes."""
    text = find("CHANGELOG.md").read_text(encoding="utf-8")
    shown = prose(text, prefix=prefix_of(exchange_of(request).settings))
    return page(request, "public/prose.html", heading="Changes of the standard", prose=shown, back=FRONT)


@router.get("/standard/rules")
def rules(request: Request, _visitor: Anybody) -> Response:
    """What is checked beyond the schemas."""
    return _table(
        request,
        parts.rules(),
        lead="What the schemas can’t say. An error: the record is refused. A warning: it is taken and marked. Advice: it could be "
        "better. What the schemas say has rules of its own, named “schema-” and the keyword.",
        file="rules.csv",
        anchors=True,
    )


@router.get("/standard/codelists/{name}")
def codelist(request: Request, name: str, _visitor: Anybody) -> Response:
    """One codelist."""
    table = _found(parts.codelist_table, name)
    kind = {
        "closed": "Closed: no other code may be sent.",
        "open": "Open: other codes may be sent too; these are the known ones.",
    }[table.kind]
    return _table(request, table, lead=f"{kind} Source: {table.source}.", file=f"codelists/{name}.csv")


@router.get("/standard/mappings/{name}")
def mapping(request: Request, name: str, _visitor: Anybody) -> Response:
    """How our words stand to another standard's."""
    table = _found(parts.mapping, name)
    lead = "Exact: the same thing. Close: nearly. Broader or narrower: theirs says more or less. None: ours has nothing for it."
    return _table(request, table, lead=lead, file=f"mappings/{name}.csv")


@router.get("/standard/examples")
def examples(request: Request, _visitor: Anybody) -> Response:
    """Every example: those that are right, by document, and those that break one rule each."""
    right = {name: [path.name for path in parts.examples() if document_of(path.name) == name] for name in DOCUMENTS}
    return page(
        request,
        "public/examples.html",
        groups=[(parts.document(name), names) for name, names in right.items() if names],
        wrong=sorted(name for name, path in _examples().items() if path.parent.name == "invalid"),
        back=FRONT,
    )


@router.get("/standard/examples/{name}")
def example(request: Request, name: str, _visitor: Anybody) -> Response:
    """One example as it stands."""
    path = _found(_examples().__getitem__, name)
    wrong = path.parent.name == "invalid"
    return page(
        request,
        "public/example.html",
        name=name,
        words=words_of(name),
        text=path.read_text(encoding="utf-8"),
        document=None if wrong else document_of(name),
        rule=path.stem if wrong else None,
        file=f"/schema/examples/{path.parent.name}/{name}" if path.suffix == ".json" else None,
        back={"href": "/standard/examples", "text": "Examples"},
    )


@router.get("/standard/{name}")
def document(request: Request, name: str, _visitor: Anybody) -> Response:
    """One document: every property, its kind and its meaning."""
    told = _found(parts.document, name)
    return page(
        request,
        "public/document.html",
        document=told,
        version=VERSION,
        example=told.example.read_text(encoding="utf-8") if told.example else None,
        back=FRONT,
    )


@cache
def _examples() -> dict[str, Path]:
    """Every example by the name of its file; nothing else can be asked for."""
    wrong = [path for path in find("examples", "invalid").iterdir() if path.suffix == ".json"]
    return {path.name: path for path in [*wrong, *parts.examples()]}


def document_of(name: str) -> str:
    """Which document a right example is one of: its name begins with it."""
    return name.partition("-")[0]


def words_of(name: str) -> str:
    """The name of an example in words: “Feed: home of four”."""
    stem = name.rpartition(".")[0]
    first, _, rest = stem.partition("-")
    return (
        f"{first.capitalize()}: {rest.replace('-', ' ')}" if first in DOCUMENTS else stem.replace("-", " ").capitalize()
    )


def _found(find_it: Any, name: str) -> Any:
    """A part of the standard by its name. Raises NotFound."""
    try:
        return find_it(name)
    except KeyError:
        raise NotFound(MISSING) from None


def _table(request: Request, table: parts.Table, *, lead: str, file: str, anchors: bool = False) -> Response:
    return page(
        request,
        "public/table.html",
        table=table,
        headings=[COLUMNS.get(column, column[:1].upper() + column[1:]) for column in table.columns],
        lead=lead,
        file=file,
        anchors=anchors,
        back=FRONT,
    )
