"""The exchange's commands: what an operator types, what it prints for people and for machines, and how it says no."""

import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
import structlog
import typer
from click.testing import Result
from sqlmodel import select
from typer.testing import CliRunner

from placefeed.client import cli as client_cli
from placefeed.service.cli import register
from placefeed.service.clock import system_clock
from placefeed.service.config import Settings
from placefeed.service.db import Database, secret_of
from placefeed.service.schedule import table
from placefeed.service.simulate.england import england
from placefeed.service.simulate.register import ofsted_csv
from placefeed.service.simulate.world import last_march
from placefeed.service.tables import Audit, PostcodeSector

PLACEFEED = Path(sys.executable).parent / "placefeed"


@pytest.fixture(autouse=True)
def _log_as_before() -> Iterator[None]:
    """Commands send the log to the stderr that they were given, which is gone after the test."""
    root = logging.getLogger()
    before = root.handlers[:], root.level
    yield
    root.handlers, root.level = before
    structlog.reset_defaults()


@pytest.fixture(scope="module")
def app() -> typer.Typer:
    made = typer.Typer()
    register(made)
    return made


class Commands:
    """Runs commands against one exchange."""

    def __init__(self, app: typer.Typer) -> None:
        self._app = app

    def __call__(self, *words: str, code: int = 0) -> Result:
        result = CliRunner().invoke(self._app, list(words), catch_exceptions=False)
        assert result.exit_code == code, result.output + result.stderr
        return result

    def json(self, *words: str, code: int = 0) -> Any:
        return orjson.loads(self(*words, "--json", code=code).stdout)


