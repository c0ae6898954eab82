"""What JSON Schema cannot say: one small function a rule, named in rules.csv, over parts that passed the schema.

ruleset           the table of rules, and the clock that they read
checks_setting    checks_places    checks_rates    checks_ofsted       the rules, by part
check_rules       a setting's record -> issues
check_part_rules  one part alone -> issues
"""

from datetime import datetime

# Importing these modules enters their functions in the table.
from placefeed.schema import checks_ofsted, checks_places, checks_rates, checks_setting
from placefeed.schema.checks_places import available_places, unavailable_places
from placefeed.schema.issues import Issue, Place
from placefeed.schema.ruleset import CHECKS, Now, Part, Rule, is_future, issue, moment, rules, run

__all__ = [
    "Now", "Part", "Rule", "available_places", "check_part_rules", "check_rules", "checked_rules", "is_future", "issue",
    "moment", "rules", "unavailable_places",
]  # fmt: skip

_MODULES = (checks_setting, checks_places, checks_rates, checks_ofsted)


def check_rules(record: Part, *, now: datetime) -> list[Issue]:
    """The rules that a setting's record breaks, with pointers relative to it. The record must have passed the schema."""
    clock = moment(now)
    issues: list[Issue] = []
    if checks_setting.check_nothing_said(record):
        return [issue("nothing-said", place=Place(pointer=""))]
    run("settingRecord", record, record, clock, "", issues)
    for name in ("setting", "capacity", "ofsted"):
        if name in record:
            run(name, record[name], record, clock, f"/{name}", issues)
    for name, part in (("capacities", "capacity"), ("vacancies", "vacancy"), ("rates", "rate")):
        if name in record:
            for index, entry in enumerate(record[name]):
                run(part, entry, record, clock, f"/{name}/{index}", issues)
    return issues


def check_part_rules(part: str, document: Part, *, now: datetime) -> list[Issue]:
    """The rules that one part breaks by itself: `setting`, `capacity`, `vacancy`, `rate` or `ofsted`."""
    issues: list[Issue] = []
    run(part, document, {}, moment(now), "", issues)
    return issues


def checked_rules() -> frozenset[str]:
    """The ids of the rules that have a function in this package."""
    return frozenset({rule_id for checks in CHECKS.values() for rule_id, _, _ in checks} | {"nothing-said"})
