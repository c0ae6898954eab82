"""What free text must not hold besides personal data: a full postcode gives a home's address away."""

import re

_POSTCODE = re.compile(r"\b(?:[A-Z]{1,2}[0-9][A-Z0-9]?|GIR) ?[0-9][ABD-HJLNP-UW-Z]{2}\b", re.IGNORECASE)


def holds_postcode(text: str) -> bool:
    """Whether text holds a full postcode of the United Kingdom."""
    return _POSTCODE.search(text) is not None
