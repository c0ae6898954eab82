"""Writes src/types.ts from the standard's JSON Schemas: `python clients/typescript/generate.py [--check]`.

Documents that an exchange sends stay open: readers must tolerate codes and properties that they don't know, so their
enumerations admit any other string. Documents that are sent to it are exact.
"""

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
SCHEMAS = HERE.parents[1] / "schema" / "1.0"
TARGET = HERE / "src" / "types.ts"
RENAMED = {"Date": "Day"}  # the name is JavaScript's own
OPEN = ("list", "listing", "page", "event", "report")
HEADER = """// Made from schema/1.0 by generate.py; do not edit. `python clients/typescript/generate.py` makes it anew.

/** A string of another kind than those listed: newer versions of the standard may add codes. */
export type Other = string & {};
"""

Schema = Mapping[str, Any]


def load() -> dict[str, Schema]:
    """Every schema by name, `common` first."""
    names = sorted(
        (path.name.removesuffix(".schema.json") for path in SCHEMAS.glob("*.schema.json")),
        key=lambda name: (name != "common", name),
    )
    return {name: json.loads((SCHEMAS / f"{name}.schema.json").read_text(encoding="utf-8")) for name in names}


def pascal(name: str) -> str:
    """settingRecord -> SettingRecord"""
    plain = "".join(part[:1].upper() + part[1:] for part in name.replace("-", " ").replace("_", " ").split())
    return RENAMED.get(plain, plain)


class Generator:
    """Names every schema and definition once, then writes them out."""

    def __init__(self, schemas: Mapping[str, Schema]) -> None:
        self.schemas = schemas
        self.names: dict[tuple[str, str], str] = {(name, ""): pascal(name) for name in schemas if name != "common"}
        taken = set(self.names.values())
        for document, schema in schemas.items():
            for definition in schema.get("$defs", {}):
                plain = pascal(definition)
                name = plain if plain not in taken else pascal(document) + plain
                if name in taken:
                    raise ValueError(f"two definitions would be called {name}")
                taken.add(name)
                self.names[document, definition] = name

    def text(self) -> str:
        """The whole file."""
        return HEADER + "".join(f"\n{declaration}" for declaration in self._declarations())

    def _declarations(self) -> Iterator[str]:
        for document, schema in self.schemas.items():
            if document != "common":
                yield self._declaration(document, "", schema)
            for definition, inner in schema.get("$defs", {}).items():
                yield self._declaration(document, definition, inner)

    def _declaration(self, document: str, definition: str, schema: Schema) -> str:
        name = self.names[document, definition]
        said = comment(schema, "")
        if schema.get("properties"):
            return f"{said}export interface {name} {self._object(schema, document, '')}\n"
        return f"{said}export type {name} = {self.type(schema, document, '')};\n"

    def type(self, schema: Schema, document: str, indent: str) -> str:
        """The TypeScript type of a schema."""
        if "$ref" in schema:
            return self._reference(schema, document, indent)
        if "enum" in schema:
            codes = " | ".join(json.dumps(value, ensure_ascii=False) for value in schema["enum"])
            return f"{codes} | Other" if document in OPEN and schema.get("type") == "string" else codes
        if "const" in schema:
            return json.dumps(schema["const"])
        if "anyOf" in schema or "oneOf" in schema:
            return " | ".join(
                dict.fromkeys(self.type(option, document, indent) for option in schema.get("anyOf") or schema["oneOf"])
            )
        kind = schema.get("type")
        if isinstance(kind, list):
            return " | ".join(self.type({**schema, "type": one}, document, indent) for one in kind)
        if kind == "array":
            item = self.type(schema.get("items", {}), document, indent)
            return f"Array<{item}>"
        if kind == "object" or "properties" in schema:
            return self._object(schema, document, indent)
        return {"string": "string", "integer": "number", "number": "number", "boolean": "boolean", "null": "null"}.get(
            str(kind), "unknown"
        )

    def _object(self, schema: Schema, document: str, indent: str) -> str:
        deeper = indent + "  "
        required = set(schema.get("required", ()))
        lines = []
        for name, inner in schema.get("properties", {}).items():
            key = name if name.isidentifier() else json.dumps(name)
            lines.append(
                f"{comment(inner, deeper)}{deeper}{key}{'' if name in required else '?'}: {self.type(inner, document, deeper)};\n"
            )
        rest = schema.get("additionalProperties")
        if not lines:
            return f"Record<string, {self.type(rest, document, indent) if isinstance(rest, dict) else 'unknown'}>"
        return "{\n" + "".join(lines) + indent + "}"

    def _reference(self, schema: Schema, document: str, indent: str) -> str:
        target, _, fragment = schema["$ref"].partition("#")
        target = target or document
        name = self.names.get((target, fragment.removeprefix("/$defs/")))
        if name is None:  # a place inside another definition
            found: Any = self.schemas[target]
            for step in fragment.strip("/").split("/"):
                found = found[step]
            return self.type(found, target, indent)
        also = schema.get("required")
        if not also:
            return name
        keys = " | ".join(json.dumps(key) for key in also)
        return f"({name} & Required<Pick<{name}, {keys}>>)"


def comment(schema: Schema, indent: str) -> str:
    """The description as a documentation comment."""
    said = str(schema.get("description") or schema.get("title") or "").replace("*/", "* /")
    return f"{indent}/** {said} */\n" if said else ""


def main() -> int:
    """Write the file, or with --check say whether it is as it should be."""
    text = Generator(load()).text()
    if "--check" in sys.argv[1:]:
        if TARGET.exists() and TARGET.read_text(encoding="utf-8") == text:
            return 0
        print(f"{TARGET} is not what the schemas say. Run: python clients/typescript/generate.py", file=sys.stderr)  # noqa: T201
        return 1
    TARGET.parent.mkdir(exist_ok=True)
    TARGET.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
