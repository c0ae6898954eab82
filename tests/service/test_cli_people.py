"""`placefeed person`: how the first operator begins, and how somebody is helped back in."""

import pytest
import typer
from sqlmodel import select

from placefeed.service.access import invitations, links, people
from placefeed.service.cli import register
from placefeed.service.clock import system_clock
from placefeed.service.config import Settings
from placefeed.service.db import Database
from placefeed.service.tables import Audit
from tests.service.test_cli import Commands


@pytest.fixture
def run(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Commands:
    """Commands on an empty, migrated exchange; once on each database."""
    monkeypatch.setenv("PLACEFEED_DATA", str(settings.data))
    monkeypatch.setenv("PLACEFEED_SECRET", "s" * 40)
    monkeypatch.setenv("PLACEFEED_BASE_URL", "https://exchange.example")
    if settings.database_url:
        monkeypatch.setenv("PLACEFEED_DATABASE_URL", settings.database_url)
    app = typer.Typer()
    register(app)
    return Commands(app)


def test_people_by_the_command_line(run: Commands, database: Database) -> None:
    run("org", "add", "exchange", "--kind", "operator", "--name", "The Exchange")
    assert "There is nobody" in run("person", "list").stdout

    invited = run("person", "invite", "exchange", "Op@Example.org", "--name", "An Operator")
    link = invited.stdout.strip()
    assert link.startswith("https://exchange.example/invitations/")
    assert "works once, for 7 days" in invited.stderr
    assert "correct format" in run("person", "invite", "exchange", "nobody", "--name", "A", code=1).stderr
    assert "no organisation" in run("person", "invite", "nowhere", "a@b.example", "--name", "A", code=1).stderr
    with database.write() as session:
        joined = invitations.accept(session, link.rpartition("/")[2], now=system_clock())
        assert joined.level == "manager"
    (row,) = run.json("person", "list")["items"]
    assert (row["email"], row["works"], row["state"], row["secondFactor"]) == (
        "op@example.org", ["exchange (manager)"], "open", False,
    )  # fmt: skip

    made = run.json("person", "reset", "op@example.org", "--second-factor")
    with database.read() as session:
        token = made["link"].removeprefix("https://exchange.example/new-password/")
        assert links.look(session, token, kind=links.RESET, now=system_clock()).person_id == made["person"]
    run("person", "disable", "op@example.org")
    assert "closed" in run("person", "reset", "op@example.org", code=1).stderr
    run("person", "enable", "op@example.org")
    assert "Nobody has the address" in run("person", "disable", "a@b.example", code=1).stderr
    with database.read() as session:
        person = people.find(session, "op@example.org")
        assert person is not None
        assert person.disabled_at is None
        actions = [each.action for each in session.exec(select(Audit).where(Audit.subject == person.id))]
    assert actions == [
        "person.invited", "person.joined", "second-factor.off", "password.reset-made", "person.disabled", "person.enabled",
    ]  # fmt: skip
