"""The control room: who runs the exchange, and nobody else."""

from typing import Any

from placefeed.service.access import invitations, organisations, people
from placefeed.service.access.who import ANYONE
from placefeed.service.tables import Absence, Alert, Delegation, Subscription
from tests.service.api.exchange import OURS, OURS_TOO, World, feed_of
from tests.service.pages.who import Row

SEES = (403, 403, 403, 200, 303)
CHANGES = (403, 403, 403, 303, 303)
ANSWERS = (403, 403, 403, 200, 303)
UNFIT = (403, 403, 403, 422, 303)

HERE = "/control/organisations/{organisation}"

ROWS = {
    ("GET", "/control"): Row(SEES),
    ("GET", "/control/alerts"): Row(SEES),
    ("POST", "/control/alerts/{alert_id}/resolve"): Row(CHANGES),
    ("GET", "/control/sources/{source_id}"): Row(SEES),
    ("POST", "/control/sources/{source_id}/state"): Row(CHANGES, form={"state": "active"}),
    ("POST", "/control/sources/{source_id}/poll"): Row((403, 403, 403, 409, 303)),
    ("GET", "/control/sources/{source_id}/change"): Row(SEES),
    ("POST", "/control/sources/{source_id}/change"): Row(UNFIT),
    ("GET", "/control/submissions"): Row(SEES),
    ("GET", "/control/held"): Row(SEES),
    ("GET", "/control/held/{submission_id}"): Row(SEES),
    ("POST", "/control/held/{submission_id}"): Row(UNFIT),
    ("GET", "/control/subscriptions"): Row(SEES),
    ("GET", "/control/subscriptions/{subscription_id}"): Row(SEES),
    ("POST", "/control/subscriptions/{subscription_id}/replay"): Row(UNFIT),
    ("POST", "/control/subscriptions/{subscription_id}/{what}"): Row(
        CHANGES, "/control/subscriptions/{subscription_id}/pause"
    ),
    ("GET", "/control/organisations"): Row(SEES),
    ("GET", "/control/organisations/new"): Row(SEES),
    ("POST", "/control/organisations/new"): Row(UNFIT),
    ("GET", "/control/organisations/{organisation_id}"): Row(SEES, HERE),
    ("GET", "/control/organisations/{organisation_id}/change"): Row(SEES, f"{HERE}/change"),
    ("POST", "/control/organisations/{organisation_id}/change"): Row(UNFIT, f"{HERE}/change"),
    ("GET", "/control/organisations/{organisation_id}/settings"): Row(SEES, f"{HERE}/settings"),
    ("POST", "/control/organisations/{organisation_id}/settings"): Row(UNFIT, f"{HERE}/settings"),
    ("GET", "/control/organisations/{organisation_id}/delegations"): Row(SEES, f"{HERE}/delegations"),
    ("POST", "/control/organisations/{organisation_id}/delegations"): Row(UNFIT, f"{HERE}/delegations"),
    ("POST", "/control/organisations/{organisation_id}/delegations/{delegation_id}/revoke"): Row(
        CHANGES, HERE + "/delegations/{delegation_id}/revoke"
    ),
    ("GET", "/control/organisations/{organisation_id}/keys"): Row(SEES, f"{HERE}/keys"),
    ("POST", "/control/organisations/{organisation_id}/keys"): Row(UNFIT, f"{HERE}/keys"),
    ("POST", "/control/organisations/{organisation_id}/keys/{key_id}/rotate"): Row(
        ANSWERS, HERE + "/keys/{key_id}/rotate"
    ),
    ("POST", "/control/organisations/{organisation_id}/keys/{key_id}/revoke"): Row(
        CHANGES, HERE + "/keys/{key_id}/revoke"
    ),
    ("GET", "/control/organisations/{organisation_id}/people"): Row(SEES, f"{HERE}/people"),
    ("POST", "/control/organisations/{organisation_id}/people"): Row(UNFIT, f"{HERE}/people"),
    ("POST", "/control/organisations/{organisation_id}/people/{person_id}/level"): Row(
        CHANGES, HERE + "/people/{person_id}/level", {"level": "editor"}
    ),
    ("POST", "/control/organisations/{organisation_id}/people/{person_id}/end"): Row(
        CHANGES, HERE + "/people/{person_id}/end"
    ),
    ("POST", "/control/organisations/{organisation_id}/people/{person_id}/withdraw"): Row(
        CHANGES, HERE + "/people/{invited}/withdraw"
    ),
    ("GET", "/control/organisations/{organisation_id}/sources/new"): Row(SEES, f"{HERE}/sources/new"),
    ("POST", "/control/organisations/{organisation_id}/sources/new"): Row(UNFIT, f"{HERE}/sources/new"),
    ("GET", "/control/people"): Row(SEES),
    ("GET", "/control/people/{person_id}"): Row(SEES),
    ("POST", "/control/people/{person_id}/disable"): Row(CHANGES),
    ("POST", "/control/people/{person_id}/enable"): Row(CHANGES),
    ("GET", "/control/consortia"): Row(SEES),
    ("GET", "/control/consortia/new"): Row(SEES),
    ("POST", "/control/consortia/new"): Row(UNFIT),
    ("GET", "/control/consortia/{consortium_id}"): Row(SEES, "/control/consortia/south"),
    ("POST", "/control/consortia/{consortium_id}/name"): Row(UNFIT, "/control/consortia/south/name"),
    ("POST", "/control/consortia/{consortium_id}/join"): Row(UNFIT, "/control/consortia/south/join"),
    ("GET", "/control/consortia/{consortium_id}/{side}/{time_id}/end"): Row(
        SEES, "/control/consortia/south/members/1/end"
    ),
    ("POST", "/control/consortia/{consortium_id}/{side}/{time_id}/end"): Row(
        UNFIT, "/control/consortia/south/members/1/end"
    ),
    ("GET", "/control/register"): Row(SEES),
    # A form without a file is not read at all: what it may be is told before who sends it would matter.
    ("POST", "/control/register"): Row((403, 403, 403, 415, 303)),
    ("GET", "/control/register/{file_id}"): Row(SEES, "/control/register/1"),
    ("GET", "/control/certificates"): Row(SEES),
    ("POST", "/control/certificates"): Row(UNFIT),
    ("POST", "/control/certificates/{urn}/withdraw"): Row((403, 403, 403, 404, 303)),
    ("GET", "/control/audit"): Row(SEES),
    ("GET", "/control/audit/file"): Row(SEES),
}


