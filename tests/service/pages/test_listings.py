"""The list of places: the API's filters with one meaning, rows in words, and nothing that is another's."""

import re
from collections.abc import Callable
from dataclasses import replace
from html import unescape
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

import pytest
import sqlalchemy as sa

from placefeed.service.channels.parameters import FILTERS
from placefeed.service.channels.rows import Row
from placefeed.service.channels.snapshot import snapshot_of
from placefeed.service.running.parts import lists_of
from placefeed.service.tables import Audit, PostcodeSector
from tests.service.api.exchange import OURS, World
from tests.service.pages.offers import SCRIPT, feed, home, offer, rate

Visit = Callable[..., Any]


def ids_of(page: str) -> list[str]:
    return re.findall(r'data-id="([^"]+)"', page)


def put(world: World, document: dict[str, Any], role: str = "provider") -> None:
    answer = world.push(role, document)
    assert answer.status_code == 201, answer.text
    assert not [issue for issue in answer.json()["issues"] if issue["severity"] == "error"], answer.text
    world.publish()


def audited(world: World) -> str:
    world.app.state.exchange.reads.flush()
    with world.database.read() as session:
        return "\n".join(f"{row.action} {row.subject} {row.detail}" for row in session.scalars(sa.select(Audit)))


ASKED = {
    "la": "Lewisham", "region": "E12000007", "provisionType": "children-home", "urn": OURS, "provider": "example-homes",
    "age": "14", "gender": "female,male", "need": "adhd", "needsStated": "true", "risk": "going-missing",
    "risksStated": "true", "communication": "bsl", "adaptation": "step-free", "caredFor": "with-others",
    "placementType": "emergency", "response": "today", "availableBy": "2026-12-01", "placesAtLeast": "2",
    "judgement": "sccif-2017/helped-and-protected:good", "notJudgement": "sccif-2017:good",
    "weeklyAtMostPence": "512500", "contractType": "framework", "package": "standard", "modelOfCare": "therapeutic",
    "service": "therapy", "shortBreaksOnly": "false", "freshness": "fresh", "availability": "available", "q": "examp",
    "simulated": "false", "near": "51.46,-0.01", "withinMiles": "30",
}  # fmt: skip


def test_every_parameter_means_what_it_means_in_the_api_and_comes_back_in_the_form(world: World, visit: Visit) -> None:
    put(world, feed(offer(), offer("v2", response="over-5-days", genders=["male"], places=2, rates=[])))
    browser = visit("member", level="reader")
    assert {parameter.name for parameter in FILTERS} == {*ASKED, "showHidden"}
    counts = set()
    for name, value in ASKED.items():
        pairs = [(name, value)] + ([("near", ASKED["near"])] if name == "withinMiles" else [])
        page = browser.get(f"/list?{urlencode(pairs)}")
        assert page.status_code == 200, (name, page.text)
        told = world.call("member", "GET", f"/v1/listings?{urlencode(pairs)}").json()
        assert ids_of(page.text) == [item["id"] for item in told["items"]], name
        assert f"{told['totals']['available']} vacanc" in page.text
        download = re.search(r'href="/v1/listings\?([^"]+)format=csv"', page.text)
        assert download is not None
        words = parse_qs(download[1].replace("&amp;", "&"))
        assert set(value.split(",")) <= {part for text in words[name] for part in text.split(",")}, name
        shown = {"weeklyAtMostPence": ("price", "5125")}.get(name, (name, value))
        for each in [shown[1]] if name == "near" else shown[1].split(","):
            assert re.search(
                rf'name="{shown[0]}"[^>]*value="{re.escape(each)}"|name="{shown[0]}"[^>]*>[^§]*?<option value="{re.escape(each)}" selected', page.text
            ) or name == "la", (name, each)  # fmt: skip
        assert "Remove" in page.text
        counts.add(len(told["items"]))
    assert counts == {0, 1, 2, 3}  # they do ask something


def test_a_row_says_what_a_commissioner_asks_first(world: World, visit: Visit) -> None:
    put(world, feed())
    text = unescape(re.sub(r"<[^>]+>|\s+", " ", visit("member").get(f"/list?urn={OURS}").text))
    for said in (
        "Example House", "Lewisham , London", "Children's home , Example Homes Ltd", "Ages 11 to 16; Girls", "with other children",
        "Planned, Emergency", "Today", "1 place, free now", "£5,125 a week", "Standard , framework", "0121 496 0001",
        "Monday to Friday 9 to 5", "every night until 10", "Accepts: Attention deficit hyperactivity disorder, Going missing",
        "Not: Physical disabilities, Fire-setting", "2:50pm on 1 July 2026", "from Example Homes Ltd",
    ):  # fmt: skip
        assert re.sub(r"\s+", "", said) in re.sub(r"\s+", "", text), said
    assert 'href="tel:01214960001"' in visit("member").get("/list").text


