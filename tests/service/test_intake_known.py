"""What each role is told of a setting: as the table in access/README.md says, and nothing of anybody else's."""

from datetime import date

import pytest

from placefeed.service.access import organisations
from placefeed.service.access.who import Caller
from placefeed.service.config import Settings
from placefeed.service.db import Database
from placefeed.service.errors import NotAllowed, NotFound
from placefeed.service.intake import known
from placefeed.service.tables import RegisterInspection, RegisterSetting
from tests.service.conftest import MovableClock
from tests.service.feeds import Desk, feed, record

OWN = Caller("k", "example-homes", "provider")
OTHER = Caller("k", "other-homes", "provider")
MEMBER = Caller("k", "borough", "member")
OPERATOR = Caller("k", "operator", "operator")
URN = "SC000001"
DAY = date(2026, 3, 31)


@pytest.fixture
def desk(database: Database, settings: Settings, clock: MovableClock) -> Desk:
    made = Desk(database, settings, clock)
    made.provider(speaks_for=[URN, "SC000002"])
    made.provider("other-homes", name="Other Homes Ltd", speaks_for=["SC000009"])
    with database.write() as session:
        session.add(
            RegisterSetting(
                urn=URN, as_at=DAY, last_seen=DAY, provision_type="children-home", status="active", places=4, la_code="E08000035",
                facts={"registeredNeeds": ["sensory"], "restricted": ["registeredNeeds"]},
            )
        )  # fmt: skip
        session.add(
            RegisterInspection(
                urn=URN,
                framework="sccif-2017",
                kind="full",
                inspected_on=DAY,
                judgements={"overall": "good"},
                as_at=DAY,
            )
        )
    made.send(feed([record(URN, clock())], clock()))
    return made


def test_a_provider_sees_its_own_words_and_ofsteds(desk: Desk) -> None:
    with desk.database.read() as session:
        found = known.setting(session, urn=URN, caller=OWN)
        assert [word["part"] for word in found["words"]] == ["capacity", "rate", "vacancy"]
        assert found["register"]["status"] == "active"
        assert found["register"]["inspections"][0]["judgements"] == [{"aspect": "overall", "code": "good"}]
        assert "registeredNeeds" not in found["register"]
        assert known.sources(session, urn=URN, caller=OWN)[0]["parts"][0]["asOf"] == "2026-07-01T14:00:00Z"
        items, before = known.history(session, urn=URN, caller=OWN, limit=2)
        assert (len(items), before) == (2, items[-1]["id"])
        rest, end = known.history(session, urn=URN, caller=OWN, limit=2, before=before)
        assert (len(rest), end) == (1, None)


def test_a_provider_sees_nothing_of_anothers(desk: Desk) -> None:
    with desk.database.read() as session:
        for ask in (known.setting, known.sources, known.history, known.register_history):
            with pytest.raises(NotFound):
                ask(session, urn=URN, caller=OTHER)
            with pytest.raises(NotFound):
                ask(session, urn="SC999999", caller=OPERATOR)
        assert [item["urn"] for item in known.list_settings(session, caller=OTHER)[0]] == ["SC000009"]


def test_a_member_sees_what_is_in_sight_but_no_counts_and_no_series(desk: Desk) -> None:
    with desk.database.read() as session:
        with pytest.raises(NotFound):
            known.setting(session, urn=URN, caller=MEMBER)
        found = known.setting(session, urn=URN, caller=MEMBER, in_sight={URN})
        assert "words" not in found
        assert found["register"]["registeredNeeds"] == ["sensory"]
        assert known.sources(session, urn=URN, caller=MEMBER, in_sight={URN}) == [
            {"source": "Example Homes Ltd", "organisation": "Example Homes Ltd", "simulated": False}
        ]
        with pytest.raises(NotAllowed, match="child"):
            known.history(session, urn=URN, caller=MEMBER, in_sight={URN})
        assert [item["urn"] for item in known.list_settings(session, caller=MEMBER, in_sight={URN})[0]] == [URN]


def test_the_operator_pages_through_all(desk: Desk) -> None:
    with desk.database.write() as session:
        organisations.propose_for(session, "other-homes", urns=["SC000005"], now=desk.now)
        first, after = known.list_settings(session, caller=OPERATOR, limit=2)
        rest, end = known.list_settings(session, caller=OPERATOR, limit=2, after=after or "")

    assert [item["urn"] for item in (*first, *rest)] == [URN, "SC000002", "SC000005", "SC000009"]
    assert end is None
    assert first[0]["provider"] == {"id": "example-homes", "name": "Example Homes Ltd"}
