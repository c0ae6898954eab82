"""The standard as pages for people, made from the schemas, codelists and rules: no script, nothing from elsewhere.

`page("vacancy")` is one page as text; `write_reference(folder)` writes them all, to be opened from a disk or served.
"""

from collections.abc import Iterable, Iterator
from html import escape
from pathlib import Path

from placefeed.schema import reference_parts as parts
from placefeed.schema.files import DOCUMENTS, INPUTS, VERSION, schema
from placefeed.schema.reference_style import STYLE

CSS = "reference.css"
PAGES = ("index", *DOCUMENTS, "codelists", "rules")


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
        yield f"<h2>{title}</h2>" + _table(title, ["Document", "What it says"], rows)
    yield '<h2>Codes and rules</h2><p><a href="codelists.html">Codelists</a>: every code and what it means. '
    yield '<a href="rules.html">Rules</a>: what is checked beyond the schemas, and how to mend it.</p>'


def _document(name: str) -> Iterator[str]:
    told = parts.document(name)
    yield f"<p>{escape(told.description)}</p>"
    if told.provisional:
        yield '<p class="note">Provisional: it may change until the capability that uses it stands.</p>'
    if told.closed:
        yield "<p>Closed: a property that is not listed here is an error. What is left out is unknown, never zero.</p>"
    else:
        yield "<p>Open: readers ignore properties and codes that they don't know.</p>"
    yield f"<p>Schema: <code>{escape(told.id)}</code></p>"
    for section in told.sections:
        yield from _section(section)
    if told.example is not None:
        text = escape(told.example.read_text(encoding="utf-8"))
        yield f'<h2>Example</h2><pre tabindex="0" role="region" aria-label="Example"><code>{text}</code></pre>'


def _section(section: parts.Section) -> Iterator[str]:
    """An object's heading, if it is not the document itself, and the table of its properties."""
    anchor, title, description = (escape(text) for text in (section.anchor, section.title, section.description))
    if section.path:
        yield f'<h3 id="{anchor}"><code>{title}</code></h3><p>{description}</p>'
    elif section.anchor:
        yield f'<h2 id="{anchor}">{title}</h2><p>{description}</p>'
    else:
        yield "<h2>Properties</h2>"
    if section.properties:
        label = f"Properties of {section.title}" if section.title else "Properties"
        yield _table(label, ["Property", "Required", "Kind", "Meaning"], [_row(each) for each in section.properties])


def _row(told: parts.Property) -> list[str]:
    below = f' <a href="#{escape(told.inner)}">see below</a>' if told.inner else ""
    limits = f' <span class="limits">{escape(told.limits)}</span>' if told.limits else ""
    return [
        f"<code>{escape(told.name)}</code>",
        "yes" if told.required else "",
        "".join(_piece(piece) for piece in told.kind) + below,
        escape(told.meaning) + limits,
    ]


def _piece(piece: parts.Piece) -> str:
    text = escape(piece.text)
    if piece.code:
        return f"<code>{text}</code>"
    if piece.codelist:
        return f'<a href="codelists.html#{escape(piece.codelist)}">{text}</a>'
    if piece.document is None:
        return text
    link = (f"{piece.document}.html" if piece.document else "") + (f"#{piece.anchor}" if piece.anchor else "")
    return f'<a href="{escape(link)}">{text}</a>'


def _codelists() -> Iterator[str]:
    yield "<p>A closed list names every code that may be used; an open one names those that are known.</p>"
    for told in parts.codelists():
        yield f'<h2 id="{escape(told.name)}">{escape(told.name)}</h2>'
        yield f"<p>{escape(told.title)}. {escape(told.kind.capitalize())}. Source: {escape(told.source)}.</p>"
        if told.note:
            yield f"<p>{escape(told.note)}</p>"
            continue
        yield _table(told.title, list(told.columns), [[escape(cell) for cell in row] for row in told.rows])


def _rules() -> Iterator[str]:
    yield (
        "<p>What the schemas can't say. An error: the record is rejected. A warning: it is accepted and flagged. "
        "Advice: it could be better. What the schemas say has rules of its own, named <code>schema-</code> and the "
        "keyword, such as <code>schema-required</code>.</p>"
    )
    told = parts.rules()
    body = [
        [f'<code id="{escape(row[0])}">{escape(row[0])}</code>', *(escape(cell) for cell in row[1:])]
        for row in told.rows
    ]
    yield _table("Rules", [column.replace("_", " ").capitalize() for column in told.columns], body)


def _table(label: str, headings: list[str], rows: list[list[str]]) -> str:
    """A table that scrolls by itself where it is too wide, by keyboard too: for that it has a label of its own."""
    head = "".join(f'<th scope="col">{escape(heading)}</th>' for heading in headings)
    body = "\n".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    return f'<div class="wide" tabindex="0" role="region" aria-label="{escape(label)}"><table><thead><tr>{head}</tr></thead><tbody>\n{body}\n</tbody></table></div>'
