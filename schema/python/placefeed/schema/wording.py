"""What the words around a value say: a telephone field, a date of birth, free text; and the given names in free text."""

import re
from dataclasses import dataclass
from functools import cache, lru_cache

from placefeed.schema.births import names_birth
from placefeed.schema.codelists import codelist
from placefeed.schema.nhs import plain

# --- names of properties and headings ---------------------------------------------------------------

_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_TELEPHONE = re.compile(r"\b(?:telephones?|phones?|tel|fax|mobiles?|mob|landline)\b|telephone|phone")
_FREE_TEXT = re.compile(r"\b(?:notes?|details?|titles?|comments?|descriptions?)\b")
_CHILD_NAME = re.compile(
    r"\b(?:child|childs|children|young persons?|yp|residents?|clients?|pupils?|service users?)\b"
    r".*\b(?:names?|forenames?|surnames?|initials)\b|\b(?:forenames?|initials)\b"
)


@dataclass(frozen=True, slots=True)
class Says:
    """What a property's name or a column's heading says about its value."""

    telephone: bool
    birth: bool
    free_text: bool
    child_name: bool


@lru_cache(maxsize=2048)
def says(name: str) -> Says:
    """What a name in any style (camelCase, snake_case, a heading) says."""
    words = " ".join(_WORDS.findall(plain(name).replace("'", "").replace("’", ""))).lower()
    return Says(
        telephone=_TELEPHONE.search(words) is not None,
        birth=names_birth(words),
        free_text=_FREE_TEXT.search(words) is not None,
        child_name=_CHILD_NAME.search(words) is not None,
    )


SILENT = Says(telephone=False, birth=False, free_text=False, child_name=False)

# --- given names ------------------------------------------------------------------------------------

CAPITALISED = re.compile(r"[A-Z][a-z]{2,}|[A-Z]{3,}")
_OF_A_PLACE = re.compile(
    r"[ -](?:House|Home|Homes|Lodge|Court|Cottage|Hall|Manor|Farm|Villa|Street|Road|Lane|Avenue|Close|Drive|Way|Place"
    r"|School|College|Academy|Centre|Project|Trust|Group|Ltd|Limited|Care)\b"
)


@cache
def given_names() -> frozenset[str]:
    """Common given names, as they are written: the codelist given-names."""
    return frozenset(row["title"] for row in codelist("given-names").rows)


def holds_name(text: str) -> bool:
    """Whether text holds a common given name that is not part of a place's or an organisation's name."""
    names = given_names()
    return any(
        word.group().capitalize() in names and not _OF_A_PLACE.match(text, word.end())
        for word in CAPITALISED.finditer(text)
    )
