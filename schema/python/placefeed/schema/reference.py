"""The standard as pages for people, made from the schemas, codelists and rules: no script, nothing from elsewhere.

`page("vacancy")` is one page as text; `write_reference(folder)` writes them all, to be opened from a disk or served.
"""

import csv
from collections.abc import Iterable, Iterator
from html import escape
from pathlib import Path
from typing import Any

from placefeed.schema.files import DOCUMENTS, INPUTS, PROVISIONAL, VERSION, find, schema
from placefeed.schema.reference_style import STYLE

CSS = "reference.css"
PAGES = ("index", *DOCUMENTS, "codelists", "rules")
_NOT_SHOWN = {"given-names": "Names that the screen for personal data warns about; see the file."}


def page(name: str) -> str:
    """One page of the reference as HTML: `index`, `codelists`, `rules` or a document's name. KeyError for another."""
    if name == "index":
        return _html("Placefeed", _index())
    if name == "codelists":
        return _html("Codelists", _codelists())
    if name == "rules":
        return _html("Rules", _rules())
    return _html(schema(name)["title"], _document(name))


def write_reference(folder: Path) -> list[Path]:
    """Write every page and the one style sheet into `folder`; give the files."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, text in [(CSS, STYLE), *((f"{name}.html", page(name)) for name in PAGES)]:
        path = folder / name
        path.write_text(text, encoding="utf-8")
        written.append(path)
    return written


def _html(title: str, body: Iterable[str]) -> str:
    links = "".join(f'<li><a href="{name}.html">{escape(name)}</a></li>' for name in PAGES)
    return (
        f'<!doctype html>\n<html lang="en-GB">\n<head>\n<meta charset="utf-8">\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<title>{escape(title)} - Placefeed {VERSION}</title>\n<link rel="stylesheet" href="{CSS}">\n</head>\n<body>\n'
        f'<a class="skip" href="#main">Skip to the content</a>\n'
        f"<header><p>Placefeed {VERSION}: an open standard for places in children's homes</p></header>\n"
        f'<nav aria-label="Pages"><ul>{links}</ul></nav>\n<main id="main">\n<h1>{escape(title)}</h1>\n'
        + "\n".join(body)
        + "\n</main>\n</body>\n</html>\n"
    )


def _index() -> Iterator[str]:
    yield "<p>Every document of the standard, with each property, its kind and its meaning.</p>"
    for title, names in (
        ("What is sent to an exchange", [name for name in DOCUMENTS if name in INPUTS]),
        ("What an exchange sends", [name for name in DOCUMENTS if name not in INPUTS]),
    ):
        rows = [[f'<a href="{name}.html">{escape(name)}</a>', escape(schema(name)["description"])] for name in names]
        yield f"<h2>{title}</h2>" + _table(["Document", "What it says"], rows)
    yield '<h2>Codes and rules</h2><p><a href="codelists.html">Codelists</a>: every code and what it means. '
    yield '<a href="rules.html">Rules</a>: what is checked beyond the schemas, and how to mend it.</p>'


def _document(name: str) -> Iterator[str]:
    contents = schema(name)
    yield f"<p>{escape(contents['description'])}</p>"
    if name in PROVISIONAL:
        yield '<p class="note">Provisional: it may change until the capability that uses it stands.</p>'
    if name in INPUTS:
        yield "<p>Closed: a property that is not listed here is an error. What is left out is unknown, never zero.</p>"
    else:
        yield "<p>Open: readers ignore properties and codes that they don't know.</p>"
    yield f"<p>Schema: <code>{escape(contents['$id'])}</code></p>"
    yield from _object(contents, "", name)
    for inner, definition in contents.get("$defs", {}).items():
        yield f'<h2 id="{escape(inner)}">{escape(definition["title"])}</h2><p>{escape(definition["description"])}</p>'
        yield from _object(definition, inner, name)
    for path in sorted(find("examples", "valid").glob(f"{name}-*.json"))[:1]:
        yield f"<h2>Example</h2><pre><code>{escape(path.read_text(encoding='utf-8'))}</code></pre>"


def _object(contents: dict[str, Any], path: str, home: str) -> Iterator[str]:
    """The table of an object's properties, then a section for each object within it."""
    properties = {key: _resolved(value, home) for key, value in contents.get("properties", {}).items()}
    if not properties:
        return
    required = contents.get("required", [])
    rows, inner = [], []
    for key, (value, document) in properties.items():
        here = f"{path}.{key}" if path else key
        nested = value.get("items", value) if value.get("type") == "array" else value
        nested, nested_document = _resolved(nested, home)
        own_section = document is None and nested_document is None and "properties" in nested
        if own_section:
            inner.append((here, nested))
        rows.append(
            [
                f"<code>{escape(key)}</code>",
                "yes" if key in required else "",
                _kind(value, document, home) + (f' <a href="#{escape(here)}">see below</a>' if own_section else ""),
                escape(value.get("description", "")) + _limits(nested),
            ]
        )
    yield _table(["Property", "Required", "Kind", "Meaning"], rows)
    for here, nested in inner:
        yield f'<h3 id="{escape(here)}"><code>{escape(here)}</code></h3><p>{escape(nested["description"])}</p>'
        yield from _object(nested, here, home)


