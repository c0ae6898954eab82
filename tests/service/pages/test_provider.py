"""The pages of a provider's homes: the update, vacancies, prices, what members see; who may, and what meanwhile changed."""

from typing import Any

import pytest
from sqlmodel import select

from placefeed.service.pages.provider import telling
from placefeed.service.pages.provider.price_form import pence_of
from placefeed.service.publishing.derive import WHY_NOT
from placefeed.service.tables import (
    Absence,
    Audit,
    Delegation,
    Organisation,
    SettingState,
    Source,
    SpeaksFor,
    Standing,
)
from tests.service.api.exchange import OURS, OURS_TOO, THEIRS, World, feed_of
from tests.service.pages.conftest import Open

HAND = "example-homes-by-hand"
FEED = "example-homes-push"


@pytest.fixture(autouse=True)
def nobody_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """No publisher runs in these tests: they publish themselves."""
    monkeypatch.setattr(telling, "WAIT", 0.0)


def push(world: World, *urns: str, **options: Any) -> None:
    assert world.push("provider", feed_of(*urns or (OURS,), **options)).status_code == 201
    world.publish()


def mark(world: World, part: str, item: str = "", *, source: str = FEED, urn: str = OURS) -> str:
    """What a form that was opened now would send back."""
    with world.database.read() as session:
        row = session.get(Standing, (source, urn, part, item))
        return f"{row.version}@{source}" if row else ""


def said(world: World, part: str, item: str = "", *, source: str = FEED, urn: str = OURS) -> Standing | None:
    with world.database.read() as session:
        return session.get(Standing, (source, urn, part, item))


def counts(world: World, **changes: str) -> dict[str, str]:
    return {
        "mark": mark(world, "capacity"), "unit": "", "available": "1", "reserved": "0", "registered": "4", "closed": "0",
        "closed_reason": "", "closed_until": "", "accepting": "yes", "reason": "", **changes,
    }  # fmt: skip


def listings(world: World) -> list[dict[str, Any]]:
    world.publish()
    items: list[dict[str, Any]] = world.call("member", "GET", "/v1/listings").json()["items"]
    return items


def test_every_reason_why_not_has_a_sentence() -> None:
    assert telling.WHY.keys() == WHY_NOT.keys()


@pytest.mark.parametrize(
    ("text", "pence"),
    [("5,125.00", 512500), ("£5125", 512500), ("£ 5,125.5", 512550), ("0.07", 7), ("5,12", None), ("-1", None), ("1e3", None), ("5.125", None), ("", None)],
)  # fmt: skip
def test_pounds_as_people_type_them_are_whole_pence(text: str, pence: int | None) -> None:
    assert pence_of(text) == pence


def test_an_update_changes_what_members_see_through_the_source_that_said_it(world: World, visit: Open) -> None:
    push(world, places=2)

    answer = visit("provider", level="editor").post(f"/homes/{OURS}/update", counts(world))

    assert (answer.status_code, answer.headers["location"]) == (303, f"/homes/{OURS}?done=updated")
    assert [each["vacancy"]["places"] for each in listings(world)] == [1]
    row = said(world, "capacity")
    assert row is not None
    assert b'"occupied":3' in row.document
    assert said(world, "capacity", source=HAND) is None


def test_no_place_free_asks_about_what_is_offered_and_withdraws_it_in_the_same_step(world: World, visit: Open) -> None:
    push(world, places=2)
    browser = visit("provider")

    asked = browser.post(f"/homes/{OURS}/update", counts(world, available="0"))
    assert asked.status_code == 200
    assert "2 places from 1 July 2026" in asked.text
    assert len(listings(world)) == 1

    answer = browser.post(f"/homes/{OURS}/update", counts(world, available="0", then="withdraw"))
    assert answer.headers["location"].endswith("done=withdrawn")
    assert listings(world) == []
    row = said(world, "vacancy", "v1")
    assert row is not None
    assert row.withdrawn


def test_a_place_that_is_free_again_is_offered_like_the_last(world: World, visit: Open) -> None:
    push(world, places=1)
    browser = visit("provider")
    browser.post(f"/homes/{OURS}/update", counts(world, available="0", then="withdraw"))

    answer = browser.post(f"/homes/{OURS}/update", counts(world, available="2", then="offer"))

    assert answer.headers["location"].endswith("done=offered")
    (listing,) = listings(world)
    assert listing["vacancy"]["ages"] == {"from": 11, "to": 16}
    assert listing["vacancy"]["places"] == 2


