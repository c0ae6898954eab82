"""The control room by HTTP: each change does what the API's does, and each form says what was wrong with it."""

import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlmodel import col, select

from placefeed.service.config import Settings
from placefeed.service.tables import Absence, Alert, Audit, Notice, Organisation, Source, Standing, Subscription
from tests.service.api.exchange import OURS, OURS_TOO, THEIRS, World, feed_of, sqlite_settings
from tests.service.pages.operating import EVIL, HOMES, audited, done, items, refused

Visit = Callable[..., Any]


@pytest.fixture
def operator(visit: Visit) -> Any:
    return visit("operator")


def test_a_late_source_is_found_and_paused(world: World, operator: Any, visit: Visit) -> None:
    world.push("provider", feed_of(OURS))
    with world.database.write() as session:
        session.execute(
            sa.update(Source).values(late_since=world.clock(), name=EVIL).where(col(Source.id) == "example-homes-push")
        )
        session.add(
            Alert(at=world.clock(), kind="source-late", severity="urgent", message=EVIL, source_id="example-homes-push")
        )
    page = operator.get("/control")
    assert page.status_code == 200
    assert "Late (1)" in page.text
    assert "1 open alert" in page.text
    assert "<img src=x" not in page.text
    alert = items(world, "/v1/alerts")[0]
    done(operator.post(f"/control/alerts/{alert['id']}/resolve?next=//evil.example"), "/control")
    assert items(world, "/v1/alerts") == []
    assert "onerror=alert(1)&gt;" in operator.get("/control/sources/example-homes-push").text
    path = "/control/sources/example-homes-push/state"
    assert visit("operator", level="reader").post(path, {"state": "paused"}).status_code == 403
    assert operator.post(path, {"state": "gone"}).status_code == 409
    done(operator.post(path, {"state": "paused"}), "/control/sources/example-homes-push?done=paused")
    assert world.call("operator", "GET", "/v1/sources/example-homes-push").json()["state"] == "paused"
    assert audited(world, "source.change")[-1].person_id == operator.person_id
    assert "Every source is well" in operator.get("/control").text
    assert operator.get("/control?state=paused&name=LATE").status_code == 200
    assert operator.get("/control/sources/none").status_code == 404
    assert operator.post("/control/sources/example-homes-push/poll").status_code == 409


def test_what_a_source_sent_and_what_was_wrong_with_it(world: World, operator: Any) -> None:
    feed = feed_of(OURS, OURS_TOO)
    feed["settings"][1]["capacity"]["registered"] = "four"
    report = world.push("provider", feed).json()
    assert report["counts"]["rejected"] == 1
    page = operator.get("/control/sources/example-homes-push").text
    assert "over 14 days: 1 records taken, 1 refused" in page
    assert report["issues"][0]["rule"] in page
    assert "in 7 days)" in operator.get("/control?state=all").text


def test_a_folder_is_polled_at_once(world: World, operator: Any, tmp_path: Path) -> None:
    folder = tmp_path / "dropped"
    folder.mkdir()
    form = {"way": "folder", "name": "Dropped files", "id": "drops", "address": str(folder)}
    done(operator.post(f"{HOMES}/sources/new?way=folder", form), "/control/sources/drops")
    done(operator.post("/control/sources/drops/poll"), "/control/sources/drops?done=polled")
    assert world.call("operator", "GET", "/v1/sources/drops").json()["lastGoodAt"]  # nothing new is a good word
    assert "The source was polled" in operator.get("/control/sources/drops?done=polled").text
    shutil.rmtree(folder)
    done(operator.post("/control/sources/drops/poll"), "/control/sources/drops?done=polled")
    assert "Last error" in operator.get("/control/sources/drops").text
    assert [row.subject for row in audited(world, "source.poll")] == ["drops", "drops"]


def test_a_source_is_registered_and_changed(world: World, operator: Any) -> None:
    path = f"{HOMES}/sources/new?way=http"
    assert "Address" in operator.get(path).text
    form = {"way": "http", "name": "Nightly", "id": "nightly", "address": "http//none", "credential": "Bearer hush"}
    answer = operator.post(path, form)
    refused(answer, "address", "needs the address (URL)")
    assert "hush" not in answer.text
    refused(operator.post(path, {**form, "name": ""}), "name", "Enter a name")
    good = {**form, "address": "https://homes.example/feed.csv", "expectedEvery": "2", "expectedUnit": "days"}
    done(operator.post(path, good), "/control/sources/nightly")
    made = world.call("operator", "GET", "/v1/sources/nightly").json()
    assert (made["expectedEvery"], made["hasCredential"], made["precedence"]) == (172800, True, 100)
    change = "/control/sources/nightly/change"
    shown = operator.get(change).text
    assert "hush" not in shown
    assert 'value="2"' in shown
    good["name"] = EVIL
    refused(operator.post(change, {**good, "precedence": "x"}), "precedence", "must be a whole number")
    refused(operator.post(change, {**good, "cron": "often"}), "cron", "five fields")
    done(
        operator.post(change, {**good, "precedence": "7", "credential": "", "forget": "yes"}),
        "/control/sources/nightly",
    )
    changed = world.call("operator", "GET", "/v1/sources/nightly").json()
    assert (changed["name"], changed["precedence"], changed["hasCredential"]) == (EVIL, 7, False)
    assert audited(world, "source.change")[-1].detail == {"fields": ["credential", "name", "precedence"]}


