"""Texts of ours that are kept as Markdown, shown as a page: the changes of the standard, the templates for data protection.

HTML in them is shown as text, and a link leads only to a page of ours (`/...`), within the page, or to an https address.
"""

from functools import cache

from markdown_it import MarkdownIt
from markdown_it.token import Token
from markupsafe import Markup

CLASSES = {
    "h2": "govuk-heading-m",
    "h3": "govuk-heading-s",
    "h4": "govuk-heading-s",
    "p": "govuk-body",
    "a": "govuk-link",
    "ul": "govuk-list govuk-list--bullet",
    "ol": "govuk-list govuk-list--number",
    "table": "govuk-table",
    "thead": "govuk-table__head",
    "tbody": "govuk-table__body",
    "tr": "govuk-table__row",
    "th": "govuk-table__header",
    "td": "govuk-table__cell",
    "pre": "pf-code",
}


@cache
def _reader() -> MarkdownIt:
    return MarkdownIt("commonmark", {"html": False}).enable("table").disable("image")


def prose(text: str, *, prefix: str = "") -> Markup:
    """Markdown as HTML without its title (the page has one). `prefix` is the path that a proxy takes off."""
    reader = _reader()
    tokens = reader.parse(text)
    if tokens and tokens[0].type == "heading_open" and tokens[0].tag == "h1":
        tokens = tokens[3:]
    _dress(tokens, prefix)
    return Markup(reader.renderer.render(tokens, reader.options, {}))  # noqa: S704  # the renderer escapes all text


def title_of(text: str) -> str:
    """The title of a text: its first line."""
    return text.lstrip().partition("\n")[0].removeprefix("# ").strip()


def _dress(tokens: list[Token], prefix: str) -> None:
    """Give each element its class; take the link from what would lead nowhere."""
    leads = True
    for token in tokens:
        if token.nesting == 1 and token.tag in CLASSES:
            token.attrSet("class", CLASSES[token.tag])
        if token.type == "th_open":
            token.attrSet("scope", "col")
        if token.type == "link_open":
            to = str(token.attrGet("href") or "")
            leads = to.startswith(("/", "#", "https://", "mailto:")) and not to.startswith("//")
            if leads and to.startswith("/"):
                token.attrSet("href", prefix + to)
        if token.type in ("link_open", "link_close") and not leads:
            token.tag, token.attrs = "span", {}
        token.attrs.pop("style", None)  # how a column is aligned: the policy forbids it
        if token.children:
            _dress(token.children, prefix)
