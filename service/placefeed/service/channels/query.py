"""The filter of every channel: parsed from the words of a request, with one meaning wherever it is used."""

import difflib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from urllib.parse import parse_qs

from placefeed.adapters.postcodes import in_these_isles
from placefeed.schema.codelists import codelist, judgements, local_authority, region
from placefeed.service.channels.criteria import (
    OLDEST,
    Aged,
    AnyOf,
    AtLeast,
    By,
    Criterion,
    EveryOf,
    Facts,
    Gender,
    Judged,
    Judgement,
    Near,
    Offered,
    Suits,
    Words,
)
from placefeed.service.channels.near import FARTHEST, Point, parameter
from placefeed.service.channels.parameters import BY_NAME, POINT, Parameter
from placefeed.service.errors import BadRequest
from placefeed.service.publishing.sight import View

Params = Mapping[str, Sequence[str]]

LONGEST_QUERY = 8192  # bytes
MOST_FIELDS = 2000  # names and values of one address
MOST_VALUES = 500  # values that one filter may name in all
MOST_TEXT = 200  # characters of free text
MOST_PENCE = 100_000_000
_JUDGEMENT = re.compile(r"([a-z0-9-]{1,40})(?:/([a-z0-9-]{1,40}))?:([a-z0-9-]{1,60})")


@dataclass(frozen=True, slots=True)
class Filter:
    """What a reader asks for. `hidden` are the overall grades that are left out unless they are asked for; `near` is from where
    distances are measured.

    `key` is equal for filters that ask the same, however they were written; `said` is the same for the audit, without the
    free text, in which somebody may have typed a name, and without the place, which may be where a child lives.
    """

    criteria: tuple[Criterion, ...]
    hidden: Judged | None
    key: str
    said: str
    near: Point | None = None

    @staticmethod
    def parse(params: Params, *, also: Iterable[str] = ()) -> "Filter":
        """Read a filter; raises BadRequest that names the parameter. `also`: other parameters of the address, for advice."""
        return _Parser(params, tuple(also)).filter()

    def matches(self, facts: Facts, view: View) -> bool:
        """Whether a listing with these facts is asked for, by what this view may know of it. Pure."""
        return self.asked(facts, view) and (self.hidden is None or self.hidden.matches(facts, view))

    def asked(self, facts: Facts, view: View) -> bool:
        """As `matches`, the grades hidden by default not left out."""
        return all(criterion.matches(facts, view) for criterion in self.criteria)


@cache
def hidden_by_default() -> frozenset[Judgement]:
    """The overall grades that a list leaves out unless it is told otherwise, by framework."""
    return frozenset(
        (row["framework"], "overall", row["code"])
        for row in codelist("judgements").rows
        if row["hiddenByDefault"] == "yes"
    )


def params_of(query: bytes) -> Params:
    """The parameters of an address. Raises BadRequest."""
    if len(query) > LONGEST_QUERY:
        raise BadRequest("The address is too long. Ask for fewer values at once.")
    try:
        return parse_qs(query.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=MOST_FIELDS)
    except ValueError:
        raise BadRequest("The parameters are not written as a URL has them: percent-encode them as UTF-8.") from None


def nearest(word: str, known: Iterable[str]) -> str:
    """Advice for a word that is not known; never repeats the word itself."""
    options = sorted(known)
    folded = {option.casefold(): option for option in options}
    close = difflib.get_close_matches(word.casefold(), folded, n=1, cutoff=0.5)
    if close:
        return f"Did you mean `{folded[close[0]]}`?"
    return f"Known are: {', '.join(options[:60])}."


def refuse(parameter: str, message: str) -> BadRequest:
    """A refusal that names the parameter."""
    return BadRequest(f"The parameter `{parameter}` {message}", errors=[{"parameter": parameter, "detail": message}])


def check_known(params: Params, known: Iterable[str]) -> None:
    """Refuse a parameter that the address does not have, naming the nearest one that it has."""
    names = set(known)
    for name in params:
        if name not in names:
            advice = nearest(name, names)
            raise BadRequest(f"One of the parameters is not known here. {advice}", errors=[{"detail": advice}])