def hold(world: World) -> str:
    """A complete feed lacked the second home, which waits; as `guards` leaves it, whatever its thresholds."""
    world.push("provider", feed_of(OURS, OURS_TOO))
    held = world.push("provider", feed_of(OURS, as_of="2026-07-01T13:55:00Z")).json()["submission"]
    with world.database.write() as session:
        session.add(
            Absence(
                source_id="example-homes-push", urn=OURS_TOO, parts="capacity,vacancy", submission_id=held,
                as_of=world.clock(), state="waiting",
            )
        )  # fmt: skip
    return str(held)


@pytest.mark.parametrize(("decision", "stays"), [("release", 0), ("refuse", 2)])
def test_a_held_feed_is_decided_with_its_diff(world: World, operator: Any, decision: str, stays: int) -> None:
    held = hold(world)
    assert "1 setting missing" in operator.get("/control/held").text
    page = operator.get(f"/control/held/{held}").text
    gone, remaining = page.split("Would remain")
    assert OURS_TOO in gone
    assert "1 place in 1 vacancy" in gone
    assert OURS_TOO not in remaining
    assert f"/settings/{OURS}" in remaining
    refused(operator.post(f"/control/held/{held}", {"decision": decision}), "reason", "Enter why")
    refused(operator.post(f"/control/held/{held}", {"reason": EVIL}), "decision", "Choose whether")
    done(operator.post(f"/control/held/{held}", {"decision": decision, "reason": "Rang them"}), "/control/held?done")
    with world.database.read() as session:
        left = session.exec(select(Standing).where(Standing.urn == OURS_TOO, col(Standing.withdrawn).is_(False))).all()
        assert len(left) == stays
    row = audited(world, "absence.confirm" if decision == "release" else "absence.refuse")[-1]
    assert row.detail is not None
    assert row.detail["reason"] == "Rang them"
    assert operator.get(f"/control/held/{held}").status_code == 404


def test_submissions_are_filtered(world: World, operator: Any) -> None:
    world.push("provider", feed_of(OURS))
    world.push("rival", feed_of(THEIRS))
    assert operator.get("/control/submissions").text.count("/reports/") == 2
    assert operator.get("/control/submissions?organisation=other-homes").text.count("/reports/") == 1
    assert operator.get("/control/submissions?day=2026-07-01&state=done").text.count("/reports/") == 2
    assert operator.get("/control/submissions?day=30/6/2026").text.count("/reports/") == 0
    refused(operator.get("/control/submissions?day=soon"), "day", "must be a real date")
    assert operator.get("/control/submissions?before=none").status_code == 404


def subscribed(world: World, count: int = 5) -> None:
    """A webhook that was told so many things, all of which arrived."""
    now = world.clock()
    with world.database.write() as session:
        session.add(
            Subscription(
                id="sub-1", organisation_id="lewisham", role="member", key_id="k", channel="webhook", state="active",
                document={"channel": "webhook", "url": "https://member.example/hook/hush?token=hush", "title": EVIL},
                created_at=now, changed_at=now, start=0, number=count, delivered=count,
            )
        )  # fmt: skip
        session.flush()
        for number in range(1, count + 1):
            session.add(
                Notice(
                    subscription_id="sub-1", kind="events", number=number, upto=number, message=f"msg_{number}", at=now,
                    state="sent",
                )
            )  # fmt: skip


def test_a_replay_sends_again_exactly_these_numbers(world: World, operator: Any, visit: Visit) -> None:
    subscribed(world)
    assert "&lt;img src=x" in operator.get("/control/subscriptions").text
    page = operator.get("/control/subscriptions/sub-1").text
    assert "https://member.example" in page
    assert "hush" not in page
    path = "/control/subscriptions/sub-1"
    refused(operator.post(f"{path}/replay", {"from": "9"}), "from", "The numbers go from 1 to 5")
    refused(operator.post(f"{path}/replay", {"from": "4", "until": "2"}), "until", "not after")
    refused(operator.post(f"{path}/replay", {"until": "2"}), "from", "Enter the first number")
    assert visit("operator", level="reader").post(f"{path}/replay", {"from": "1"}).status_code == 403
    done(operator.post(f"{path}/replay", {"from": "2", "until": "3"}), f"{path}?done=replay&waiting=2")
    with world.database.read() as session:
        waiting = session.exec(
            select(Notice.number).where(Notice.state == "waiting").order_by(col(Notice.number))
        ).all()
    assert waiting == [2, 3]
    owners, ours = audited(world, "subscription.resend")
    assert (owners.organisation_id, owners.person_id) == ("lewisham", None)
    assert (ours.person_id, ours.detail) == (operator.person_id, {"for": "lewisham", "from": 2, "until": 3})
    done(operator.post(f"{path}/pause"), f"{path}?done=pause")
    refused(operator.post(f"{path}/test"), "actions", "Only an active subscription")
    done(operator.post(f"{path}/resume"), f"{path}?done=resume")
    done(operator.post(f"{path}/test"), f"{path}?done=test")
    assert operator.post(f"{path}/delete").status_code == 404
    assert world.call("member", "GET", "/v1/subscriptions/sub-1").json()["state"] == "active"


