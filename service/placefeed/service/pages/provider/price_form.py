"""The form of a price by line, to the standard's document and back: pounds as people type them, whole pence kept."""

import re
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, Final

from placefeed.service.homes.seen import Buyer
from placefeed.service.pages.forms import Fields
from placefeed.service.pages.provider.vacancy_form import day_of

MOST_LINES = 100
SPARE = 4  # empty rows beside those that are filled, for browsers without scripts
SHARES: Final = (("care", "carePence", "Social care"), ("health", "healthPence", "Health"), ("education", "educationPence", "Education"))  # fmt: skip
ASKED: Final = {
    "id", "asOf", "title", "package", "price", "hoursPerWeek", "weeksPerYear", "vat", "lines", "funding", "contract", "offeredTo", "validFrom", "validUntil",
}  # fmt: skip
_AMOUNT = re.compile(r"£?\s*([0-9]{1,3}(?:,[0-9]{3})+|[0-9]{1,8})(?:\.([0-9]{1,2}))?")

Values = dict[str, Any]


def pence_of(text: str) -> int | None:
    """Pence of pounds as people type them: “5,125.00”, “£5125”, “£ 5,125.5”; None for what is no amount."""
    found = _AMOUNT.fullmatch(text.strip())
    if found is None:
        return None
    return int(found[1].replace(",", "")) * 100 + int((found[2] or "0").ljust(2, "0"))


def pounds(pence: int | None) -> str:
    """“5,125.00”, as it stands in a field."""
    return "" if pence is None else f"{pence // 100:,}.{pence % 100:02}"


def values_of(document: Mapping[str, Any], *, today: date) -> Values:
    """The fields of the form for a document."""
    price = document.get("price", {})
    contract, offered = document.get("contract", {}), document.get("offeredTo", "any")
    values: Values = {
        "title": document.get("title", ""),
        "price": pounds(price.get("pence")),
        "per": price.get("per", "week"),
        "for": price.get("unit", "place"),
        "hours": str(document.get("hoursPerWeek", "")),
        "weeks": str(document.get("weeksPerYear", "")),
        "package": document.get("package", ""),
        "contract": contract.get("type", ""),
        "framework": contract.get("framework", ""),
        "vat": document.get("vat", ""),
        "valid_from": document.get("validFrom", today.isoformat()),
        "valid_until": document.get("validUntil", ""),
        "offered": "any" if offered == "any" else "named",
        "buyers": [] if offered == "any" else keys_of(offered),
        "lines": [
            {
                "code": each["code"],
                "title": each.get("title", ""),
                "amount": pounds(each["pence"]),
                "included": each.get("included", True),
            }
            for each in document.get("lines", ())
        ],
    }
    for field, name, _title in SHARES:
        values[field] = pounds(document.get("funding", {}).get(name))
    return values


def typed(form: Fields) -> Values:
    """The fields as they were sent."""
    names = (
        "title",
        "price",
        "per",
        "for",
        "hours",
        "weeks",
        "package",
        "contract",
        "framework",
        "vat",
        "valid_from",
        "valid_until",
        "offered",
    )
    values: Values = {name: form.text(name) for name in (*names, *(each[0] for each in SHARES))}
    values["buyers"] = form.all("buyers")
    values["lines"] = [each for each in _lines(form) if each["code"] or each["title"] or each["amount"]]
    return values


def keys_of(offered: Mapping[str, Any]) -> list[str]:
    """Whom a price is offered to, as the values of the form's boxes: `scheme:id` of buyers, `agreement:id`."""
    buyers = [f"{each['scheme']}:{each['id']}" for each in offered.get("buyers", ())]
    return [*buyers, *(f"agreement:{each}" for each in offered.get("agreements", ()))]


def choices(buyers: Sequence[Buyer], chosen: Sequence[str]) -> list[tuple[str, str]]:
    """(value, text) of the boxes of buyers: those that take the provider, and whoever is named already."""
    found = [(f"placefeed:{each.key[2:]}", each.name) for each in buyers]
    known = {value for value, _text in found}
    return found + [(value, value) for value in chosen if value not in known]


