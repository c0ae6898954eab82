"""An SFTP folder from the command line: two files in, a public key out, and the files on the server taken."""

import logging
from collections.abc import Iterator
from pathlib import Path

import asyncssh
import orjson
import pytest
import structlog
import typer
from click.testing import Result
from typer.testing import CliRunner

from placefeed.adapters.sftp import SftpPull
from placefeed.service.cli import register
from tests.adapters.sftp_server import Server, running


@pytest.fixture(autouse=True)
def _log_as_before() -> Iterator[None]:
    """Commands send the log to the stderr that they were given, which is gone after the test."""
    root = logging.getLogger()
    before = root.handlers[:], root.level
    yield
    root.handlers, root.level = before
    structlog.reset_defaults()


def test_an_operator_registers_polls_and_rekeys_a_folder(
    sqlite_template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(SftpPull.__init__.__kwdefaults__, "settle", 0.0)
    monkeypatch.setenv("PLACEFEED_ALLOW_LOOPBACK", "true")
    monkeypatch.setenv("PLACEFEED_DATA", str(tmp_path))
    (tmp_path / "placefeed.db").write_bytes(sqlite_template.read_bytes())
    (tmp_path / "account").mkdir()
    app = typer.Typer()
    register(app)

    def run(*words: str, code: int = 0, stdin: str | None = None) -> Result:
        result = CliRunner().invoke(app, list(words), catch_exceptions=False, input=stdin)
        assert result.exit_code == code, result.output + result.stderr
        return result

    with running(Server(tmp_path / "account")) as server:
        key, hosts, other = tmp_path / "key", tmp_path / "hosts", tmp_path / "other"
        key.write_bytes(server.ours.export_private_key())
        other.write_bytes(asyncssh.generate_private_key("ssh-ed25519").export_private_key())
        hosts.write_text(server.known_hosts())
        public = " ".join(server.ours.export_public_key().decode().split()[:2])
        add = ("source", "add", "homes", "--name", "Folder", "--transport", "sftp", "--id", "s")
        files = ("--key-file", str(key), "--known-hosts-file", str(hosts))
        run("org", "add", "homes", "--name", "Example Homes Ltd")

        assert "both" in run(*add, "--address", server.address(), "--key-file", str(key), code=2).stderr
        assert "cannot be read" in run(*add, "--key-file", "nothing", "--known-hosts-file", str(hosts), code=2).stderr
        assert "no key of" in run(*add, "--address", "sftp://a@files.example/", *files, code=1).stderr
        assert public in run(*add, "--address", server.address(), *files).stdout

        (server.root / "feed.json").write_bytes(orjson.dumps({"standard": "placefeed", "version": "1.0"}))
        assert run("source", "poll", "s").stdout.startswith("s: rejected")
        assert "nothing new" in run("source", "poll", "s").stdout

        run("source", "credential", "s", "--key-file", str(other), "--known-hosts-file", str(hosts))
        assert "does not accept our key" in run("source", "poll", "s", code=1).stdout
        assert "one private key" in run("source", "credential", "s", code=1, stdin="Bearer x\n").stderr
        assert "It is stopped" in run("source", "credential", "s", *files).stdout
        run("source", "resume", "s")
        assert "nothing new" in run("source", "poll", "s").stdout
