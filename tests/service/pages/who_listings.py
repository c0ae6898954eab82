"""The pages of the list."""

from placefeed.service.access import searches, sign_ins
from tests.service.api.exchange import World
from tests.service.pages.who import Row
from tests.service.people import somebody


def PREPARE(world: World) -> dict[str, str]:  # noqa: N802 - a name of the table's
    """A listing, and a saved search of somebody whom none of the browsers is."""
    listing = world.call("member", "GET", "/v1/listings").json()["items"][0]["id"]
    _person, cookie = somebody(world.database, world.settings, "lewisham", name="Kim Patel", now=world.clock())
    with world.database.write() as session:
        visitor = sign_ins.visitor_of(session, cookie, settings=world.settings, now=world.clock())
        assert visitor is not None
        search_id = searches.save(session, visitor, name="Theirs", query="age=14", now=world.clock()).id
    return {"listing": listing, "search": search_id}


ANYBODY_ELSES = (403, 403, 404, 404, 303)

ROWS = {
    ("GET", "/list"): Row((403, 403, 200, 200, 303)),
    ("GET", "/list/rows/{ids}"): Row((403, 403, 200, 200, 303), "/list/rows/{listing}"),
    ("GET", "/list/compare"): Row((403, 403, 200, 200, 303), "/list/compare?id={listing}"),
    ("GET", "/policy"): Row((403, 403, 200, 403, 303)),
    ("POST", "/policy"): Row((403, 403, 303, 403, 303), form={"hidden": "sccif-2017:inadequate"}),
    ("GET", "/list/hidden"): Row((403, 403, 200, 403, 303)),
    ("POST", "/list/hidden"): Row((403, 403, 303, 403, 303), form={"reason": "review"}),
    ("POST", "/list/hidden/again"): Row((403, 403, 303, 403, 303), form={"query": "age=14"}),
    ("GET", "/searches"): Row((403, 403, 200, 200, 303)),
    ("POST", "/searches"): Row((403, 403, 303, 303, 303), form={"name": "Teenagers", "query": "age=14"}),
    ("POST", "/searches/{search_id}/name"): Row(ANYBODY_ELSES, "/searches/{search}/name", {"name": "Mine"}),
    ("POST", "/searches/{search_id}/delete"): Row(ANYBODY_ELSES, "/searches/{search}/delete", {"a": "b"}),
    ("POST", "/searches/{search_id}/emails"): Row(ANYBODY_ELSES, "/searches/{search}/emails", {"every": "daily"}),
    ("POST", "/searches/{search_id}/code"): Row(ANYBODY_ELSES, "/searches/{search}/code", {"code": "ABCD-EFGH"}),
    ("POST", "/searches/{search_id}/again"): Row(ANYBODY_ELSES, "/searches/{search}/again", {"a": "b"}),
    ("POST", "/searches/{search_id}/renew"): Row(ANYBODY_ELSES, "/searches/{search}/renew", {"a": "b"}),
    ("POST", "/searches/{search_id}/stop"): Row(ANYBODY_ELSES, "/searches/{search}/stop", {"a": "b"}),
}
