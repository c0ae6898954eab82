"""Rules over inspections and restrictions as a provider says them."""

from collections.abc import Iterator
from functools import cache

from placefeed.schema.codelists import codelist, judgements, rank
from placefeed.schema.ruleset import Found, Now, Part, reversed_days, rule
from placefeed.schema.texts import holds_postcode


@rule("dates-reversed", "ofsted", needs="inspections")
def _inspection_reversed(part: Part, _record: Part, _now: Now) -> Found:
    for index, inspection in enumerate(part["inspections"]):
        yield from reversed_days(
            f"/inspections/{index}/publishedOn", inspection["inspectedOn"], inspection.get("publishedOn")
        )


@rule("dates-reversed", "ofsted", needs="restrictions")
def _restriction_reversed(part: Part, _record: Part, _now: Now) -> Found:
    for index, restriction in enumerate(part["restrictions"]):
        yield from reversed_days(f"/restrictions/{index}/until", restriction["from"], restriction.get("until"))


@rule("address-in-text", "ofsted", needs="restrictions")
def _address_in_detail(part: Part, _record: Part, _now: Now) -> Found:
    for index, restriction in enumerate(part["restrictions"]):
        if "detail" in restriction and holds_postcode(restriction["detail"]):
            yield f"/restrictions/{index}/detail", ""


@rule("inspected-in-future", "ofsted", needs="inspections")
def _inspected_in_future(part: Part, _record: Part, now: Now) -> Found:
    late = [index for index, inspection in enumerate(part["inspections"]) if inspection["inspectedOn"] > now.today]
    return [(f"/inspections/{index}/inspectedOn", "") for index in late]


def _judged(part: Part) -> Iterator[tuple[str, Part]]:
    """Each inspection that has judgements, with the pointer to them."""
    for index, inspection in enumerate(part["inspections"]):
        if inspection.get("judgements"):
            yield f"/inspections/{index}/judgements", inspection


@cache
def _ungraded_kinds() -> frozenset[str]:
    rows = codelist("inspection-kinds").rows
    return frozenset(row["code"] for row in rows if row["graded"] == "no" and row["code"] != "other")


@cache
def _grades(framework: str) -> frozenset[str]:
    return frozenset(judgements(framework).codes)


@rule("grade-on-a-visit", "ofsted", needs="inspections")
def _grade_on_a_visit(part: Part, _record: Part, _now: Now) -> Found:
    ungraded = _ungraded_kinds()
    return [(pointer, "") for pointer, inspection in _judged(part) if inspection["kind"] in ungraded]


@rule("unknown-judgement", "ofsted", needs="inspections")
def _unknown_judgement(part: Part, _record: Part, _now: Now) -> Found:
    for pointer, inspection in _judged(part):
        framework = inspection["framework"]
        for number, judgement in enumerate(inspection["judgements"]):
            if judgement["code"] not in _grades(framework):
                grades = ", ".join(judgements(framework).codes)
                yield f"{pointer}/{number}/code", f"The framework {framework} has the grades {grades}."


@rule("judgement-twice", "ofsted", needs="inspections")
def _judgement_twice(part: Part, _record: Part, _now: Now) -> Found:
    for pointer, inspection in _judged(part):
        if len({judgement["aspect"] for judgement in inspection["judgements"]}) < len(inspection["judgements"]):
            yield pointer, ""


@rule("limiting-judgement", "ofsted", needs="inspections")
def _limiting_judgement(part: Part, _record: Part, _now: Now) -> Found:
    for pointer, inspection in _judged(part):
        codes = {judgement["aspect"]: judgement["code"] for judgement in inspection["judgements"]}
        if inspection["framework"] == "sccif-2017" and "inadequate" in codes.values() and "overall" in codes:
            overall = rank("sccif-2017", codes["overall"])
            floor = 4 if codes.get("helped-and-protected") == "inadequate" else 3
            limited = "inadequate" in (codes.get("helped-and-protected"), codes.get("leaders-and-managers"))
            if limited and overall is not None and overall < floor:
                yield pointer, ""
