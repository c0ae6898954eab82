"""The control room by HTTP: what its tests lean on."""

from typing import Any

from sqlmodel import col, select

from placefeed.service.tables import Audit
from tests.service.api.exchange import World

EVIL = "<img src=x onerror=alert(1)>\"'"
HOMES = "/control/organisations/example-homes"


def done(answer: Any, to: str) -> None:
    assert answer.status_code == 303, answer.text[-3000:]
    assert answer.headers["location"].startswith(to), answer.headers["location"]


def refused(answer: Any, field: str, text: str) -> None:
    assert answer.status_code == 422, answer.status_code
    assert f'href="#{field}"' in answer.text
    assert f'id="{field}"' in answer.text
    assert text in answer.text


def audited(world: World, action: str) -> list[Audit]:
    with world.database.read() as session:
        return list(session.exec(select(Audit).where(Audit.action == action).order_by(col(Audit.id))))


def items(world: World, path: str) -> list[dict[str, Any]]:
    answer = world.call("operator", "GET", path)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["items"]
    return found
