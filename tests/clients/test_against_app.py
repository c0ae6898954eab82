"""The clients against the real exchange, in one process: the operator sets it up, a provider sends, a member reads."""

import asyncio
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx2
import pytest
import sqlalchemy as sa
from starlette.testclient import TestClient

from placefeed.client import (
    AsyncMember,
    AsyncOperator,
    AsyncProvider,
    Conflict,
    Member,
    NotAllowed,
    NotAuthenticated,
    NotFound,
    Operator,
    Provider,
    Refused,
)
from placefeed.service.app import create_app
from placefeed.service.config import Settings
from placefeed.service.db import Database
from placefeed.service.migrations import upgrade
from placefeed.service.publishing.publisher import publish_all
from tests.clients.conftest import Awaited
from tests.clients.world import BASE, OURS, OURS_TOO, THEIRS, feed_of, instant, people

KINDS = {
    "sync": {"provider": Provider, "member": Member, "operator": Operator},
    "async": {"provider": AsyncProvider, "member": AsyncMember, "operator": AsyncOperator},
}


class Exchange:
    """The running exchange, and clients of it by role."""

    def __init__(
        self, client: TestClient, app: Any, settings: Settings, kind: str, loop: asyncio.AbstractEventLoop
    ) -> None:
        self.database: Database = app.state.exchange.database
        self.settings = settings
        self.keys: dict[str, str] = {}
        self._client, self._app, self._kind, self._loop = client, app, kind, loop
        self._opened: list[Any] = []

    def as_(self, role: str, *, key: str | None = None) -> Any:
        """A client with a role's key."""
        made = KINDS[self._kind][
            "operator" if role == "operator" else "provider" if role in ("provider", "rival") else "member"
        ]
        transport: Any = self._client._transport if self._kind == "sync" else httpx2.ASGITransport(app=self._app)
        client = made(BASE, key or self.keys[role], transport=transport)
        self._opened.append(client)
        return client if self._kind == "sync" else Awaited(client, self._loop)

    def publish(self) -> None:
        """What the publisher does."""
        publish_all(self.database, self.settings, lambda: datetime.now(UTC))

    def close(self) -> None:
        for client in self._opened:
            if self._kind == "async":
                self._loop.run_until_complete(client.aclose())


@pytest.fixture(scope="module", params=["sync", "async"])
def exchange(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Exchange]:
    """An exchange on SQLite that the operator's own client has peopled, with a publisher at work."""
    settings = Settings(data=tmp_path_factory.mktemp("exchange"), secret="s" * 40, worker=False, base_url=BASE)
    engine = sa.create_engine(f"sqlite:///{settings.data / 'placefeed.db'}")
    upgrade(engine)
    engine.dispose()
    app = create_app(settings)
    loop = asyncio.new_event_loop()
    with TestClient(app, base_url=BASE) as client:
        world = Exchange(client, app, settings, request.param, loop)
        people(world)
        stop = threading.Event()

        def publish() -> None:
            while not stop.wait(0.05):
                world.publish()

        publisher = threading.Thread(target=publish)
        publisher.start()
        yield world
        stop.set()
        publisher.join()
        world.close()
    loop.run_until_complete(loop.shutdown_asyncgens())
    loop.run_until_complete(loop.shutdown_default_executor())
    loop.close()


# -- provider ------------------------------------------------------------------------------------------------------


def test_a_push_is_taken_published_and_listed(exchange: Exchange) -> None:
    report = exchange.as_("provider").push(feed_of(OURS, OURS_TOO, places=2))

    listed = list(exchange.as_("member").iterate(urn=[OURS, OURS_TOO]))
    assert report.ok, report.document
    assert report.published
    assert sorted(item["urn"] for item in listed) == [OURS, OURS_TOO]
    assert {item["vacancy"]["places"] for item in listed} == {2}


def test_the_same_push_again_changes_nothing(exchange: Exchange) -> None:
    provider, feed = exchange.as_("provider"), feed_of(OURS)
    first = provider.push(feed, idempotency_key="once")

    again = provider.push(feed, idempotency_key="once")
    anew = provider.push(feed)

    assert again.id == first.id
    assert anew.verdict == "unchanged"


def test_one_key_for_two_bodies_is_refused(exchange: Exchange) -> None:
    provider = exchange.as_("provider")
    provider.push(feed_of(OURS), idempotency_key="twice")

    with pytest.raises(Refused):
        provider.push(feed_of(OURS), idempotency_key="twice")


def test_a_record_with_errors_is_reported_at_its_place_and_the_rest_is_taken(exchange: Exchange) -> None:
    feed = feed_of(OURS)
    feed["settings"].append({"urn": OURS_TOO, "capacity": {"asOf": instant(3), "ocupied": 1}})

    report = exchange.as_("provider").push(feed)

    assert report.verdict == "partly-accepted"
    assert any(
        place.get("pointer", "").startswith("/settings/1/capacity")
        for issue in report.issues
        for place in issue["places"]
    )