def _resolved(value: dict[str, Any], home: str) -> tuple[dict[str, Any], str | None]:
    """A property's schema with its reference followed; and the document or section, where it has one of its own."""
    reference = value.get("$ref")
    if reference is None:
        return value, None
    document, _, pointer = reference.partition("#")
    target: Any = schema(document or home)
    for part in pointer.split("/")[1:]:
        target = target[part]
    followed, link = _resolved(_from_outside(target, document) if document else target, document or home)
    if document in DOCUMENTS and not pointer:
        link = f"{document}.html"
    elif document in ("", *DOCUMENTS) and pointer.startswith("/$defs/") and pointer.count("/") == 2:
        link = (f"{document}.html" if document else "") + "#" + pointer.rpartition("/")[2]
    return {**followed, **{key: item for key, item in value.items() if key != "$ref"}}, link


def _from_outside(value: Any, document: str) -> Any:
    """A part of another document, its references within that document made to lead there from anywhere."""
    if isinstance(value, list):
        return [_from_outside(each, document) for each in value]
    if not isinstance(value, dict):
        return value
    moved = {key: _from_outside(each, document) for key, each in value.items()}
    if str(moved.get("$ref", "")).startswith("#"):
        moved["$ref"] = document + moved["$ref"]
    return moved


def _kind(value: dict[str, Any], link: str | None, home: str) -> str:
    if link is not None:
        return f'<a href="{escape(link)}">{escape(value["title"].lower())}</a>'
    if value.get("type") == "array":
        items, inner_link = _resolved(value["items"], home)
        return "list of " + _kind(items, inner_link, home)
    if "x-codelist" in value:
        codelist = escape(value["x-codelist"])
        return f'code of <a href="codelists.html#{codelist}">{codelist}</a>' + (
            " (open)" if value.get("x-open") else ""
        )
    if "enum" in value:
        return " or ".join(f"<code>{escape(code)}</code>" for code in value["enum"])
    kind = value.get("type", "anything")
    if isinstance(kind, list):
        return "the word <code>any</code>, or an object"
    words = {
        "date-time": "instant",
        "date": "date",
        "string": "text",
        "integer": "whole number",
        "boolean": "true or false",
    }
    return words.get(str(value.get("format", kind)), str(kind))


def _limits(value: dict[str, Any]) -> str:
    said = []
    if "default" in value:
        said.append(f"If left out: {str(value['default']).lower()}.")
    if value.get("type") == "integer" and "maximum" in value:
        said.append(f"From {value['minimum']:,} to {value['maximum']:,}.")
    if value.get("type") == "string" and "enum" not in value and "maxLength" in value and "format" not in value:
        said.append(f"At most {value['maxLength']} characters.")
    if value.get("readOnly"):
        said.append("Set by the exchange.")
    return f' <span class="limits">{escape(" ".join(said))}</span>' if said else ""


def _codelists() -> Iterator[str]:
    yield "<p>A closed list names every code that may be used; an open one names those that are known.</p>"
    for entry in _rows("index.csv"):
        name = entry["name"]
        yield f'<h2 id="{escape(name)}">{escape(name)}</h2>'
        yield f"<p>{escape(entry['title'])}. {escape(entry['kind'].capitalize())}. Source: {escape(entry['source'])}.</p>"
        if name in _NOT_SHOWN:
            yield f"<p>{escape(_NOT_SHOWN[name])}</p>"
            continue
        rows = list(_rows(f"{name}.csv"))
        columns = [column for column in (rows[0] if rows else {}) if any(row[column] for row in rows)]
        yield _table(columns, [[escape(row[column]) for column in columns] for row in rows])


def _rules() -> Iterator[str]:
    yield (
        "<p>What the schemas can't say. An error: the record is rejected. A warning: it is accepted and flagged. "
        "Advice: it could be better. What the schemas say has rules of its own, named <code>schema-</code> and the "
        "keyword, such as <code>schema-required</code>.</p>"
    )
    with find("rules.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    columns = list(rows[0]) if rows else []
    body = [
        [f'<code id="{escape(row["id"])}">{escape(row["id"])}</code>', *(escape(row[c]) for c in columns[1:])]
        for row in rows
    ]
    yield _table([column.replace("_", " ").capitalize() for column in columns], body)


def _rows(name: str) -> Iterator[dict[str, str]]:
    with find("codelists", name).open(encoding="utf-8-sig", newline="") as file:
        yield from csv.DictReader(file)


def _table(headings: list[str], rows: list[list[str]]) -> str:
    head = "".join(f'<th scope="col">{escape(heading)}</th>' for heading in headings)
    body = "\n".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    return f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>\n{body}\n</tbody></table></div>'
