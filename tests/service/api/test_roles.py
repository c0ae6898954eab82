"""Every route as every role: one table of what each is answered, and no route that is not in it."""

from typing import Any

import orjson
import pytest
from fastapi.routing import APIRoute
from sqlmodel import select
from tests.service.api.exchange import OURS, World, feed_of, ofsted_list

from placefeed.service.access.who import ROLE_SCOPES, SCOPES
from placefeed.service.api.deps import Allow
from placefeed.service.api.openapi import decision
from placefeed.service.app import PLAIN
from placefeed.service.tables import Alert, Listing, RegisterFile

ROLES = ("provider", "rival", "member", "operator", "nobody")

CAPACITY = {
    "asOf": "2026-07-01T13:59:00Z",
    "registered": 4,
    "occupied": 3,
    "reserved": 0,
    "available": 1,
    "acceptingReferrals": True,
}
VACANCY = {"asOf": "2026-07-01T13:59:00Z", "places": 1, "from": "2026-07-01", "ages": {"from": 11, "to": 16}}
RATE = {
    "asOf": "2026-07-01T13:59:00Z",
    "price": {"pence": 512500, "per": "week"},
    "validFrom": "2026-04-01",
    "offeredTo": "any",
}
CERTIFICATE = {"provisionType": "children-home", "registeredOn": "2026-06-20"}
TIME = {"from": "2026-08-01"}
FEED = orjson.dumps(feed_of(OURS))

S = f"/v1/settings/{OURS}"
T = "/v1/settings/{urn}"
W = "/v1/subscriptions/{subscription_id}"
WEBHOOK = {"channel": "webhook", "url": "https://93.184.215.14/placefeed"}

# Open to anyone, with or without a key.
OPEN = {
    ("GET", "/v1"): 200,
    ("GET", "/v1/feeds.json"): 200,
    ("GET", "/schema"): 307,
    ("GET", "/schema/{path:path}"): 200,
    ("GET", "/problems"): 200,
    ("GET", "/problems/{slug}"): 200,
    ("GET", "/openapi.json"): 200,
    ("GET", "/docs"): 200,
    ("GET", "/asyncapi.json"): 200,
    ("GET", "/healthz"): 200,
    ("GET", "/readyz"): 200,
    ("GET", "/metrics"): 200,
    ("GET", "/v1/public/summary"): 404,  # switched off
    ("GET", "/v1/open/feeds/summary"): 404,  # switched off
    ("GET", "/terms"): 200,
}

