"""What an address of the list asks: the API's own parameters and a few of the page's, read without ever failing.

```
address ──> pairs ──(postcode cut to its sector, pounds to pence)──> words of the API ──> Filter
                └──> chips, links, the form filled as sent; what is wrong, field by field
```
A wrong part is said at its field, and left out to find the next wrong one; then nothing is listed.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlencode

from placefeed.service.channels import near
from placefeed.service.channels.costs import both
from placefeed.service.channels.parameters import BY_NAME
from placefeed.service.channels.query import LONGEST_QUERY, MOST_FIELDS, Filter
from placefeed.service.errors import BadRequest
from placefeed.service.pages.listings import choices

PAGE = 25
SORTS = (("default", "Soonest"), ("price", "Lowest price"), ("newest", "Newest word"), ("distance", "Nearest"))
USUAL_MILES = "20"
OURS = ("postcode", "within", "price", "sort", "page")
"""Parameters that the page has beside the API's."""

LEFT_OUT = ("showHidden",)
"""What the organisation's policy says in its place: see access/policies.py."""

Find = Callable[[str], "near.Found | None"]
Pairs = tuple[tuple[str, str], ...]


@dataclass(slots=True)
class Asked:
    """An address, read. `words` are the API's parameters, without the policy's; `errors` by field."""

    pairs: Pairs
    words: dict[str, list[str]] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)
    sort: str = "default"
    number: int = 1
    found: near.Found | None = None
    moved: bool = False  # a whole postcode stood in the address: go on to the one without it

    def values(self, name: str) -> list[str]:
        """Every value of a parameter as the form shows it."""
        return [value for key, value in self.pairs if key == name]

    def value(self, name: str) -> str:
        """The first value, or ''."""
        return next(iter(self.values(name)), "")

    @property
    def query(self) -> str:
        """The filter as an address has it, without the page's number."""
        return urlencode([pair for pair in self.pairs if pair[0] != "page"])

    @property
    def filters(self) -> Pairs:
        """What is asked, without order and page."""
        return tuple(pair for pair in self.pairs if pair[0] not in ("sort", "page"))

    def without(self, *names: str) -> str:
        """The address without these parameters, on its first page."""
        return urlencode([pair for pair in self.pairs if pair[0] not in (*names, "page")])

    def without_one(self, name: str, value: str) -> str:
        """The address without one value."""
        return urlencode([pair for pair in self.pairs if pair != (name, value) and pair[0] != "page"])

    def having(self, name: str, value: str) -> str:
        """The address with one parameter set."""
        return urlencode([*(pair for pair in self.pairs if pair[0] not in (name, "page")), (name, value)])

    def filter(self, always: Mapping[str, list[str]]) -> Filter:
        """The filter, with the policy's words."""
        return Filter.parse(both(self.words, always))

    def api(self, always: Mapping[str, list[str]], **more: str) -> str:
        """The same question to the API: for downloads and the stream."""
        words = both(self.words, always)
        return urlencode([*((name, text) for name, texts in words.items() for text in texts), *more.items()])


def read(query: str, find: Find) -> Asked:
    """Read an address. Never raises."""
    try:
        if len(query) > LONGEST_QUERY:
            raise ValueError
        sent = parse_qsl(query, keep_blank_values=True, errors="strict", max_num_fields=MOST_FIELDS)
    except ValueError:
        return Asked((), errors={"main": "This address can’t be read. Begin again with the form."})
    known = {*BY_NAME, *OURS}
    pairs = tuple(dict.fromkeys(_split((name, text.strip()) for name, text in sent if text.strip() and name in known)))
    asked = Asked(tuple(pair for pair in pairs if pair[0] not in LEFT_OUT))
    if any(name not in known for name, text in sent if text.strip()):
        asked.errors["main"] = "This address asks something that this list does not know. Begin again with the form."
    asked.words = {
        name: [text for key, text in asked.pairs if key == name]
        for name in dict.fromkeys(name for name, _text in asked.pairs)
        if name in BY_NAME
    }
    _place(asked, find)
    _price(asked)
    _order(asked)
    _check(asked)
    return asked


def _split(pairs: Iterable[tuple[str, str]]) -> Iterable[tuple[str, str]]:
    """Several codes in one value become several."""
    for name, text in pairs:
        parameter = BY_NAME.get(name)
        if parameter is not None and parameter.repeatable and parameter.kind != "place":
            yield from ((name, part.strip()) for part in text.split(",") if part.strip())
        else:
            yield name, text


def _put(asked: Asked, name: str, value: str) -> None:
    asked.pairs = tuple(dict.fromkeys((key, value if key == name else text) for key, text in asked.pairs))


