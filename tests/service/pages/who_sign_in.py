"""Signing in, one's account, and colleagues."""

from datetime import timedelta
from typing import Any

from placefeed.service.access import invitations, links, people
from placefeed.service.access.who import OPERATOR, Caller
from placefeed.service.config import OidcProvider
from tests.service.api.exchange import World
from tests.service.pages.who import Row

EVERYBODY = (200, 200, 200, 200, 200)
SIGNED_IN = (200, 200, 200, 200, 303)
AND_ON = (303, 303, 303, 303, 303)
OURS_ONLY = (200, 404, 404, 404, 303)


def PREPARE(world: World) -> dict[str, Any]:  # noqa: N802 - its name in every module of these
    """Links that can be opened, and a colleague at the provider."""
    now = world.clock()
    with world.database.write() as session:
        token, invited = invitations.invite(
            session, organisation_id="lewisham", email="new@sign-in.example", name="New Person", level="reader",
            by=Caller(None, None, OPERATOR), settings=world.settings, now=now,
        )  # fmt: skip
        colleague = people.create_person(session, email="colleague@sign-in.example", name="A Colleague", now=now)
        people.give_post(session, colleague.id, "example-homes", level="reader", now=now)
        reset = links.make(session, kind=links.RESET, person_id=colleague.id, lasts=timedelta(hours=1), now=now)
    world.settings.oidc["lewisham"] = OidcProvider(
        title="Sign in with Lewisham", issuer="http://127.0.0.1:9", client_id="us", client_secret="x"
    )
    return {"invitation": token, "invited": invited.id, "colleague": colleague.id, "reset": reset}


ROWS = {
    ("GET", "/sign-in"): Row((303, 303, 303, 303, 200)),
    ("POST", "/sign-in"): Row((422, 422, 422, 422, 422)),
    ("GET", "/sign-in/code"): Row(AND_ON),
    ("POST", "/sign-in/code"): Row((422, 422, 422, 422, 422), form={"code": "123456"}),
    ("GET", "/sign-in/{name}"): Row((502, 502, 502, 502, 502), "/sign-in/lewisham"),  # nobody answers there
    ("GET", "/sign-in/{name}/back"): Row((400, 400, 400, 400, 400), "/sign-in/lewisham/back?code=a&state=b"),
    ("GET", "/organisations"): Row(SIGNED_IN),
    ("POST", "/organisations"): Row((303, 422, 422, 422, 303), form={"organisation": "example-homes"}),
    ("GET", "/invitations/{token}"): Row(EVERYBODY, "/invitations/{invitation}"),
    ("POST", "/invitations/{token}"): Row((422, 422, 422, 422, 422), "/invitations/{invitation}"),
    ("GET", "/new-password"): Row(EVERYBODY),
    ("POST", "/new-password"): Row(AND_ON, form={"email": "nobody@example.org"}),
    ("GET", "/new-password/{token}"): Row(EVERYBODY, "/new-password/{reset}"),
    ("POST", "/new-password/{token}"): Row((422, 422, 422, 422, 422), "/new-password/{reset}"),
    ("GET", "/account"): Row(SIGNED_IN),
    ("POST", "/account/name"): Row((422, 422, 422, 422, 303)),
    ("POST", "/account/password"): Row((422, 422, 422, 422, 303), form={"current": "not this one"}),
    ("POST", "/account/sign-ins/{id}/end"): Row(AND_ON, "/account/sign-ins/0123456789abcdef/end"),
    ("POST", "/account/sign-ins/end-others"): Row(AND_ON),
    ("GET", "/account/second-factor"): Row(SIGNED_IN),
    ("POST", "/account/second-factor"): Row((422, 422, 422, 422, 303), form={"code": "123456"}),
    ("POST", "/account/second-factor/off"): Row(AND_ON),
    ("GET", "/people"): Row(SIGNED_IN),
    ("GET", "/people/invite"): Row(SIGNED_IN),
    ("POST", "/people/invite"): Row((422, 422, 422, 422, 303)),
    ("GET", "/people/{id}"): Row(OURS_ONLY, "/people/{colleague}"),
    ("POST", "/people/{id}/level"): Row((303, 404, 404, 404, 303), "/people/{colleague}/level", {"level": "editor"}),
    ("POST", "/people/{id}/end"): Row((303, 404, 404, 404, 303), "/people/{colleague}/end"),
    ("POST", "/people/{id}/withdraw"): Row((404, 404, 303, 404, 303), "/people/{invited}/withdraw"),
    ("POST", "/sign-out"): Row(AND_ON),
}