# Statuses of provider (whose the setting is), rival (another provider), member (who sees its listing), operator, nobody.
KEYED: dict[tuple[str, str], tuple[int, int, int, int, int]] = {
    ("POST", "/v1/submissions"): (200, 422, 403, 403, 401),
    ("GET", "/v1/submissions"): (200, 200, 403, 200, 401),
    ("GET", "/v1/submissions/{submission_id}"): (200, 404, 403, 200, 401),
    ("GET", "/v1/submissions/{submission_id}/report"): (200, 404, 403, 200, 401),
    ("POST", "/v1/submissions/{submission_id}/absences"): (409, 404, 403, 409, 401),
    ("PUT", f"{T}/capacity"): (200, 404, 403, 403, 401),
    ("PUT", f"{T}/capacities/{{item}}"): (201, 404, 403, 403, 401),
    ("PUT", f"{T}/vacancies/{{item}}"): (201, 404, 403, 403, 401),
    ("PUT", f"{T}/rates/{{item}}"): (201, 404, 403, 403, 401),
    ("DELETE", f"{T}/vacancies/{{item}}"): (200, 404, 403, 403, 401),
    ("DELETE", f"{T}/rates/{{item}}"): (200, 404, 403, 403, 401),
    ("GET", f"{T}/capacity"): (200, 404, 403, 403, 401),
    ("GET", f"{T}/capacities/{{item}}"): (404, 404, 403, 403, 401),
    ("GET", f"{T}/vacancies/{{item}}"): (200, 404, 403, 403, 401),
    ("GET", f"{T}/rates/{{item}}"): (404, 404, 403, 403, 401),
    ("POST", f"{T}/attestations"): (200, 404, 403, 403, 401),
    ("GET", "/v1/settings"): (200, 200, 200, 200, 401),
    ("GET", T): (200, 404, 200, 200, 401),
    ("GET", f"{T}/sources"): (200, 404, 200, 200, 401),
    ("GET", f"{T}/history"): (200, 404, 403, 200, 401),
    ("GET", f"{T}/register"): (200, 404, 200, 200, 401),
    ("GET", "/v1/listings"): (403, 403, 200, 200, 401),
    ("GET", "/v1/listings/stream"): (403, 403, 200, 200, 401),
    ("GET", "/v1/listings/{id}"): (403, 403, 200, 200, 401),
    ("GET", "/v1/feeds/vacancies"): (403, 403, 200, 200, 401),
    ("GET", "/v1/feeds/settings"): (403, 403, 200, 200, 401),
    ("GET", "/v1/editions/{id}/{file}"): (403, 403, 404, 404, 401),  # none has been made
    ("GET", f"{T}/certificate"): (403, 403, 403, 404, 401),
    ("PUT", f"{T}/certificate"): (403, 403, 403, 200, 401),
    ("DELETE", f"{T}/certificate"): (403, 403, 403, 204, 401),
    ("POST", "/v1/register/imports"): (403, 403, 403, 201, 401),
    ("GET", "/v1/register/imports"): (403, 403, 403, 200, 401),
    ("GET", "/v1/register/imports/{file_id}"): (403, 403, 403, 200, 401),
    ("GET", "/v1/organisations"): (403, 403, 403, 200, 401),
    ("POST", "/v1/organisations"): (403, 403, 403, 201, 401),
    ("GET", "/v1/organisations/{organisation_id}"): (403, 403, 403, 200, 401),
    ("PATCH", "/v1/organisations/{organisation_id}"): (403, 403, 403, 200, 401),
    ("GET", "/v1/consortia"): (403, 403, 403, 200, 401),
    ("POST", "/v1/consortia"): (403, 403, 403, 201, 401),
    ("GET", "/v1/consortia/{consortium_id}"): (403, 403, 403, 200, 401),
    ("PATCH", "/v1/consortia/{consortium_id}"): (403, 403, 403, 200, 401),
    ("POST", "/v1/consortia/{consortium_id}/members"): (403, 403, 403, 409, 401),
    ("PATCH", "/v1/consortia/{consortium_id}/members/{membership_id}"): (403, 403, 403, 200, 401),
    ("POST", "/v1/consortia/{consortium_id}/providers"): (403, 403, 403, 409, 401),
    ("PATCH", "/v1/consortia/{consortium_id}/providers/{taken_id}"): (403, 403, 403, 200, 401),
    ("GET", "/v1/speaks-for"): (403, 403, 403, 200, 401),
    ("POST", "/v1/speaks-for/proposals"): (403, 403, 403, 200, 401),
    ("POST", "/v1/speaks-for/confirm"): (403, 403, 403, 200, 401),
    ("POST", "/v1/speaks-for/refuse"): (403, 403, 403, 200, 401),
    ("GET", "/v1/delegations"): (403, 403, 403, 200, 401),
    ("POST", "/v1/delegations"): (403, 403, 403, 201, 401),
    ("DELETE", "/v1/delegations/{delegation_id}"): (403, 403, 403, 404, 401),
    ("GET", "/v1/keys"): (403, 403, 403, 200, 401),
    ("POST", "/v1/keys"): (403, 403, 403, 201, 401),
    ("POST", "/v1/keys/{key_id}/rotate"): (403, 403, 403, 404, 401),
    ("DELETE", "/v1/keys/{key_id}"): (403, 403, 403, 404, 401),
    ("GET", "/v1/sources"): (403, 403, 403, 200, 401),
    ("POST", "/v1/sources"): (403, 403, 403, 201, 401),
    ("GET", "/v1/sources/{source_id}"): (403, 403, 403, 200, 401),
    ("PATCH", "/v1/sources/{source_id}"): (403, 403, 403, 200, 401),
    ("POST", "/v1/sources/{source_id}/polls"): (403, 403, 403, 409, 401),
    # The subscription is the provider's, a webhook that has not taken its handshake; to all others there is none.
    ("POST", "/v1/subscriptions"): (201, 201, 201, 201, 401),
    ("GET", "/v1/subscriptions"): (200, 200, 200, 200, 401),
    ("GET", W): (200, 404, 404, 404, 401),
    ("PUT", W): (428, 404, 404, 404, 401),
    ("DELETE", W): (204, 404, 404, 404, 401),
    ("POST", f"{W}/pause"): (409, 404, 404, 404, 401),
    ("POST", f"{W}/resume"): (200, 404, 404, 404, 401),
    ("POST", f"{W}/rotate-secret"): (200, 404, 404, 404, 401),
    ("POST", f"{W}/test"): (409, 404, 404, 404, 401),
    ("POST", f"{W}/confirm"): (409, 404, 404, 404, 401),
    ("POST", f"{W}/resend"): (409, 404, 404, 404, 401),
    ("GET", f"{W}/status"): (200, 404, 404, 404, 401),
    ("GET", f"{W}/events"): (200, 404, 404, 404, 401),
    ("GET", f"{W}/deliveries"): (200, 404, 404, 404, 401),
    ("GET", "/v1/alerts"): (403, 403, 403, 200, 401),
    ("POST", "/v1/alerts/{alert_id}/resolve"): (403, 403, 403, 200, 401),
    ("GET", "/v1/audit"): (403, 403, 403, 200, 401),
}

