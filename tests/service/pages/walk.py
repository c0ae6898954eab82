"""Every page that answers 200, as everybody who may see it: what tests of all pages walk through."""

import importlib
import pkgutil
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

from httpx2 import Response

from tests.service import pages
from tests.service.api.exchange import OURS, World
from tests.service.pages.who import ROLES

MODULES = sorted(name for _finder, name, _package in pkgutil.iter_modules(pages.__path__) if name.startswith("who_"))


def module_of(name: str) -> ModuleType:
    """The rows of one room of pages."""
    return importlib.import_module(f"tests.service.pages.{name}")


def all_pages(world: World, visit: Callable[..., Any]) -> Iterator[tuple[str, str, Response]]:
    """(role, address, answer) of each page, the rooms one after the other."""
    browsers = {role: visit(None if role == "nobody" else role) for role in ROLES}
    for name in MODULES:
        module = module_of(name)
        fill = {"urn": OURS, **(module.PREPARE(world) if hasattr(module, "PREPARE") else {})}
        for (method, template), row in module.ROWS.items():
            for role, status in zip(ROLES, row.statuses, strict=True):
                if method == "GET" and status == 200:
                    path = (row.path or template).format(**fill)
                    answer = browsers[role].get(path)
                    if answer.headers.get("content-type", "").startswith("text/html"):
                        yield role, path, answer
