"""Whether two spellings of an owner's name mean the same owner."""

import re

_NOT_WORD = re.compile(r"[^\w\s]|_")
_COMPANY_FORM = re.compile(r"\b(?:ltd|limited)\b")


def owner_key(name: str | None) -> str:
    """Reduce an owner's name to what is compared: no case, punctuation, blanks or Ltd/Limited.

    `Example & Co. Ltd` and `EXAMPLE AND CO LIMITED` are one owner. Company numbers and all other words stay: two owners
    are never joined by guesswork. An empty key means no name.
    """
    if not name:
        return ""
    words = _NOT_WORD.sub("", name.casefold().replace("&", " and "))
    return "".join(_COMPANY_FORM.sub(" ", words).split())
