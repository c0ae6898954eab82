"""From another exchange's listing to a word of ours: its clock, where it came from, and what is not passed on."""

from datetime import UTC, datetime
from typing import Any

import pytest

from placefeed.adapters.federation import (
    FEDERATION,
    chain_of,
    comes_back,
    exchange_name,
    own_id,
    setting_record,
    vacancy_record,
)
from placefeed.schema import personal
from placefeed.schema.validation import check_record

PEER = "north.example"
NOW = datetime(2026, 7, 1, 14, 0, tzinfo=UTC)


def listing(**more: Any) -> dict[str, Any]:
    """A listing as the change feed of vacancies has it."""
    return {
        "id": "aB3dE6gH9jK2mN5p",
        "urn": "SC000001",
        "url": "/v1/listings/aB3dE6gH9jK2mN5p",
        "availability": "available",
        "freshness": "fresh",
        "vacancy": {"places": 1, "from": "2026-07-01", "ages": {"from": 11, "to": 16}, "response": "today"},
        "rates": [
            {
                "title": "Core", "price": {"pence": 500_000, "per": "week"}, "validFrom": "2026-01-01", "offeredTo": "any",
                "weeklyEquivalentPence": 500_000, "lines": [{"code": "care-staff", "pence": 500_000}],
            }
        ],
        "clocks": {"asOf": "2026-07-01T10:00:00Z", "publishedAt": "2026-07-01T10:00:02Z", "leavesAt": "2026-07-15T10:00:00Z"},
        "provenance": {"source": "homes-push", "publisher": "Example Homes Ltd"},
        **more,
    }  # fmt: skip


def record(**more: Any) -> dict[str, Any]:
    return vacancy_record("aB3dE6gH9jK2mN5p", listing(**more), peer=PEER, reading="bcdf")


def origin(**more: Any) -> dict[str, Any]:
    found: dict[str, Any] = record(**more)["vacancies"][0]["extensions"][FEDERATION]
    return found


def test_a_listing_becomes_a_good_record_of_the_standard() -> None:
    made = record()

    assert check_record(made, now=NOW) == []
    assert personal.screen(made) == []
    (vacancy,), (rate,) = made["vacancies"], made["rates"]
    assert (vacancy["id"], vacancy["asOf"], vacancy["rates"]) == (
        "aB3dE6gH9jK2mN5p",
        "2026-07-01T10:00:00Z",
        [rate["id"]],
    )
    assert (vacancy["places"], vacancy["ages"]) == (1, {"from": 11, "to": 16})
    assert rate["lines"] == [{"code": "care-staff", "pence": 500_000}]
    assert "weeklyEquivalentPence" not in rate
    assert origin() == {
        "source": "homes-push", "publisher": "Example Homes Ltd", "via": [PEER], "asOf": "2026-07-01T10:00:00Z", "reading": "bcdf",
    }  # fmt: skip


def test_its_clock_is_when_the_provider_last_confirmed_it() -> None:
    clocks = {"asOf": "2026-07-01T10:00:00Z", "attestedAt": "2026-07-01T12:00:00Z"}

    made = record(clocks=clocks)

    assert made["vacancies"][0]["asOf"] == "2026-07-01T12:00:00Z"
    assert origin(clocks=clocks)["asOf"] == "2026-07-01T10:00:00Z"
    assert made["rates"][0]["asOf"] == "2026-07-01T10:00:00Z"


@pytest.mark.parametrize("clocks", [{}, None, {"asOf": None}, {"asOf": "yesterday"}, {"asOf": 5}])
def test_without_a_sound_clock_nothing_is_taken(clocks: Any) -> None:
    """It is never made up: the standard refuses the record."""
    made = record(clocks=clocks)

    assert any(issue.severity == "error" for issue in check_record(made, now=NOW))
    assert "asOf" not in origin(clocks=clocks)


def test_only_a_rate_that_says_so_is_offered_to_any() -> None:
    rates = [{**listing()["rates"][0], "offeredTo": said} for said in ("any", "named", None)]
    rates += [{"price": {"pence": 1, "per": "week"}}, "nonsense"]

    assert len(record(rates=rates)["rates"]) == 1


def test_offers_of_the_same_places_go_on_drawing_on_one_pool() -> None:
    first, second = "aaaa", "bbbb"
    one = vacancy_record(first, listing(vacancy={"places": 1, "from": "2026-07-01", "sharesPlacesWith": [second]}), peer=PEER, reading="b")  # fmt: skip
    other = vacancy_record(second, listing(vacancy={"places": 1, "from": "2026-07-01", "sharesPlacesWith": [first]}), peer=PEER, reading="b")  # fmt: skip

    assert one["vacancies"][0]["uses"] == other["vacancies"][0]["uses"] == {"pool": "aaaa"}