def test_the_audit_is_searched_paged_and_taken_away(world: World, operator: Any, visit: Visit) -> None:
    with world.database.write() as session:
        session.execute(
            sa.insert(Audit),
            [
                {"at": world.clock() + timedelta(seconds=n), "role": "member", "organisation_id": "lewisham", "action": "test.done",
                 "subject": f"=cmd{n}", "person_id": operator.person_id if n % 2 else None, "detail": {"note": EVIL}, "times": 1}
                for n in range(250)
            ],
        )  # fmt: skip
    first = operator.get("/control/audit?action=test.done")
    assert first.text.count("=cmd") == 100
    assert "<img" not in first.text
    assert "=cmd249" in first.text
    older = next(
        part for part in first.text.split('href="') if part.startswith("/control/audit?") and "before=" in part
    ).split('"')[0]
    second = operator.get(older.replace("&amp;", "&")).text
    assert "=cmd149" in second
    newer = next(
        part for part in second.split('href="') if part.startswith("/control/audit?") and "after=" in part
    ).split('"')[0]
    assert "=cmd249" in operator.get(newer.replace("&amp;", "&")).text
    assert operator.get("/control/audit?action=test.done&person=SAM").text.count("=cmd") == 100
    assert "Nothing matches" in operator.get("/control/audit?person=nobody%25").text
    assert "Nothing matches" in operator.get("/control/audit?action=test.done&until=30/6/2026").text
    refused(operator.get("/control/audit?since=soon"), "since", "real date")
    file = operator.get("/control/audit/file?action=test.done")
    lines = file.text.splitlines()
    assert len(lines) == 251
    assert ",'=cmd249," in lines[1]
    world.app.state.exchange.reads.flush()
    assert {row.subject for row in audited(world, "audit.read")} >= {"action=test.done", "person=SAM action=test.done"}
    assert visit("member").get("/control/audit/file").status_code == 403


def test_odd_addresses_are_no_errors(world: World, operator: Any) -> None:
    for path in (
        "/control?page=-1&state=x&name=%25_", "/control?page=99999999999999999999", "/control/alerts?page=3",
        "/control/organisations?name=%25&page=2", "/control/people?name=%27%5C", "/control/audit?before=x&after=99999999999999999999",
        "/control/subscriptions?state=none", "/control/register/1?kind=x&page=9",
    ):  # fmt: skip
        assert operator.get(path).status_code == 200, path
    for path in (
        "/control/register/0",
        "/control/register/99999999999",
        "/control/consortia/none",
        "/control/people/none",
    ):
        assert operator.get(path).status_code in (400, 404, 422), path
    for path in ("/control/people/%00", "/control/organisations?name=%00"):
        assert operator.get(path).status_code == 400
    assert operator.post("/control/organisations/new", {"id": "x", "kind": "member", "name": "a\0b"}).status_code in (
        303,
        422,
    )


class TestMany:
    """2,600 sources, on one database."""

    @pytest.fixture
    def settings(self, tmp_path: Path, sqlite_template: Path) -> Settings:
        return sqlite_settings(tmp_path, sqlite_template)

    def test_the_first_page_asks_little(self, world: World, visit: Visit) -> None:
        now = world.clock()
        with world.database.write() as session:
            session.execute(
                sa.insert(Organisation),
                [{"id": f"p{n}", "kind": "provider", "name": f"Provider {n}", "owner_key": "", "identifiers": [], "acts_for": [],
                  "simulated": True, "created_at": now} for n in range(2600)],
            )  # fmt: skip
            session.execute(
                sa.insert(Source),
                [{"id": f"s{n}", "organisation_id": f"p{n}", "name": f"Source {n}", "transport": "http", "precedence": 100,
                  "state": "active", "late_since": now if n % 4 == 0 else None, "simulated": True, "created_at": now}
                 for n in range(2600)],
            )  # fmt: skip
        operator = visit("operator")
        operator.get("/control")  # templates are made once
        asked: list[str] = []
        engine = world.database.reader
        sa.event.listen(engine, "before_cursor_execute", lambda _c, _x, text, *_more: asked.append(text))
        page = operator.get("/control")
        assert "Late (650)" in page.text
        assert page.text.count("/control/sources/s") == 25
        assert len(asked) < 30, len(asked)
        assert "Provider 1234" in operator.get("/control?state=all&name=provider+1234").text
