"""Every page and form as every role: one table, and no page that is not in it."""

from collections.abc import Callable, Iterable
from typing import Any

import pytest
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from placefeed.service.app import PAGES
from placefeed.service.pages.visitors import Visit
from tests.service.api.exchange import OURS, World, feed_of
from tests.service.pages.walk import MODULES, module_of
from tests.service.pages.who import ROLES, Row

ROUTES = [route for router in PAGES for route in router.routes if isinstance(route, APIRoute)]


def decisions(dependant: Dependant) -> Iterable[Visit]:
    if isinstance(dependant.call, Visit):
        yield dependant.call
    for below in dependant.dependencies:
        yield from decisions(below)


def test_every_page_is_in_the_table() -> None:
    there = {(method, route.path) for route in ROUTES for method in route.methods}
    told = [key for name in MODULES for key in module_of(name).ROWS]
    assert len(told) == len(set(told))
    assert set(told) == there


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{sorted(route.methods)[0]} {route.path}")
def test_every_page_decides_once_who_may_come(route: APIRoute) -> None:
    assert len(list(decisions(route.dependant))) == 1
    assert not route.include_in_schema


@pytest.mark.parametrize("name", MODULES)
def test_each_role_is_answered_as_the_table_says(name: str, world: World, visit: Callable[..., Any]) -> None:
    module = module_of(name)
    world.push("provider", feed_of(OURS))
    world.publish()
    fill = {"urn": OURS, **(module.PREPARE(world) if hasattr(module, "PREPARE") else {})}
    browsers = {role: visit(None if role == "nobody" else role) for role in ROLES}
    wrong = []
    for (method, template), row in module.ROWS.items():
        assert isinstance(row, Row)
        path = (row.path or template).format(**fill)
        for role in reversed(ROLES):  # who owns it comes last: it may be gone after that
            expected = row.statuses[ROLES.index(role)]
            answer = browsers[role].get(path) if method == "GET" else browsers[role].post(path, row.form)
            if answer.status_code != expected:
                wrong.append(f"{method} {path} as {role}: {answer.status_code}, not {expected}")
            elif role == "nobody" and expected == 303 and method == "GET":
                assert answer.headers["location"].startswith("/sign-in"), path
    assert wrong == []


def test_no_form_is_taken_from_another_site(world: World, visit: Callable[..., Any]) -> None:
    for path in [route.path for route in ROUTES if "POST" in route.methods]:
        address = path.replace("{", "").replace("}", "")
        for role in ("provider", "member", "operator"):
            for sign in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}):
                answer = visit(role).ask("POST", address, data={"a": "b"}, headers=sign)
                assert answer.status_code == 403, (path, role)
                assert "another website" in answer.text