def test_unknown_for_another_reason_than_time_is_unknown_here() -> None:
    assert origin(availability="unknown", availabilityReason="absence-unconfirmed")["unknown"] == "absence-unconfirmed"
    assert origin(availability="unknown", availabilityReason="<b>")["unknown"] == "unknown"
    assert "unknown" not in origin(availability="unknown", availabilityReason="stale")
    assert "unknown" not in origin(availability="unknown", availabilityReason="being-checked")


def test_a_unit_is_taken_without_anything_that_is_nearer_to_an_address() -> None:
    unit = {"kind": "premises", "postcodeSector": "1 High Street, B1 1AA", "category": "shared", "localAuthority": {"code": "E08000025", "name": "Birmingham"}}  # fmt: skip

    assert origin(unit=unit)["unit"] == {"kind": "premises", "category": "shared", "localAuthority": "E08000025"}
    assert origin(unit={"postcodeSector": "B1 1"})["unit"] == {"postcodeSector": "B1 1"}


def test_invented_data_stays_marked() -> None:
    assert origin(provenance={"source": "s", "publisher": "p", "simulated": True})["simulated"] is True


def test_a_setting_is_taken_without_ofsteds_word_and_without_a_clock() -> None:
    shown = {
        "urn": "SC000001",
        "setting": {
            "name": "Willow House", "provisionType": "children-home", "provider": {"id": "homes", "name": "Example Homes Ltd"},
            "localAuthority": {"code": "E08000025", "name": "Birmingham"}, "region": {"code": "E12000005"}, "unheard": 1,
        },
        "ofsted": {"status": "confirmed", "judgements": []},
    }  # fmt: skip

    made = setting_record("SC000001", shown, reading="bcdf")

    assert check_record(made, now=NOW) == []
    assert made["setting"] == {
        "name": "Willow House", "provisionType": "children-home", "localAuthority": "E08000025", "provider": {"name": "Example Homes Ltd"},
        "extensions": {FEDERATION: {"reading": "bcdf"}},
    }  # fmt: skip
    assert made.keys() == {"urn", "setting"}


def test_a_setting_of_another_register_keeps_its_scheme() -> None:
    made = setting_record("ciw:W123", {"urn": "ciw:W123", "setting": {"provisionType": "children-home"}}, reading="b")

    assert made["registration"] == {"scheme": "ciw", "id": "W123"}


@pytest.mark.parametrize(
    ("via", "own", "back"),
    [
        (None, "south.example", False),
        ("east.example", "south.example", False),
        ("south.example", "south.example", True),
        ("east.example > south.example > west.example", "south.example", True),
        ("north.example", "south.example", True),  # it has been through the one that sends it
        (" > ".join(f"e{number}" for number in range(8)), "south.example", True),  # too far
        ("east.example > ", "south.example", True),
        ("south.example", None, False),
    ],
)
def test_what_has_been_here_is_not_taken_back(via: str | None, own: str | None, back: bool) -> None:
    chain = chain_of(listing(provenance={"via": via}), PEER)

    assert comes_back(chain, own) is back


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://North.Example/", "north.example"),
        ("https://north.example:443", "north.example"),
        ("http://127.0.0.1:8000/", "127.0.0.1:8000"),
        ("https://shared.example/placefeed/", "shared.example/placefeed"),
        ("https://[", "https://["),
        ("https://north.example:99999999", "https://north.example:99999999"),
    ],
)
def test_an_exchange_is_known_by_its_base_url(url: str, name: str) -> None:
    assert exchange_name(url) == name


def test_an_id_of_another_form_is_replaced_by_one_that_looks_like_no_number() -> None:
    assert own_id("aB3-._:@+") == "aB3-._:@+"
    for strange in ("https://other.example/items/9434765919", "x" * 200, "ü", "943 476 5919"):
        made = own_id(strange)
        assert made == own_id(strange) != strange
        assert made.isalpha()
        assert len(made) <= 56


@pytest.mark.parametrize("odd", [None, 5, "text", [], [1], {"deep": {}}])
def test_oddly_shaped_parts_are_no_reason_to_fall_over(odd: Any) -> None:
    for name in ("vacancy", "rates", "clocks", "provenance", "unit", "urn", "availability"):
        record(**{name: odd})
    setting_record("SC000001", {"setting": odd}, reading="b")
