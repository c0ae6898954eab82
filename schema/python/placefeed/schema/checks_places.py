"""Rules over counts of places and over the vacancies that offer them."""

from typing import cast

from placefeed.schema.ruleset import NOTHING, Found, Now, Part, reversed_days, rule
from placefeed.schema.texts import holds_postcode


def unavailable_places(capacity: Part) -> int | None:
    """Places that can't be offered, over all reasons; None where nothing is said of them."""
    return sum(entry["places"] for entry in capacity["unavailable"]) if "unavailable" in capacity else None


def available_places(capacity: Part) -> int | None:
    """Available places, said or worked out: only if all the other counts are given, and never below nought."""
    if "available" in capacity:
        return int(capacity["available"])
    counts = (
        capacity.get("registered"),
        capacity.get("occupied"),
        capacity.get("reserved"),
        unavailable_places(capacity),
    )
    if None in counts:
        return None
    registered, *taken = (int(count) for count in counts if count is not None)
    return max(0, registered - sum(taken))


@rule("over-registration", "capacity", needs="occupied")
def _over_registration(part: Part, _record: Part, _now: Now) -> Found:
    if part["occupied"] > part.get("registered", part["occupied"]):
        return [("/occupied", f"{part['occupied']} places are occupied, {part['registered']} are registered.")]
    return NOTHING


@rule("counts-do-not-add-up", "capacity", needs="registered")
def _counts(part: Part, _record: Part, _now: Now) -> Found:
    registered = part["registered"]
    counts = (part.get("occupied"), part.get("reserved"), unavailable_places(part), part.get("available"))
    total = sum(count for count in counts if count is not None)
    if total == registered:
        return NOTHING
    if part.get("occupied", 0) > registered:  # said by over-registration, unless places are offered on top
        wrong = bool(part.get("available"))
    else:
        wrong = total > registered or None not in counts
    return [("", f"The places come to {total}, but {registered} are registered.")] if wrong else NOTHING


@rule("dates-reversed", "capacity", needs="expected")
def _expected_reversed(part: Part, _record: Part, _now: Now) -> Found:
    for index, expected in enumerate(part["expected"]):
        yield from reversed_days(f"/expected/{index}/until", expected["from"], expected.get("until"))


@rule("no-places-but-accepting", "capacity", needs="acceptingReferrals")
def _nothing_to_accept(part: Part, record: Part, _now: Now) -> Found:
    if not part["acceptingReferrals"] or part.get("expected") or record.get("vacancies"):
        return NOTHING
    return [("/acceptingReferrals", "")] if available_places(part) == 0 else NOTHING


@rule("reason-but-accepting", "capacity", needs="notAcceptingReason")
def _reason_but_accepting(part: Part, _record: Part, _now: Now) -> Found:
    return [("/notAcceptingReason", "")] if part.get("acceptingReferrals") else NOTHING


@rule("reason-helps", "capacity", needs="acceptingReferrals")
def _reason_helps(part: Part, _record: Part, _now: Now) -> Found:
    unsaid = not part["acceptingReferrals"] and "notAcceptingReason" not in part
    return [("/acceptingReferrals", "")] if unsaid else NOTHING


# --- vacancies --------------------------------------------------------------------------------------


def _capacity_of(vacancy: Part, record: Part) -> Part | None:
    """The counts of the unit that a vacancy is in, where the same record has them."""
    unit = vacancy.get("unit")
    whole = record.get("capacity")
    if whole is not None and whole.get("unit") == unit:
        return cast(Part, whole)
    for capacity in record.get("capacities", ()):
        if capacity["unit"] == unit:
            return cast(Part, capacity)
    return None


@rule("places-above-registration", "vacancy", needs="places")
def _above_registration(part: Part, record: Part, _now: Now) -> Found:
    capacity = _capacity_of(part, record)
    if capacity is not None and part["places"] > capacity.get("registered", part["places"]):
        return [("/places", f"{part['places']} places are offered, {capacity['registered']} are registered.")]
    return NOTHING


