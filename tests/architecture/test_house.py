"""The house stands as drawn: one namespace over four roots, a README in each room, and nothing that may not be committed."""

import ast
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROOTS = [ROOT / "schema" / "python", ROOT / "adapters", ROOT / "service", ROOT / "clients" / "python"]
CODE = sorted(path for root in ROOTS for path in (root / "placefeed").rglob("*.py"))


def tracked() -> list[Path]:
    listing = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return [ROOT / name for name in listing.stdout.splitlines() if (ROOT / name).is_file()]


def test_placefeed_is_a_namespace_over_four_roots() -> None:
    for root in ROOTS:
        assert (root / "placefeed").is_dir()
        assert not (root / "placefeed" / "__init__.py").exists(), "an __init__.py here would hide the other three roots"


@pytest.mark.parametrize("folder", ["schema", "adapters", "service", "clients", "tests"])
def test_each_top_level_folder_explains_itself_on_one_screen(folder: str) -> None:
    lines = (ROOT / folder / "README.md").read_text().splitlines()
    assert lines[0].startswith("# ")
    if folder != "schema":  # the standard's README is its document
        assert len(lines) <= 70


@pytest.mark.parametrize("path", CODE, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_module_says_why_it_exists(path: Path) -> None:
    if path.name == "__init__.py" and not path.read_text().strip():
        return
    if "versions" in path.parts:
        return
    assert ast.get_docstring(ast.parse(path.read_text())), "a module begins with a sentence on why it exists"


@pytest.mark.parametrize("path", CODE, ids=lambda path: str(path.relative_to(ROOT)))
def test_modules_stay_small_rooms(path: Path) -> None:
    if "versions" in path.parts:
        return
    assert len(path.read_text().splitlines()) <= 400, "split it when it has two reasons to change"


def test_only_the_edge_commits() -> None:
    """Commits happen in Database.write, which the edge, the worker and the commands use; nowhere in an operation."""
    service = ROOT / "service" / "placefeed" / "service"
    commits = [
        str(path.relative_to(service))
        for path in service.rglob("*.py")
        if re.search(r"\bsession\.commit\(\)", path.read_text()) and path.name != "db.py"
    ]
    assert commits == []


def test_pages_ask_operations_and_never_the_database() -> None:
    """No SQL in pages: they hand a session on, and do nothing with it themselves."""
    pages = ROOT / "service" / "placefeed" / "service" / "pages"
    asks = re.compile(
        r"\bsession\.(?:exec|execute|scalars?|query|get|get_one|add|delete|flush)\(|^(?:from|import) sqlalchemy|sqlmodel import (?!Session$)",
        re.M,
    )
    found = {
        str(path.relative_to(pages)): match.group()
        for path in pages.rglob("*.py")
        if (match := asks.search(path.read_text()))
    }
    assert found == {}


def test_nothing_committed_that_may_not_be() -> None:
    hosts = re.compile("|".join(["pypi" + r"\.org", "files\\.python" + "hosted", "registry\\.npm" + "js"]))
    machine = re.compile(r"(?<![\w.])/(?:work|farm|root)/")
    found = []
    for path in tracked():
        if path.name in {"uv.lock", "pylock.toml", ".env"} or path.suffix in {".pem", ".key"}:
            found.append(f"{path.name} may not be tracked")
        if path.stat().st_size > 2_000_000 or path.suffix in {".xlsx", ".ods", ".png"}:
            continue
        text = path.read_bytes().decode("utf-8", errors="ignore")
        if path != Path(__file__) and (hosts.search(text) or machine.search(text)):
            found.append(f"{path.relative_to(ROOT)} names a registry's host or a path of this machine")
    assert found == []


def test_every_setting_is_explained() -> None:
    from placefeed.service.config import Settings

    unexplained = [name for name, field in Settings.model_fields.items() if not field.description]
    assert unexplained == []


def test_every_rule_that_code_names_is_in_the_table() -> None:
    from placefeed.schema.rules import rules

    named = re.compile(r"""\b(?:issue|Issue)\(\s*(?:rule=)?"([a-z]+(?:-[a-z]+)+)\"""")
    unknown = {
        (str(path.relative_to(ROOT)), rule)
        for path in CODE
        for rule in named.findall(path.read_text())
        if rule not in rules()
    }
    assert unknown == set()