class _Parser:
    """Takes the parameters one by one and collects criteria, and the canonical words that make the key."""

    def __init__(self, params: Params, also: tuple[str, ...]) -> None:
        check_known(params, (*BY_NAME, *also))
        self._params = {name: _split(BY_NAME[name], texts) for name, texts in params.items() if name in BY_NAME}
        self._params = {name: texts for name, texts in self._params.items() if texts}
        if sum(map(len, self._params.values())) > MOST_VALUES:
            raise BadRequest(f"The filter names more than {MOST_VALUES} values. Ask for fewer, or for a wider area.")
        self._criteria: list[Criterion] = []
        self._words: list[str] = []

    def filter(self) -> Filter:
        """The whole filter."""
        for name in self._params:
            parameter = BY_NAME[name]
            read = _READERS.get(parameter.kind)
            if read is not None and parameter.fact:
                criterion, words = read(self, parameter)
                self._criteria.append(criterion)
                self._note(name, words)
        self._offered()
        near = self._near()
        hidden = self._hidden()
        words = sorted(self._words)
        said = "&".join(word.partition("=")[0] if word.startswith(("q=", "near=")) else word for word in words)
        return Filter(tuple(self._criteria), hidden, "&".join(words), said, near)

    def _note(self, name: str, words: Iterable[object]) -> None:
        self._words.append(f"{name}={','.join(sorted(map(str, words)))}")

    def one(self, name: str) -> str | None:
        """The only value of a parameter; refuses a second."""
        texts = self._params.get(name, [])
        if len(texts) > 1:
            raise refuse(name, "may be given only once.")
        return texts[0] if texts else None

    def flag(self, name: str) -> bool | None:
        """true, false or not given."""
        text = self.one(name)
        if text is None:
            return None
        if text not in ("true", "false"):
            raise refuse(name, "takes true or false.")
        return text == "true"

    def number(self, name: str, *, most: int, least: int = 0) -> int | None:
        """A whole number."""
        text = self.one(name)
        if text is None:
            return None
        if not (text.isascii() and text.isdigit() and len(text) <= 12 and least <= int(text) <= most):
            raise refuse(name, f"takes a whole number from {least} to {most}.")
        return int(text)

    def codes(self, name: str) -> frozenset[str]:
        """Codes, each of them in the codelist where that is closed."""
        parameter = BY_NAME[name]
        codes = frozenset(self._params.get(name, ()))
        if parameter.checked:
            known = parameter.codes
            for code in codes.difference(known):
                raise refuse(
                    name, f"has a code that is not in the codelist {parameter.codelist}. {nearest(code, known)}"
                )
        return codes

    # -- one reader a kind: the criterion, and the words for the key ------------------------------------------------

    def any_of(self, parameter: Parameter) -> tuple[Criterion, Iterable[object]]:
        codes = self.codes(parameter.name)
        return AnyOf(parameter.fact, codes), codes

    def every_of(self, parameter: Parameter) -> tuple[Criterion, Iterable[object]]:
        codes = self.codes(parameter.name)
        return EveryOf(parameter.fact, codes), codes

    def suits(self, parameter: Parameter) -> tuple[Criterion, Iterable[object]]:
        codes, stated = self.codes(parameter.name), bool(self.flag(f"{parameter.fact}Stated"))
        return Suits(parameter.fact, codes, stated), [*codes, *(["(stated)"] if stated else [])]

    def gender(self, parameter: Parameter) -> tuple[Criterion, Iterable[object]]:
        codes = self.codes(parameter.name)
        return Gender(codes), codes

    def age(self, parameter: Parameter) -> tuple[Criterion, Iterable[object]]:
        years = self.number(parameter.name, most=OLDEST) or 0
        return Aged(years), [years]

    def count(self, parameter: Parameter) -> tuple[Criterion, Iterable[object]]:
        number = self.number(parameter.name, most=10_000) or 0
        return AtLeast(parameter.fact, number), [number]

    def day(self, parameter: Parameter) -> tuple[Criterion, Iterable[object]]:
        text = self.one(parameter.name) or ""
        try:
            if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
                raise ValueError
            date.fromisoformat(text)
        except ValueError:
            raise refuse(parameter.name, "takes a day as YYYY-MM-DD.") from None
        return By(parameter.fact, text), [text]

    def truth(self, parameter: Parameter) -> tuple[Criterion, Iterable[object]]:
        value = bool(self.flag(parameter.name))
        return AnyOf(parameter.fact, frozenset([value])), [value]

    def text(self, parameter: Parameter) -> tuple[Criterion, Iterable[object]]:
        text = self.one(parameter.name) or ""
        if len(text) > MOST_TEXT:
            raise refuse(parameter.name, f"takes at most {MOST_TEXT} characters.")
        words = tuple(sorted(set(text.lower().split())))
        return Words(words), [repr(word) for word in words]

    def judged(self, parameter: Parameter) -> tuple[Criterion, Iterable[object]]:
        found = frozenset(_judgement(parameter.name, text) for text in self._params[parameter.name])
        return Judged(found, wanted=parameter.name == "judgement"), ["/".join(judgement) for judgement in found]

    def place(self, parameter: Parameter) -> tuple[Criterion, Iterable[object]]:
        find = _authorities if parameter.name == "la" else _regions
        codes: set[str] = set()
        for text in self._params[parameter.name]:
            found = find(text)
            if not found:
                raise refuse(
                    parameter.name, f"names a place that is not known. {nearest(text, _names(parameter.name))}"
                )
            codes.update(found)
        return AnyOf(parameter.fact, frozenset(codes)), codes

    # -- what is asked by several parameters together ---------------------------------------------------------------

    def _offered(self) -> None:
        offered = Offered(
            self.codes("contractType"), self.codes("package"), self.number("weeklyAtMostPence", most=MOST_PENCE)
        )
        if offered != Offered(frozenset(), frozenset(), None):
            self._criteria.append(offered)
            self._note("rate", [*offered.contracts, *offered.packages, f"<={offered.weekly_at_most}"])

    def _near(self) -> Point | None:
        near, within = self._point(), self.number("withinMiles", least=1, most=FARTHEST)
        if near is None:
            if within is not None:
                raise refuse("withinMiles", "is measured from `near`: give that as well, as latitude,longitude.")
            return None
        self._note("near", [parameter(near)])
        if within is not None:
            self._criteria.append(Near(near, within))
            self._note("withinMiles", [within])
        return near

    def _point(self) -> Point | None:
        text = self.one("near")
        if text is None:
            return None
        found = POINT.fullmatch(text)
        if found is None:
            raise refuse("near", "takes latitude,longitude in degrees with at most 5 decimals, such as 51.46,-0.01.")
        latitude, longitude = float(found[1]), float(found[2])
        if not in_these_isles(latitude, longitude):
            raise refuse("near", "is not in the United Kingdom. Latitude comes first, then longitude: 51.46,-0.01.")
        return latitude, longitude

    def _hidden(self) -> Judged | None:
        for name in ("needsStated", "risksStated"):
            self.flag(name)  # checked even where nothing is asked
        if self.flag("showHidden"):
            self._note("showHidden", ["true"])
            return None
        asked = [
            criterion.judgements for criterion in self._criteria if isinstance(criterion, Judged) and criterion.wanted
        ]
        # Who asks for a grade by name means it.
        left = hidden_by_default().difference(*asked)
        return Judged(left, wanted=False)


