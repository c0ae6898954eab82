"""Invented names that belong to nobody: two country words in one, and the word that says so."""

import re
from collections.abc import Iterator
from random import Random

MARK = "(simulated)"
"""Ends every name that we make or borrow, so that no list can be mistaken for a real one."""

# No word here is a given name: the screen for personal data would warn of it.
_FIRST = (
    "Alder", "Beech", "Birch", "Bracken", "Bramble", "Broad", "Brock", "Curlew", "Elm", "Fern", "Ferry", "Gorse", "Hare",
    "Heron", "High", "Kiln", "Lapwing", "Larch", "Long", "Low", "Mallow", "Mill", "North", "Oak", "Otter", "Pine", "Plover",
    "Reed", "Sedge", "South", "Spring", "Stone", "Swan", "Teasel", "Thorn", "West", "Wych", "Yarrow", "Yew",
)  # fmt: skip
_SECOND = (
    "bank", "beck", "bourne", "brook", "combe", "croft", "dale", "down", "end", "field", "fold", "ford", "garth", "gate", "holt",
    "hurst", "lea", "mere", "mead", "moor", "ridge", "shaw", "slade", "stead", "thwaite", "water", "wick", "wood", "worth", "yard",
)  # fmt: skip
_COMPANIES = (
    "Care Ltd", "Children's Homes Ltd", "Residential Limited", "Care Group Limited", "Homes Ltd", "Support Ltd", "Futures Limited",
    "Children's Services Ltd", "Pathways Ltd", "Living Limited", "Young People Ltd", "Care and Education Limited",
)  # fmt: skip
_OTHERS = {
    "local-authority": ("Council", "Borough Council", "County Council"),
    "voluntary": ("Trust", "Foundation", "Society for Children"),
    "academy": ("Academy Trust", "Schools Trust"),
    "health-authority": ("Health Trust", "Community Health Trust"),
}
_HOUSES = ("House", "Lodge", "Cottage", "Farm", "View", "Place", "Court", "Grange")


def owner_names(rng: Random) -> Iterator[tuple[str, str]]:
    """Pairs of a two-word stem and a company's ending, all different; the ending is for a private owner."""
    stems = [first + second for first in _FIRST for second in _SECOND]
    rng.shuffle(stems)
    for ending in _COMPANIES:
        for stem in stems:
            yield stem, ending


def owner_name(stem: str, ending: str, sector: str, rng: Random) -> str:
    """The name of an owner of a sector, marked."""
    return f"{stem} {rng.choice(_OTHERS[sector]) if sector in _OTHERS else ending} {MARK}"


def setting_name(rng: Random) -> str:
    """The name of a setting, marked."""
    return f"{rng.choice(_FIRST)}{rng.choice(_SECOND)} {rng.choice(_HOUSES)} {MARK}"


def marked(name: str) -> str:
    """A name with the mark, once; short enough for the standard."""
    return name if name.endswith(MARK) else f"{name[:180]} {MARK}"


def slug(name: str) -> str:
    """An id for an owner: small letters, digits and hyphens, without the mark."""
    text = name.removesuffix(MARK).casefold().replace("&", " and ").replace("'", "")
    return re.sub(r"[^a-z0-9]+", "-", text).strip("-")[:60] or "owner"
