"""The TypeScript types are those of the schemas, and the package names no registry."""

import json
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parents[2] / "clients" / "typescript"


def test_the_types_are_those_of_the_schemas() -> None:
    found = subprocess.run(
        [sys.executable, str(HERE / "generate.py"), "--check"], capture_output=True, text=True, check=False
    )

    assert found.returncode == 0, found.stderr


def test_no_lock_file_with_addresses_is_kept() -> None:
    assert not [path.name for path in HERE.glob("*lock*")]
    assert "package-lock.json" in (HERE / ".gitignore").read_text()


def test_the_client_needs_nothing_at_run_time() -> None:
    package = json.loads((HERE / "package.json").read_text())

    assert "dependencies" not in package