BODIES: dict[tuple[str, str], dict[str, Any]] = {
    ("POST", "/v1/submissions"): {"content": FEED, "headers": {"Content-Type": "application/json"}},
    ("POST", "/v1/submissions/{submission_id}/absences"): {"json": {"confirm": True}},
    ("PUT", f"{T}/capacity"): {"json": CAPACITY},
    ("PUT", f"{T}/capacities/{{item}}"): {"json": CAPACITY},
    ("PUT", f"{T}/vacancies/{{item}}"): {"json": VACANCY},
    ("PUT", f"{T}/rates/{{item}}"): {"json": RATE},
    ("PUT", f"{T}/certificate"): {"json": CERTIFICATE},
    ("POST", "/v1/register/imports"): {
        "content": ofsted_list(("SC000009", "X")),
        "headers": {"Content-Type": "text/csv"},
    },
    ("POST", "/v1/organisations"): {"json": {"id": "new", "kind": "vendor", "name": "New"}},
    ("PATCH", "/v1/organisations/{organisation_id}"): {"json": {"name": "Renamed"}},
    ("POST", "/v1/consortia"): {"json": {"id": "new", "name": "New"}},
    ("PATCH", "/v1/consortia/{consortium_id}"): {"json": {"name": "Renamed"}},
    ("POST", "/v1/consortia/{consortium_id}/members"): {"json": {"organisation": "lewisham", **TIME}},
    ("PATCH", "/v1/consortia/{consortium_id}/members/{membership_id}"): {"json": {"until": "2026-08-01"}},
    ("POST", "/v1/consortia/{consortium_id}/providers"): {"json": {"organisation": "example-homes", **TIME}},
    ("PATCH", "/v1/consortia/{consortium_id}/providers/{taken_id}"): {"json": {"until": "2026-08-01"}},
    ("POST", "/v1/speaks-for/confirm"): {"json": {"organisation": "example-homes", "urns": [OURS]}},
    ("POST", "/v1/speaks-for/refuse"): {"json": {"organisation": "example-homes", "urns": [OURS]}},
    ("POST", "/v1/delegations"): {"json": {"provider": "example-homes", "delegate": "other-homes"}},
    ("POST", "/v1/keys"): {"json": {"organisation": "lewisham", "role": "member"}},
    ("POST", "/v1/keys/{key_id}/rotate"): {"json": {}},
    ("POST", "/v1/subscriptions"): {"json": WEBHOOK},
    ("PUT", W): {"json": WEBHOOK},
    ("POST", f"{W}/confirm"): {"json": {"code": "0000-0000"}},
    ("POST", f"{W}/resend"): {"json": {"from": 1}},
    ("POST", "/v1/sources"): {"json": {"organisation": "example-homes", "name": "New", "transport": "push"}},
    ("PATCH", "/v1/sources/{source_id}"): {"json": {"name": "Renamed"}},
}