@rule("vacancy-exceeds-available", "vacancy", needs="places")
def _exceeds_available(part: Part, record: Part, now: Now) -> Found:
    capacity = _capacity_of(part, record)
    if capacity is None or part["from"] > now.today:  # a later place may become free until then
        return NOTHING
    available = available_places(capacity)
    if available is None or part["places"] <= available or part["places"] > capacity.get("registered", part["places"]):
        return NOTHING
    return [("/places", f"{part['places']} places are offered, {available} are available.")]


@rule("offered-but-not-accepting", "vacancy", needs="from")
def _not_accepting(part: Part, record: Part, now: Now) -> Found:
    if part["from"] > now.today:
        return NOTHING
    capacity = _capacity_of(part, record)
    return [("", "")] if capacity is not None and capacity.get("acceptingReferrals") is False else NOTHING


@rule("dates-reversed", "vacancy", needs="until")
def _vacancy_reversed(part: Part, _record: Part, _now: Now) -> Found:
    return reversed_days("/until", part["from"], part["until"])


@rule("past-until", "vacancy", needs="until")
def _past_until(part: Part, _record: Part, now: Now) -> Found:
    over = part["from"] <= part["until"] < now.today
    return [("/until", f"The offer ended on {part['until']}.")] if over else NOTHING


@rule("ages-reversed", "vacancy", needs="family")
def _parents_reversed(part: Part, _record: Part, _now: Now) -> Found:
    ages = part["family"].get("parentAges", {})
    if ages.get("from", 0) <= ages.get("to", 99):
        return NOTHING
    return [("/family/parentAges", f"The parents' ages run from {ages['from']} to {ages['to']}.")]


@rule("nights-reversed", "vacancy", needs="nights")
def _nights_reversed(part: Part, _record: Part, _now: Now) -> Found:
    nights = part["nights"]
    return [("/nights", "")] if nights.get("min", 0) > nights.get("max", 366) else NOTHING


@rule("ages-outside-registration", "vacancy", needs="ages")
def _ages_outside(part: Part, record: Part, _now: Now) -> Found:
    registered = record["setting"].get("ages") if "setting" in record else None
    ages = part["ages"]
    if registered is None or ages["from"] > ages["to"] or registered["from"] > registered["to"]:
        return NOTHING
    if registered["from"] <= ages["from"] and ages["to"] <= registered["to"]:
        return NOTHING
    spans = f"{ages['from']} to {ages['to']}", f"{registered['from']} to {registered['to']}"
    return [("/ages", f"The vacancy is for ages {spans[0]}, the setting for {spans[1]}.")]


def _in_both(name: str, lists: Part) -> Found:
    both = set(lists.get("accepted", ())).intersection(lists.get("excluded", ()))
    return [(f"/{name}", f"Both accepted and excluded: {', '.join(sorted(both))}.")] if both else NOTHING


@rule("need-accepted-and-excluded", "vacancy", needs="needs")
def _need_in_both(part: Part, _record: Part, _now: Now) -> Found:
    return _in_both("needs", part["needs"])


@rule("need-accepted-and-excluded", "vacancy", needs="risks")
def _risk_in_both(part: Part, _record: Part, _now: Now) -> Found:
    return _in_both("risks", part["risks"])


@rule("unknown-rate", "vacancy", needs="rates")
def _unknown_rate(part: Part, record: Part, _now: Now) -> Found:
    if "rates" not in record:  # they may have been sent before
        return NOTHING
    known = {rate["id"] for rate in record["rates"]}
    return [(f"/rates/{index}", "") for index, name in enumerate(part["rates"]) if name not in known]


@rule("address-in-text", "vacancy", needs="notes")
def _address_in_notes(part: Part, _record: Part, _now: Now) -> Found:
    return [("/notes", "")] if holds_postcode(part["notes"]) else NOTHING
