"""Official validators that are written for Node.js: `make test` installs them here, and tests ask them as programs."""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent


def ask(script: str, *arguments: str, **environment: str) -> dict[str, Any]:
    """What a validator says, as its script prints it. The test is skipped, saying so, where Node.js or the validators are missing."""
    node = shutil.which("node")
    if node is None or not (HERE / "node_modules").is_dir():
        pytest.skip(
            "MISSING: Node.js or the validators that need it; install nodejs and npm, then run: make validators"
        )
    done = subprocess.run(
        [node, "--no-deprecation", str(HERE / script), *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        env={**os.environ, **environment},
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found
