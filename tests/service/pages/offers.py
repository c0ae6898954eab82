"""Offers for the tests of the list: homes with much to say, and what they offer."""

from typing import Any

from tests.service.api.exchange import OURS, OURS_TOO, feed_of

AT = "2026-07-01T13:50:00Z"
SCRIPT = "<img src=x onerror=alert(1)>"
CONTACT = {
    "role": "referrals-team",
    "telephone": "0121 496 0001",
    "hours": "Monday to Friday 9 to 5",
    "outOfHours": {"telephone": "0121 496 0002", "hours": "every night until 10"},
}


def home(urn: str = OURS, *, name: str = "Example House", **more: Any) -> dict[str, Any]:
    """What a home says of itself."""
    return {
        "asOf": AT, "name": name, "provisionType": "children-home", "localAuthority": "E09000023",
        "ages": {"from": 8, "to": 17}, "referralContact": CONTACT, "modelsOfCare": ["therapeutic"],
        "services": [{"kind": "therapy", "included": True}], "shortBreaksOnly": False, **more,
    }  # fmt: skip


def offer(id: str = "v1", **more: Any) -> dict[str, Any]:
    """One vacancy with everything said."""
    return {
        "id": id, "asOf": AT, "places": 1, "from": "2026-07-01", "ages": {"from": 11, "to": 16}, "genders": ["female"],
        "needs": {"accepted": ["adhd"], "excluded": ["physical-disabilities"]},
        "risks": {"accepted": ["going-missing"], "excluded": ["fire-setting"]}, "communication": ["bsl"],
        "adaptations": ["step-free"], "cared": "with-others", "placementTypes": ["planned", "emergency"],
        "response": "today", "rates": ["core"], **more,
    }  # fmt: skip


def rate(id: str = "core", *, pounds: int = 5125, offered_to: Any = "any", **more: Any) -> dict[str, Any]:
    """A weekly price."""
    return {
        "id": id, "asOf": AT, "package": "standard", "price": {"pence": pounds * 100, "per": "week"},
        "contract": {"type": "framework"}, "offeredTo": offered_to, "validFrom": "2026-04-01", **more,
    }  # fmt: skip


def feed(
    *offers: dict[str, Any], urn: str = OURS, about: dict[str, Any] | None = None, rates: Any = None, **more: Any
) -> dict[str, Any]:
    """A feed of one home with these offers; and of its neighbour, which says as little as can be."""
    made = feed_of(urn, OURS_TOO, **more)
    first = made["settings"][0]
    first["setting"] = about or home(urn)
    first["vacancies"] = list(offers or [offer()])
    first["rates"] = [rate()] if rates is None else rates
    first["capacity"] |= {"available": 4, "occupied": 0}
    return made
