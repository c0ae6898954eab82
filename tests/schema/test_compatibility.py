"""The gate for later versions finds what breaks and lets pass what does not, and released files never change."""

import copy
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from placefeed.schema import compatibility
from placefeed.schema.compatibility import Released, breaches, changed, load, main, recorded, write_checksums
from placefeed.schema.files import VERSION, find

Schemas = dict[str, dict[str, Any]]
Change = Callable[[Schemas], object]


@pytest.fixture(scope="module")
def old() -> Schemas:
    return load(find(VERSION))


def common(schemas: Schemas, name: str) -> dict[str, Any]:
    return schemas["common"]["$defs"][name]


def new_version(schemas: Schemas) -> object:
    """What every new version does: addresses of its own, and its number beside the old one."""
    for schema in schemas.values():
        schema["$id"] = schema["$id"].replace("/1.0/", "/1.1/")
    return common(schemas, "version")["enum"].append("1.1")


PASSES: dict[str, Change] = {
    "nothing": lambda s: None,
    "a new version's number": new_version,
    "an optional property of an input": lambda s: s["capacity"]["properties"].update({"shadow": {"type": "string"}}),
    "a code more in a closed list": lambda s: common(s, "gender")["enum"].append("another"),
    "a higher limit": lambda s: common(s, "count").update(maximum=20_000),
    "a property of an input that need no longer be given": lambda s: s["vacancy"]["required"].remove("from"),
    "a document more": lambda s: s.update(
        contract={"$id": "https://w3id.org/placefeed/1.0/contract", "type": "object"}
    ),
    "a property more in an output": lambda s: s["listing"]["properties"].update({"photograph": {"type": "string"}}),
    "a property of an output that is always given from now on": lambda s: s["listing"]["required"].append("url"),
    "an output that says less": lambda s: s["listing"]["properties"]["freshness"]["enum"].remove("ageing"),
    "other words in a description": lambda s: s["rate"]["properties"]["price"].update(description="Other words."),
}

BREAKS: dict[str, tuple[Change, str]] = {
    "a property of an input that must be given now": (
        lambda s: s["capacity"]["required"].append("occupied"),
        "capacity",
    ),
    "a code less": (lambda s: common(s, "gender")["enum"].remove("female"), "vacancy.genders[]"),
    "a lower limit": (lambda s: common(s, "count").update(maximum=50), "capacity.occupied"),
    "a property of an input that is gone": (lambda s: s["vacancy"]["properties"].pop("notes"), "vacancy"),
    "another kind": (lambda s: s["rate"]["properties"].update(vat={"type": "integer"}), "rate.vat"),
    "a narrower pattern": (lambda s: common(s, "urn").update(pattern="^SC[0-9]{6}$"), "feed.settings[].urn"),
    "a rule for two properties": (
        lambda s: s["capacity"].update(dependentRequired={"unit": ["registered"]}),
        "capacity",
    ),
    "a line form that is gone strict": (
        lambda s: s["feed"]["$defs"]["trailerLine"]["properties"]["count"].update(minimum=1),
        "trailerLine.count",
    ),
    "a document that is gone": (lambda s: s.pop("hold"), "hold"),
    "the old version's number is refused": (lambda s: common(s, "version").update(enum=["1.1"]), "feed.version"),
    "an output with a code that readers don't know": (
        lambda s: s["listing"]["properties"]["availability"]["enum"].append("perhaps"),
        "list.items[].availability",
    ),
    "an output that leaves out what was always there": (lambda s: s["listing"]["required"].remove("rates"), "listing"),
    "an output of another kind": (
        lambda s: s["report"]["properties"]["issues"]["items"]["properties"]["count"].update(type="string"),
        "report.issues[].count",
    ),
}


@pytest.mark.parametrize("change", PASSES.values(), ids=PASSES)
def test_what_breaks_nobody_passes(old: Schemas, change: Change) -> None:
    new = copy.deepcopy(old)
    change(new)

    assert [str(breach) for breach in breaches(old, new)] == []


@pytest.mark.parametrize(("change", "where"), BREAKS.values(), ids=BREAKS)
def test_what_breaks_somebody_is_found_at_its_place(old: Schemas, change: Change, where: str) -> None:
    new = copy.deepcopy(old)
    change(new)

    found = breaches(old, new)

    assert where in [f"{breach.document}{breach.path}" for breach in found]


def test_the_message_holds_a_counter_example(old: Schemas) -> None:
    new = copy.deepcopy(old)
    common(new, "gender")["enum"].remove("female")

    message = next(str(breach) for breach in breaches(old, new))

    assert "refuses what the old one took" in message
    assert '"const":"female"' in message


def test_a_new_version_may_change_a_provisional_document_only_as_any_other(old: Schemas) -> None:
    new = copy.deepcopy(old)
    new["hold"]["required"].append("need")

    assert [breach.document for breach in breaches(old, new)] == ["hold"]


def test_two_folders_are_compared_on_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    next_version = tmp_path / "1.1"
    shutil.copytree(find(VERSION), next_version)
    assert main([str(find(VERSION)), str(next_version)]) == 0

    capacity = next_version / "capacity.schema.json"
    capacity.write_text(capacity.read_text("utf-8").replace('"asOf"\n', '"asOf", "registered"\n', 1), encoding="utf-8")

    assert main([str(find(VERSION)), str(next_version)]) == 1
    assert "capacity: the new version refuses" in capsys.readouterr().out


def test_one_argument_too_few_is_explained(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["1.0"]) == 2
    assert "usage" in capsys.readouterr().err


def test_the_recorded_checksums_are_those_of_the_files() -> None:
    state, _ = recorded(find(VERSION))

    assert state in (f"{VERSION}-rc", "released")
    assert changed(find(VERSION)) == [], "schemas differ from SHA256SUMS: " + (
        "released files never change"
        if state == "released"
        else "run python -m placefeed.schema.compatibility checksums"
    )


@pytest.fixture
def version(tmp_path: Path) -> Path:
    folder = tmp_path / "1.0"
    shutil.copytree(find(VERSION), folder)
    (folder / compatibility.SUMS).unlink(missing_ok=True)
    write_checksums(folder)
    return folder


def test_a_candidate_may_change(version: Path) -> None:
    (version / "hold.schema.json").write_text("{}", encoding="utf-8")
    assert changed(version) == ["hold.schema.json"]

    write_checksums(version)

    assert changed(version) == []
    assert recorded(version)[0] == "1.0-rc"


def test_a_released_version_never_changes(version: Path) -> None:
    sums = version / compatibility.SUMS
    sums.write_text(sums.read_text("utf-8").replace("1.0-rc", "released"), encoding="utf-8")
    write_checksums(version)  # nothing differs, nothing happens
    (version / "hold.schema.json").write_text("{}", encoding="utf-8")

    with pytest.raises(Released, match=r"hold\.schema\.json.*never changes"):
        write_checksums(version)

    assert changed(version) == ["hold.schema.json"]


def test_a_schema_that_is_gone_or_new_is_a_change(version: Path) -> None:
    (version / "hold.schema.json").rename(version / "claim.schema.json")

    assert changed(version) == ["claim.schema.json", "hold.schema.json"]
