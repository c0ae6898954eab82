"""The gate for later versions: proves that none breaks who uses an earlier one, and keeps the checksums of what is published.

Inputs of a new version must take whatever the old one took; outputs of the new version must be what readers of the old
one expect. Both are proved over the schemas themselves, not by samples:

```
input    new ⊇ old      what a provider sends today is still taken tomorrow
output   old ⊇ new      what an exchange sends tomorrow is still understood by today's reader
```
"""

import hashlib
import sys
from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import jsonschema_rs
import orjson

from placefeed.schema.files import LINES, OUTPUTS, VERSION, find

Schemas = Mapping[str, dict[str, Any]]
"""The schemas of one version: document name -> schema."""

SUMS = "SHA256SUMS"
_STATE = "# state: "


@dataclass(frozen=True, slots=True)
class Breach:
    """One place where a new version breaks an old one. `counter_example` is a schema of what the two disagree on.

    `path` leads to the place in the document, such as `.vacancies[].ages`.
    """

    document: str
    direction: Literal["input", "output"]
    path: str
    counter_example: Any
    proved: bool = True

    def __str__(self) -> str:
        where = f"{self.document}{self.path}"
        if not self.proved:
            return f"{where}: it can't be proved that the new version agrees with the old one. Write it more simply."
        example = orjson.dumps(self.counter_example).decode()
        if len(example) > 600:
            example = example[:600] + "…"
        if self.direction == "input":
            return f"{where}: the new version refuses what the old one took, for example what matches {example}"
        return f"{where}: the new version may send what readers of the old one don't expect, for example {example}"


class Released(Exception):
    """The version is released: its files never change again. Make a new version instead."""


def load(folder: Path) -> dict[str, dict[str, Any]]:
    """The schemas of a version's folder, such as `schema/1.0`, by document name."""
    return {
        path.name.removesuffix(".schema.json"): orjson.loads(path.read_bytes())
        for path in sorted(folder.glob("*.schema.json"))
    }


def breaches(old: Schemas, new: Schemas) -> list[Breach]:
    """Every place where `new` breaks `old`, as deep in the documents as it can be told. Empty: the new version may pass."""
    found: list[Breach] = []
    for document in old:
        direction: Literal["input", "output"] = "output" if document in OUTPUTS else "input"
        if document == "common":
            continue  # its definitions are compared where documents use them
        if document not in new:
            found.append(Breach(document, direction, "", {"removed": document}))
            continue
        pairs = [(document, _Node.of(old, document), _Node.of(new, document))]
        for line in set(LINES) if document == "feed" else ():
            pairs.append((line, _Node.of(old, document, LINES[line]), _Node.of(new, document, LINES[line])))
        for name, before, after in pairs:
            wider, narrower = (before, after) if direction == "output" else (after, before)
            found += _compare(name, direction, wider, narrower, "")
    return found


def _compare(
    document: str, direction: Literal["input", "output"], wider: "_Node", narrower: "_Node", path: str
) -> Iterator[Breach]:
    """Whether `wider` takes all that `narrower` takes.

    A level is compared with the properties that both have left open, and then each of those by itself: if the level
    covers and every property covers, the whole covers. So each proof is small, and a breach has its exact place.
    """
    shared = wider.inside.keys() & narrower.inside.keys()
    big, small = wider.level(shared), narrower.level(shared)
    if big != small:
        one, other = (jsonschema_rs.canonicalize(level, validate_formats=True, offline=True) for level in (big, small))
        verdict = str(one.covers(other))
        if verdict != "yes":
            example = other.subtract(one).to_json_schema() if verdict == "no" else None
            yield Breach(document, direction, path, example, proved=verdict == "no")
    for step in sorted(shared):
        yield from _compare(document, direction, wider.inside[step], narrower.inside[step], path + step)


