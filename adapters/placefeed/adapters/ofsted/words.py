"""Ofsted's words as codes of the standard: types, statuses, sectors, places on the map, kinds of inspection."""

import re
from datetime import date
from functools import cache
from typing import Final

from placefeed.schema.codelists import codelist, fold, local_authority, region

# Older lists name authorities in ways of their own (2014 and 2015); anything else is in the codelist's aliases.
_OLD_NAMES: Final = {
    "blackburn": "Blackburn with Darwen",
    "hull": "Kingston upon Hull",
    "telford": "Telford and Wrekin",
}
_CITY_OF: Final = re.compile(r"^(.*?),? (?:city|borough|county)(?: of)?$")

_TYPE_SIGNS: Final[tuple[tuple[tuple[str, ...], str], ...]] = (
    (("special school", "children"), "residential-special-school-childrens-home"),
    (("special school", "295"), "residential-special-school-childrens-home"),
    (("special school",), "residential-special-school"),
    (("boarding",), "boarding-school"),
    (("secure training",), "secure-training-centre"),
    (("secure",), "secure-childrens-home"),
    (("supported accommodation",), "supported-accommodation"),
    (("fostering agency",), "independent-fostering-agency"),
    (("family centre",), "residential-family-centre"),
    (("further education",), "further-education-college"),
    (("adoption support",), "adoption-support-agency"),
    (("adoption agency",), "voluntary-adoption-agency"),
    (("holiday",), "residential-holiday-scheme"),
    (("children", "home"), "children-home"),
)
"""What a type that is spelt in a new way must contain, most particular first (`Voluntary Adoption Agency Branch`)."""

_KIND_SIGNS: Final = (
    ("interim", "interim"), ("monitoring", "monitoring"), ("assurance", "assurance"), ("emergency", "emergency"),
    ("survey", "other"), ("registration", "registration"), ("full", "full"), ("pilot", "other"), ("focus", "other"), ("visit", "other"),
)  # fmt: skip


@cache
def provision_type(words: str) -> str | None:
    """The code of a provision type, however it is written; None for a type that is new."""
    code = codelist("provision-types").find(words, "ofsted")
    if code is not None:
        return code
    folded = fold(words).replace("childrens", "children")
    return next((code for signs, code in _TYPE_SIGNS if all(sign in folded for sign in signs)), None)


@cache
def registration_status(words: str) -> str | None:
    """The code of a registration status."""
    return codelist("registration-statuses").find(words, "ofsted")


@cache
def sector(words: str) -> str | None:
    """The code of a sector."""
    return codelist("sectors").find(words, "ofsted")


@cache
def region_code(words: str) -> str | None:
    """The code of a region, or of one of Ofsted's own that joins two."""
    found = region(words)
    return found.code if found else None


@cache
def authority(words: str, on: date | None) -> str | None:
    """The GSS code of a local authority as it was on a day."""
    folded = fold(words)
    city = _CITY_OF.match(folded)
    for name in (words, _OLD_NAMES.get(folded), city.group(1) if city else None):
        found = local_authority(name, on) if name else None
        if found:
            return found.code
    return None


@cache
def inspection_kind(words: str) -> str | None:
    """The code of an inspection type, prefix and dashes aside (`SC – Emergency inspection`); None for a new one."""
    code = codelist("inspection-kinds").find(words, "ofsted")
    if code is not None:
        return code
    folded = fold(words)
    return next((code for sign, code in _KIND_SIGNS if sign in folded), None)