@pytest.fixture
def run(app: typer.Typer, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Commands:
    """Commands on an empty, migrated exchange; once on each database."""
    monkeypatch.setenv("PLACEFEED_DATA", str(settings.data))
    monkeypatch.setenv("PLACEFEED_SECRET", "s" * 40)
    if settings.database_url:
        monkeypatch.setenv("PLACEFEED_DATABASE_URL", settings.database_url)
    return Commands(app)


@pytest.fixture
def alone(app: typer.Typer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Commands:
    """Commands where there is no exchange yet."""
    monkeypatch.setenv("PLACEFEED_DATA", str(tmp_path / "exchange"))
    monkeypatch.delenv("PLACEFEED_DATABASE_URL", raising=False)
    return Commands(app)


@pytest.fixture
def ofsted_file(tmp_path: Path) -> Path:
    """A small register of Ofsted's shape."""
    march = last_march(system_clock())
    path = tmp_path / "register.csv"
    path.write_bytes(ofsted_csv(england(seed=1, as_at=march, settings=40), as_at=march))
    return path


# -- db ---------------------------------------------------------------------------------------------------------------


def test_upgrade_makes_the_exchange_and_status_says_how_it_is(alone: Commands) -> None:
    assert "There is no exchange" in alone("org", "list", code=1).stderr

    alone("db", "upgrade")
    alone("db", "upgrade")
    status = alone.json("db", "status")

    assert status["upToDate"] is True
    assert (status["position"], status["listings"], status["settingsOnRegister"]) == (0, 0, 0)
    assert "Up to date" in alone("db", "status").stdout


def test_a_database_of_another_shape_is_not_touched(alone: Commands, tmp_path: Path) -> None:
    (tmp_path / "exchange").mkdir()
    (tmp_path / "exchange" / "placefeed.db").touch()

    assert "placefeed db upgrade" in alone("org", "list", code=1).stderr
    assert "placefeed db upgrade" in alone("db", "status", code=1).stderr


def test_check_finds_migrations_and_tables_in_agreement(alone: Commands) -> None:
    assert "what the tables say" in alone("db", "check").stdout


def test_restored_raises_positions_and_epoch(run: Commands) -> None:
    before = run.json("db", "status")
    run("db", "restored", "--yes")
    after = run.json("db", "status")

    assert after["epoch"] == before["epoch"] + 1
    assert after["position"] > before["position"] + 1_000_000


def test_a_postcode_lookup_is_imported_and_again_changes_nothing(
    run: Commands, tmp_path: Path, database: Database
) -> None:
    path = tmp_path / "NSPL_INVENTED_UK.csv"
    path.write_text(
        "pcds,doterm,gridind,lat,long\n"
        "ZZ1 1AA,,1,51.0,-1.0\nZZ1 1AB,,1,51.2,-1.0\nZZ1 1AC,199606,1,60,-1.0\nZZ1 2AA,,9,99.999999,0\n"
    )

    told = run("import-postcodes", str(path)).stdout
    again = run.json("import-postcodes", str(path))

    assert "4 rows; 2 postcodes in use, 1 ended, 1 without a grid reference" in told
    assert "1 sectors: 1 new, 0 moved, 0 as before; 0 gone" in told
    assert (again["sectors"], again["new"], again["unchanged"], again["settings"]) == (1, 0, 1, 0)
    with database.read() as session:
        (row,) = session.exec(select(PostcodeSector))
        assert (row.sector, row.latitude, row.longitude, row.postcodes) == ("ZZ1 1", 51.1, -1.0, 2)
        audited = session.exec(select(Audit).where(Audit.action == "postcodes.imported")).all()
    assert [(each.subject, each.detail["sectors"]) for each in audited] == [("NSPL_INVENTED_UK.csv", 1)] * 2


# -- who is who ---------------------------------------------------------------------------------------------------------


def test_an_operator_sets_up_a_consortium_with_keys(run: Commands, ofsted_file: Path, database: Database) -> None:
    run("import-ofsted", str(ofsted_file), "--simulated")
    owner = england(seed=1, as_at=last_march(system_clock()), settings=40)[0].owner or ""

    made = run.json("org", "add", "homes", "--name", owner, "--identifier", "GB-COH:00000001")
    run("org", "add", "leeds", "--kind", "member", "--name", "Leeds", "--la", "Leeds")
    run("speaks-for", "confirm", "homes")
    run("consortium", "add", "north", "--name", "North")
    run("consortium", "add-member", "north", "leeds", "--from", "2026-01-01")
    run("consortium", "add-provider", "north", "homes")
    key = run.json("key", "issue", "leeds", "--label", "trial", "--days", "30")

    assert made["proposed"] > 0
    assert len(run.json("speaks-for", "list", "--state", "confirmed")["items"]) == made["proposed"]
    (north,) = run.json("consortium", "list")["items"]
    assert (north["members"], north["providers"]) == (["leeds"], 1)
    assert key["key"].startswith(f"pf_{key['id']}_")
    assert key["role"] == "member"
    assert run.json("org", "list", "--kind", "member")["items"][0]["localAuthority"] == "E08000035"
    with database.read() as session:
        assert {"organisation.created", "key.issued", "speaks-for.confirmed", "register.imported"} <= set(
            session.exec(select(Audit.action))
        )


def test_all_proposals_are_confirmed_at_once(run: Commands, ofsted_file: Path) -> None:
    run("import-ofsted", str(ofsted_file))
    owners = sorted({row.owner or "" for row in england(seed=1, as_at=last_march(system_clock()), settings=40)})
    for number, owner in enumerate(owners[:3]):
        run("org", "add", f"owner-{number}", "--name", owner)
    proposed = len(run.json("speaks-for", "list")["items"])

    told = run("speaks-for", "confirm-all", "--yes").stdout

    assert f"{proposed} settings of 3 providers are confirmed" in told
    assert run("speaks-for", "list").stdout == "Nothing is proposed.\n"
    (first, *_) = run.json("speaks-for", "list", "--state", "confirmed")["items"]
    run("speaks-for", "refuse", first["organisation"], first["urn"])
    assert len(run.json("speaks-for", "list", "--state", "confirmed")["items"]) == proposed - 1


def test_keys_are_rotated_and_revoked(run: Commands, settings: Settings) -> None:
    run("org", "add", "leeds", "--kind", "member", "--name", "Leeds")
    text = run("key", "issue", "leeds").stdout.strip()
    old = text.split("_")[1]

    new = run.json("key", "rotate", old, "--grace-hours", "1")
    run("key", "revoke", old)

    states = {key["id"]: key["state"] for key in run.json("key", "list", "leeds")["items"]}
    assert states == {old: "revoked", new["id"]: "good"}
    assert text not in run("key", "list").stdout
    assert secret_of(settings) == b"s" * 40


def test_sources_are_registered_paused_and_resumed(run: Commands, tmp_path: Path) -> None:
    run("org", "add", "homes", "--name", "Example Homes Ltd")
    made = run.json(
        "source", "add", "homes", "--name", "Weekly return", "--transport", "folder", "--address", str(tmp_path / "drop"),
        "--cron", "0 7 * * *", "--mapping", "weekly-return", "--expected-hours", "48", "--id", "homes-folder",
    )  # fmt: skip

    run("source", "pause", "homes-folder")
    assert [row["state"] for row in run.json("source", "list")["items"]] == ["paused"]
    run("source", "resume", "homes-folder")
    assert "is not there" in run.json("source", "poll", "homes-folder", code=1)["outcome"]
    (tmp_path / "drop").mkdir()
    assert run.json("source", "poll", "homes-folder")["outcome"] == "nothing new"
    assert (made["mapping"], made["cron"]) == ("weekly-return", "0 7 * * *")
    assert "homes-folder" in run("source", "list", "homes").stdout


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("org", "add", "Not A Slug", "--name", "x"), 1, "small letters"),
        (("org", "add", "x", "--name", "x", "--kind", "queen"), 1, "kind of an organisation"),
        (("org", "add", "x", "--name", "x", "--la", "Atlantis"), 2, "no local authority"),
        (("key", "issue", "nobody"), 1, "no organisation"),
        (("key", "revoke", "nothing"), 1, "no key"),
        (("consortium", "add-member", "nowhere", "nobody"), 1, "no consortium"),
        (("consortium", "add-member", "a", "b", "--from", "tomorrow"), 2, "2026-03-31"),
        (("source", "add", "nobody", "--name", "x"), 1, "no organisation"),
        (("source", "add", "nobody", "--name", "x", "--mapping", "no-such-mapping"), 2, "shipped are"),
        (("source", "poll", "nothing"), 1, "no source"),
        (("speaks-for", "confirm", "nobody"), 1, "no organisation"),
        (("run", "dance"), 2, "There are: publish"),
        (("simulate",), 2, "--out"),
        (("simulate", "--push", "http://127.0.0.1:1"), 2, "--keys"),
        (("import-ofsted", "no-such-file.csv"), 1, "No such file"),
        (("import-postcodes", "no-such-file.zip"), 1, "No such file"),
        (("import-postcodes", __file__), 1, "Expected is the National Statistics Postcode Lookup"),
        (("serve", "--workers", "2"), 2, "PostgreSQL"),
    ],
)
def test_a_mistake_gets_a_sentence_and_an_exit_code(
    alone: Commands, words: tuple[str, ...], code: int, said: str
) -> None:
    alone("db", "upgrade")

    result = alone(*words, code=code)

    assert said in " ".join(result.stderr.replace("│", " ").split())
    assert "Traceback" not in result.output + result.stderr


