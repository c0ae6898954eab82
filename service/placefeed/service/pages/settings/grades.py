"""What Ofsted says of a setting, in words: the grade and who confirms it, every inspection, notices, and what its files changed."""

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

from placefeed.schema.codelists import codelist, judgements, local_authority
from placefeed.service.pages.charts import Chart, Point, dots
from placefeed.service.pages.words import day, title_of

Json = Mapping[str, Any]

WHAT = {
    "joined": "It was in Ofsted’s list for the first time.",
    "left": "It was no longer in Ofsted’s list.",
    "returned": "It was in Ofsted’s list again.",
    "changed": "Its entry changed.",
}
FIELDS = {
    "provisionType": ("Kind of setting", "provision-types"),
    "status": ("Registration", "registration-statuses"),
    "owner": ("Owner", ""),
    "places": ("Registered places", ""),
    "localAuthority": ("Local authority", "places"),
    "region": ("Region", ""),
    "sector": ("Sector", "sectors"),
    "shortBreaksOnly": ("Short breaks only", ""),
    "multiBuilding": ("Several buildings", ""),
    "educationUrn": ("School", ""),
    "registeredOn": ("Registered on", "day"),
    "premises": ("Premises", ""),
    "registeredNeeds": ("Registered needs", "needs"),
}


def grade_of(framework: str, code: str) -> str:
    """A judgement in its framework's words."""
    for row in judgements(framework).rows:
        if row["code"] == code:
            return row["title"]
    return code.replace("-", " ")


def status(ofsted: Json | None) -> dict[str, Any]:
    """The newest overall grade, who confirms it, and what is declared beside it."""
    if not ofsted:
        return {"grade": None, "told": "Nothing is known of Ofsted’s view yet.", "disputed": [], "restrictions": []}
    overall = [each for each in ofsted.get("judgements", ()) if each["aspect"] == "overall"]
    # Of two on one day the register's: a list may have a declared one beside it.
    newest = max(
        overall, key=lambda each: (each.get("inspectedOn", ""), each.get("origin") != "declared"), default=None
    )
    as_at = f" as at {day(ofsted['registerAsAt'])}" if ofsted.get("registerAsAt") else ""
    told = {
        "confirmed": f"Confirmed by Ofsted’s list{as_at}."
        if newest
        else f"Ofsted’s list{as_at} has this setting, without a grade.",
        "disputed": f"Disputed: Ofsted’s list{as_at} and the provider differ about the same inspection. Both are shown below; Ofsted’s counts.",
        "newer-than-register": f"Newer than Ofsted’s list{as_at}: declared by the provider, and not confirmed yet.",
        "not-on-register": f"Not in Ofsted’s newest complete list{as_at}. It is not listed.",
        "unverified": "Not verified: no list of Ofsted’s has this setting yet.",
    }.get(ofsted.get("status", ""), "It is not known whether Ofsted confirms it.")
    return {
        "grade": None if newest is None else grade_of(newest["framework"], newest["code"]),
        "on": None if newest is None else newest.get("inspectedOn"),
        "declared": newest is not None and newest.get("origin") == "declared",
        "told": told,
        "status": ofsted.get("status"),
        "registration": title_of(ofsted.get("registrationStatus"), "registration-statuses"),
        "as_at": ofsted.get("registerAsAt"),
        "disputed": [_judged(each) for each in ofsted.get("declared", ())],
        "judged": [_judged(each) for each in ofsted.get("judgements", ())],
        "restrictions": [
            {
                "kind": title_of(each["kind"], "restriction-kinds"),
                "stops": _stops(each["kind"]),
                "from": each.get("from"),
                "until": each.get("until"),
            }
            for each in ofsted.get("restrictions", ())
        ],
    }


def _judged(each: Json) -> dict[str, Any]:
    return {
        "aspect": title_of(each["aspect"], "aspects"),
        "grade": grade_of(each["framework"], each["code"]),
        "framework": title_of(each["framework"], "frameworks"),
        "on": each.get("inspectedOn"),
        "whose": "the provider" if each.get("origin") == "declared" else "Ofsted’s list",
    }


def _stops(kind: str) -> bool:
    kinds = codelist("restriction-kinds")
    return kind not in kinds or kinds.row(kind)["stopsListing"] == "yes"


def inspections(found: Iterable[Json]) -> list[dict[str, Any]]:
    """Every inspection that the register has, as rows."""
    return [
        {
            "on": each["inspectedOn"],
            "published": each.get("publishedOn"),
            "kind": title_of(each["kind"], "inspection-kinds"),
            "framework": title_of(each["framework"], "frameworks"),
            "judged": [
                (title_of(one["aspect"], "aspects"), grade_of(each["framework"], one["code"]))
                for one in each["judgements"]
            ],
            "as_at": each.get("asAt"),
        }
        for each in found
    ]


def over_time(found: Iterable[Json]) -> list[Chart]:
    """The overall grades by day, a chart a framework: grades of two frameworks share no scale."""
    by_framework: dict[str, list[Point]] = {}
    for each in found:
        for one in each["judgements"]:
            if one["aspect"] == "overall":
                by_framework.setdefault(each["framework"], []).append(
                    Point(
                        date.fromisoformat(each["inspectedOn"]),
                        grade_of(each["framework"], one["code"]),
                        title_of(each["kind"], "inspection-kinds"),
                        open=each["kind"] != "full",
                    )
                )
    charts = []
    for number, (framework, points) in enumerate(by_framework.items(), 1):
        ranked = sorted(judgements(framework).rows, key=lambda row: int(row["rank"] or 0))
        used = {point.level for point in points}
        levels = list(dict.fromkeys(row["title"] for row in ranked))
        if len(levels) > 5:  # words that nobody used do not stand in the way
            levels = [level for level in levels if level in used]
        title = f"Overall grade over time: {title_of(framework, 'frameworks')}"
        charts.append(dots(f"grades-{number}", title, points, levels, columns=("Inspected on", "Overall", "Kind")))
    return charts


def changes(history: Iterable[Json]) -> list[dict[str, Any]]:
    """What changed between Ofsted's files. On joining everything is new: that is the setting itself, not a change."""
    return [
        {
            "as_at": each["asAt"],
            "what": WHAT.get(each["what"], each["what"]),
            "changed": []
            if each["what"] == "joined"
            else [
                (_field(name)[0], _value(name, pair[0]), _value(name, pair[1]))
                for name, pair in each["changed"].items()
            ],
        }
        for each in history
    ]


def _field(name: str) -> tuple[str, str]:
    return FIELDS.get(name, ("".join(f" {c.lower()}" if c.isupper() else c for c in name).capitalize(), ""))


def _value(name: str, value: Any) -> str:
    kind = _field(name)[1]
    if value is None or value == []:
        return "not stated"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(_value(name, each) for each in value)
    if kind == "places":
        place = local_authority(str(value))
        return place.name if place else str(value)
    if kind == "day":
        return day(str(value))
    return title_of(str(value), kind) if kind else str(value)
