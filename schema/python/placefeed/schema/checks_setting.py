"""Rules over a setting, and over a setting's record as a whole."""

from collections.abc import Iterable, Iterator
from datetime import date

from placefeed.schema.codelists import codelist, local_authority
from placefeed.schema.ruleset import NOTHING, Found, Now, Part, is_future, reversed_days, rule
from placefeed.schema.texts import holds_postcode

_PARTS_OF_A_RECORD = frozenset({"setting", "capacity", "capacities", "vacancies", "rates", "ofsted", "extensions"})


@rule("time-in-future", "setting", "capacity", "vacancy", "rate", "ofsted", needs="asOf")
def _time_in_future(part: Part, _record: Part, now: Now) -> Found:
    return [("/asOf", "")] if is_future(part["asOf"], now) else NOTHING


@rule("ages-reversed", "setting", "vacancy", needs="ages")
def _ages_reversed(part: Part, _record: Part, _now: Now) -> Found:
    ages = part["ages"]
    return [("/ages", f"The ages run from {ages['from']} to {ages['to']}.")] if ages["from"] > ages["to"] else NOTHING


@rule("dates-reversed", "setting", needs="registrations")
def _registration_reversed(part: Part, _record: Part, _now: Now) -> Found:
    for index, registration in enumerate(part["registrations"]):
        yield from reversed_days(f"/registrations/{index}/to", registration.get("from"), registration.get("to"))


@rule("address-in-text", "setting", needs="name")
def _address_in_name(part: Part, _record: Part, _now: Now) -> Found:
    return [("/name", "")] if holds_postcode(part["name"]) else NOTHING


@rule("address-in-text", "setting", needs="services")
def _address_in_service(part: Part, _record: Part, _now: Now) -> Found:
    for index, service in enumerate(part["services"]):
        if "title" in service and holds_postcode(service["title"]):
            yield f"/services/{index}/title", ""


def _authorities(part: Part) -> Iterator[tuple[str, str]]:
    if "localAuthority" in part:
        yield "/localAuthority", part["localAuthority"]
    for index, unit in enumerate(part.get("units", ())):
        if "localAuthority" in unit:
            yield f"/units/{index}/localAuthority", unit["localAuthority"]


@rule("unknown-local-authority", "setting", needs="provisionType")
def _unknown_authority(part: Part, _record: Part, _now: Now) -> Found:
    for pointer, code in _authorities(part):
        if local_authority(code) is None:
            yield pointer, f"The list of local authorities has no {code}."


@rule("old-local-authority", "setting", needs="provisionType")
def _old_authority(part: Part, _record: Part, now: Now) -> Found:
    for pointer, code in _authorities(part):
        found = local_authority(code)
        if found is not None and found.valid_until is not None and found.valid_until < date.fromisoformat(now.today):
            later = " or ".join(found.successors)
            yield pointer, f"{code} ({found.name}) has not been in use since {found.valid_until}; now it is {later}."


# --- the record -------------------------------------------------------------------------------------


def check_nothing_said(record: Part) -> bool:
    """Whether a record names a setting and has no part."""
    return _PARTS_OF_A_RECORD.isdisjoint(record)


@rule("capacity-twice", "settingRecord", needs="capacities")
def _capacity_twice(record: Part, _same: Part, _now: Now) -> Found:
    return [("/capacities", "")] if "capacity" in record else NOTHING


def _repeated(pointer: str, key: str, entries: Iterable[Part]) -> Iterator[tuple[str, str]]:
    seen: set[str] = set()
    for index, entry in enumerate(entries):
        if entry[key] in seen:
            yield f"{pointer}/{index}/{key}", ""
        seen.add(entry[key])


@rule("duplicate-id", "settingRecord", needs="vacancies")
def _vacancy_twice(record: Part, _same: Part, _now: Now) -> Found:
    return _repeated("/vacancies", "id", record["vacancies"]) if len(record["vacancies"]) > 1 else NOTHING


@rule("duplicate-id", "settingRecord", needs="rates")
def _rate_twice(record: Part, _same: Part, _now: Now) -> Found:
    return _repeated("/rates", "id", record["rates"]) if len(record["rates"]) > 1 else NOTHING


@rule("duplicate-id", "settingRecord", needs="capacities")
def _count_twice(record: Part, _same: Part, _now: Now) -> Found:
    return _repeated("/capacities", "unit", record["capacities"])


@rule("duplicate-id", "setting", needs="units")
def _unit_twice(part: Part, _record: Part, _now: Now) -> Found:
    return _repeated("/units", "id", part["units"])


@rule("unknown-unit", "settingRecord", needs="setting")
def _unknown_unit(record: Part, _same: Part, _now: Now) -> Found:
    if "units" not in record["setting"]:
        return
    units = {unit["id"] for unit in record["setting"]["units"]}
    if record.get("capacity", {}).get("unit") not in {None, *units}:
        yield "/capacity/unit", ""
    for name in ("capacities", "vacancies"):
        for index, part in enumerate(record.get(name, ())):
            if part.get("unit") not in {None, *units}:
                yield f"/{name}/{index}/unit", ""


@rule("provision-type-not-listed", "settingRecord", needs="vacancies")
def _not_listed(record: Part, _same: Part, _now: Now) -> Found:
    if not record["vacancies"] or "setting" not in record:
        return NOTHING
    listable = codelist("provision-types").row(record["setting"]["provisionType"])["listable"] == "yes"
    return NOTHING if listable else [("/setting/provisionType", "")]