def test_a_home_of_which_nothing_was_said_is_counted_by_hand(world: World, visit: Open) -> None:
    answer = visit("provider").post(f"/homes/{OURS}/update", counts(world, mark="", available="2", then="offer"))

    assert answer.status_code == 303
    assert [each["vacancy"]["places"] for each in listings(world)] == [2]
    with world.database.read() as session:
        source = session.get(Source, HAND)
        assert source is not None
        assert source.name == "Entered by hand on Placefeed"
    # What machines send without naming a source is never said as what people typed: a complete feed would withdraw it.
    world.push("provider", feed_of(OURS_TOO, as_of="2026-07-01T13:59:00Z"), params={"complete": "true"})
    with world.database.read() as session:
        assert {row.source_id for row in session.exec(select(Standing).where(Standing.urn == OURS_TOO))} == {FEED}


def test_counts_that_do_not_fit_are_refused_at_the_field(world: World, visit: Open) -> None:
    push(world, places=2)

    answer = visit("provider").post(f"/homes/{OURS}/update", counts(world, available="3", reserved="2"))

    assert answer.status_code == 422
    assert "The places come to 5, but 4 are registered." in answer.text
    assert 'href="#available"' in answer.text
    assert 'value="3"' in answer.text


def test_what_cannot_be_read_is_said_at_its_field(world: World, visit: Open) -> None:
    for changes, text in [
        ({"available": ""}, "Say how many places are free"),
        ({"available": "two"}, "must be a whole number"),
        ({"closed": "1"}, "Say why the places are closed."),
        ({"closed": "-1"}, "Places closed must be"),
        ({"accepting": "no", "reason": "bored"}, "bored"),
    ]:
        answer = visit("provider").post(f"/homes/{OURS}/update", counts(world, mark="", **changes))

        assert answer.status_code == 422
        assert text in answer.text


def test_a_feed_that_spoke_meanwhile_is_shown_beside_what_was_typed(world: World, visit: Open) -> None:
    push(world, places=2)
    typed = counts(world, available="1", reserved="1")
    push(world, places=3, as_of="2026-07-01T13:58:00Z")
    browser = visit("provider")

    answer = browser.post(f"/homes/{OURS}/update", typed)

    assert answer.status_code == 409
    assert "Theirs, now" in answer.text
    row = said(world, "capacity")
    assert row is not None
    assert b'"available":3' in row.document
    # Having seen both, they save theirs.
    assert browser.post(f"/homes/{OURS}/update", {**typed, "mark": mark(world, "capacity")}).status_code == 303


def test_an_older_word_of_the_feed_does_not_undo_the_update(world: World, visit: Open) -> None:
    push(world, places=2)
    visit("provider").post(f"/homes/{OURS}/update", counts(world))

    world.push("provider", feed_of(OURS, places=2, as_of="2026-07-01T13:55:00Z"))

    assert [each["vacancy"]["places"] for each in listings(world)] == [1]


def test_a_feed_whose_clock_is_ahead_is_not_newer_than_who_saw_it(world: World, visit: Open) -> None:
    push(world, places=2, as_of="2026-07-01T14:03:00Z")

    assert visit("provider").post(f"/homes/{OURS}/update", counts(world)).status_code == 303
    row = said(world, "capacity")
    assert row is not None
    assert b'"available":1' in row.document


def test_each_unit_has_its_small_form(world: World, visit: Open) -> None:
    feed = feed_of(OURS)
    feed["settings"][0] = {
        "urn": OURS,
        "setting": {"asOf": "2026-07-01T13:50:00Z", "provisionType": "children-home", "units": [{"id": "a", "kind": "building", "places": 2}, {"id": "b", "kind": "building", "places": 3}]},
    }  # fmt: skip
    assert world.push("provider", feed).status_code == 201
    world.publish()
    browser = visit("provider")
    page = browser.get(f"/homes/{OURS}/update")
    assert page.text.count("data-update") == 2

    answer = browser.post(f"/homes/{OURS}/update", counts(world, mark="", unit="b", registered="3", available="1"))
    assert answer.status_code == 303
    assert said(world, "capacity", "b", source=HAND) is not None
    assert browser.post(f"/homes/{OURS}/update", counts(world, mark="", unit="c")).status_code == 404