def test_a_feed_of_which_nothing_could_be_taken_is_a_report_without_the_problems_members(exchange: Exchange) -> None:
    report = exchange.as_("provider").push(feed_of(THEIRS))

    assert report.verdict == "rejected"
    assert not report.ok
    assert report.issues
    assert "title" not in report.document


@pytest.mark.parametrize("ending", [".csv", ".xlsx"])
def test_a_sheet_is_sent_and_its_errors_come_back_with_their_cells(
    exchange: Exchange, tmp_path: Path, ending: str
) -> None:
    from placefeed.schema.template import write_csv_template, write_template

    path = tmp_path / f"vacancies{ending}"
    wrong = {"urn": OURS, "vacancies": [{**feed_of(OURS)["settings"][0]["vacancies"][0], "until": "2020-01-01"}]}
    if ending == ".csv":
        write_csv_template(path, records=[wrong], example=False)
    else:
        write_template(path, records=[wrong], example=False)

    report = exchange.as_("provider").upload(path)

    places = [place for issue in report.issues for place in issue["places"]]
    assert any(place.get("cell") for place in places), report.document


def test_a_report_can_be_read_again(exchange: Exchange) -> None:
    provider = exchange.as_("provider")
    sent = provider.push(feed_of(OURS))

    assert provider.report(sent.id).verdict == sent.verdict
    assert provider.submission(sent.id)["id"] == sent.id
    with pytest.raises(NotFound):
        exchange.as_("rival").report(sent.id)


def test_a_body_that_is_no_feed_is_refused(exchange: Exchange) -> None:
    with pytest.raises(Refused) as caught:
        exchange.as_("provider").push(b"hello", content_type="text/plain")

    assert caught.value.status == 415
    assert caught.value.type == "unsupported-media-type"


# -- member --------------------------------------------------------------------------------------------------------


def test_the_list_comes_in_pages_with_a_version(exchange: Exchange) -> None:
    exchange.as_("provider").push(feed_of(OURS, OURS_TOO))
    exchange.as_("rival").push(feed_of(THEIRS))
    member = exchange.as_("member")

    pages = []
    cursor = None
    while True:
        page = member.listings(limit=1, cursor=cursor)
        pages.append(page)
        cursor = page.next
        if cursor is None:
            break

    assert [len(page.items) for page in pages if page.items] == [1, 1, 1]
    assert len({item["id"] for page in pages for item in page.items}) == 3
    assert sorted(item["urn"] for item in member.iterate(limit=1)) == [OURS, OURS_TOO, THEIRS]


def test_an_unchanged_list_is_not_sent_again(exchange: Exchange) -> None:
    member = exchange.as_("member")
    page = member.listings()

    again = member.listings(etag=page.etag)

    assert page.etag
    assert again.unchanged


def test_filters_reach_the_exchange(exchange: Exchange) -> None:
    exchange.as_("provider").push(feed_of(OURS))
    member = exchange.as_("member")

    assert list(member.iterate(age=14, urn=OURS))
    assert not list(member.iterate(age=18, urn=OURS))
    with pytest.raises(Refused, match="age"):
        member.listings(age="old")


def test_one_listing(exchange: Exchange) -> None:
    exchange.as_("provider").push(feed_of(OURS))
    member = exchange.as_("member")
    [item] = member.iterate(urn=OURS)

    assert member.listing(item["id"])["id"] == item["id"]
    with pytest.raises(NotFound):
        member.listing("nothing")


def test_discovery(exchange: Exchange) -> None:
    assert exchange.as_("member").feeds()


# -- who may what --------------------------------------------------------------------------------------------------


def test_a_key_may_do_what_its_role_may(exchange: Exchange) -> None:
    with pytest.raises(NotAllowed):
        exchange.as_("operator", key=exchange.keys["member"]).organisations()
    with pytest.raises(NotAuthenticated):
        exchange.as_("member", key="pf_unknown").listings()


def test_the_operator_keeps_who_is_who(exchange: Exchange) -> None:
    operator = exchange.as_("operator")

    assert {"example-homes", "lewisham"} <= {organisation["id"] for organisation in operator.organisations()}
    assert [consortium["id"] for consortium in operator.consortia()] == ["south"]
    assert len(operator.speaks_for(state="confirmed")) == 3
    with pytest.raises(Conflict):
        operator.add_organisation({"id": "lewisham", "kind": "member", "name": "Lewisham"})


def test_a_key_is_rotated_and_revoked(exchange: Exchange) -> None:
    operator = exchange.as_("operator")
    made = operator.add_key({"organisation": "lewisham", "role": "member", "label": "to rotate"})

    rotated = operator.rotate_key(made["id"])
    operator.revoke_key(made["id"])

    assert exchange.as_("member", key=rotated["key"]).listings() is not None
    with pytest.raises(NotAuthenticated):
        exchange.as_("member", key=made["key"]).listings()
    known = operator.keys()
    assert {made["id"], rotated["id"]} <= {key["id"] for key in known}
