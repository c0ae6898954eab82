"""What stands at the top of every page, by who is there."""

from typing import Any

from placefeed.service.access.sign_ins import Visitor
from placefeed.service.access.who import MEMBER, OPERATOR, PROVIDER

Item = tuple[str, str]

PUBLIC: tuple[Item, ...] = (
    ("/standard", "The standard"),
    ("/check", "Check a feed"),
    ("/docs", "For developers"),
)
BY_ROLE: dict[str, tuple[Item, ...]] = {
    MEMBER: (("/list", "Places"), ("/searches", "Saved searches"), ("/policy", "Our policy")),
    PROVIDER: (("/homes", "My homes"), ("/upload", "Send a spreadsheet"), ("/reports", "What we sent")),
    OPERATOR: (
        ("/control", "Control room"),
        ("/list", "Places"),
        ("/control/submissions", "Submissions"),
        ("/control/organisations", "Organisations"),
        ("/control/register", "Ofsted"),
        ("/control/subscriptions", "Subscriptions"),
        ("/control/audit", "Audit"),
        ("/data-protection", "Data protection"),
    ),
}


def navigation(visitor: Visitor | None, path: str, prefix: str, *, public: bool) -> list[dict[str, Any]]:
    """The items of the service navigation; the one whose pages we are on is marked."""
    items = list(BY_ROLE.get(visitor.role or "", ())) if visitor else []
    if visitor and items and visitor.manages:
        items.append(("/people", "Colleagues"))
    if not items:
        items = [*((("/summary", "Open summary"),) if public else ()), *PUBLIC]
    here = max((to for to, _text in items if path == to or path.startswith(f"{to}/")), key=len, default=None)
    return [
        {"href": f"{prefix}{to}", "text": text, "current": to == path, "active": to == here and to != path}
        for to, text in items
    ]
