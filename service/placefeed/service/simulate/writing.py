"""Writes a simulated world into a folder: the register, what each provider sends, and what happens later."""

from collections.abc import Callable, Iterable
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson

from placefeed.adapters.ofsted import OfstedRow
from placefeed.service.clock import iso
from placefeed.service.simulate.forms import Sending
from placefeed.service.simulate.register import ofsted_csv
from placefeed.service.simulate.world import World

BETWEEN = timedelta(hours=6)
"""Time from one later state to the next."""


def write(
    world: World,
    folder: Path,
    *,
    begun: datetime,
    changes: int = 0,
    single: bool = False,
    register: tuple[Iterable[OfstedRow], date] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, Any]:
    """Write, for a world that began at a moment, `00/` (everybody's first sending), `01/` ... (who has something to say later), `register.csv` and `manifest.json`.

    Returns the manifest. Files from before are written over, never removed. Raises OSError.
    """
    folder.mkdir(parents=True, exist_ok=True)
    manifest: dict[str, Any] = {
        "simulated": True,
        "seed": world.seed,
        "at": iso(begun),
        "settings": len(world.lives),
        "owners": len(world.owners),
        "states": [],
    }
    if register is not None:
        (folder / "register.csv").write_bytes(ofsted_csv(register[0], as_at=register[1]))
        manifest["register"] = {"file": "register.csv", "asAt": register[1].isoformat()}
    for number in range(changes + 1):
        at = begun + BETWEEN * number
        owners = world.owners if number == 0 else world.step(at)
        sent = [world.one_feed(now=at)] if single else world.sendings(owners, now=at)
        part = folder / f"{number:02}"
        part.mkdir(exist_ok=True)
        files = []
        for done, sending in enumerate(sent, start=1):
            (part / sending.name).write_bytes(sending.content)
            files.append(_entry(part.name, sending))
            if progress is not None:
                progress(done, len(owners))
        manifest["states"].append({"at": iso(at), "folder": part.name, "changed": dict(world.changed), "files": files})
    (folder / "manifest.json").write_bytes(orjson.dumps(manifest, option=orjson.OPT_INDENT_2))
    return manifest


def _entry(part: str, sending: Sending) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "file": f"{part}/{sending.name}", "owner": sending.owner, "contentType": sending.content_type, "settings": sending.settings,
    }  # fmt: skip
    if sending.mapping:
        entry["mapping"] = sending.mapping
    if sending.messy:
        entry["messy"] = sending.messy
    return entry
