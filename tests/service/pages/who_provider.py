"""A provider's homes. Forms here are sent empty: what they change is tested by itself."""

from typing import Any

from sqlmodel import select

from placefeed.service.tables import Standing
from tests.service.api.exchange import OURS, World
from tests.service.pages.who import Row


def PREPARE(world: World) -> dict[str, Any]:  # noqa: N802 - the table looks for this name
    """The source of what the provider's feed said; it gives a price as well."""
    price = {
        "id": "core", "asOf": "2026-07-01T13:50:00Z", "price": {"pence": 500000, "per": "week"},
        "offeredTo": "any", "validFrom": "2026-01-01",
    }  # fmt: skip
    world.call("provider", "PUT", f"/v1/settings/{OURS}/rates/core", json=price)
    with world.database.read() as session:
        source = session.exec(select(Standing.source_id).where(Standing.urn == OURS, Standing.part == "rate")).one()
    return {"source": source}


LOOK = (200, 404, 403, 403, 303)
WRONG = (422, 404, 403, 403, 303)
VACANCY = "?source={source}&id=v1"
PRICE = "?source={source}&id=core"
ROWS = {
    ("GET", "/homes"): Row((200, 200, 403, 403, 303)),
    ("POST", "/homes/unchanged"): Row((422, 422, 403, 403, 303)),
    ("GET", "/homes/{urn}"): Row(LOOK),
    ("GET", "/homes/{urn}/update"): Row(LOOK),
    ("POST", "/homes/{urn}/update"): Row(WRONG),
    ("GET", "/homes/{urn}/contact"): Row(LOOK),
    ("POST", "/homes/{urn}/contact"): Row((422, 404, 403, 403, 303), form={"telephone": "x"}),
    ("GET", "/homes/{urn}/vacancies/new"): Row(LOOK),
    ("POST", "/homes/{urn}/vacancies/new"): Row(WRONG),
    ("GET", "/homes/{urn}/vacancies/change"): Row(LOOK, "/homes/{urn}/vacancies/change" + VACANCY),
    ("POST", "/homes/{urn}/vacancies/change"): Row(WRONG, "/homes/{urn}/vacancies/change" + VACANCY),
    ("GET", "/homes/{urn}/vacancies/withdraw"): Row(LOOK, "/homes/{urn}/vacancies/withdraw" + VACANCY),
    ("POST", "/homes/{urn}/vacancies/withdraw"): Row(
        (409, 404, 403, 403, 303), "/homes/{urn}/vacancies/withdraw" + VACANCY
    ),
    ("GET", "/homes/{urn}/prices"): Row(LOOK),
    ("GET", "/homes/{urn}/prices/new"): Row(LOOK),
    ("POST", "/homes/{urn}/prices/new"): Row(WRONG),
    ("GET", "/homes/{urn}/prices/change"): Row(LOOK, "/homes/{urn}/prices/change" + PRICE),
    ("POST", "/homes/{urn}/prices/change"): Row(WRONG, "/homes/{urn}/prices/change" + PRICE),
    ("GET", "/homes/{urn}/prices/withdraw"): Row(LOOK, "/homes/{urn}/prices/withdraw" + PRICE),
    ("POST", "/homes/{urn}/prices/withdraw"): Row((409, 404, 403, 403, 303), "/homes/{urn}/prices/withdraw" + PRICE),
    ("GET", "/homes/{urn}/as-members-see"): Row(LOOK),
}
