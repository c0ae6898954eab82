"""The operator's register, requests by people about their data, and the templates to sign."""

import json
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import html5lib
import pytest
from markupsafe import escape
from sqlmodel import col, select

from placefeed.service.access.subjects import ERASURE, PARTS
from placefeed.service.access.who import field_table
from placefeed.service.pages.protection.rights import WORDS
from placefeed.service.protection import REGISTER_OF_DATA
from placefeed.service.purge import keepings
from placefeed.service.tables import Audit, Person
from tests.service.api.exchange import World
from tests.service.people import somebody

Visit = Callable[..., Any]
EVIL = "<img src=x onerror=alert(1)>"
ACCESS = "/data-protection/access"


def parsed(answer: Any, status: int = 200) -> str:
    """A page's text; it has no mistake in its HTML."""
    assert answer.status_code == status, answer.text[:300]
    html5lib.HTMLParser(strict=True).parse(answer.text)
    return str(answer.text)


def subject(world: World, *, name: str = "Alex Quill", email: str = "alex.quill@example.org") -> str:
    person_id, _cookie = somebody(world.database, world.settings, "lewisham", name=name, email=email, now=world.clock())
    return person_id


def audited(world: World) -> list[tuple[str, str]]:
    world.app.state.exchange.reads.flush()
    with world.database.read() as session:
        rows = session.exec(select(Audit).where(col(Audit.action).like("person.%")).order_by(col(Audit.id)))
        return [(row.action, row.subject) for row in rows]


def test_the_register_shows_every_table_every_field_and_every_time(world: World, visit: Visit) -> None:
    world.app.state.exchange.settings = world.settings.model_copy(update={"keep_audit": timedelta(days=365 * 7)})
    text = parsed(visit("operator", level="reader").get("/data-protection"))

    for held in REGISTER_OF_DATA.values():
        assert f'class="govuk-table__header">{escape(held.noun)}<' in text
    for name in field_table():
        assert str(escape(name[:1].upper() + name[1:])) in text
    for keeping in keepings(world.settings):
        assert keeping.what in text
    assert "7 years (audit)" in text
    assert ACCESS not in text, "only managers answer requests"
    assert ACCESS in visit("operator").get("/data-protection").text


@pytest.mark.parametrize("level", ["reader", "editor"])
def test_only_managers_of_the_operator_answer_requests(world: World, visit: Visit, level: str) -> None:
    browser, person_id = visit("operator", level=level), subject(world)

    for path in (ACCESS, f"{ACCESS}/{person_id}", f"{ACCESS}/{person_id}/copy", f"{ACCESS}/{person_id}/erase"):
        assert browser.get(path).status_code == 403
    assert browser.post(f"{ACCESS}/{person_id}/erase").status_code == 403


def test_somebody_is_found_copied_and_erased(world: World, visit: Visit) -> None:
    person_id, browser = subject(world, name=EVIL), visit("operator")
    assert "Enter the person" in parsed(browser.post(ACCESS, {"email": ""}), 422)
    text = parsed(browser.post(ACCESS, {"email": EVIL}), 422)
    assert "There is no account" in text
    assert EVIL not in text

    found = browser.post(ACCESS, {"email": " Alex.Quill@Example.org"})
    assert found.headers["location"] == f"{ACCESS}/{person_id}"
    for path in (f"{ACCESS}/{person_id}", f"{ACCESS}/{person_id}/erase"):
        assert EVIL not in parsed(browser.get(path))

    copy = browser.get(f"{ACCESS}/{person_id}/copy")
    told = json.loads(copy.text)
    assert copy.headers["content-disposition"] == f'attachment; filename="placefeed-person-{person_id}.json"'
    assert "no-store" in copy.headers["cache-control"]
    assert list(told) == ["exchange", "madeAt", *(part.name for part in PARTS)]
    assert (told["account"][0]["name"], len(told["posts"]), told["savedSearches"]) == (EVIL, 1, [])

    assert "does not name the person" in parsed(browser.post(f"{ACCESS}/{person_id}/erase", {"reference": EVIL}), 422)
    done = browser.post(f"{ACCESS}/{person_id}/erase", {"reference": "SAR 7"})
    assert done.headers["location"] == f"{ACCESS}?erased={person_id}"
    text = parsed(browser.get(done.headers["location"]))
    assert "The account is erased" in text
    assert "Lewisham" in text, "now without a manager"
    assert browser.get(f"{ACCESS}/{person_id}").status_code == 404
    assert {("person.look-up", person_id), ("person.copy", person_id), (ERASURE, person_id)} <= set(audited(world))
    assert "The account is erased" not in browser.get(f"{ACCESS}?erased=nobody").text


def test_nobody_erases_their_own_account(world: World, visit: Visit) -> None:
    browser = visit("operator")

    assert "/erase" not in browser.get(f"{ACCESS}/{browser.person_id}").text
    assert "your own account" in parsed(browser.post(f"{ACCESS}/{browser.person_id}/erase"), 422)
    with world.database.read() as session:
        assert session.get(Person, browser.person_id) is not None


def test_the_copy_is_streamed_row_by_row(world: World, visit: Visit) -> None:
    person_id = subject(world)
    with world.database.write() as session:
        session.add_all(
            Audit(at=world.clock(), person_id=person_id, role="member", action="list.read", subject=f"n{number}")
            for number in range(1200)
        )

    told = json.loads(visit("operator").get(f"{ACCESS}/{person_id}/copy").text)

    assert [row["subject"] for row in told["audit"]] == [f"n{number}" for number in range(1200)]


def test_every_part_has_words() -> None:
    assert set(WORDS) == {part.name for part in PARTS}


@pytest.mark.parametrize("name", ["dpia", "sharing-agreement"])
def test_a_template_is_a_page_and_a_file_from_one_text(world: World, visit: Visit, name: str) -> None:
    text = parsed(visit().get(f"/data-protection/{name}"))
    markdown, plain = visit().get(f"/data-protection/{name}.md"), visit().get(f"/data-protection/{name}.txt")

    assert markdown.text == plain.text
    assert markdown.headers["content-type"].startswith("text/markdown")
    assert plain.headers["content-disposition"] == f'attachment; filename="placefeed-{name}.txt"'
    assert "{{" not in markdown.text
    assert "| audit | 6 years |" in markdown.text
    assert re.search(r"\*\*\[(OPERATOR|PARTIES)", markdown.text)
    for heading in re.findall(r"^## (.*)$", markdown.text, re.MULTILINE):
        assert heading.replace("'", "’") in text.replace("'", "’"), heading
    assert "<code>" not in text.partition("<main")[2].replace('<span class="', "")


def test_the_impact_assessment_has_the_seven_steps(visit: Visit) -> None:
    steps = re.findall(r"^## Step (\d)", visit().get("/data-protection/dpia.md").text, re.MULTILINE)
    assert steps == list("1234567")


def test_no_other_paper_is_there(visit: Visit) -> None:
    for path in (
        "/data-protection/x",
        "/data-protection/dpia.pdf",
        "/data-protection/x.md",
        "/data-protection/..%2fx.md",
    ):
        assert visit().get(path).status_code == 404, path
