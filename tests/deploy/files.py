"""Readers of the files in deploy/: units, nginx configuration, instructions of an image; each as plain as its form allows."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import typer

from placefeed.service.cli import register
from placefeed.service.config import Settings

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"


def understood(words: list[str]) -> dict[str, Any]:
    """What our command line makes of a call, without running it. Raises where it does not know a word of it."""
    app = typer.Typer()
    register(app)
    command: Any = typer.main.get_command(app)
    context = command.make_context("placefeed", [], resilient_parsing=True)
    rest = list(words)
    while hasattr(command, "commands"):
        name = rest.pop(0)
        command = command.get_command(context, name)
        assert command is not None, f"there is no command {' '.join(words)}"
        if hasattr(command, "commands"):
            context = command.make_context(name, [], parent=context, resilient_parsing=True)
    found: dict[str, Any] = command.make_context(words[0], rest, parent=context).params
    return found


def variables() -> set[str]:
    """The names of all settings as the environment has them."""
    return {f"PLACEFEED_{name.upper()}" for name in Settings.model_fields}


def unit(path: Path) -> dict[str, list[tuple[str, str]]]:
    """A systemd unit: section -> (directive, value), in order, as often as they stand."""
    sections: dict[str, list[tuple[str, str]]] = {}
    current: list[tuple[str, str]] | None = None
    for line in path.read_text().replace("\\\n", " ").splitlines():
        text = line.strip()
        if not text or text[0] in "#;":
            continue
        if text.startswith("["):
            assert text.endswith("]"), f"{path.name}: {text}"
            current = sections.setdefault(text[1:-1], [])
            continue
        name, equals, value = text.partition("=")
        assert current is not None, f"{path.name}: {text}"
        assert equals, f"{path.name}: {text}"
        current.append((name.strip(), value.strip()))
    return sections


def environment(path: Path) -> dict[str, str]:
    """An environment file, its examples that are commented out among the rest."""
    lines = [line.removeprefix("#") for line in path.read_text().splitlines() if re.match(r"#?PLACEFEED_", line)]
    return dict(line.split("=", 1) for line in lines)


def image(path: Path) -> list[tuple[str, str]]:
    """A Containerfile: (instruction, rest), in order."""
    text = re.sub(r"^\s*#.*\n", "", path.read_text(), flags=re.MULTILINE).replace("\\\n", " ")
    return [(line.split(None, 1)[0], line.split(None, 1)[1]) for line in text.splitlines() if line.strip()]


@dataclass
class Block:
    """A directive of nginx with its words, and what stands in its braces."""

    name: str
    words: list[str]
    inside: "list[Block]" = field(default_factory=list)

    def all(self, name: str) -> "list[Block]":
        """Every directive of this name below, at any depth."""
        return [found for each in self.inside for found in ([each] if each.name == name else []) + each.all(name)]

    def own(self, name: str) -> list[list[str]]:
        """The words of each directive of this name right here."""
        return [each.words for each in self.inside if each.name == name]


def nginx(path: Path, folder: Path) -> Block:
    """An nginx configuration with what it includes from `folder`, which there stands in /etc/nginx/placefeed."""
    tokens = iter(_tokens(path.read_text()))

    def block(name: str, words: list[str]) -> Block:
        made = Block(name, words)
        current: list[str] = []
        for token in tokens:
            if token == "}":
                assert not current, f"{path.name}: “{' '.join(current)}” has no semicolon"
                return made
            if token == "{":
                made.inside.append(block(current[0], current[1:]))
                current = []
            elif token != ";":
                current.append(token)
            elif current[0] == "include":
                included = folder / current[1].removeprefix("/etc/nginx/placefeed/")
                made.inside.extend(nginx(included, folder).inside)
                current = []
            else:
                made.inside.append(Block(current[0], current[1:]))
                current = []
        assert name == "", f"{path.name}: {name} is not closed"
        return made

    return block("", [])


def _tokens(text: str) -> Iterator[str]:
    found = re.compile(
        r"""\s+|\#[^\n]*|(?P<mark>[{};])|(?P<quoted>'[^']*'|"[^"]*")|(?P<word>(?:[^\s{};\\]|\\.|\$\{\w+\})+)"""
    )
    for match in found.finditer(text):
        token = match.group("mark") or match.group("quoted") or match.group("word")
        if token:
            yield token.strip("'\"") if match.group("quoted") else token