WRONG = [
    ("age=old", "age", "Age of the child must be a whole number from 0 to 25."),
    ("gender=females", "gender", "Did you mean female?"),
    ("la=Lewishem", "la", "Did you mean Lewisham?"),
    ("judgement=good", "judgement", "framework:code"),
    ("availableBy=soon", "availableBy", "YYYY-MM-DD"),
    ("price=cheap", "price", "Price must be in pounds"),
    ("price=-5", "price", "Price must be in pounds"),
    ("postcode=nowhere", "postcode", "Enter a postcode"),
    ("within=20", "postcode", "Enter a postcode"),
    ("sort=distance", "postcode", "to see the nearest first"),
    ("sort=best", "sort", "Choose one of the orders."),
    ("colour=red", "main", "does not know"),
    ("q=%ff", "main", "read"),
    ("age=14&age=15", "age", "only once"),
]


def test_what_is_wrong_is_said_at_its_field(world: World, visit: Visit) -> None:
    browser = visit("member")
    for query, field, message in WRONG:
        answer = browser.get(f"/list?{query}")
        assert answer.status_code == 422, query
        assert "There is a problem" in answer.text
        assert f'href="#{field}"' in answer.text, query
        assert f'id="{field}"' in answer.text, query
        assert message in unescape(answer.text), query
        assert not ids_of(answer.text)


def test_several_mistakes_are_said_at_once_and_hostile_words_are_only_words(world: World, visit: Visit) -> None:
    put(world, feed(offer(notes=SCRIPT), about=home(name=SCRIPT)))
    browser = visit("member")
    page = browser.get("/list")
    assert SCRIPT not in page.text
    assert "&lt;img src=x onerror=alert(1)&gt;" in page.text
    wrong = browser.get(
        f"/list?{urlencode({'age': SCRIPT, 'gender': SCRIPT, 'q': SCRIPT, 'provider': SCRIPT, 'page': SCRIPT})}"
    )
    assert wrong.status_code == 422
    assert "Age of the child" in wrong.text
    assert "Gender" in wrong.text
    assert SCRIPT not in wrong.text


def test_a_postcode_is_cut_at_once_and_stays_nowhere(world: World, visit: Visit) -> None:
    with world.database.write() as session:
        session.merge(PostcodeSector(sector="SE13 5", latitude=51.461, longitude=-0.008, postcodes=70))
    put(world, feed())
    browser = visit("member")
    for typed in ("SE13 5AB", "se135ab"):
        moved = browser.get(f"/list?{urlencode({'age': '14', 'postcode': typed, 'within': '10'})}")
        assert moved.status_code == 303
        assert parse_qsl(urlsplit(moved.headers["location"]).query) == [
            ("age", "14"),
            ("postcode", "SE13 5"),
            ("within", "10"),
        ]
    page = browser.get("/list?postcode=SE13+5&within=10&q=Ann&sort=distance")
    assert page.status_code == 200
    assert "Within 10 miles of SE13 5" in page.text
    assert "near=51.461" in page.text
    unknown = browser.get("/list?postcode=N1+9")
    assert unknown.status_code == 422
    assert "do not know where N1 9 is" in unknown.text
    told = audited(world)
    assert "list.read page " in told
    for word in ("5AB", "5ab", "51.46", "Ann"):
        assert word not in told


def test_a_rate_of_others_does_not_exist_here(world: World, visit: Visit) -> None:
    theirs = rate("theirs", pounds=4321, offered_to={"buyers": [{"scheme": "gss", "id": "E09000001"}]})
    yours = rate("yours", pounds=4999, offered_to={"buyers": [{"scheme": "gss", "id": "E09000023"}]})
    put(world, feed(offer(rates=["theirs", "yours"]), rates=[theirs, yours]))
    browser = visit("member")
    listing = ids_of(browser.get(f"/list?urn={OURS}").text)[0]
    for path in (f"/list?urn={OURS}", f"/list/rows/{listing}", f"/list/compare?id={listing}", "/list?sort=price"):
        text = browser.get(path).text
        assert "£4,999" in text, path
        assert "4,321" not in text, path
    assert listing not in ids_of(browser.get("/list?price=4500").text)
    assert listing in ids_of(browser.get("/list?price=£4,999").text)
    assert "4,321" in visit("operator").get("/list").text