def document_of(form: Fields, before: Mapping[str, Any], *, allowed: set[str]) -> dict[str, Any] | None:
    """The document that was typed; None where something cannot be read: then the form has the errors. `allowed`: known boxes of buyers."""
    values = typed(form)
    document: dict[str, Any] = {name: value for name, value in before.items() if name not in ASKED}
    for field, name in (("title", "title"), ("package", "package"), ("vat", "vat")):
        if values[field]:
            document[name] = values[field]
    price = _amount(form, "price", values["price"], "The price")
    if price is None:
        form.wrong("price", "Give the price, such as 5,125.00.")
    document["price"] = {"pence": price, "per": values["per"] or "week", "unit": values["for"] or "place"}
    if values["hours"]:
        try:
            document["hoursPerWeek"] = float(values["hours"])
        except ValueError:
            form.wrong("hours", "Hours a week must be a number, such as 25.")
    weeks = form.whole("weeks", least=1, most=52, what="Weeks a year")
    if weeks is not None:
        document["weeksPerYear"] = weeks
    if values["contract"]:
        document["contract"] = {
            "type": values["contract"],
            **({"framework": values["framework"]} if values["framework"] else {}),
        }
    elif values["framework"]:
        form.wrong("contract", "Say the kind of contract that the framework is of.")
    document["offeredTo"] = "any" if values["offered"] != "named" else _offered(values["buyers"], allowed)
    for name, value in (("validFrom", day_of(form, "valid_from", "The first day")), ("validUntil", day_of(form, "valid_until", "The last day"))):  # fmt: skip
        if value:
            document[name] = value
    if "validFrom" not in document:
        form.wrong("valid_from", "Give the first day of the price.")
    lines = _read_lines(form)
    if lines:
        document["lines"] = lines
    shares = {name: _amount(form, field, values[field], title) for field, name, title in SHARES if values[field]}
    if shares:
        document["funding"] = shares
    return None if form.errors else document


def field_of(steps: list[str]) -> str:
    """The field that a pointer into the document means."""
    first = steps[0] if steps else ""
    if first == "lines" and len(steps) > 1 and steps[1].isdigit():
        part = {"code": "code", "title": "title"}.get(steps[2] if len(steps) > 2 else "", "amount")
        return f"line_{part}-{steps[1]}"
    known = {"hoursPerWeek": "hours", "weeksPerYear": "weeks", "offeredTo": "offered", "validFrom": "valid_from", "validUntil": "valid_until", "funding": "care", "lines": "lines"}  # fmt: skip
    return known.get(first, first if first in ("title", "package", "vat", "contract") else "price")


def _offered(chosen: Sequence[str], allowed: set[str]) -> dict[str, Any]:
    buyers = [each.partition(":") for each in dict.fromkeys(chosen) if each in allowed]
    named = [{"scheme": scheme, "id": id} for scheme, _, id in buyers if scheme != "agreement"]
    agreements = [id for scheme, _, id in buyers if scheme == "agreement"]
    return {"buyers": named, **({"agreements": agreements} if agreements else {})}


def _lines(form: Fields) -> list[dict[str, Any]]:
    """The rows as they were sent: `included` has the numbers of the rows whose box is ticked."""
    codes, titles, amounts = form.all("line_code"), form.all("line_title"), form.all("line_amount")
    included = set(form.all("line_included"))
    numbers = form.all("line_row")
    rows = min(len(codes), len(titles), len(amounts), len(numbers), MOST_LINES)
    return [
        {
            "code": codes[row],
            "title": titles[row].strip(),
            "amount": amounts[row].strip(),
            "included": numbers[row] in included,
        }
        for row in range(rows)
    ]


def _read_lines(form: Fields) -> list[dict[str, Any]]:
    lines = []
    # Numbered without the empty rows: so they stand when the form is shown again.
    for number, row in enumerate(each for each in _lines(form) if each["code"] or each["title"] or each["amount"]):
        pence = _amount(form, f"line_amount-{number}", row["amount"], "The amount")
        if not row["code"]:
            form.wrong(f"line_code-{number}", "Say what this line is for.")
        if pence is None:
            form.wrong(f"line_amount-{number}", "Give the amount of this line, such as 1,200.00.")
            continue
        line: dict[str, Any] = {"code": row["code"], "pence": pence}
        if row["title"]:
            line["title"] = row["title"]
        if not row["included"]:
            line["included"] = False
        lines.append(line)
    return lines


def _amount(form: Fields, name: str, text: str, what: str) -> int | None:
    if not text:
        return None
    pence = pence_of(text)
    if pence is None:
        form.wrong(name, f"{what} must be an amount in pounds, such as 5,125.00.")
    return pence
