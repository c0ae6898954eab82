"""The image and the compose file: copied is what an install needs, nobody is root, secrets are files, and each command is one that we have."""

import json
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.deploy.files import DEPLOY, ROOT, image, understood, variables

IMAGE = image(DEPLOY / "Containerfile")
COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
OURS = {name: service for name, service in COMPOSE["services"].items() if service["image"] == "placefeed"}


def copied() -> list[str]:
    """What is copied from the checkout."""
    found = [words.split() for name, words in IMAGE if name == "COPY" and not words.startswith("--from")]
    return [source for words in found for source in words[:-1]]


def set_in_image() -> dict[str, str]:
    text = next(words for name, words in IMAGE if name == "ENV")
    return dict(pair.split("=", 1) for pair in text.split())


def test_everything_that_is_copied_is_there_and_not_ignored() -> None:
    ignored = (DEPLOY / "Containerfile.dockerignore").read_text().splitlines()
    let_in = {line[1:] for line in ignored if line.startswith("!")}

    assert "*" in ignored
    for source in copied():
        assert (ROOT / source).exists(), source
    assert set(copied()) == let_in


def test_what_is_copied_is_enough_to_install(tmp_path: Path) -> None:
    for source in copied():
        target = tmp_path / source
        target.parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / source).is_dir():
            shutil.copytree(ROOT / source, target, ignore=shutil.ignore_patterns("__pycache__", "node_modules"))
        else:
            shutil.copy(ROOT / source, target)

    done = subprocess.run(
        [sys.executable, "-m", "pip", "--disable-pip-version-check", "wheel", "-q", "--no-build-isolation", "--no-deps", "-w", "out", "."],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    [wheel] = (tmp_path / "out").glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {
        "placefeed/service/app.py", "placefeed/adapters/sftp.py", "placefeed/schema/1.0/feed.schema.json",
        "placefeed/service/migrations/versions/0002_live_channels.py",
    } <= names  # fmt: skip
    assert any(name.startswith("placefeed/client/") for name in names)


def test_only_what_is_hashed_is_fetched_and_no_host_is_named() -> None:
    installs = [words for name, words in IMAGE if name == "RUN" and "pip install" in words]

    assert all(
        "--require-hashes" in words or ("--no-deps" in words and "--no-build-isolation" in words) for words in installs
    )
    assert "--require-hashes -r requirements/base.txt" in installs[0]
    for name, words in IMAGE:
        if name == "FROM":
            assert re.fullmatch(r"[a-z]+:[\w.-]+( AS build)?", words), (
                "a name and a tag; the host is the engine's affair"
            )
    for service in COMPOSE["services"].values():
        assert re.fullmatch(r"[a-z]+(:[\w.-]+)?", service["image"])


def test_the_image_runs_our_command_and_not_as_root() -> None:
    stages = [number for number, (name, _) in enumerate(IMAGE) if name == "FROM"]
    last = dict(IMAGE[stages[-1] :])
    user = last["USER"].partition(":")[0]

    assert json.loads(last["ENTRYPOINT"]) == ["placefeed"]
    assert understood(json.loads(last["CMD"]))["worker"] is False
    assert user.isdigit()
    assert user != "0"
    assert f"--uid {user}" in last["RUN"], "with a name: asyncssh and libpq ask for it"
    assert "/healthz" in last["HEALTHCHECK"]
    assert {name for name in set_in_image() if name.startswith("PLACEFEED_")} <= variables()
    assert set_in_image()["PLACEFEED_DATA"] == last["VOLUME"]


@pytest.mark.parametrize("name", OURS)
def test_a_service_of_ours_starts_a_command_that_there_is(name: str) -> None:
    service = OURS[name]

    understood(service["command"])
    assert set(service["environment"]) <= variables()
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in service["security_opt"]
    assert f"data:{set_in_image()['PLACEFEED_DATA']}" in service["volumes"], "the spool is between API and workers"
    if name != "api":
        assert service["healthcheck"] == {"disable": True}, "nothing answers HTTP there"


def test_the_parts_are_there_and_start_in_order() -> None:
    def waits_for(name: str) -> dict[str, str]:
        return {each: how["condition"] for each, how in COMPOSE["services"][name]["depends_on"].items()}

    assert OURS.keys() == {"migrate", "api", "worker"}
    assert int(COMPOSE["services"]["postgres"]["image"].partition(":")[2].partition(".")[0]) >= 17
    assert waits_for("migrate") == {"postgres": "service_healthy"}
    assert waits_for("api") == waits_for("worker") == {"migrate": "service_completed_successfully"}
    assert waits_for("nginx") == {"api": "service_healthy"}
    assert understood(OURS["api"]["command"])["worker"] is False
    assert not [name for name in ("api", "worker") if "ports" in OURS[name] or "container_name" in OURS[name]], (
        "there are several"
    )


def test_secrets_are_files_that_the_settings_find() -> None:
    declared = COMPOSE["secrets"]

    assert all(set(how) == {"file"} and how["file"] == f"./secrets/{name}" for name, how in declared.items())
    assert set_in_image()["CREDENTIALS_DIRECTORY"] == "/run/secrets"
    for service in COMPOSE["services"].values():
        assert set(service.get("secrets", [])) <= set(declared)
        assert not any("PASSWORD" in name and not name.endswith("_FILE") for name in service.get("environment", {}))
    for name in {secret for service in OURS.values() for secret in service["secrets"]}:
        assert name.upper() in variables(), "the file's name is the variable's"


def test_the_database_is_reached_by_nobody_else() -> None:
    networks = COMPOSE["networks"]

    assert networks["back"]["internal"] is True
    assert COMPOSE["services"]["postgres"]["networks"] == ["back"]
    assert COMPOSE["services"]["nginx"]["networks"] == ["front"]
    assert "ports" not in COMPOSE["services"]["postgres"]
    [subnet] = [each["subnet"] for each in networks["front"]["ipam"]["config"]]
    assert OURS["api"]["environment"]["PLACEFEED_TRUSTED_PROXIES"] == subnet


def test_what_is_mounted_is_there() -> None:
    for service in COMPOSE["services"].values():
        for volume in service.get("volumes", []):
            source = volume.partition(":")[0]
            if source.startswith("./") and source != "./tls":
                assert (DEPLOY / source).exists(), source
            elif not source.startswith("."):
                assert source in COMPOSE["volumes"]