def test_nothing_has_changed_for_one_and_for_all(world: World, visit: Open) -> None:
    push(world, OURS, OURS_TOO)
    world.clock.move(hours=30)
    world.publish()
    browser = visit("provider")
    page = browser.get("/homes")
    assert "2 homes need a word from you." in page.text

    one = browser.post("/homes/unchanged", {"urn": OURS, "next": f"/homes/{OURS}"})
    assert one.headers["location"] == f"/homes/{OURS}?done=confirmed"
    everything = browser.post("/homes/unchanged", {"all": "yes", "next": "https://evil.example"})
    assert everything.headers["location"] == "/homes?confirmed=2"
    assert {each["freshness"] for each in listings(world)} == {"fresh"}
    with world.database.read() as session:
        rows = session.exec(select(Audit).where(Audit.action == "homes.attest")).all()
        assert {row.person_id for row in rows} == {browser.person_id}


def test_homes_that_could_not_be_confirmed_are_named_with_why(world: World, visit: Open) -> None:
    push(world, OURS)

    answer = visit("provider").post("/homes/unchanged", {"all": "yes"})

    assert answer.status_code == 200
    assert "Confirmed: 1 home." in answer.text
    assert "nothing about this home yet" in answer.text


def test_a_reader_looks_and_changes_nothing(world: World, visit: Open) -> None:
    push(world)
    reader = visit("provider", level="reader")

    for path in ("/homes", f"/homes/{OURS}", f"/homes/{OURS}/prices", f"/homes/{OURS}/as-members-see"):
        page = reader.get(path)
        assert page.status_code == 200
        assert "Nothing has changed" not in page.text
        assert "/update" not in page.text
    assert reader.post(f"/homes/{OURS}/update", counts(world)).status_code == 403
    assert reader.post("/homes/unchanged", {"all": "yes"}).status_code == 403
    assert reader.get(f"/homes/{OURS}/vacancies/new").status_code == 403


def test_anothers_home_cannot_be_confirmed_or_reached_through_a_source_of_its_own(world: World, visit: Open) -> None:
    push(world)
    rival = visit("rival")

    assert "You have no such home." in rival.post("/homes/unchanged", {"urn": OURS}).text
    assert rival.post(f"/homes/{OURS}/update", counts(world)).status_code == 404
    stolen = counts(world, mark=mark(world, "capacity"))
    assert rival.post(f"/homes/{THEIRS}/update", stolen).status_code == 409
    assert said(world, "capacity", urn=THEIRS) is None


def test_a_vacancy_is_offered_changed_and_withdrawn(world: World, visit: Open) -> None:
    browser = visit("provider")
    form = {
        "mark": "", "places": "1", "from": "2026-07-01", "age_from": "8", "age_to": "12", "genders": "female", "response": "today",
        "needs_autism": "yes", "needs_epilepsy": "no", "risks_self-harm": "", "notes": "Quiet <img src=x onerror=alert(1)>",
    }  # fmt: skip
    assert browser.post(f"/homes/{OURS}/vacancies/new", form).status_code == 303
    (listing,) = listings(world)
    assert listing["vacancy"]["needs"] == {"accepted": ["autism"], "excluded": ["epilepsy"]}
    assert "risks" not in listing["vacancy"]
    for path in (f"/homes/{OURS}", f"/homes/{OURS}/as-members-see"):
        text = browser.get(path).text
        assert "<img src=x" not in text
        assert "&lt;img src=x" in text

    where = f"?source={HAND}&id=place-1"
    stale = {**form, "mark": mark(world, "vacancy", "place-1", source=HAND)}
    changed = browser.post(f"/homes/{OURS}/vacancies/change{where}", {**stale, "age_to": "14"})
    assert changed.status_code == 303
    assert listings(world)[0]["vacancy"]["ages"] == {"from": 8, "to": 14}
    assert browser.post(f"/homes/{OURS}/vacancies/change{where}", {**stale, "age_to": "16"}).status_code == 409

    now = mark(world, "vacancy", "place-1", source=HAND)
    gone = browser.post(f"/homes/{OURS}/vacancies/withdraw{where}", {"mark": now, "why": "filled"})
    assert gone.headers["location"].endswith("done=vacancy-withdrawn")
    assert listings(world) == []
    assert browser.get(f"/homes/{OURS}/vacancies/change{where}").status_code == 404


def test_what_looks_personal_is_refused_at_the_notes(world: World, visit: Open) -> None:
    for notes, text in [
        ("NHS number 943 476 5919", "looks like an NHS number"),
        ("We are at SE13 6LH", "full postcode"),
        ("born 12/03/2012", "looks like a date of birth"),
    ]:
        answer = visit("provider").post(
            f"/homes/{OURS}/vacancies/new", {"places": "1", "from": "2026-07-01", "notes": notes}
        )

        assert answer.status_code == 422
        assert 'href="#notes"' in answer.text
        assert text in answer.text
        assert said(world, "vacancy", "place-1", source=HAND) is None


