"""Sending: upload, reports, check, reminders."""

from datetime import timedelta
from typing import Any

from sqlmodel import Session, select

from placefeed.service.access import links
from placefeed.service.channels.reminders.wishes import stop_token
from placefeed.service.db import secret_of
from placefeed.service.tables import Submission
from tests.service.api.exchange import OURS, World
from tests.service.pages.who import Row
from tests.service.people import somebody


def PREPARE(world: World) -> dict[str, Any]:  # noqa: N802 - the table looks for this name
    """A submission of the provider, a link to confirm its homes, and one to stop reminders."""
    person_id, _cookie = somebody(world.database, world.settings, "example-homes", name="Pat Reed", now=world.clock())
    with world.database.write() as session:
        token = links.make(
            session, kind=links.UNCHANGED, person_id=person_id, organisation_id="example-homes",
            detail={"urns": [OURS]}, lasts=timedelta(hours=48), now=world.clock(),
        )  # fmt: skip
        submission = newest(session)
    stop = stop_token(person_id, "example-homes", secret=secret_of(world.settings))
    return {"submission": submission, "unchanged": token, "stop": stop}


def newest(session: Session) -> str:
    """The id of a submission."""
    return session.exec(select(Submission.id)).first() or ""


OPEN = (200, 200, 200, 200, 200)
ROWS = {
    ("GET", "/upload"): Row((200, 200, 403, 403, 303)),
    # A form without its file's kind of body; how files are taken is tested by itself.
    ("POST", "/upload"): Row((415, 415, 403, 403, 303)),
    ("GET", "/template.xlsx"): Row(OPEN),
    ("GET", "/reports"): Row((200, 200, 403, 403, 303)),
    ("GET", "/reports/{submission_id}"): Row((200, 404, 403, 200, 303), "/reports/{submission}"),
    ("GET", "/reports/{submission_id}/state"): Row((200, 404, 403, 200, 303), "/reports/{submission}/state"),
    ("GET", "/reports/{submission_id}/comments.{form}"): Row(
        (200, 404, 403, 200, 303), "/reports/{submission}/comments.csv"
    ),
    ("POST", "/reports/{submission_id}/absences"): Row(
        (409, 404, 403, 409, 303), "/reports/{submission}/absences", {"gone": "yes"}
    ),
    ("GET", "/check"): Row(OPEN),
    ("POST", "/check"): Row((415, 415, 415, 415, 415)),
    ("GET", "/unchanged/{token}"): Row(OPEN, "/unchanged/{unchanged}"),
    # Whoever comes first uses it up: roles are asked from the last to the first.
    ("POST", "/unchanged/{token}"): Row((404, 404, 404, 404, 200), "/unchanged/{unchanged}"),
    ("GET", "/reminders"): Row((200, 200, 200, 200, 303)),
    ("POST", "/reminders"): Row((303, 404, 404, 404, 303), "", {"organisation": "example-homes", "wanted": "no"}),
    ("GET", "/reminders/stop/{token}"): Row(OPEN, "/reminders/stop/{stop}"),
    ("POST", "/reminders/stop/{token}"): Row(OPEN, "/reminders/stop/{stop}"),
}