@pytest.fixture
def filled(world: World) -> tuple[World, dict[str, str]]:
    """A world with something behind every address, and what its placeholders stand for."""
    submission = world.push("provider", feed_of(OURS)).json()["submission"]
    world.publish()
    with world.database.write() as session:
        alert = Alert(at=world.clock(), kind="x", severity="info", message="x")
        session.add(alert)
        session.flush()
        listing = session.exec(select(Listing.id)).one()
        file_id = session.exec(select(RegisterFile.id)).one()
        alert_id = alert.id
    south = world.call("operator", "GET", "/v1/consortia/south").json()
    subscription = world.call("provider", "POST", "/v1/subscriptions", json=WEBHOOK).json()["id"]
    return world, {
        "{submission_id}": submission,
        "{subscription_id}": subscription,
        "{urn}": OURS,
        "{item}": "v1",
        "{path:path}": "rules.csv",
        "{slug}": "stale",
        "{organisation_id}": "other-homes",
        "{consortium_id}": "south",
        "{membership_id}": str(south["members"][0]["id"]),
        "{taken_id}": str(south["providers"][0]["id"]),
        "{key_id}": "nothing",
        "{source_id}": "example-homes-push",
        "{alert_id}": str(alert_id),
        "{file_id}": str(file_id),
        "{delegation_id}": "99",
        "{id}": listing,
        "{file}": "manifest.json",
    }


@pytest.mark.parametrize("role", ROLES)
def test_every_route_answers_every_role_as_the_table_says(filled: tuple[World, dict[str, str]], role: str) -> None:
    world, values = filled
    expected = {route: statuses[ROLES.index(role)] for route, statuses in KEYED.items()} | OPEN
    # Reads before changes, so that what is changed does not matter to what is read.
    order = sorted(expected, key=lambda route: (route[0] != "GET", route[0] == "DELETE", list(expected).index(route)))

    answered = {}
    for method, template in order:
        path = template
        for placeholder, value in values.items():
            path = path.replace(placeholder, value)
        if template.startswith("/v1/editions"):
            path = "/v1/editions/latest/manifest.json"
        if method == "PUT":
            path = path.replace("/vacancies/v1", "/vacancies/v9")  # a new one
        # A stream never ends; HEAD is asked of the same route.
        asked = "HEAD" if template.endswith("/stream") else method
        answer = world.call(role, asked, path, **BODIES.get((method, template), {}))
        answered[method, template] = answer.status_code
        if answer.status_code >= 400:
            assert answer.headers["content-type"] == "application/problem+json", (method, template)

    assert {route: status for route, status in answered.items() if status != expected[route]} == {}


def test_every_route_is_in_the_table(bare: World) -> None:
    routes = {
        (method, getattr(route, "path", ""))
        for route in bare.app.routes
        for method in getattr(route, "methods", None) or ()
        if method != "HEAD" and getattr(route, "include_in_schema", True)  # pages have a table of their own
    }

    assert routes == set(KEYED) | set(OPEN)


def test_every_route_has_one_decision_with_a_scope_that_its_roles_can_have(bare: World) -> None:
    decisions: dict[str, list[Allow]] = {
        f"{sorted(route.methods or ())} {route.path}": decision(route)
        for route in bare.app.routes
        if isinstance(route, APIRoute) and route.include_in_schema
    }
    decisions |= {module.__name__: [module.ALLOWED] for module in PLAIN}

    for route, found in decisions.items():
        assert len(found) == 1, route
        (allow,) = found
        if allow.anyone:
            assert allow.roles == ("public",), route
        else:
            assert allow.scope in SCOPES, route
            assert all(allow.scope in ROLE_SCOPES[role] for role in allow.roles), route


def test_a_key_that_may_only_read_changes_nothing(filled: tuple[World, dict[str, str]]) -> None:
    world, values = filled
    for organisation, role in (("example-homes", "provider"), ("exchange", "operator")):
        made = world.call(
            "operator", "POST", "/v1/keys", json={"organisation": organisation, "role": role, "scopes": ["read"]}
        )
        world.keys[f"reading {role}"] = made.json()["key"]

    for method, template in (route for route in KEYED if route[0] != "GET"):
        path = template
        for placeholder, value in values.items():
            path = path.replace(placeholder, value)
        for role in ("reading provider", "reading operator"):
            assert world.call(role, method, path, **BODIES.get((method, template), {})).status_code == 403, (
                role,
                method,
                template,
            )
