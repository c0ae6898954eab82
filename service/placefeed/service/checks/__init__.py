"""What `placefeed doctor` looks at: each check says one thing in plain words, how bad it is, and what to do about it.

```
machine ─ configuration, secret, folder, disk        flow    ─ publisher, sources, subscriptions, schedule, spool, alerts
database ─ answers, version, shape, clock, leader,   outside ─ the exchange's own address and its list, mail server
           bell, connections, replica
```
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, Literal

from sqlalchemy.exc import SQLAlchemyError

from placefeed.service.clock import Clock
from placefeed.service.config import Settings
from placefeed.service.db import Database

Level = Literal["ok", "warn", "fail"]
LEVELS: Final[tuple[Level, ...]] = ("ok", "warn", "fail")
"""From good to bad: the place is the exit code."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found. `do` is empty where all is well."""

    check: str
    level: Level
    says: str
    do: str = ""


def ok(check: str, says: str) -> Finding:
    """All is well."""
    return Finding(check, "ok", says)


def warn(check: str, says: str, do: str) -> Finding:
    """It works, and should be looked at."""
    return Finding(check, "warn", says, do)


def fail(check: str, says: str, do: str) -> Finding:
    """It does not work."""
    return Finding(check, "fail", says, do)


@dataclass(frozen=True, slots=True)
class Patient:
    """What is looked at."""

    settings: Settings
    clock: Clock
    database: Database


Check = Callable[[Patient], Finding | None]
"""None: it does not apply here."""


def examine(settings: Settings, clock: Clock) -> Iterator[Finding]:
    """Every check, one after the other; the later ones only where the database answers and has the right shape."""
    from placefeed.service.checks import database, flow, machine, outside

    for check in machine.CHECKS:
        if (found := looked(check.__name__, lambda check=check: check(settings))) is not None:  # type: ignore[misc]
            yield found
    opened = database.opened(settings)
    if isinstance(opened, Finding):
        yield opened
        return
    patient = Patient(settings, clock, opened)
    try:
        for each in (*database.FIRST, *database.CHECKS, *flow.CHECKS, *outside.CHECKS):
            found = looked(each.__name__, lambda each=each: each(patient))  # type: ignore[misc]
            if found is not None:
                yield found
                if each in database.FIRST and found.level == "fail":
                    return
    finally:
        opened.close()


def looked(check: str, look: Callable[[], Finding | None]) -> Finding | None:
    """What a check found; one that stumbles says so, and the others go on."""
    name = check.replace("_", " ")
    try:
        return look()
    except SQLAlchemyError as error:
        reason = str(getattr(error, "orig", None) or error).strip().partition("\n")[0]
        return fail(name, f"The database did not answer this: {reason}", "See the database's own log.")
    except Exception as error:  # noqa: BLE001 - what a doctor cannot look at is a finding too
        return fail(
            name, f"This could not be looked at ({type(error).__name__}).", "Run it again; if it stays, tell us."
        )