def PREPARE(world: World) -> dict[str, Any]:  # noqa: N802 - the table's name for it
    """One of each thing that a page is about."""
    now = world.clock()
    with world.database.write() as session:
        alert = Alert(at=now, kind="source-late", severity="warning", message="Late.")
        session.add(alert)
        person = people.create_person(session, email="colleague@example.org", name="A Colleague", now=now)
        people.give_post(session, person.id, "example-homes", level="reader", now=now)
        organisations.create_organisation(session, "a-vendor", kind="vendor", name="A Vendor", now=now)
        delegation: Delegation = organisations.delegate(session, "other-homes", delegate_id="example-homes", now=now)
        session.add(
            Subscription(
                id="sub-1", organisation_id="lewisham", role="member", key_id="none", channel="webhook", state="active",
                document={"channel": "webhook", "url": "https://member.example/hook?token=hush"}, created_at=now,
                changed_at=now, start=0,
            )
        )  # fmt: skip
        session.flush()
        _token, invited = invitations.invite(
            session, organisation_id="example-homes", email="new@example.org", name="New", level="reader", by=ANYONE,
            settings=world.settings, now=now,
        )  # fmt: skip
        ids = {"alert_id": alert.id, "person_id": person.id, "delegation_id": delegation.id, "invited": invited.id}
    held = world.push("provider", feed_of(OURS, OURS_TOO, as_of="2026-07-01T13:51:00Z")).json()
    with world.database.write() as session:
        session.add(
            Absence(
                source_id="example-homes-push", urn=OURS, parts="vacancy", submission_id=held["submission"], as_of=now
            )
        )
    return {
        **ids,
        "submission_id": held["submission"],
        "source_id": "example-homes-push",
        "subscription_id": "sub-1",
        "organisation": "example-homes",
        "key_id": world.keys["provider"].split("_")[1],
    }