def test_nothing_found_says_what_costs_most(world: World, visit: Visit) -> None:
    put(world, feed(offer(), offer("v2")))
    text = visit("member").get("/list?age=14&need=physical-disabilities&price=6000&urn=" + OURS).text
    assert "No place fits all of this." in text
    assert re.search(
        r'href="/list\?age=14&amp;price=6000&amp;urn=SC000001">Without “Needs”</a>: 2 vacancies, 2 available', text
    )
    assert "Without “Age" not in text
    alone = visit("member").get("/list?age=2&urn=" + OURS + "&need=physical-disabilities").text
    assert "Take out two or more" in alone


def test_three_thousand_places_cost_a_page_no_more_than_one_page(
    world: World, visit: Visit, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(world, feed())
    snapshot = lists_of(world.app.state.exchange).snapshot
    state = snapshot.state
    one = next(row for block in state.blocks for row in block.rows if row is not None and row.urn == OURS)
    many = [replace(one, id=f"L{number:05}") for number in range(3000)]
    monkeypatch.setattr(
        snapshot, "state", snapshot_of(many, epoch=state.epoch, position=state.position, written_at=state.written_at)
    )
    read = []
    whole = Row.fragment
    monkeypatch.setattr(Row, "fragment", lambda self, *a, **k: read.append(self.id) or whole(self, *a, **k))
    browser = visit("member")
    page = browser.get("/list?page=7&age=14").text
    assert "3,000 vacancies available" in page
    assert read == [f"L{number:05}" for number in range(150, 175)]
    assert len(ids_of(page)) == 25
    assert "Offers 151 to 175 of 3,000" in page
    assert 'aria-current="page">7<' in page
    assert len(ids_of(browser.get("/list?page=99999").text)) == 25
    assert read[-1] == "L02999"
    assert len(page) < 200_000


def test_rows_for_an_open_page_are_those_that_its_filter_still_takes(world: World, visit: Visit) -> None:
    put(world, feed(offer(), offer("v2", genders=["male"])))
    browser = visit("member")
    ours = ids_of(browser.get(f"/list?urn={OURS}").text)
    girls = ids_of(browser.get(f"/list?urn={OURS}&gender=female").text)
    assert len(ours) == 2
    assert len(girls) == 1
    rows = browser.get(f"/list/rows/{','.join(ours)},gone?gender=female")
    assert ids_of(rows.text) == girls
    assert browser.get("/list/rows/" + ",".join(map(str, range(51)))).status_code == 400
    whole = browser.get(f"/list?urn={OURS}&gender=female").text
    alone = re.search(r'<li class="pf-row.*?</li>', rows.text, re.DOTALL)
    assert alone is not None
    assert alone[0] in whole


def test_stale_places_stand_apart_with_the_time(world: World, visit: Visit) -> None:
    put(world, feed())
    world.clock.move(days=4)
    world.publish()
    text = visit("member").get("/list").text
    assert "0 vacancies available" in text
    assert "2 more to confirm by phone" in text
    assert 'id="by-phone">Confirm by phone' in text
    assert "Confirm by phone since" in text


def test_places_side_by_side(world: World, visit: Visit) -> None:
    lines = [{"code": "care-staff", "pence": 400000}, {"code": "accommodation", "pence": 112500}]
    put(world, feed(offer(), offer("v2"), offer("v3"), offer("v4"), rates=[rate(lines=lines)]))
    browser = visit("member")
    ids = ids_of(browser.get("/list").text)
    assert len(ids) == 5
    page = browser.get(f"/list/compare?{urlencode([('id', each) for each in ids[:2]])}&id=gone&back=age%3D14")
    assert page.status_code == 200
    assert page.text.count('<th scope="col"') == 2
    assert "The offer gone is gone, or is not offered to you." in page.text
    assert "£4,000" in page.text
    assert "£1,125" in page.text
    assert 'href="/list?age=14"' in page.text
    most = browser.get(f"/list/compare?{urlencode([('id', each) for each in ids])}")
    assert most.status_code == 422
    assert "at most 4" in most.text
    assert most.text.count('<th scope="col"') == 4
    assert browser.get("/list/compare").status_code == 422
    assert f"listing.read {ids[0]}" in audited(world)
    hostile = browser.get(f"/list/compare?{urlencode({'id': SCRIPT, 'back': 'https://evil.example/?' + SCRIPT})}")
    assert hostile.status_code == 200
    assert SCRIPT not in hostile.text
    assert "evil.example" not in hostile.text
