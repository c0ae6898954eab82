"""The change feeds through their door: conformant to RPDE 1.0 by the official validator's word, private, and never wrong about what is gone."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import orjson
import pytest
import sqlalchemy as sa
from sqlmodel import Session, col, select
from tests.service.api.exchange import World as Running
from tests.service.api.serving import a_port, base_of, prefixed, serving
from tests.service.api.test_openapi import Outside
from tests.service.conftest import MovableClock
from tests.service.factories import NOW, listing_row, member, publish, rate
from tests.service.reading import Reader, Reading, reading
from tests.service.world import World
from tests.validators import ask

from placefeed.schema.codelists import local_authorities
from placefeed.schema.files import rs_validator
from placefeed.service import purge
from placefeed.service.access import keys
from placefeed.service.access.parties import update_organisation
from placefeed.service.api.feeds import PRIVATE
from placefeed.service.channels import open_feed, rpde, summary
from placefeed.service.config import Settings
from placefeed.service.db import Database, secret_of
from placefeed.service.jobs import public_summary
from placefeed.service.pending import touch
from placefeed.service.publishing.log import Writer, head
from placefeed.service.publishing.publisher import publish_all
from placefeed.service.publishing.restore import after_restore
from placefeed.service.tables import Audit, ConsortiumMember, ConsortiumProvider, Head

BASE = "http://testserver"
VACANCIES, SETTINGS, OPEN = "/v1/feeds/vacancies", "/v1/feeds/settings", "/v1/open/feeds/summary"
RPDE = "application/vnd.openactive.rpde+json"
PROBE = 9007199254740991  # the greatest whole number of JavaScript, with which the official validator looks for the last page
HOMES = {"SC000001": "acorn", "SC000002": "acorn", "SC000003": "birch"}


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"base_url": BASE, "rate_per_minute": 0})


@pytest.fixture
def exchange(database: Database, settings: Settings, clock: MovableClock) -> Iterator[Reading]:
    """Acorn's homes are offered to `leeds` (north), Birch's to `kent` (south); `trust` is in neither; an operator."""
    with database.write() as session:
        world = World(session, clock())
        world.provider("acorn", "SC000001", "SC000002")
        world.provider("birch", "SC000003")
        world.consortium("north", "acorn")
        world.consortium("south", "birch")
        world.member("leeds", "north")
        world.member("kent", "south")
        world.member("trust")
        member(session, "operator", role="operator")
        for urn in HOMES:
            world.vacancy(urn)
            world.rate(urn)
    publish_all(database, settings, clock)
    with reading(database, settings, clock) as opened:
        yield opened


def change(exchange: Reading, *do: Callable[[World], Any]) -> None:
    """Let something happen, and publish it."""
    with exchange.database.write() as session:
        world = World(session, exchange.clock(), dict(HOMES))
        for one in do:
            one(world)
        session.flush()
    publish_all(exchange.database, exchange.settings, exchange.clock)
    exchange.refresh()


@dataclass
class Follower:
    """Reads a feed as RPDE says: follows `next` until the last page, and later asks that again. Checks every page."""

    reader: Reader
    path: str = VACANCIES
    at: str = ""
    held: dict[str, Any] = field(default_factory=dict)
    told: set[str] = field(default_factory=set)  # every id that ever came
    gone: list[str] = field(default_factory=list)  # those that came as deleted, at the last reading
    pages: int = 0

    def page(self, url: str) -> Any:
        answer = self.reader.get(url)
        assert answer.status_code == 200, answer.text
        page = answer.json()
        assert rs_validator("page").is_valid(page)
        assert set(page) == {"next", "items", "license"}
        assert page["next"].split("?")[0] == url.split("?")[0]
        return page

    def follow(self, *, pages: int = 1000) -> "Follower":
        self.gone, last, url = [], -1, self.at or BASE + self.path
        for _ in range(pages):
            page = self.page(url)
            if page["next"] == url:
                assert page["items"] == []
                break
            self.pages += 1
            for item in page["items"]:
                assert item["modified"] > last
                last = item["modified"]
                self.told.add(item["id"])
                if item["state"] == "updated":
                    self.held[item["id"]] = item["data"]
                else:
                    self.held.pop(item["id"], None)
                    self.gone.append(item["id"])
            assert number_of(page["next"]) >= last
            url = page["next"]
        self.at = url
        return self

    @property
    def urns(self) -> set[str]:
        return {data["urn"] for data in self.held.values()}


def number_of(url: str) -> int:
    return int(parse_qs(urlsplit(url).query)["afterChangeNumber"][0])


def listed(reader: Reader) -> dict[str, Any]:
    return {item["id"]: item for item in reader.get("/v1/listings?limit=2000").json()["items"]}


# -- what is in them -----------------------------------------------------------------------------------------------------


def test_the_two_feeds_joined_by_urn_are_the_list(exchange: Reading) -> None:
    for who, role, homes in (("leeds", "member", 2), ("kent", "member", 1), ("operator", "operator", 3)):
        reader = exchange.reader(who, role)
        vacancies, settings = (Follower(reader, path).follow().held for path in (VACANCIES, SETTINGS))

        assert len(vacancies) == len(settings) == homes
        assert all("setting" not in data and "ofsted" not in data and data["rates"] for data in vacancies.values())
        assert all(set(data) == {"urn", "setting", "ofsted"} for data in settings.values())
        assert {id: data | settings[data["urn"]] for id, data in vacancies.items()} == listed(reader)


def test_kinds_and_ids(exchange: Reading) -> None:
    reader = exchange.reader("kent")

    (vacancy,) = reader.get(VACANCIES).json()["items"]
    (setting,) = reader.get(SETTINGS).json()["items"]

    assert (vacancy["kind"], vacancy["id"]) == ("vacancy", vacancy["data"]["id"])
    assert (setting["kind"], setting["id"]) == ("setting", "SC000003")


def test_a_rate_comes_only_to_whom_it_is_offered_and_when_that_changes_the_item_comes_again(exchange: Reading) -> None:
    offer = {"buyers": [{"scheme": "placefeed", "id": "leeds"}]}
    leeds = Follower(exchange.reader("leeds")).follow()
    change(exchange, lambda world: world.rate("SC000001", "special", pounds=1234, offeredTo=offer))
    change(exchange, lambda world: world.take("north", "birch"), touched)
    kent = Follower(exchange.reader("kent")).follow()
    change(exchange, lambda world: world.rate("SC000003", "special", pounds=1234, offeredTo=offer))

    assert [len(data["rates"]) for data in leeds.follow().held.values()].count(2) == 2
    assert [len(data["rates"]) for data in kent.follow().held.values()] == [1]


def touched(world: World) -> None:
    touch(world.session, list(HOMES), at=world.now, bulk=True)


def test_a_listing_that_time_has_changed_is_unknown_until_the_publisher_has_looked(
    exchange: Reading, clock: MovableClock
) -> None:
    reader = exchange.reader("leeds")
    before = reader.get(VACANCIES)
    clock.move(hours=24, minutes=1)  # the publisher has not run since

    late = reader.get(VACANCIES, if_none_match=before.headers["etag"])

    assert {item["data"]["availability"] for item in before.json()["items"]} == {"available"}
    assert {item["data"]["availability"] for item in late.json()["items"]} == {"unknown"}
    assert {item["data"]["availabilityReason"] for item in late.json()["items"]} == {"being-checked"}
    assert listed(reader).keys() == {item["id"] for item in late.json()["items"]}


# -- pages and addresses -------------------------------------------------------------------------------------------------


def test_pages_follow_until_the_last_which_is_its_own_next(exchange: Reading, monkeypatch: Any) -> None:
    monkeypatch.setattr(rpde, "PAGE", 2)

    follower = Follower(exchange.reader("operator", "operator")).follow()

    assert len(follower.held) == 3
    assert follower.pages == 2
    first = follower.page(BASE + VACANCIES)
    assert number_of(first["next"]) == first["items"][-1]["modified"]


LAST_PAGES = (
    f"afterChangeNumber={PROBE}",
    f"epoch=1&afterChangeNumber={PROBE}",
    f"began=0&epoch=0001&afterChangeNumber={PROBE}",
    f"afterChangeNumber=%39{str(PROBE)[1:]}&epoch=%31",
    f"afterChangeNumber={2**63 - 1}",
)


def test_the_last_page_is_its_own_next_byte_for_byte(exchange: Reading) -> None:
    reader = exchange.reader("leeds")
    for url in [f"{path}?{query}" for path in (VACANCIES, SETTINGS) for query in LAST_PAGES]:
        page = reader.get(url).json()

        assert page["items"] == []
        assert page["next"] == BASE + url


def test_an_empty_exchange_has_a_last_page_only(database: Database, settings: Settings, clock: MovableClock) -> None:
    with database.write() as session:
        member(session, "leeds")
    with reading(database, settings, clock) as opened:
        page = opened.reader("leeds").get(VACANCIES).json()

    assert (page["items"], page["next"]) == ([], BASE + VACANCIES)


WRONG = (
    "afterChangeNumber=abc",
    "afterChangeNumber=-1",
    "afterChangeNumber=1.0",
    "afterChangeNumber=%2B1",
    "afterChangeNumber=",
    "afterChangeNumber=9223372036854775808",
    "afterChangeNumber=" + "9" * 300,
    "afterChangeNumber=%D9%A1",
    "afterChangeNumber=1&afterChangeNumber=2",
    "epoch=x",
    "limit=10",
    "la=E09000023",
    "afterTimestamp=1",
    "began=" + "0" * 500,
    "%FF=1",
)


def test_what_is_not_of_a_next_is_refused_with_advice(exchange: Reading) -> None:
    reader = exchange.reader("leeds")
    for query in WRONG:
        answer = reader.get(f"{VACANCIES}?{query}")

        assert answer.status_code == 400, query
        detail = answer.json()["detail"]
        assert any(advice in detail for advice in ("`next`", "Known are", "Did you mean")), query
        value = query.partition("=")[2]
        assert len(value) < 3 or value not in detail


def test_rows_of_others_are_passed_over_without_an_empty_page(exchange: Reading, monkeypatch: Any) -> None:
    monkeypatch.setattr(rpde, "PAGE", 5)
    with exchange.database.write() as session:
        publish(session, *(listing_row(f"s{number}", audiences=["south"]) for number in range(20)))
        publish(session, listing_row("n", audiences=["north"]))
        publish(session, *(listing_row(f"t{number}", audiences=["south"]) for number in range(2)))
    leeds = Follower(exchange.reader("leeds"))

    first = leeds.page(BASE + VACANCIES)
    leeds.follow()

    assert [item["id"] for item in first["items"]][-1] == "n"
    assert leeds.told.isdisjoint({f"s{number}" for number in range(20)})
    assert number_of(leeds.at) > first["items"][-1]["modified"]  # also past what came after its last


def test_a_long_stretch_of_others_is_looked_through_once(exchange: Reading, monkeypatch: Any) -> None:
    monkeypatch.setattr(rpde, "PAGE", 3)
    monkeypatch.setattr(rpde, "LOOKS", 2)
    leeds = Follower(exchange.reader("leeds")).follow()
    with exchange.database.write() as session:
        publish(session, *(listing_row(f"s{number}", audiences=["south"]) for number in range(25)))

    empty = leeds.page(leeds.at)
    leeds.follow()

    assert empty["items"] == []
    assert empty["next"] != leeds.at
    assert leeds.page(leeds.at)["next"] == leeds.at
    assert number_of(leeds.at) > number_of(empty["next"])


def test_whoever_asks_now_and_then_never_has_an_old_cursor_however_quiet_it_is(
    exchange: Reading, clock: MovableClock
) -> None:
    leeds = Follower(exchange.reader("leeds")).follow()
    for _day in range(45):
        clock.move(days=1)
        with exchange.database.write() as session:
            row = listing_row(f"s{_day}", audiences=["south"], changes_at=None) | {"modified_at": clock()}
            publish(session, row, now=clock())
            publish(session, gone=[row], now=clock())
        if _day % 5 == 0:
            leeds.follow()
    purge.purge(exchange.database, exchange.settings, now=clock())
    with exchange.database.read() as session:
        assert head(session).tombstones_after > 0

    leeds.follow()

    assert leeds.urns == {"SC000001", "SC000002"}


# -- what is gone --------------------------------------------------------------------------------------------------------


def leave(world: World, who: str) -> None:
    world.session.execute(
        sa.update(ConsortiumMember)
        .where(col(ConsortiumMember.organisation_id) == who)
        .values(valid_until=date(2026, 6, 30))
    )


def drop(world: World, provider: str) -> None:
    world.session.execute(sa.delete(ConsortiumProvider).where(col(ConsortiumProvider.organisation_id) == provider))
    touched(world)


def suspend(world: World, urn: str) -> None:
    world.say(urn, "ofsted", {"registrationStatus": "suspended", "suspendedFrom": "2026-06-30"}, item="")


LOSSES: dict[str, Callable[[World], Any]] = {
    "withdrawn": lambda world: world.say("SC000001", "vacancy", {}, item="v1", withdrawn=True),
    "full": lambda world: world.capacity("SC000001", available=0),
    "sharing: the consortium drops the provider": lambda world: drop(world, "acorn"),
    "membership: the member leaves": lambda world: leave(world, "leeds"),
    "grade: the setting is suspended": lambda world: suspend(world, "SC000001"),
}


@pytest.mark.parametrize("lose", LOSSES.values(), ids=LOSSES)
def test_what_a_member_loses_comes_to_it_as_deleted_and_to_nobody_else(
    exchange: Reading, lose: Callable[[World], Any]
) -> None:
    followers = {
        (who, path): Follower(exchange.reader(who), path).follow()
        for who in ("leeds", "kent", "trust")
        for path in (VACANCIES, SETTINGS)
    }
    before = dict(followers["leeds", VACANCIES].held)

    change(exchange, lose)
    for follower in followers.values():
        follower.follow()

    lost, settings_lost = followers["leeds", VACANCIES].gone, followers["leeds", SETTINGS].gone
    assert "SC000001" in {before[id]["urn"] for id in lost}
    assert "SC000001" in settings_lost
    assert followers["leeds", VACANCIES].held.keys() == listed(exchange.reader("leeds")).keys()
    for (who, path), follower in followers.items():
        assert who == "leeds" or follower.gone == []
        fresh = Follower(exchange.reader(who), path).follow()
        assert fresh.held == follower.held
        assert fresh.told <= follower.told


def test_what_is_too_old_comes_as_deleted(exchange: Reading, clock: MovableClock) -> None:
    leeds = [Follower(exchange.reader("leeds"), path).follow() for path in (VACANCIES, SETTINGS)]

    clock.move(days=14, minutes=1)
    change(exchange)

    assert [len(follower.follow().gone) for follower in leeds] == [2, 2]
    assert [follower.held for follower in leeds] == [{}, {}]


def test_acting_for_a_member_brings_what_it_sees_and_ending_it_takes_it_away(exchange: Reading) -> None:
    trust = [Follower(exchange.reader("trust"), path).follow() for path in (VACANCIES, SETTINGS)]
    act = lambda *who: lambda world: update_organisation(world.session, "trust", now=world.now, acts_for=list(who))  # noqa: E731

    change(exchange, act("leeds"))
    assert [follower.follow().urns for follower in trust] == [{"SC000001", "SC000002"}] * 2
    change(exchange, act("kent"))
    assert [follower.follow().urns for follower in trust] == [{"SC000003"}] * 2
    assert [len(follower.gone) for follower in trust] == [2, 2]
    change(exchange, act())
    assert [follower.follow().urns for follower in trust] == [set(), set()]

    assert Follower(exchange.reader("trust")).follow().held == {}


def test_a_member_that_joins_gets_everything_and_a_new_one_no_old_deletions(exchange: Reading) -> None:
    trust = Follower(exchange.reader("trust")).follow()
    change(exchange, lambda world: world.say("SC000001", "vacancy", {}, item="v1", withdrawn=True))

    change(exchange, lambda world: world.join("trust", "north"))

    assert trust.follow().urns == {"SC000002"}
    assert trust.told == set(trust.held)


def test_another_members_feed_never_says_an_id_of_ours(exchange: Reading) -> None:
    leeds, kent = (Follower(exchange.reader(who)).follow() for who in ("leeds", "kent"))
    for step in (
        lambda world: world.vacancy("SC000001", places=2),
        lambda world: world.take("north", "birch", valid_until=date(2026, 6, 30)),
        lambda world: suspend(world, "SC000002"),
        lambda world: drop(world, "acorn"),
    ):
        change(exchange, step)
        leeds.follow()
        kent.follow()

    assert leeds.told.isdisjoint(kent.told)
    assert kent.gone == []


def test_a_reading_sees_one_instant(exchange: Reading, monkeypatch: Any) -> None:
    """What is published between the look at the view and the look at the rows belongs to the next page, whole."""
    reader = exchange.reader("leeds")
    key_of_kent = Follower(exchange.reader("kent")).follow()
    real, published = rpde.since, []

    def meanwhile(*arguments: Any, **named: Any) -> Any:
        if not published:
            published.append(True)
            change(exchange, lambda world: leave(world, "leeds"), lambda world: world.take("north", "birch"), touched)
        return real(*arguments, **named)

    monkeypatch.setattr(rpde, "since", meanwhile)
    page = reader.get(VACANCIES).json()
    follower = Follower(reader)
    follower.held = {item["id"]: item["data"] for item in page["items"]}
    follower.at = page["next"]

    assert follower.urns == {"SC000001", "SC000002"}
    assert follower.follow().held == {}
    assert follower.told.isdisjoint(key_of_kent.held)


# -- epochs and old cursors ----------------------------------------------------------------------------------------------


def test_a_cursor_from_before_a_backup_was_put_back_gets_410(exchange: Reading) -> None:
    leeds = Follower(exchange.reader("leeds")).follow()
    with exchange.database.write() as session:
        after_restore(session, now=exchange.clock())
    publish_all(exchange.database, exchange.settings, exchange.clock)

    answer = exchange.reader("leeds").get(leeds.at)

    assert answer.status_code == 410
    assert f"{BASE}{VACANCIES}" in answer.json()["detail"]
    assert Follower(exchange.reader("leeds")).follow().held.keys() == leeds.held.keys()


def age(exchange: Reading, *, tombstones_after: int) -> None:
    with exchange.database.write() as session:
        session.execute(sa.update(Head).values(tombstones_after=tombstones_after))


def test_a_cursor_older_than_the_deletions_that_are_kept_gets_410(exchange: Reading) -> None:
    change(exchange, lambda world: world.vacancy("SC000003", places=2))
    change(exchange, lambda world: world.vacancy("SC000001", places=2))
    leeds = Follower(exchange.reader("leeds")).follow()
    change(exchange, lambda world: world.vacancy("SC000001", places=1))
    leeds.follow()
    age(exchange, tombstones_after=number_of(leeds.at))
    assert exchange.reader("leeds").get(leeds.at).status_code == 200
    age(exchange, tombstones_after=number_of(leeds.at) + 1)

    answer = exchange.reader("leeds").get(leeds.at)

    assert answer.status_code == 410
    assert "begin again" in answer.json()["detail"]


def test_a_first_reading_through_old_numbers_is_not_taken_for_an_old_cursor(
    exchange: Reading, monkeypatch: Any
) -> None:
    monkeypatch.setattr(rpde, "PAGE", 1)
    change(exchange, lambda world: world.say("SC000003", "vacancy", {}, item="v1", withdrawn=True))
    with exchange.database.read() as session:
        end = head(session).position
    age(exchange, tombstones_after=end)  # every listing stands at an older position than that

    operator = Follower(exchange.reader("operator", "operator")).follow()
    begun = operator.page(BASE + VACANCIES)["next"]

    assert operator.urns == {"SC000001", "SC000002"}
    assert "began=" in begun
    change(exchange, lambda world: world.capacity("SC000001", available=0))
    age(exchange, tombstones_after=end + 1)  # ... but what was deleted since it began must still be known
    assert exchange.reader("operator", "operator").get(begun).status_code == 410


def test_deletions_are_kept_for_seven_days_at_least(exchange: Reading, clock: MovableClock) -> None:
    hasty = exchange.settings.model_copy(update={"keep_changes": timedelta(hours=1)})
    leeds = Follower(exchange.reader("leeds")).follow()
    change(exchange, lambda world: world.say("SC000001", "vacancy", {}, item="v1", withdrawn=True))

    clock.move(days=6, hours=23)
    purge.purge(exchange.database, hasty, now=clock())

    assert len(leeds.follow().gone) == 1


# -- HTTP ----------------------------------------------------------------------------------------------------------------


def test_it_is_private_has_a_licence_and_sets_no_cookie(exchange: Reading, settings: Settings) -> None:
    answer = exchange.reader("leeds").get(VACANCIES)

    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == PRIVATE
    assert answer.headers["vary"] == "Authorization, Accept, Accept-Encoding"
    assert "set-cookie" not in answer.headers
    assert answer.json()["license"] == f"{BASE}/terms"
    exchange.exchange.settings = settings.model_copy(update={"data_terms_url": "https://terms.example/"})
    assert exchange.reader("leeds").get(VACANCIES).json()["license"] == "https://terms.example/"


def test_forms(exchange: Reading) -> None:
    reader = exchange.reader("leeds")

    assert reader.get(VACANCIES, accept=f"{RPDE}; version=1").headers["content-type"] == f"{RPDE}; version=1"
    assert reader.get(VACANCIES, accept="*/*").headers["content-type"] == "application/json"
    assert reader.get(VACANCIES, accept="text/csv").status_code == 406
    packed = reader.get(VACANCIES, Accept_Encoding="gzip")
    assert packed.headers["content-encoding"] == "gzip"
    assert packed.json() == reader.get(VACANCIES).json()


def test_an_unchanged_page_is_not_sent_again(exchange: Reading) -> None:
    reader = exchange.reader("leeds")
    tags = [
        reader.get(VACANCIES).headers["etag"],
        reader.get(SETTINGS).headers["etag"],
        reader.get(VACANCIES, accept=RPDE).headers["etag"],
        reader.get(VACANCIES, Accept_Encoding="gzip").headers["etag"],
        reader.get(f"{VACANCIES}?afterChangeNumber=1").headers["etag"],
        exchange.reader("kent").get(VACANCIES).headers["etag"],
    ]
    assert len(set(tags)) == len(tags)
    same = reader.get(VACANCIES, if_none_match=tags[0])
    assert (same.status_code, same.content, same.headers["etag"]) == (304, b"", tags[0])

    change(exchange, lambda world: world.vacancy("SC000001", places=2))

    assert reader.get(VACANCIES, if_none_match=tags[0]).status_code == 200


def test_a_read_is_in_the_audit(exchange: Reading) -> None:
    exchange.reader("leeds").get(f"{SETTINGS}?afterChangeNumber=2")
    exchange.exchange.reads.flush()

    with exchange.database.read() as session:
        rows = session.exec(select(Audit).where(Audit.action == "feed.read")).all()
    assert [(row.organisation_id, row.subject) for row in rows] == [("leeds", "settings after 2")]


def test_discovery_and_terms(make_app: Callable[..., Running]) -> None:
    running = make_app(public=True, open_feed=True)
    found = {feed["name"]: feed for feed in running.call("nobody", "GET", "/v1/feeds.json").json()["feeds"]}

    assert {found[name]["url"].removeprefix(running.settings.base_url) for name in ("vacancies", "settings")} == {
        VACANCIES,
        SETTINGS,
    }
    assert (found["vacancies"]["kind"], found["vacancies"]["ttl"]) == ("vacancy", 8)
    assert found["open-summary"]["url"].endswith(OPEN)
    terms = running.call("nobody", "GET", found["vacancies"]["license"])
    assert terms.status_code == 200
    assert "No data about a child" in terms.text
    shown = Outside()
    shown.feed(terms.text)
    assert shown.found == []
    elsewhere = make_app(data_terms_url="https://terms.example/").call("nobody", "GET", "/terms")
    assert (elsewhere.status_code, elsewhere.headers["location"]) == (307, "https://terms.example/")


# -- the open feed -------------------------------------------------------------------------------------------------------


def homes(la: str | None, count: int, *, places: int = 2) -> list[dict[str, Any]]:
    return [
        listing_row(f"{la}-{number}", la=la, urn=f"SC{number:06}", places=places, changes_at=None)
        for number in range(count)
    ]


def open_exchange(settings: Settings) -> Settings:
    return settings.model_copy(update={"public": True, "open_feed": True})


@pytest.fixture
def opened(database: Database, settings: Settings, clock: MovableClock) -> Iterator[Reading]:
    with database.write() as session:
        publish(session, *homes("E06000023", 12), *homes("E08000035", 3), *homes(None, 4))
    with reading(database, open_exchange(settings), clock) as running:
        yield running


def test_the_open_feed_is_off_unless_both_are_switched_on(opened: Reading, settings: Settings) -> None:
    for public, feed in ((False, False), (True, False), (False, True)):
        opened.exchange.settings = settings.model_copy(update={"public": public, "open_feed": feed})
        assert opened.client.get(OPEN).status_code == 404
        assert open_feed.renew(opened.database, opened.exchange.settings, opened.clock) == 0


def test_the_open_feed_says_what_the_summary_says_and_no_more(opened: Reading, clock: MovableClock) -> None:
    public_summary(opened.database, opened.settings, clock)
    with opened.database.read() as session:
        document = summary.latest_summary(session, settings=opened.settings)

    items = opened.client.get(OPEN).json()["items"]

    shown = {"all": document["places"]}
    for region in document["regions"]:
        shown[region["code"] or "not-stated"] = region["places"]
        for authority in region["localAuthorities"]:
            shown[authority["code"] or f"{region['code'] or 'not-stated'}-not-stated"] = authority["places"]
    standing = [item for item in items if item["state"] == "updated"]
    assert {item["id"]: item["data"].get("places") for item in standing} == shown
    assert {item["id"] for item in items} - shown.keys() == {one.code for one in local_authorities() if not one.live}
    assert shown["E06000023"] == 25
    assert shown["E08000035"] is None
    assert {item["kind"] for item in items} == {"area"}


def test_an_area_keeps_its_number_until_its_count_changes_and_is_deleted_when_it_goes(
    opened: Reading, clock: MovableClock
) -> None:
    public_summary(opened.database, opened.settings, clock)
    page = opened.client.get(OPEN).json()
    assert open_feed.renew(opened.database, opened.settings, clock) == 0
    clock.move(days=7)
    with opened.database.write() as session:
        publish(session, *homes("E06000023", 12, places=5), gone=homes(None, 4))

    public_summary(opened.database, opened.settings, clock)

    later = opened.client.get(page["next"]).json()
    states = {item["id"]: item["state"] for item in later["items"]}
    assert states["not-stated-not-stated"] == states["not-stated"] == "deleted"
    assert states["E06000023"] == "updated"
    assert len(states) < 8
    everything = opened.client.get(OPEN).json()["items"]
    assert len(everything) == len(page["items"])
    assert [item["modified"] for item in everything] == sorted({item["modified"] for item in everything})


def test_the_open_feed_may_be_kept_by_anyone_and_the_last_page_for_a_moment(
    opened: Reading, clock: MovableClock
) -> None:
    public_summary(opened.database, opened.settings, clock)

    first = opened.client.get(OPEN)
    last = opened.client.get(first.json()["next"])

    assert first.headers["cache-control"] == "public, max-age=3600"
    assert last.json()["next"] == first.json()["next"]
    assert last.headers["cache-control"] == "public, s-maxage=8"
    assert opened.client.get(OPEN, headers={"If-None-Match": first.headers["etag"]}).status_code == 304
    assert first.json()["license"] == open_feed.LICENCE
    assert opened.client.get(f"{OPEN}?limit=3").status_code == 400


def test_the_open_feed_begins_again_after_a_backup(opened: Reading, clock: MovableClock) -> None:
    public_summary(opened.database, opened.settings, clock)
    at = opened.client.get(OPEN).json()["next"]
    with opened.database.write() as session:
        after_restore(session, now=clock())

    assert opened.client.get(at).status_code == 410


# -- the official validator ----------------------------------------------------------------------------------------------


def fill(session: Session) -> None:
    """620 vacancies and settings that leeds sees, 30 that it saw and are gone, and some that it never saw."""
    for name, consortium in (("leeds", "north"), ("kent", "south")):
        member(session, name, consortium)
    writer = Writer(session, NOW)
    for number in range(700):
        urn, state = f"SC{number:06}", "deleted" if number < 30 else "updated"
        audiences = ["south"] if number >= 650 else ["north"]
        row = listing_row(f"listing-{number}", urn=urn, audiences=audiences, rates=[rate()], changes_at=None)
        position = writer.next()
        writer.listing(**row, position=position, state=state)
        writer.sight(row["id"], f"c:{audiences[0]}", position - (state == "deleted"), visible=True)
        position = writer.next()
        body = orjson.loads(row["body"])
        shown = orjson.dumps({"urn": urn, "setting": body["setting"], "ofsted": body["ofsted"]})
        writer.setting(urn, position=position, state=state, audiences=audiences, body=shown, at=NOW)
        writer.sight(urn, f"c:{audiences[0]}", position - (state == "deleted"), visible=True)
    writer.close()


def found_by(url: str, **environment: str) -> tuple[int, set[tuple[str, str]]]:
    told = ask("rpde.mjs", url, **environment)
    return len(told["pages"]), {(finding["severity"], finding["type"]) for finding in told["findings"]}


ALWAYS = ("suggestion", "no_modelling_data")  # we do not list sessions of sport; it says so of every feed
NOT_OPEN = ("warning", "missing_cache_control")  # it knows open feeds only


@pytest.mark.parametrize("prefix", ["", "/exchange/of/leeds"])
def test_the_official_validator_passes_every_feed(
    make_app: Callable[..., Running], clock: MovableClock, prefix: str
) -> None:
    with a_port() as held, prefixed(held, prefix) as proxy:
        base = proxy if prefix else base_of(held)
        running = make_app(base_url=base, public=True, open_feed=True)
        with running.database.write() as session:
            fill(session)
            publish(session, *homes(None, 4))
            key, _ = keys.issue(
                session, organisation_id="leeds", role="member", secret=secret_of(running.settings), now=clock()
            )
        public_summary(running.database, running.settings, clock)
        clock.move(days=7)
        with running.database.write() as session:
            publish(session, gone=homes(None, 4))
        public_summary(running.database, running.settings, clock)
        with serving(running.app, held):
            members = [found_by(base + path, AUTHORIZATION=f"Bearer {key}") for path in (VACANCIES, SETTINGS)]
            open_to_all = found_by(base + OPEN)

    for pages, findings in members:
        assert pages >= 4  # two with items, the last, and the one that it probes
        assert findings == {ALWAYS, NOT_OPEN}
    assert open_to_all[1] == {ALWAYS}
