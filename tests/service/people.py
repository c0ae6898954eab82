"""People for tests: made and signed in without the pages that do it, whose own tests are theirs."""

from datetime import datetime

from placefeed.service.access import people, sign_ins
from placefeed.service.config import Settings
from placefeed.service.db import Database


def somebody(
    database: Database,
    settings: Settings,
    organisation: str,
    *,
    level: str = "manager",
    name: str = "Sam Carter",
    email: str | None = None,
    now: datetime,
) -> tuple[str, str]:
    """A person with a post, signed in there: their id and their cookie."""
    address = email or f"{name}.{organisation}.{level}@example.org".lower().replace(" ", ".")
    with database.write() as session:
        person = people.find(session, address) or people.create_person(session, email=address, name=name, now=now)
        people.give_post(session, person.id, organisation, level=level, now=now)
        cookie = sign_ins.begin(session, person.id, how="test", browser="A test", settings=settings, now=now)
        visitor = sign_ins.visitor_of(session, cookie, settings=settings, now=now)
        assert visitor is not None
        sign_ins.choose(session, visitor, organisation)
        return person.id, cookie
