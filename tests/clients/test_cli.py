"""The command line: what people read, what machines read, and how it ends."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pytest_httpserver import HTTPServer
from typer.testing import CliRunner, Result

from placefeed.client import cli
from placefeed.schema.files import find

RUNNER = CliRunner()
WIDE = {"COLUMNS": "200", "TERM": "dumb", "NO_COLOR": "1"}

FEED = {
    "standard": "placefeed",
    "version": "1.0",
    "publisher": {"id": "GB-COH-00000001", "name": "Example Homes Ltd"},
    "publishedAt": "2026-01-01T00:00:00Z",
    "settings": [
        {
            "urn": "SC000001",
            "capacity": {"asOf": "2026-01-01T00:00:00Z", "registered": 4, "occupied": 2, "acceptingReferrals": True},
        }
    ],
}


def run(*words: str, **env: str) -> Result:
    return RUNNER.invoke(cli.app, list(words), env=WIDE | env)


def feed_file(folder: Path, name: str = "feed.json", **changes: Any) -> Path:
    path = folder / name
    path.write_text(json.dumps(FEED | changes))
    return path


# -- validate ------------------------------------------------------------------------------------------------------


def test_a_good_file_ends_with_0(tmp_path: Path) -> None:
    result = run("validate", str(feed_file(tmp_path)))

    assert result.exit_code == 0
    assert "nothing is wrong" in result.stdout
    assert "1 records" in result.stdout


def test_a_bad_file_ends_with_1_and_says_what_where_and_what_to_do(tmp_path: Path) -> None:
    wrong = {"urn": "SC000001", "capacity": {"asOf": "2026-01-01T00:00:00Z", "ocupied": 2}}

    result = run("validate", str(feed_file(tmp_path, settings=[wrong])))

    assert result.exit_code == 1
    assert "/settings/0/capacity" in result.stdout
    assert "schema-unknown-property" in result.stdout
    assert "(SC000001)" in result.stdout
    assert "What to do" in result.stdout


def test_machines_get_one_document(tmp_path: Path) -> None:
    good, bad = feed_file(tmp_path, "good.json"), feed_file(tmp_path, "bad.json", settings=[{"urn": "1"}])

    result = run("validate", str(good), str(bad), "--json")

    document = json.loads(result.stdout)
    assert result.exit_code == 1
    assert document["ok"] is False
    assert [(Path(file["file"]).name, file["ok"]) for file in document["files"]] == [
        ("good.json", True),
        ("bad.json", False),
    ]
    assert document["files"][1]["report"]["issues"][0]["rule"]


@pytest.mark.parametrize("path", sorted(find("examples", "valid").glob("feed-*")), ids=lambda path: path.name)
def test_every_feed_of_the_standards_examples_is_good(path: Path) -> None:
    assert run("validate", str(path)).exit_code == 0


@pytest.mark.parametrize("part", ["capacity", "vacancy", "rate", "setting", "ofsted"])
def test_a_part_alone_can_be_checked(part: str) -> None:
    path = next(iter(sorted(find("examples", "valid").glob(f"{part}-*.json"))))

    assert run("validate", str(path), "--kind", part).exit_code == 0
    assert run("validate", str(path)).exit_code == 1


def test_ndjson_is_checked_line_by_line(tmp_path: Path) -> None:
    header = {name: value for name, value in FEED.items() if name != "settings"}
    lines = [{"line": "header", **header}, {"line": "setting", "urn": "nonsense"}, {"line": "trailer", "count": 1}]
    path = tmp_path / "feed.ndjson"
    path.write_text("\n".join(json.dumps(line) for line in lines))

    result = run("validate", str(path))

    assert result.exit_code == 1
    assert "line 2" in result.stdout


@pytest.mark.parametrize("ending", [".xlsx", ".csv"])
def test_the_template_is_written_and_reads_back_without_its_example(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"vacancies{ending}"

    written = run("template", "--out", str(path))
    checked = run("validate", str(path))

    assert written.exit_code == 0, written.output
    assert "placefeed push" in written.stdout
    assert checked.exit_code == 0, checked.output
    assert "no record" in checked.stdout


def test_an_error_in_a_sheet_is_named_by_its_cell(tmp_path: Path) -> None:
    path = tmp_path / "vacancies.csv"
    path.write_text("URN,Vacancy reference,As of,Places,Available from\nSC000001,v1,21/11/2025 18:00,many,21/11/2025\n")

    result = run("validate", str(path))

    assert result.exit_code == 1
    assert "D2" in result.stdout


def test_without_the_adapters_a_sheet_is_answered_with_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.csv").write_text("URN\n")
    monkeypatch.setattr("placefeed.client._checking.entry_points", lambda **_: [])

    result = run("validate", str(tmp_path / "a.csv"))

    assert result.exit_code == 1
    assert "pip install 'placefeed[adapters]'" in result.stdout


@pytest.mark.parametrize(
    ("name", "says"),
    [("missing.json", "No such file"), ("letter.pdf", "application/pdf"), ("noending", "unknown kind")],
)
def test_a_file_that_cannot_be_checked_is_said_so(tmp_path: Path, name: str, says: str) -> None:
    result = run("validate", str(tmp_path / name))

    assert result.exit_code == 1
    assert says in result.stdout


def test_a_file_cannot_steer_the_terminal(tmp_path: Path) -> None:
    result = run("validate", str(feed_file(tmp_path, settings=[{"urn": "SC000001", "\x1b]0;owned\x07": 1}])))

    assert result.exit_code == 1
    assert "\x1b" not in result.stdout
    assert "\x07" not in result.stdout


def test_an_unknown_kind_is_no_traceback(tmp_path: Path) -> None:
    result = run("validate", str(feed_file(tmp_path)), "--kind", "letter")

    assert result.exit_code == 1
    assert "letter" in result.stdout


# -- template ------------------------------------------------------------------------------------------------------


def test_a_template_is_not_written_over_a_file(tmp_path: Path) -> None:
    path = tmp_path / "vacancies.csv"
    path.write_text("mine")

    assert run("template", "--out", str(path)).exit_code == 1
    assert path.read_text() == "mine"
    assert run("template", "--out", str(path), "--force").exit_code == 0


@pytest.mark.parametrize(
    ("name", "more", "says"),
    [
        ("a.doc", (), ".xlsx or .csv"),
        ("a.csv", ("--sheet", "Letters"), "Vacancies, Settings and Rates"),
        ("no/a.csv", (), "cannot be written"),
    ],
)
def test_a_template_that_cannot_be_written_is_said_so(
    tmp_path: Path, name: str, more: tuple[str, ...], says: str
) -> None:
    result = run("template", "--out", str(tmp_path / name), *more)

    assert result.exit_code == 1
    assert says in result.stderr


# -- push and list -------------------------------------------------------------------------------------------------


REPORT = {"submission": "s1", "verdict": "partly-accepted", "counts": {"records": 2, "accepted": 1, "rejected": 1}, "issues": [
    {"rule": "past-until", "severity": "error", "message": "It ended.", "advice": "Give a later day.", "count": 5,
     "places": [{"sheet": "Vacancies", "cell": "G7", "urn": "SC000001"}]}
]}  # fmt: skip
LISTING = {
    "id": "a", "urn": "SC000001", "availability": "available", "freshness": "fresh",
    "setting": {"name": "Example House [1]", "provisionType": "children-home", "localAuthority": {"code": "E06000023", "name": "Bristol"}},
    "vacancy": {"places": 2, "from": "2026-12-01", "ages": {"from": 11, "to": 16}},
    "rates": [{"weeklyEquivalentPence": 512500}, {"weeklyEquivalentPence": 600000}],
    "ofsted": {"status": "disputed", "judgements": [{"aspect": "overall", "code": "requires-improvement"}]},
}  # fmt: skip


@pytest.fixture
def exchange_url(httpserver: HTTPServer) -> str:
    return httpserver.url_for("").rstrip("/")


def test_pushing_a_file_shows_what_became_of_it(httpserver: HTTPServer, exchange_url: str, tmp_path: Path) -> None:
    httpserver.expect_request("/v1/submissions", method="POST").respond_with_json(REPORT, status=201)

    result = run("push", str(feed_file(tmp_path)), "--url", exchange_url, "--key", "k")

    assert result.exit_code == 1
    for words in (
        "Partly accepted",
        "2 records, 1 accepted, 1 rejected",
        "It ended.",
        "sheet Vacancies, cell G7 (SC000001)",
        "and 4 more",
        "Give a later day.",
    ):
        assert words in result.stdout
    assert httpserver.log[0][0].data == (tmp_path / "feed.json").read_bytes()


def test_pushing_for_machines(httpserver: HTTPServer, exchange_url: str, tmp_path: Path) -> None:
    httpserver.expect_request("/v1/submissions", method="POST").respond_with_json(
        {**REPORT, "verdict": "accepted", "issues": []}, status=201
    )

    result = run("push", str(feed_file(tmp_path)), "--json", PLACEFEED_URL=exchange_url, PLACEFEED_KEY="k")

    assert result.exit_code == 0
    assert json.loads(result.stdout)["submission"] == "s1"


def test_a_refusal_is_a_message_and_not_a_traceback(httpserver: HTTPServer, exchange_url: str, tmp_path: Path) -> None:
    refusal = {
        "type": "/problems/not-allowed",
        "status": 403,
        "detail": "Your key does not allow this.",
        "requestId": "r1",
    }
    httpserver.expect_request("/v1/submissions").respond_with_json(
        refusal, status=403, content_type="application/problem+json"
    )

    people = run("push", str(feed_file(tmp_path)), "--url", exchange_url, "--key", "k")
    machines = run("push", str(feed_file(tmp_path)), "--url", exchange_url, "--key", "k", "--json")

    assert (people.exit_code, people.stderr.strip()) == (1, "Your key does not allow this. (request r1)")
    assert json.loads(machines.stdout)["error"]["kind"] == "NotAllowed"


@pytest.mark.parametrize(
    ("options", "says"),
    [((), "--url"), (("--url", "https://exchange.example"), "--key"), (("--url", "nowhere", "--key", "k"), "https://")],
)
def test_what_is_missing_is_said(tmp_path: Path, options: tuple[str, ...], says: str) -> None:
    result = run("push", str(feed_file(tmp_path)), *options)

    assert result.exit_code != 0
    assert says in result.stderr


def test_the_list_as_a_table(httpserver: HTTPServer, exchange_url: str) -> None:
    unknown = {
        **LISTING,
        "id": "b",
        "availability": "unknown",
        "freshness": "stale",
        "rates": [],
        "ofsted": {},
        "vacancy": {},
    }
    httpserver.expect_request("/v1/listings").respond_with_json(
        {"items": [LISTING, unknown], "totals": {"available": 1, "unknown": 1}}
    )

    result = run("list", "--url", exchange_url, "--key", "k")

    assert result.exit_code == 0, result.output
    for words in (
        "Example House [1]",
        "Bristol",
        "2026-12-01",
        "11–16",
        "£5,125–£6,000",
        "requires improvement",
        "(disputed)",
        "confirm by phone",
        "2 shown of 1 available and 1 to confirm",
    ):
        assert words in result.stdout


def test_filters_reach_the_exchange_in_its_words(httpserver: HTTPServer, exchange_url: str) -> None:
    httpserver.expect_request("/v1/listings").respond_with_json({"items": []})
    words = [
        "--la",
        "E06000023",
        "--la",
        "Bath",
        "--age",
        "14",
        "--weekly-at-most",
        "5500",
        "-s",
        "willow",
        "--filter",
        "need=a",
        "--filter",
        "need=b",
        "--limit",
        "5",
    ]

    result = run("list", "--url", exchange_url, "--key", "k", *words)

    asked = httpserver.log[0][0].args
    assert result.exit_code == 0, result.output
    assert "No vacancy matches" in result.stdout
    assert (asked.getlist("la"), asked.getlist("need")) == (["E06000023", "Bath"], ["a", "b"])
    assert (asked["age"], asked["weeklyAtMostPence"], asked["q"], asked["limit"]) == ("14", "550000", "willow", "5")


@pytest.mark.parametrize(("options", "ids"), [((), ["a", "a"]), (("--limit", "1"), ["a"]), (("--all",), ["a", "a"])])
def test_the_list_for_machines_is_one_document_of_as_many_as_were_asked_for(
    httpserver: HTTPServer, exchange_url: str, options: tuple[str, ...], ids: list[str]
) -> None:
    httpserver.expect_ordered_request("/v1/listings").respond_with_json(
        {"items": [LISTING], "next": "?cursor=two", "position": 7}
    )
    httpserver.expect_ordered_request("/v1/listings", query_string="cursor=two").respond_with_json({"items": [LISTING]})

    result = run("list", "--url", exchange_url, "--key", "k", "--json", *options)

    document = json.loads(result.stdout)
    assert [item["id"] for item in document["items"]] == ids
    assert document["position"] == 7
    assert "next" not in document


def test_a_filter_is_name_and_value() -> None:
    result = run("list", "--url", "https://exchange.example", "--key", "k", "--filter", "need")

    assert result.exit_code == 2


# -- the command itself --------------------------------------------------------------------------------------------


class Point:
    """An entry point that stands for an installed package."""

    name = "service"

    def __init__(self, load: Callable[[], Any]) -> None:
        self.load = load


def command(monkeypatch: pytest.MonkeyPatch, *words: str, load: Callable[[], Any] | None = None) -> int:
    import typer

    app = typer.Typer()
    app.registered_commands = list(cli.app.registered_commands)
    monkeypatch.setattr(cli, "app", app)
    monkeypatch.setattr(cli, "entry_points", lambda **_: [Point(load)] if load else [])
    monkeypatch.setattr(sys, "argv", ["placefeed", *words])
    with pytest.raises(SystemExit) as end:
        cli.main()
    return int(end.value.code or 0)


def test_another_package_adds_commands(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def register(app: Any) -> None:
        @app.command()
        def serve() -> None:
            print("serving")

    assert command(monkeypatch, "serve", load=lambda: register) == 0
    assert "serving" in capsys.readouterr().out


def test_a_command_of_the_exchange_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def load() -> Any:
        raise ModuleNotFoundError("No module named 'sqlalchemy'", name="sqlalchemy")

    assert command(monkeypatch, "serve", load=load) == 2
    said = capsys.readouterr().err
    assert "sqlalchemy is missing" in said
    assert "pip install 'placefeed[service]'" in said


def test_our_own_commands_do_not_wait_for_the_exchanges(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def load() -> Any:
        raise AssertionError("imported the exchange")

    assert command(monkeypatch, "validate", "--help", load=load) == 0
    assert command(monkeypatch, "nonsense") == 2


def test_the_version_is_told() -> None:
    result = run("--version")

    assert result.exit_code == 0
    assert result.stdout.startswith("placefeed ")


def test_starting_imports_nothing_heavy() -> None:
    heavy = ["httpx2", "jsonschema", "jsonschema_rs", "pydantic", "fastapi", "sqlalchemy", "rich.table"]
    code = f"import sys, placefeed.client.cli; print([name for name in {heavy} if name in sys.modules])"

    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert found.stdout.strip() == "[]"


def test_the_name_of_every_class_is_found_when_it_is_used() -> None:
    import placefeed.client

    assert all(getattr(placefeed.client, name).__name__ == name for name in placefeed.client.__all__)
    with pytest.raises(AttributeError, match="Nonsense"):
        _ = placefeed.client.Nonsense
