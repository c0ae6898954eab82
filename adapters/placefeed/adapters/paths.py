"""Puts values into a document by pointer, and joins what several rows say of the same thing, keeping where each stood."""

from functools import cache
from typing import Any, NamedTuple

from placefeed.adapters.sheets import address
from placefeed.schema.issues import Place


class Spot(NamedTuple):
    """Where a value stands: sheet, row from 1, column from 0. Smaller than a Place, of which a sheet would need millions."""

    sheet: str
    row: int
    column: int

    def place(self, urn: str | None = None) -> Place:
        """As issues and reports have it."""
        return Place(sheet=self.sheet, cell=address(self.row, self.column), urn=urn)


def column_and_row(cell: str) -> tuple[int, int]:
    """Column from 0 and row from 1 of an address such as B7: the inverse of `address`."""
    letters = cell.rstrip("0123456789")
    column = 0
    for letter in letters:
        column = column * 26 + ord(letter) - 64
    return column - 1, int(cell[len(letters) :])


Places = dict[str, Spot]
"""JSON Pointers into a document, and the cell that each came from."""


@cache
def steps(pointer: str) -> tuple[str, ...]:
    """The steps of a pointer below its first: /vacancy/ages/from is ages, from."""
    return tuple(pointer.split("/")[2:])


def put(document: dict[str, Any], steps: tuple[str, ...], value: Any) -> str:
    """Set a value, making what lies between; returns its JSON Pointer in `document`.

    A step `name=value` is the entry of a list whose `name` is `value`; a number is an entry of a list.
    """
    if len(steps) == 1:
        document[steps[0]] = value
        return f"/{steps[0]}"
    pointer = ""
    here: Any = document
    for at, step in enumerate(steps):
        last = at == len(steps) - 1
        if isinstance(here, list):
            index = _entry(here, step)
            pointer += f"/{index}"
            here = here[index]
            continue
        pointer += f"/{step}"
        if last:
            here[step] = value
        else:
            following = steps[at + 1]
            empty: Any = [] if following.isdigit() or "=" in following else {}
            here = here.setdefault(step, empty)
    return pointer


def _entry(entries: list[Any], step: str) -> int:
    name, equals, value = step.partition("=")
    if not equals:
        while len(entries) <= int(step):
            entries.append({})
        return int(step)
    for index, entry in enumerate(entries):
        if entry.get(name) == value:
            return index
    entries.append({name: value})
    return len(entries) - 1


def join(known: dict[str, Any], more: dict[str, Any], known_places: Places, more_places: Places) -> list[str]:
    """Add to `known` what another row says; returns the pointers (in `more`) at which the two contradict each other."""
    return _join(known, more, "", "", known_places, more_places)


def _join(
    known: dict[str, Any], more: dict[str, Any], into: str, source: str, places: Places, more_places: Places
) -> list[str]:
    against: list[str] = []
    for name, value in more.items():
        to, came_from = f"{into}/{name}", f"{source}/{name}"
        if name not in known:
            known[name] = value
            _move(to, came_from, places, more_places)
        elif isinstance(value, dict) and isinstance(known[name], dict):
            against += _join(known[name], value, to, came_from, places, more_places)
        elif _entries(value) and _entries(known[name]):
            for index, entry in enumerate(value):
                if entry not in known[name]:
                    known[name].append(entry)
                    _move(f"{to}/{len(known[name]) - 1}", f"{came_from}/{index}", places, more_places)
        elif value != known[name]:
            against.append(came_from)
    return against


def _entries(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(entry, dict) for entry in value)


def _move(to: str, came_from: str, places: Places, more_places: Places) -> None:
    for pointer, place in more_places.items():
        if pointer == came_from or pointer.startswith(came_from + "/"):
            places[to + pointer[len(came_from) :]] = place