_Reader = Callable[[_Parser, Parameter], tuple[Criterion, Iterable[object]]]
_READERS: dict[str, _Reader] = {
    "any": _Parser.any_of,
    "every": _Parser.every_of,
    "suits": _Parser.suits,
    "gender": _Parser.gender,
    "age": _Parser.age,
    "count": _Parser.count,
    "day": _Parser.day,
    "flag": _Parser.truth,
    "text": _Parser.text,
    "judgement": _Parser.judged,
    "place": _Parser.place,
}


def _split(parameter: Parameter, texts: Sequence[str]) -> list[str]:
    """The values, trimmed; empty ones are left out, as a form sends them for what was not filled in."""
    if parameter.repeatable and parameter.kind != "place":
        texts = [part for text in texts for part in text.split(",")]
    return [text.strip() for text in texts if text.strip()]


def _judgement(name: str, text: str) -> Judgement:
    found = _JUDGEMENT.fullmatch(text)
    if found is None:
        raise refuse(name, "is written framework:code or framework/aspect:code, such as sccif-2017:good.")
    framework, aspect, code = found[1], found[2] or "overall", found[3]
    for word, known, what in (
        (framework, codelist("frameworks").codes, "a framework"),
        (aspect, codelist("aspects").codes, "an aspect"),
        (code, judgements(framework).codes, "a code of that framework"),
    ):
        if word not in known:
            raise refuse(name, f"names {what} that is not known. {nearest(word, known)}")
    return framework, aspect, code


def _authorities(text: str) -> set[str]:
    found = local_authority(text)
    return {found.code, *found.successors} if found else set()


def _regions(text: str) -> set[str]:
    found = region(text)
    if found is None:
        return set()
    parts = codelist("regions").row(found.code).get("parts", "")
    return {found.code, *filter(None, parts.split("|"))}


@cache
def _names(parameter: str) -> frozenset[str]:
    if parameter == "la":
        live = [row for row in codelist("local-authorities").rows if not row["to"]]
        return frozenset(name for row in live for name in (row["title"], *row["aliases"].split("|")) if name)
    return frozenset(row["title"] for row in codelist("regions").rows)
