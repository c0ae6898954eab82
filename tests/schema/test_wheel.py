"""What is installed has every file of the standard where `files.find` looks for it, and every text, template and style of the pages."""

import subprocess
import sys
import zipfile
from pathlib import Path

from placefeed.schema.files import root

ROOT = Path(__file__).parents[2]


def test_the_wheel_has_every_file_that_is_read_at_run_time(tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)],
        cwd=ROOT, check=True, capture_output=True,
    )  # fmt: skip
    (wheel,) = tmp_path.glob("*.whl")
    there = set(zipfile.ZipFile(wheel).namelist())

    standard = [
        path
        for folder in ("1.0", "codelists", "examples", "mappings")
        for path in (root() / folder).rglob("*")
        if path.suffix in (".json", ".ndjson", ".csv")
    ]
    needed = {
        *(f"placefeed/schema/{path.relative_to(root()).as_posix()}" for path in standard),
        "placefeed/schema/rules.csv",
        "placefeed/schema/CHANGELOG.md",
        *(
            path.relative_to(ROOT / "service").as_posix()
            for path in (ROOT / "service" / "placefeed").rglob("*")
            if path.suffix in (".html", ".css", ".js", ".svg", ".md", ".txt")
        ),
    }
    assert needed - there == set()
