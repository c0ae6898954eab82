"""What an organisation hides, seeing it knowingly, and the searches that people keep."""

from collections.abc import Callable
from html import unescape
from typing import Any

import sqlalchemy as sa
from pydantic import SecretStr

from placefeed.service.channels.subscriptions import confirming
from placefeed.service.db import secret_of
from placefeed.service.tables import Notice, SavedSearch, Subscription
from tests.service.api.exchange import World
from tests.service.pages.offers import feed
from tests.service.pages.test_listings import audited, ids_of, put

Visit = Callable[..., Any]
INADEQUATE = "sccif-2017:inadequate"


def graded(world: World, code: str) -> None:
    """Give our home this grade, and let it be known."""
    ofsted = {
        "asOf": "2026-07-01T13:50:00Z",
        "inspections": [
            {
                "id": "1", "framework": "sccif-2017", "kind": "full", "inspectedOn": "2026-05-12",
                "judgements": [{"aspect": "overall", "code": code}],
            }
        ],
    }  # fmt: skip
    document = feed()
    document["settings"][0]["ofsted"] = ofsted
    put(world, document)


def test_a_policy_hides_and_who_lifts_it_says_why(world: World, visit: Visit) -> None:
    graded(world, "inadequate")
    manager, reader = visit("member"), visit("member", level="reader", name="Jo Brown")
    hidden = reader.get("/list")
    assert len(ids_of(hidden.text)) == 1
    assert "1 more hidden by your policy" in hidden.text
    assert "notJudgement=" in hidden.text
    assert "showHidden=true" in hidden.text
    assert "disabled" in reader.get("/policy").text
    assert reader.post("/policy", {"hidden": INADEQUATE}).status_code == 403

    for form, said in (
        ({}, "Choose why"),
        ({"reason": "other"}, "in a few words"),
        ({"reason": "other", "more": "for Amelia"}, "It was not kept"),
        ({"reason": "other", "more": "dob 4/5/2012"}, "It was not kept"),
    ):
        wrong = reader.post("/list/hidden", form)
        assert wrong.status_code == 422
        assert said in wrong.text
        assert "Amelia" not in wrong.text
        assert "4/5/2012" not in wrong.text
    assert (
        reader.post("/list/hidden", {"reason": "nothing-else", "query": "age=14"}).headers["location"] == "/list?age=14"
    )
    shown = reader.get("/list")
    assert len(ids_of(shown.text)) == 2
    assert "Hidden grades are shown" in shown.text
    assert "Your policy hides this grade" in shown.text
    assert len(ids_of(manager.get("/list").text)) == 1  # for one session alone
    reader.post("/list/hidden/again", {"query": ""})
    assert len(ids_of(reader.get("/list").text)) == 1

    assert manager.post("/policy", {"hidden": "sccif-2017:good"}).headers["location"] == "/policy?saved=1"
    assert "The policy is saved" in manager.get("/policy?saved=1").text
    assert len(ids_of(reader.get("/list").text)) == 2  # the other home has no grade
    assert manager.post("/policy", {"hidden": "sccif-2017:splendid"}).status_code == 422
    assert manager.post("/policy", {"usual": "yes"}).status_code == 303
    assert len(ids_of(reader.get("/list").text)) == 1
    assert len(ids_of(visit("operator").get("/list").text)) == 2
    told = audited(world)
    assert "policy.lift lewisham {'reason': 'nothing-else'}" in told
    assert "policy.change lewisham" in told
    assert "policy.restore" in told
    assert "list.read page lifted" in told
    assert "Amelia" not in told


def test_searches_are_kept_without_a_postcode_or_a_child(world: World, visit: Visit) -> None:
    browser = visit("member", level="reader")
    assert "You have none yet" in browser.get("/searches").text
    saved = browser.post("/searches", {"name": "Teenagers", "query": "age=14&response=today&page=3&showHidden=true"})
    assert saved.headers["location"] == "/searches?done=saved"
    page = browser.get("/searches?done=saved").text
    assert 'href="/list?age=14&amp;response=today"' in page
    assert "0 vacancies available now" in page
    assert "sends no e-mails" in page
    for name, said in (
        ("", "Give the search a name"),
        ("For Amelia", "never a child"),
        ("teenagers", "already"),
        ("x" * 101, "at most 100"),
    ):
        wrong = browser.post("/searches", {"name": name, "query": "age=12"})
        assert wrong.status_code == 422
        assert said in wrong.text
    assert browser.post("/searches", {"name": "Bad", "query": "age=old"}).status_code == 422
    assert browser.post("/searches", {"name": "Bad", "query": "q=943+476+5919"}).status_code == 422
    with world.database.read() as session:
        (row,) = session.scalars(sa.select(SavedSearch)).all()
    assert browser.post(f"/searches/{row.id}/name", {"name": "Girls & boys"}).status_code == 303
    assert "Girls &amp; boys" in browser.get("/searches").text
    assert "You have none yet" in visit("member", level="reader", name="Jo Brown").get("/searches").text
    assert browser.post(f"/searches/{row.id}/delete", {}).status_code == 303
    assert "You have none yet" in browser.get("/searches").text


def test_a_search_becomes_e_mails_once_the_address_has_proved_itself(world: World, visit: Visit) -> None:
    exchange = world.app.state.exchange
    exchange.settings = exchange.settings.model_copy(update={"smtp_url": SecretStr("smtp://127.0.0.1:9")})
    browser = visit("member")
    browser.post("/searches", {"name": "Teenagers", "query": "age=14"})
    with world.database.read() as session:
        (row,) = session.scalars(sa.select(SavedSearch)).all()
    assert "Once a day" in browser.get("/searches").text
    assert browser.post(f"/searches/{row.id}/emails", {"every": "never"}).status_code == 422
    assert browser.post(f"/searches/{row.id}/emails", {"every": "daily"}).status_code == 303
    assert browser.post(f"/searches/{row.id}/emails", {"every": "daily"}).status_code == 422
    with world.database.read() as session:
        (made,) = session.scalars(sa.select(Subscription)).all()
        (notice,) = session.scalars(sa.select(Notice)).all()
    assert made.document["email"] == "sam.carter.lewisham.manager@example.org"
    assert made.document["filter"]["age"] == ["14"]
    assert INADEQUATE in made.document["filter"]["notJudgement"]
    assert made.key_id == f"person:{browser.person_id}"
    assert "not the code" in browser.post(f"/searches/{row.id}/code", {"code": "AAAA-AAAA"}).text
    code = confirming.code_of(notice.message, secret=secret_of(world.settings))
    assert browser.post(f"/searches/{row.id}/code", {"code": code.lower()}).headers["location"] == "/searches?done=on"
    assert "E-mails go to sam.carter" in browser.get("/searches").text
    browser.post("/policy", {"hidden": "sccif-2017:good"})
    assert "which has changed since" in unescape(browser.get("/searches").text)
    assert browser.post(f"/searches/{row.id}/renew", {}).status_code == 303
    assert "which has changed since" not in browser.get("/searches").text
    assert browser.post(f"/searches/{row.id}/stop", {}).status_code == 303
    with world.database.read() as session:
        assert session.scalars(sa.select(Subscription)).all() == []
