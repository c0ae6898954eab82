"""Who sends: the owners of the settings, each with an id, a form and a way of sending that stay the same."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import blake2b

from placefeed.adapters.ofsted import OfstedRow
from placefeed.adapters.ofsted.owners import owner_key
from placefeed.service.simulate.names import marked, slug

JSON, NDJSON, SHEETS, WORKBOOK, OWN, OWN_WORKBOOK = "json", "ndjson", "csv", "xlsx", "own-csv", "own-xlsx"
FORMS = (JSON, NDJSON, SHEETS, WORKBOOK, OWN, OWN_WORKBOOK)


@dataclass(frozen=True, slots=True)
class Owner:
    """An owner and what it owns. `name` is marked as simulated; `register_name` is how the register writes it."""

    id: str
    name: str
    register_name: str
    form: str
    rows: tuple[OfstedRow, ...]

    @property
    def publisher(self) -> dict[str, str]:
        """Who a feed says it is from: an id of a scheme that does not exist."""
        return {"id": f"XX-SIM-{self.id}", "name": self.name}


def owners_of(rows: Iterable[OfstedRow]) -> list[Owner]:
    """The owners of these settings, largest first; names that differ only in case, punctuation or Ltd are one. Settings without an owner are left out."""
    grouped: defaultdict[str, list[OfstedRow]] = defaultdict(list)
    for row in rows:
        if key := owner_key(row.owner):
            grouped[key].append(row)
    found: list[Owner] = []
    taken: set[str] = set()
    for key, owned in sorted(grouped.items(), key=lambda item: (-len(item[1]), item[0])):
        name = owned[0].owner or ""
        chosen = base = slug(name)
        number = 2
        while chosen in taken:
            chosen, number = f"{base}-{number}", number + 1
        taken.add(chosen)
        found.append(Owner(chosen, marked(name), name, _form(key, len(owned)), tuple(owned)))
    return found


def _form(key: str, size: int) -> str:
    """The large ones have systems, the small ones spreadsheets, workbooks rarely (they take the longest to write)."""
    draw = int.from_bytes(blake2b(key.encode(), digest_size=4).digest()) / 2**32
    if size > 20:
        return NDJSON if draw < 0.5 else JSON
    shares = ((JSON, 0.62), (NDJSON, 0.08), (SHEETS, 0.17), (OWN, 0.12), (WORKBOOK, 0.004), (OWN_WORKBOOK, 0.006))
    for form, share in shares:
        if draw < share:
            return form
        draw -= share
    return JSON