def rate(**changes: Any) -> dict[str, Any]:
    return {
        "mark": "", "title": "Core", "price": "£5,125.00", "per": "week", "for": "place", "offered": "any", "valid_from": "2026-01-01",
        "line_row": ["0", "1", "2"], "line_code": ["care-staff", "food", ""], "line_title": ["", "Meals", ""],
        "line_amount": ["4125", "1,000", ""], "line_included": ["0", "1", "2"], **changes,
    }  # fmt: skip


def test_a_price_by_line_reaches_those_it_is_for(world: World, visit: Open) -> None:
    browser = visit("provider")
    browser.post(f"/homes/{OURS}/vacancies/new", {"places": "1", "from": "2026-07-01"})

    assert browser.post(f"/homes/{OURS}/prices/new", rate()).status_code == 303
    (listing,) = listings(world)
    assert listing["rates"][0]["price"]["pence"] == 512500
    assert listing["rates"][0]["lines"][1] == {"code": "food", "title": "Meals", "pence": 100000}

    only = rate(title="For the south", offered="named", buyers=["placefeed:south", "placefeed:nobody"])
    assert browser.post(f"/homes/{OURS}/prices/new", only).status_code == 303
    listings(world)
    assert "For the south" in browser.get(f"/homes/{OURS}/as-members-see?who=c:south").text
    assert "For the south" in browser.get(f"/homes/{OURS}/as-members-see?who=m:lewisham").text
    assert "For the south" not in browser.get(f"/homes/{OURS}/as-members-see").text
    assert browser.get(f"/homes/{OURS}/as-members-see?who=m:example-homes").status_code == 404
    assert "nobody" not in browser.get(f"/homes/{OURS}/prices").text

    where = f"?source={HAND}&id=price-1"
    now = mark(world, "rate", "price-1", source=HAND)
    assert browser.post(f"/homes/{OURS}/prices/change{where}", rate(mark=now, title="Core 2")).status_code == 303
    now = mark(world, "rate", "price-1", source=HAND)
    assert browser.post(f"/homes/{OURS}/prices/withdraw{where}", {"mark": now}).status_code == 303


def test_a_wrong_price_says_what_does_not_agree(world: World, visit: Open) -> None:
    for changes, field, text in [
        ({"price": "5,124.00"}, "lines", "The included lines come to £5,125.00, the price is £5,124.00."),
        ({"price": "five"}, "price", "must be an amount in pounds"),
        ({"line_amount": ["4125", "x", ""]}, "line_amount-1", "must be an amount"),
        ({"line_code": ["", "food", ""]}, "line_code-0", "Say what this line is for."),
        ({"offered": "named"}, "offered", "offered to nobody"),
        ({"care": "9000"}, "care", "shares"),
        ({"valid_until": "2025-01-01"}, "valid_until", "before"),
        ({"title": "Near SE13 6LH"}, "title", "postcode"),
    ]:
        answer = visit("provider").post(f"/homes/{OURS}/prices/new", rate(**changes))

        assert answer.status_code == 422
        assert text in answer.text
        assert f'href="#{field}"' in answer.text


def test_the_referral_contact_keeps_all_else_that_was_said(world: World, visit: Open) -> None:
    feed = feed_of(OURS)
    no_word = {"mark": "", "role": "head-office", "telephone": "020 7946 0002"}
    assert visit("provider").post(f"/homes/{OURS_TOO}/contact", no_word).status_code == 303
    feed["settings"][0]["setting"] = {
        "asOf": "2026-07-01T13:50:00Z",
        "provisionType": "children-home",
        "name": "Maple House",
        "genders": ["female"],
    }
    world.push("provider", feed)
    world.publish()
    browser = visit("provider")
    form = {
        "mark": mark(world, "setting"),
        "role": "referrals-team",
        "telephone": "020 7946 0000",
        "later_telephone": "020 7946 0001",
    }

    assert browser.post(f"/homes/{OURS}/contact", {**form, "telephone": "ring me"}).status_code == 422
    assert browser.post(f"/homes/{OURS}/contact", form).status_code == 303
    setting = listings(world)[0]["setting"]
    assert setting["genders"] == ["female"]
    assert setting["referralContact"]["outOfHours"] == {"telephone": "020 7946 0001"}
    assert browser.post(f"/homes/{OURS}/contact", form).status_code == 409


