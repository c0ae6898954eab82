"""The OpenAPI document is right, whole, and shown without anything from outside."""

import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from fastapi.routing import APIRoute
from openapi_spec_validator import OpenAPIV31SpecValidator
from tests.service.api.exchange import World, sqlite_settings

from placefeed.schema import files
from placefeed.service.api.openapi import METHODS, decision
from placefeed.service.config import Settings


@pytest.fixture
def settings(tmp_path: Path, sqlite_template: Path) -> Settings:
    """One database is enough for what has nothing to do with it."""
    return sqlite_settings(tmp_path, sqlite_template)


@pytest.fixture
def document(bare: World) -> dict[str, Any]:
    found: dict[str, Any] = bare.call("nobody", "GET", "/openapi.json").json()
    return found


def operations(document: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    return [
        (path, method, item[method]) for path, item in document["paths"].items() for method in METHODS if method in item
    ]


def test_it_is_valid_openapi_3_1(document: dict[str, Any]) -> None:
    assert document["openapi"] == "3.1.0"
    assert list(OpenAPIV31SpecValidator(document).iter_errors()) == []


def test_every_reference_leads_somewhere_inside(document: dict[str, Any]) -> None:
    def references(value: Any) -> Any:
        if isinstance(value, dict):
            if isinstance(value.get("$ref"), str):
                yield value["$ref"]
            for each in value.values():
                yield from references(each)
        elif isinstance(value, list):
            for each in value:
                yield from references(each)

    for reference in set(references(document)):
        assert reference.startswith("#/"), reference
        found: Any = document
        for step in reference[2:].split("/"):
            found = found[step.replace("~1", "/").replace("~0", "~")]


def test_every_operation_has_a_name_a_summary_a_tag_and_its_problems(document: dict[str, Any]) -> None:
    tags = {tag["name"] for tag in document["tags"]}
    names = []
    for path, method, operation in operations(document):
        said = f"{method} {path}"
        names.append(operation["operationId"])
        assert operation["summary"], said
        assert set(operation["tags"]) <= tags, said
        assert {"500", "503"} <= operation["responses"].keys(), said
        if operation.get("security"):
            assert {"401", "403", "429"} <= operation["responses"].keys(), said
        for status, response in operation["responses"].items():
            if int(status) >= 400:
                assert response["$ref"].startswith("#/components/responses/"), said
            else:
                assert response["description"], said
    assert len(names) == len(set(names))


def test_it_has_every_route_and_every_standard_document(bare: World, document: dict[str, Any]) -> None:
    for route in bare.app.routes:
        if not getattr(route, "include_in_schema", True):
            continue  # a page
        path = getattr(route, "path_format", None) or getattr(route, "path", "")
        assert path in document["paths"], path
    assert set(files.DOCUMENTS) <= document["components"]["schemas"].keys()


def test_who_may_call_is_in_it(bare: World, document: dict[str, Any]) -> None:
    for route in bare.app.routes:
        if isinstance(route, APIRoute) and route.include_in_schema:
            (allow,) = decision(route)
            for method in route.methods:
                operation = document["paths"][route.path_format][method.lower()]
                assert operation.get("x-roles", []) == ([] if allow.anyone else list(allow.roles))


class Outside(HTMLParser):
    """Collects everything on a page that a browser would fetch or run."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = dict(attrs)
        if tag in ("script", "iframe", "img", "object", "embed", "link") or "src" in named or "style" in named:
            self.found.append(tag)
        self.found += [name for name in named if name.startswith("on")]
        if (anchor := named.get("id")) is not None:
            self.ids.append(anchor)
        if tag == "a" and (target := named.get("href")) is not None:
            self.links.append(target)


def test_the_reference_page_needs_nothing_from_outside(bare: World, document: dict[str, Any]) -> None:
    answer = bare.call("nobody", "GET", "/docs")

    assert answer.status_code == 200
    page = Outside()
    page.feed(answer.text)
    assert page.found == []
    assert re.fullmatch(r"default-src 'none'; style-src 'sha256-[^']+'; .*", answer.headers["content-security-policy"])
    assert len(page.ids) == len(set(page.ids))
    assert {link[1:] for link in page.links if link.startswith("#")} <= set(page.ids)
    for path, _method, _operation in operations(document):
        assert path in answer.text
