"""What deploy/ tells people to do: the commands are ours, the files are there, and the way in for files fits the units."""

import re
import shlex
from pathlib import Path

import pytest

from tests.deploy.files import DEPLOY, understood, unit, variables

DROP = DEPLOY / "sshd" / "placefeed-drop.conf"
TEXTS = [DEPLOY / "README.md", DEPLOY / "backup.md", DEPLOY / "people.md", DROP, DEPLOY / "systemd" / "placefeed-run"]


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.name)
def test_every_command_that_is_told_is_one_that_we_have(path: Path) -> None:
    told = re.findall(r"(?:^|[\s`])placefeed(?:-run)? ([a-z][^`\n#;]*)", path.read_text(), flags=re.MULTILINE)
    calls = [shlex.split(re.split(r"\s{2,}|\.\.\.", text)[0]) for text in told]
    ours = [words for words in calls if words[0] in ("serve", "worker", "db", "key", "source", "person")]

    for words in ours:
        understood(words)
    assert ours


def test_the_readme_is_one_screen_and_names_what_is_there() -> None:
    text = (DEPLOY / "README.md").read_text()

    assert len(text.splitlines()) <= 70
    for target in re.findall(r"\]\(([^)]+)\)", text):
        assert (DEPLOY / target).exists(), target
    for name in re.findall(r"deploy/[\w./-]*[\w/]", text):
        if name not in ("deploy/secrets", "deploy/tls", "deploy/"):
            assert (DEPLOY.parent / name).exists(), name
    assert set(re.findall(r"PLACEFEED_[A-Z_]+", text)) <= variables()


def test_files_are_dropped_by_key_alone_and_where_the_exchange_may_take_them() -> None:
    text = DROP.read_text()
    match, *lines = [line.strip() for line in text.splitlines() if line.strip() and not line.strip().startswith("#")]
    said = dict(line.split(None, 1) for line in lines)

    assert match == "Match Group placefeed-drop"
    assert said["ChrootDirectory"] == "/srv/placefeed-drop/%u"
    assert said["ForceCommand"].startswith("internal-sftp -d /in")
    assert said["AuthenticationMethods"] == "publickey"
    assert (said["PasswordAuthentication"], said["KbdInteractiveAuthentication"], said["PermitTTY"]) == (
        "no",
        "no",
        "no",
    )
    assert said["DisableForwarding"] == "yes"
    assert "%u" in said["AuthorizedKeysFile"]
    assert not said["AuthorizedKeysFile"].startswith("/srv"), "not where the account itself can write"
    [address] = re.findall(r"--address (\S+)", text)
    assert f"install -d -m 3770 -o placefeed -g drop-homes {address} " in text
    writable = dict(unit(DEPLOY / "systemd" / "placefeed-.service.d" / "common.conf")["Service"])["ReadWritePaths"]
    assert address.startswith(writable.removeprefix("-") + "/")