def _place(asked: Asked, find: Find) -> None:
    """The postcode: cut to its sector at once, then to the sector's middle."""
    typed = asked.value("postcode")
    if not typed:
        if asked.value("within") and "near" not in asked.words:
            asked.errors["postcode"] = "Enter a postcode, or leave the miles out."
        return
    sector = near.sector_of(typed)
    if sector is None:  # whatever it was, it is not repeated
        _put(asked, "postcode", "")
        asked.pairs = tuple(pair for pair in asked.pairs if pair[0] != "postcode")
        asked.errors["postcode"] = "Enter a postcode in England or Wales, like SE13 5AB, or its first part."
        return
    asked.moved = len(asked.values("postcode")) > 1 or sector != typed
    _put(asked, "postcode", sector)
    asked.found = find(sector)
    if asked.found is None:
        asked.errors["postcode"] = (
            f"We do not know where {sector} is. Enter another postcode near it, or choose a region."
        )
        return
    miles = asked.value("within") or USUAL_MILES
    if not re.fullmatch(r"[0-9]{1,3}", miles) or not 1 <= int(miles) <= near.FARTHEST:
        asked.errors["within"] = f"Miles must be a whole number from 1 to {near.FARTHEST}."
        return
    asked.words["near"] = [near.parameter(asked.found.point)]
    asked.words["withinMiles"] = [miles]


def _price(asked: Asked) -> None:
    """Pounds to pence, and back where an address came from the API."""
    typed = asked.value("price")
    if not typed and (pence := asked.value("weeklyAtMostPence")).isdecimal() and len(pence) < 12:
        pounds, rest = divmod(int(pence), 100)
        shown = f"{pounds}.{rest:02}" if rest else str(pounds)
        asked.pairs = (*(pair for pair in asked.pairs if pair[0] != "weeklyAtMostPence"), ("price", shown))
        return
    if not typed:
        return
    found = re.fullmatch(r"£? ?([0-9]{1,3}(?:,?[0-9]{3})*|[0-9]{1,7})(?:\.([0-9]{1,2}))?", typed)
    if found is None or len(found[1].replace(",", "")) > 6:
        asked.errors["price"] = "Price must be in pounds, like 5500 or 5,500."
        return
    asked.words["weeklyAtMostPence"] = [
        str(int(found[1].replace(",", "")) * 100 + int((found[2] or "0").ljust(2, "0")))
    ]


def _order(asked: Asked) -> None:
    sort, page = asked.value("sort") or "default", asked.value("page") or "1"
    if sort not in dict(SORTS):
        asked.errors["sort"] = "Choose one of the orders."
    elif sort == "distance" and "near" not in asked.words:
        asked.errors.setdefault("postcode", "Enter a postcode to see the nearest first.")
    else:
        asked.sort = sort
    asked.number = int(page) if page.isascii() and page.isdecimal() and len(page) < 6 else 1


def _check(asked: Asked) -> None:
    """Each parameter that the API would refuse, said at its field; what is left is what it takes."""
    words = dict(asked.words)
    while True:
        try:
            Filter.parse(words)
        except BadRequest as error:
            name = next((each["parameter"] for each in error.errors if "parameter" in each), None)
            if name is None or name not in words:
                asked.errors.setdefault("main", str(error))
                return
            detail = str(next(each["detail"] for each in error.errors if each.get("parameter") == name))
            at, label = _field_of(name)
            asked.errors.setdefault(at, f"{label} {detail.replace('takes ', 'must be ', 1).replace('`', '')}")
            del words[name]
        else:
            return


def _field_of(name: str) -> tuple[str, str]:
    """The field where a parameter's fault is shown, and how it is called."""
    at = {"weeklyAtMostPence": "price", "withinMiles": "within", "near": "postcode"}.get(name, name)
    shown = choices.by_name().get(at)
    return (at, shown.label) if shown else ("main", f"The parameter {name}")


def chips(asked: Asked) -> list[dict[str, str]]:
    """What is asked, a word each, with the address without it."""
    found = []
    for name, value in asked.filters:
        shown = choices.by_name().get(name)
        if name == "within" and asked.value("postcode"):
            continue
        if name == "postcode":
            text, to = (
                f"Within {asked.value('within') or USUAL_MILES} miles of {value}",
                asked.without("postcode", "within", "sort"),
            )
        elif name in ("near", "withinMiles"):
            text, to = (
                ("Near a place" if name == "near" else f"Within {value} miles"),
                asked.without("near", "withinMiles", "sort"),
            )
        elif shown is None:
            text, to = f"{name}: {value}", asked.without_one(name, value)
        else:
            said = next(
                (label for code, label, _on in choices.chosen(shown, [value]) if code == value and shown.choices),
                shown.words(value),
            )
            text = said if shown.kind == "flag" else f"{shown.label}: {said}"
            to = asked.without_one(name, value)
        found.append({"text": text, "query": to})
    return found