def test_a_wrong_setting_is_named(alone: Commands, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLACEFEED_MAX_BODY", "a lot")

    assert "PLACEFEED_MAX_BODY" in alone("db", "status", code=2).stderr


def test_a_database_that_is_away_is_one_line(alone: Commands, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLACEFEED_DATABASE_URL", "postgresql://someone:hidden@127.0.0.1:1/x")

    said = alone("org", "list", code=1).stderr

    assert said.startswith("The database cannot be used")
    assert "hidden" not in said
    assert said.count("\n") == 1


def test_for_machines_a_refusal_is_json_too(run: Commands) -> None:
    assert run.json("key", "issue", "nobody", code=1)["error"]["kind"] == "NotFound"


# -- Ofsted -------------------------------------------------------------------------------------------------------------


def test_an_import_prints_one_object_with_the_counts(run: Commands, ofsted_file: Path) -> None:
    first = run.json("import-ofsted", str(ofsted_file), "--complete", "--simulated")
    again = run.json("import-ofsted", str(ofsted_file))

    assert {
        "rows",
        "settings",
        "childrensHomes",
        "places",
        "added",
        "changed",
        "unchanged",
        "rejected",
        "warnings",
    } <= first.keys()
    assert (first["rows"], first["settings"], first["added"], first["rejected"]) == (40, 40, 40, 0)
    assert (again["added"], again["changed"], again["unchanged"]) == (0, 0, 40)


def test_several_files_are_listed_and_the_last_counts(run: Commands, ofsted_file: Path, tmp_path: Path) -> None:
    march = last_march(system_clock())
    other = tmp_path / "other.csv"
    other.write_bytes(ofsted_csv(england(seed=1, as_at=march, settings=40)[:30], as_at=march))

    found = run.json("import-ofsted", str(ofsted_file), str(other))

    assert [file["settings"] for file in found["files"]] == [40, 30]
    assert found["settings"] == 30
    assert "30 settings" in run("import-ofsted", str(other)).stdout


def test_a_file_that_is_none_of_ofsteds_is_refused_in_words(run: Commands, tmp_path: Path) -> None:
    path = tmp_path / "shopping.csv"
    path.write_text("milk,bread\n1,2\n")

    assert "URN" in run("import-ofsted", str(path), code=1).stderr
    assert "URN" in run.json("import-ofsted", str(path), code=1)["error"]["message"]


# -- jobs ---------------------------------------------------------------------------------------------------------------


def test_every_job_of_the_schedule_can_be_run(run: Commands, settings: Settings, ofsted_file: Path) -> None:
    run("import-ofsted", str(ofsted_file))

    for job in table(settings):
        assert run.json("run", job.name)["job"] == job.name

    assert [row["job"] for row in run.json("run")["items"]] == [job.name for job in table(settings)]
    assert run.json("db", "status")["pending"] == 0


# -- simulate -----------------------------------------------------------------------------------------------------------


def test_simulate_writes_an_invented_england_and_its_register(alone: Commands, tmp_path: Path) -> None:
    out = tmp_path / "out"

    manifest = alone.json(
        "simulate", "--out", str(out), "--settings", "60", "--changes", "1", "--now", "2026-07-01T14:00:00"
    )
    alone("db", "upgrade")
    imported = alone.json("import-ofsted", str(out / "register.csv"), "--simulated", "--complete")

    assert manifest["settings"] == imported["settings"] == 60
    assert [state["at"] for state in manifest["states"]] == ["2026-07-01T08:00:00Z", "2026-07-01T14:00:00Z"]


def test_simulate_takes_the_register_that_there_is(run: Commands, ofsted_file: Path, tmp_path: Path) -> None:
    run("import-ofsted", str(ofsted_file))

    manifest = run.json("simulate", "--out", str(tmp_path / "out"), "--single", "--messy")

    assert manifest["settings"] == 40
    assert "register" not in manifest
    assert [entry["file"] for entry in manifest["states"][0]["files"]] == ["00/simulated-vendor.ndjson"]


# -- the command itself -------------------------------------------------------------------------------------------------


def test_nothing_heavy_is_imported_for_the_help() -> None:
    heavy = ["fastapi", "sqlalchemy", "sqlmodel", "pydantic", "httpx2", "alembic", "apscheduler", "orjson"]
    code = f"import sys; import placefeed.service.cli, typer; placefeed.service.cli.register(typer.Typer()); print([m for m in {heavy!r} if m in sys.modules])"

    assert (
        subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.strip() == "[]"
    )


def test_the_command_line_has_them_all() -> None:
    shown = subprocess.run(
        [PLACEFEED, "--help"], check=True, capture_output=True, text=True, env={**os.environ, "COLUMNS": "200"}
    ).stdout

    for word in (*client_cli.OURS, *client_cli.OF_THE_SERVICE, "run", "speaks-for"):
        assert f" {word} " in shown
