"""Finds adapters by name: ours and those that other packages add by the entry point group `placefeed.adapters`."""

import inspect
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from placefeed.adapters.base import Adapter, AdapterError

GROUP = "placefeed.adapters"


class NoSuchAdapter(AdapterError):
    """No installed package has an adapter of this name; `known` has the names that there are."""

    def __init__(self, name: str, known: list[str]) -> None:
        super().__init__(f"There is no adapter “{name}”. Installed are: {', '.join(known) or 'none'}.")
        self.name = name
        self.known = known


class BrokenAdapter(AdapterError):
    """An installed adapter cannot be used; the message names its package and what is wrong."""

    def __init__(self, name: str, package: str, why: str) -> None:
        super().__init__(f"The adapter “{name}” of the package {package} cannot be used: {why}.")
        self.name = name
        self.package = package


def names() -> list[str]:
    """The names of all installed adapters, sorted. Nothing is imported."""
    return sorted({point.name for point in entry_points(group=GROUP)})


def load(name: str) -> type[Adapter]:
    """The class of an adapter. Raises NoSuchAdapter or BrokenAdapter.

    Where two packages take one name neither is chosen: which of them ran would depend on the order of installation.
    """
    found = {point.value: point for point in entry_points(group=GROUP, name=name)}
    if not found:
        raise NoSuchAdapter(name, names())
    point = next(iter(found.values()))
    if len(found) > 1:
        raise BrokenAdapter(
            name,
            " and ".join(sorted(_package(each) for each in found.values())),
            "both packages offer this name; remove one",
        )
    try:
        loaded = point.load()
    except Exception as error:  # other people's code may fail in any way
        raise BrokenAdapter(
            name, _package(point), f"importing it failed with {type(error).__name__} ({error})"
        ) from error
    if not isinstance(loaded, type) or not callable(getattr(loaded, "fetch", None)):
        raise BrokenAdapter(name, _package(point), f"{point.value} is not a class with a `fetch` method")
    adapter: type[Adapter] = loaded
    return adapter


def open_source(name: str, address: str, **options: Any) -> Adapter:
    """Make the adapter `name` for an address (a URL, a folder).

    Of the options that the exchange has at hand (`content_type`, `authorization`, `guard`, `timeout`, `max_bytes`, and those
    of `rpde`) each adapter's constructor takes, by keyword, those it can use; the others are not for it. None means not given.
    """
    adapter = load(name)
    parameters = inspect.signature(adapter).parameters
    open_ended = any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values())
    usable = {key: value for key, value in options.items() if value is not None and (open_ended or key in parameters)}
    make: Any = adapter
    try:
        made: Adapter = make(address, **usable)
    except TypeError as error:
        raise BrokenAdapter(name, adapter.__module__, f"it cannot be made from an address ({error})") from error
    return made


def _package(point: EntryPoint) -> str:
    return point.dist.name if point.dist is not None else point.value.partition(":")[0]
