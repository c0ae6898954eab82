"""Finds the standard's files, in a checkout or an installed wheel, and makes validators that never use the network."""

import re
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, NoReturn

import jsonschema_rs
import orjson
import referencing
from referencing.jsonschema import DRAFT202012

VERSION = "1.0"
BASE = f"https://w3id.org/placefeed/{VERSION}/"

INPUTS = ("feed", "setting", "capacity", "vacancy", "rate", "ofsted", "need", "hold", "agreement", "subscription")
OUTPUTS = ("list", "listing", "page", "event", "report")
DOCUMENTS = (*INPUTS, *OUTPUTS)
PROVISIONAL = ("need", "hold", "agreement")

LINES = {
    "settingRecord": "#/$defs/settingRecord",
    "headerLine": "#/$defs/headerLine",
    "settingLine": "#/$defs/settingLine",
    "withdrawnLine": "#/$defs/withdrawnLine",
    "trailerLine": "#/$defs/trailerLine",
    "withdrawnRecord": "#/$defs/withdrawnRecord",
}
"""What stands inside a feed and is checked alone: name -> pointer in the feed's schema."""


class OutsideTheBundle(LookupError):
    """A schema refers to one that is not bundled. Nothing is ever fetched."""


@cache
def root() -> Path:
    """The first parent of this file that has a `codelists` folder: `schema/` of a checkout, `placefeed/schema/` of a wheel."""
    for parent in Path(__file__).resolve().parents:
        if (parent / "codelists").is_dir():
            return parent
    raise FileNotFoundError("The standard's files are missing: no `codelists` folder above " + __file__)


def find(*parts: str) -> Path:
    """The path of one of the standard's files or folders, such as `find("codelists", "needs.csv")`."""
    return root().joinpath(*parts)


@cache
def schema(name: str) -> dict[str, Any]:
    """The schema of a document (or `common`), parsed; treat it as read-only. KeyError if there is no such document."""
    if name != "common" and name not in DOCUMENTS:
        raise KeyError(f"The standard has no document {name!r}; it has {', '.join(DOCUMENTS)}.")
    loaded: dict[str, Any] = orjson.loads(find(VERSION, f"{name}.schema.json").read_bytes())
    return loaded


@cache
def schemas() -> dict[str, dict[str, Any]]:
    """Every schema of the standard by its `$id`."""
    return {BASE + name: schema(name) for name in ("common", *DOCUMENTS)}


def _refuse(uri: str) -> NoReturn:
    raise OutsideTheBundle(f"{uri} is not part of the standard; schemas are bundled and nothing is fetched.")


@cache
def registry() -> "referencing.Registry[Any]":
    """All schemas for `jsonschema`; a reference outside the bundle is an error, never a request.

    They go in without `$schema`: on meeting it `jsonschema` would go on with its own class for that dialect and leave
    the explainer's `pattern` behind.
    """
    resources = [
        (uri, DRAFT202012.create_resource({key: value for key, value in contents.items() if key != "$schema"}))
        for uri, contents in schemas().items()
    ]
    return referencing.Registry().with_resources(resources).crawl()


@cache
def rs_registry() -> jsonschema_rs.Registry:
    """All schemas for `jsonschema_rs`."""
    return jsonschema_rs.Registry(list(schemas().items()), draft=jsonschema_rs.Draft202012, retriever=_refuse)


@cache
def reference(name: str, pointer: str | None = None) -> str:
    """The absolute reference of a document, of a line form such as `settingRecord`, or of a pointer within a document."""
    if name in LINES:
        return BASE + "feed" + LINES[name]
    schema(name)
    return BASE + name + ("#" + pointer.removeprefix("#") if pointer else "")


@cache
def rs_validator(name: str, pointer: str | None = None) -> jsonschema_rs.Draft202012Validator:
    """The fast verdict on a document, a line form or a pointer within a document; formats are checked.

    Reuse is free: validators are kept. A document costs some 10 microseconds, so this runs on every record.
    """
    return jsonschema_rs.Draft202012Validator(
        {"$ref": reference(name, pointer)}, registry=rs_registry(), retriever=_refuse, validate_formats=True
    )


@cache
def _compiled(pattern: str) -> Callable[[str], object]:
    return re.compile(pattern[:-1] + r"\Z" if pattern.endswith("$") else pattern).search


@cache
def _explainer() -> Any:
    """`jsonschema` for draft 2020-12, with a `pattern` whose end is the end: Python's `$` would let a trailing line
    break pass. Imported on first use, since it takes more than a second and the fast verdict does without it."""
    import jsonschema
    from jsonschema.validators import extend

    def pattern(validator: Any, wanted: str, instance: Any, _schema: Any) -> Any:
        if validator.is_type(instance, "string") and not _compiled(wanted)(instance):
            yield jsonschema.ValidationError(f"{instance!r} does not match {wanted!r}")

    return extend(jsonschema.Draft202012Validator, {"pattern": pattern})


@cache
def explaining_validator(name: str, pointer: str | None = None) -> Any:
    """The slow verdict, by `jsonschema`, whose `iter_errors` says what is wrong and where. Same arguments as `rs_validator`."""
    explainer = _explainer()
    return explainer({"$ref": reference(name, pointer)}, registry=registry(), format_checker=explainer.FORMAT_CHECKER)