class _Node:
    """One level of a document: its own keywords, and what lies inside (`.name` of a property, `[]` of a list)."""

    def __init__(self, schemas: Schemas, home: str, schema: Any) -> None:
        if isinstance(schema, bool):
            schema = {} if schema else {"not": {}}
        self._conditions = [{k: v for k, v in schema.items() if k not in _NOT_CONDITIONS}]
        self._properties: Mapping[str, Any] = schema.get("properties", {})
        self.inside = {f".{name}": _Node(schemas, home, value) for name, value in self._properties.items()}
        if "items" in schema:
            self.inside["[]"] = _Node(schemas, home, schema["items"])
        if "$ref" in schema:
            target = _Node.of(schemas, *_split(home, schema["$ref"]))
            self._conditions += target._conditions
            if target.inside.keys() & self.inside.keys():
                raise ValueError(f"{schema['$ref']} and what stands beside it both describe the same property.")
            self._properties = {**target._properties, **self._properties}
            self.inside = {**target.inside, **self.inside}

    @classmethod
    def of(cls, schemas: Schemas, document: str, pointer: str = "") -> "_Node":
        here: Any = schemas[document]
        for part in pointer.removeprefix("#").split("/")[1:]:
            here = here[part.replace("~1", "/").replace("~0", "~")]
        return cls(schemas, document, here)

    def level(self, left_open: Set[str]) -> dict[str, Any]:
        """This level as a schema of its own, in which what `left_open` names may be anything."""
        level: dict[str, Any] = {"allOf": [condition for condition in self._conditions if condition]}
        properties = {step[1:]: self._whole(step, left_open) for step in self.inside if step != "[]"}
        if "additionalProperties" in (closed := _merged(self._conditions)):
            # In the standard a closed object is closed where its properties stand, never beside a reference to them.
            level["additionalProperties"] = closed["additionalProperties"]
            level["allOf"] = [_without(condition, "additionalProperties") for condition in level["allOf"]]
        if properties:
            level["properties"] = properties
        if "[]" in self.inside:
            level["items"] = self._whole("[]", left_open)
        return level

    def _whole(self, step: str, left_open: Set[str]) -> dict[str, Any]:
        return {} if step in left_open else self.inside[step].level(frozenset())


_NOT_CONDITIONS = frozenset(
    {"$schema", "$id", "$ref", "$defs", "title", "description", "default", "examples", "deprecated", "readOnly"}
    | {"writeOnly", "$comment", "x-codelist", "x-open", "properties", "items"}
)


def _merged(conditions: list[dict[str, Any]]) -> dict[str, Any]:
    return {keyword: value for condition in reversed(conditions) for keyword, value in condition.items()}


def _without(condition: dict[str, Any], keyword: str) -> dict[str, Any]:
    return {name: value for name, value in condition.items() if name != keyword}


def _split(home: str, reference: str) -> tuple[str, str]:
    """The document and pointer of a reference within the standard, absolute or relative."""
    document, _, pointer = reference.partition("#")
    return document.rpartition("/")[2] or home, pointer


def checksums(folder: Path) -> dict[str, str]:
    """SHA-256 of each schema of a version's folder, by file name."""
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.glob("*.schema.json"))}


def recorded(folder: Path) -> tuple[str, dict[str, str]]:
    """The state (`1.0-rc` or `released`) and the checksums that `SHA256SUMS` records."""
    first, *rest = (folder / SUMS).read_text(encoding="utf-8").splitlines()
    return first.removeprefix(_STATE), {name: digest for digest, name in (line.split("  ", 1) for line in rest)}


def changed(folder: Path) -> list[str]:
    """Names of schemas that are not as `SHA256SUMS` records them: changed, new or gone."""
    _, sums = recorded(folder)
    now = checksums(folder)
    return sorted(name for name in sums.keys() | now.keys() if sums.get(name) != now.get(name))


def write_checksums(folder: Path) -> None:
    """Record the checksums of a version that is not released. Raises `Released` where it is and a file differs."""
    state, _ = recorded(folder) if (folder / SUMS).exists() else (f"{folder.name}-rc", {})
    if state == "released" and changed(folder):
        raise Released(
            f"{', '.join(changed(folder))}: version {folder.name} is released and never changes. "
            "Put the files back and make the change in a folder of the next version."
        )
    lines = [f"{_STATE}{state}", *(f"{digest}  {name}" for name, digest in checksums(folder).items())]
    (folder / SUMS).write_text("\n".join(lines) + "\n", encoding="utf-8")


def main(arguments: list[str]) -> int:
    """`checksums` records those of the bundled version; two folders, old and new, are compared. 0 if nothing breaks."""
    if arguments == ["checksums"]:
        write_checksums(find(VERSION))
        return 0
    if len(arguments) != 2:
        sys.stderr.write("usage: python -m placefeed.schema.compatibility checksums | OLD_FOLDER NEW_FOLDER\n")
        return 2
    found = breaches(load(Path(arguments[0])), load(Path(arguments[1])))
    for breach in found:
        sys.stdout.write(f"{breach}\n")
    return 1 if found else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