@pytest.mark.parametrize("state", ["paused", "stopped"])
def test_what_a_closed_source_said_cannot_be_changed_but_a_count_by_hand_limits_it(
    world: World, visit: Open, state: str
) -> None:
    push(world, places=2)
    with world.database.write() as session:
        source = session.get(Source, FEED)
        assert source is not None
        source.state = state
    browser = visit("provider")

    assert "is closed" in browser.get(f"/homes/{OURS}").text
    where = f"?source={FEED}&id=v1"
    refused = browser.post(f"/homes/{OURS}/vacancies/withdraw{where}", {"mark": mark(world, "vacancy", "v1")})
    assert refused.status_code == 409
    assert browser.post(f"/homes/{OURS}/update", counts(world, available="0")).status_code == 303
    assert listings(world) == []


def test_a_delegates_vacancy_says_whom_to_ask(world: World, visit: Open) -> None:
    now = world.clock()
    with world.database.write() as session:
        session.add(Organisation(id="vendor", kind="vendor", name="Vendor & Co", created_at=now))
        session.flush()
        session.add(Delegation(provider_id="example-homes", delegate_id="vendor", created_at=now))
        session.add(Source(id="vendor-push", organisation_id="vendor", name="Vendor", transport="push", created_at=now))
        session.flush()
        session.add(
            Standing(
                source_id="vendor-push", urn=OURS, part="vacancy", item="x", as_of=now, stated_at=now, hash=b"x",
                document=b'{"id": "x", "asOf": "2026-07-01T14:00:00Z", "places": 1, "from": "2026-07-01"}',
            )
        )  # fmt: skip
    browser = visit("provider")

    assert "ask Vendor &amp; Co" in browser.get(f"/homes/{OURS}").text
    where = "?source=vendor-push&id=x"
    form = {"mark": "1@vendor-push", "places": "1", "from": "2026-07-01"}
    assert browser.post(f"/homes/{OURS}/vacancies/change{where}", form).status_code == 409
    assert browser.post(f"/homes/{OURS}/vacancies/withdraw{where}", form).status_code == 409


def test_a_delegate_sees_its_own_words_alone(world: World, visit: Open) -> None:
    push(world)
    now = world.clock()
    with world.database.write() as session:
        session.add(Delegation(provider_id="example-homes", delegate_id="other-homes", created_at=now))
    delegate = visit("rival")

    page = delegate.get(f"/homes/{OURS}").text
    assert "Example Homes Ltd speaks for this home as well." in page
    assert "ages 11 to 16" not in page
    assert "Any member sees 0 listings" in delegate.get(f"/homes/{OURS}/as-members-see").text
    assert delegate.post(f"/homes/{OURS}/update", counts(world)).status_code == 409
    assert delegate.post(f"/homes/{OURS}/update", counts(world, mark="")).status_code == 303
    assert said(world, "capacity", source="other-homes-by-hand") is not None


def test_what_waits_for_a_word_and_what_ofsted_says_otherwise_stand_above_the_homes(world: World, visit: Open) -> None:
    push(world)
    with world.database.write() as session:
        session.add(Absence(source_id=FEED, urn=OURS, parts="vacancy", submission_id="abc", as_of=world.clock()))
        state = session.get(SettingState, OURS)
        assert state is not None
        state.ofsted = {"status": "disputed"}
        session.add(state)

    page = visit("provider").get("/homes").text
    assert 'href="/reports/abc"' in page
    assert "differs from the register" in page


def test_homes_without_homes_with_a_filter_and_in_pages(world: World, visit: Open) -> None:
    with world.database.write() as session:
        session.add_all(
            [SpeaksFor(urn=f"SC2{n:05}", organisation_id="example-homes", state="confirmed") for n in range(60)]
        )
    browser = visit("provider")

    assert "Page 1 of 2" in browser.get("/homes").text
    assert "Page 2 of 2" in browser.get("/homes?page=99").text
    found = browser.get("/homes?q=sc200007").text
    assert "SC200007" in found
    assert "1 home with" in found
    assert "No home fits." in browser.get("/homes?q=%3Cscript%3E").text
    with world.database.write() as session:
        for row in session.exec(select(SpeaksFor).where(SpeaksFor.organisation_id == "other-homes")):
            row.state = "refused"
            session.add(row)
    assert "You have no homes here yet." in visit("rival").get("/homes").text
