"""Data protection."""

from tests.service.api.exchange import World
from tests.service.pages.who import Row
from tests.service.people import somebody

OPERATOR = (403, 403, 403, 200, 303)
ANYBODY = (200, 200, 200, 200, 200)
PERSON = "/data-protection/access/{person}"
ROWS = {
    ("GET", "/data-protection"): Row(OPERATOR),
    ("GET", "/data-protection/access"): Row(OPERATOR),
    ("POST", "/data-protection/access"): Row((403, 403, 403, 303, 303), form={"email": "somebody.to.find@example.org"}),
    ("GET", "/data-protection/access/{person_id}"): Row(OPERATOR, PERSON),
    ("GET", "/data-protection/access/{person_id}/copy"): Row(OPERATOR, PERSON + "/copy"),
    ("GET", "/data-protection/access/{person_id}/erase"): Row(OPERATOR, PERSON + "/erase"),
    ("POST", "/data-protection/access/{person_id}/erase"): Row((403, 403, 403, 303, 303), PERSON + "/erase"),
    ("GET", "/data-protection/{name}.{kind}"): Row(ANYBODY, "/data-protection/dpia.md"),
    ("GET", "/data-protection/{name}"): Row(ANYBODY, "/data-protection/sharing-agreement"),
}


def PREPARE(world: World) -> dict[str, str]:  # noqa: N802  # the name that test_who asks for
    """Somebody to find and to erase."""
    person_id, _cookie = somebody(
        world.database, world.settings, "lewisham", email="somebody.to.find@example.org", now=world.clock()
    )
    return {"person": person_id}
