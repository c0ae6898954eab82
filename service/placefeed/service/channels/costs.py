"""Which part of a filter costs most: for each, how many listings there would be without it. For who finds none."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from placefeed.service.channels.index import State
from placefeed.service.channels.query import Filter, Params
from placefeed.service.publishing.sight import View

TOGETHER: tuple[tuple[str, ...], ...] = (("near", "withinMiles"), ("need", "needsStated"), ("risk", "risksStated"))
"""Parameters that ask one thing together: one is nothing without the other."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What leaving these parameters out would bring: listings in all, and those known to be available."""

    names: tuple[str, ...]
    total: int
    available: int


def costs(state: State, asked: Params, always: Params, view: View, now: datetime) -> list[Cost]:
    """The costs of each part of `asked`, the dearest first; `always` (the policy of a reader) is never left out. Raises BadRequest."""
    found = []
    for names in _parts(asked):
        rest = {name: texts for name, texts in asked.items() if name not in names}
        counts = state.count(Filter.parse(both(rest, always)), view, now)
        found.append(Cost(names, counts.total, counts.available))
    return sorted(found, key=lambda cost: -cost.total)


def both(one: Params, other: Params) -> dict[str, list[str]]:
    """Two sets of parameters as one: of a parameter in both, the values of both."""
    joined = {name: list(texts) for name, texts in one.items()}
    for name, texts in other.items():
        joined[name] = [*joined.get(name, ()), *(text for text in texts if text not in joined.get(name, ()))]
    return joined


def _parts(asked: Mapping[str, Sequence[str]]) -> Iterable[tuple[str, ...]]:
    left = [name for name, texts in asked.items() if any(text.strip() for text in texts)]
    for group in TOGETHER:
        names = tuple(name for name in group if name in left)
        if group[0] in names:
            yield names
            left = [name for name in left if name not in names]
    # Alone they ask nothing.
    yield from ((name,) for name in left if name not in ("needsStated", "risksStated", "showHidden"))
