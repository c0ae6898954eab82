"""The keys of a demo, kept readable in its folder (mode 0600): only what is simulated may be opened with them."""

import os
from dataclasses import asdict, dataclass, field
from pathlib import Path

import orjson

FILE = "keys.json"


@dataclass(slots=True)
class Keys:
    """Who has which key, and of which England."""

    seed: int
    size: int | None
    ofsted: str | None
    operator: str = ""
    members: dict[str, str] = field(default_factory=dict)
    providers: dict[str, str] = field(default_factory=dict)
    folder_of: str | None = None  # the provider whose feed lies in a watched folder
    people: dict[str, dict[str, str]] = field(default_factory=dict)  # who signs in to the pages, and how

    def write(self, data: Path) -> None:
        """Put them into the folder, whole or not at all."""
        scratch = data / f"{FILE}.part"
        with open(os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(orjson.dumps({"simulated": True, **asdict(self)}, option=orjson.OPT_INDENT_2))
        scratch.chmod(0o600)
        scratch.replace(data / FILE)


def read(data: Path) -> Keys | None:
    """The keys of an earlier start; None where there was none. Raises ValueError for a file that is not whole."""
    try:
        found = orjson.loads((data / FILE).read_bytes())
    except FileNotFoundError:
        return None
    except orjson.JSONDecodeError:
        found = None
    names = set(Keys.__dataclass_fields__)
    if not isinstance(found, dict) or not names - {"people"} <= found.keys():  # a demo of before had nobody
        raise ValueError(
            f"{data / FILE} is not the file of keys of a demo. Remove the folder {data}, or name another with --data."
        )
    return Keys(**{name: found[name] for name in names & found.keys()})
