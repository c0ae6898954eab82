"""The TypeScript types are those of the schemas, the package names no registry, and the client compiles and does what it says."""

import base64
import json
import os
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from standardwebhooks.webhooks import Webhook

HERE = Path(__file__).parents[2] / "clients" / "typescript"
COMPILERS = [folder / "node_modules" / ".bin" / "tsc" for folder in (HERE, HERE.parents[1] / "tests" / "validators")]


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


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The client as JavaScript."""
    compiler = next((path for path in COMPILERS if path.exists()), None)
    if shutil.which("node") is None or compiler is None:
        pytest.skip("MISSING: Node.js or the TypeScript compiler; install nodejs and npm, then run: make validators")
    folder = tmp_path_factory.mktemp("built")
    done = subprocess.run(
        [str(compiler), "--project", str(HERE), "--outDir", str(folder)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout
    (folder / "package.json").write_text('{"type": "module"}')
    return folder


def test_it_follows_listens_and_checks_webhooks(built: Path) -> None:
    secret, now = "whsec_" + base64.b64encode(bytes(range(32))).decode(), datetime.now(UTC)
    body = '{"type": "subscription.test"}'
    headers = {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": Webhook(secret).sign("msg_1", now, body),
    }

    done = subprocess.run(
        ["node", "--test", str(Path(__file__).with_name("typescript.test.mjs"))],
        capture_output=True, text=True, check=False, timeout=120,
        env={**os.environ, "BUILT": str(built), "WEBHOOK": json.dumps([headers, body, secret])},
    )  # fmt: skip

    assert done.returncode == 0, done.stdout + done.stderr
