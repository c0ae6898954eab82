"""The systemd units: what they start is what we have, what they set is a setting, and what they may not do is said once for all."""

import re
from pathlib import Path

import pytest

from placefeed.service.config import Settings
from tests.deploy.files import DEPLOY, environment, understood, unit, variables

UNITS = DEPLOY / "systemd"
SERVICES = sorted(UNITS.glob("placefeed-*.service"))
COMMON = UNITS / "placefeed-.service.d" / "common.conf"


@pytest.mark.parametrize("path", SERVICES, ids=lambda path: path.name)
def test_a_unit_starts_a_command_that_there_is(path: Path) -> None:
    service = unit(path)["Service"]

    for name, value in service:
        if name.startswith("Exec"):
            program, *words = value.split()
            assert program == "/opt/placefeed/bin/placefeed"
            understood(words)


def test_api_and_workers_are_apart_and_wait_for_the_migration() -> None:
    serve = dict(unit(UNITS / "placefeed-serve.service")["Service"])["ExecStart"].split()[1:]

    assert understood(serve)["worker"] is False
    assert understood(serve)["host"] == "127.0.0.1"
    for name in ("placefeed-serve.service", "placefeed-worker@.service"):
        sections = {section: dict(lines) for section, lines in unit(UNITS / name).items()}
        assert sections["Unit"]["Requires"] == sections["Unit"]["After"] == "placefeed-migrate.service"
        assert sections["Unit"]["PartOf"] == "placefeed.target"
        assert sections["Unit"]["StartLimitIntervalSec"] == "0", (
            "a database that is away for an hour is no reason to give up"
        )
        assert sections["Service"]["Restart"] == "always"
    migrate = dict(unit(UNITS / "placefeed-migrate.service")["Service"])
    assert migrate["Type"] == "oneshot"
    assert "RemainAfterExit" not in migrate, "after an upgrade it must run again"


def test_units_name_each_other_and_nobody_else() -> None:
    known = {path.name for path in UNITS.iterdir()} | {
        "network-online.target",
        "postgresql.service",
        "multi-user.target",
    }

    for path in [*SERVICES, UNITS / "placefeed.target"]:
        sections = unit(path)
        for name, value in [*sections.get("Unit", []), *sections.get("Install", [])]:
            if name in ("Requires", "Wants", "After", "PartOf", "WantedBy"):
                assert {re.sub(r"@\d+\.", "@.", each) for each in value.split()} <= known


def test_all_services_have_the_same_bounds() -> None:
    given = unit(COMMON)
    service = dict(given["Service"])

    assert list(given) == ["Service"]
    wanted = {
        "NoNewPrivileges": "yes", "ProtectSystem": "strict", "ProtectHome": "yes", "PrivateTmp": "yes", "PrivateDevices": "yes",
        "CapabilityBoundingSet": "", "MemoryDenyWriteExecute": "yes", "RestrictNamespaces": "yes", "StateDirectory": "placefeed",
        "StateDirectoryMode": "0700", "User": "placefeed",
    }  # fmt: skip
    assert {name: service.get(name) for name in wanted} == wanted
    assert ("SystemCallFilter", "@system-service") in given["Service"]
    for path in SERVICES:  # the drop-in is read by the beginning of a unit's name
        assert path.name.startswith("placefeed-")
        assert not {name for name, _ in unit(path)["Service"]} & set(service), "said once, in the drop-in"


def test_secrets_are_files_and_settings_are_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    service = dict(unit(COMMON)["Service"])
    given = environment(UNITS / "placefeed.env")
    prefix, _, folder = service["LoadCredential"].partition(":")

    assert service["EnvironmentFile"] == "/etc/placefeed/placefeed.env"
    assert given.keys() <= variables()
    assert not any("SECRET" in name or re.search(r"://[^/]*:[^/]*@", value) for name, value in given.items())
    assert given["PLACEFEED_DATA"] == f"/var/lib/{service['StateDirectory']}"
    assert folder == "/etc/placefeed/secrets"
    # systemd names each file of a folder by the prefix and its name: so that is what the settings must find.
    named = re.findall(r"`([a-z_]+)` (?:is )?(PLACEFEED_[A-Z_]+)", COMMON.read_text())
    assert {variable for _, variable in named} <= variables()
    for file, variable in named:
        assert f"{prefix}_{file}".upper() == variable
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    (tmp_path / f"{prefix}_secret").write_text("s" * 40 + "\n")
    (tmp_path / f"{prefix}_database_url").write_text("postgresql://a:b@c/d\n")
    (tmp_path / "unknown").write_text("x")
    made = Settings()
    assert made.secret is not None
    assert (made.secret.get_secret_value(), made.database_url) == ("s" * 40, "postgresql://a:b@c/d")
    monkeypatch.setenv("PLACEFEED_DATABASE_URL", "postgresql:///other")
    assert Settings().database_url == "postgresql:///other", "the environment wins"


def test_the_example_of_settings_can_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in environment(UNITS / "placefeed.env").items():
        monkeypatch.setenv(name, value)

    made = Settings()

    assert made.base_url == "https://exchange.example"
    assert made.allow_hosts == ["sftp.lewisham.internal", "10.20.0.0/16"]


def test_an_operators_command_has_the_bounds_of_the_services() -> None:
    text = (UNITS / "placefeed-run").read_text()
    service = dict(unit(COMMON)["Service"])

    for name in ("EnvironmentFile", "LoadCredential", "StateDirectory", "UMask"):
        assert f"--property={name}={service[name]}" in text
    assert f"--uid={service['User']} --gid={service['Group']}" in text
    assert (UNITS / "placefeed-run").stat().st_mode & 0o111
