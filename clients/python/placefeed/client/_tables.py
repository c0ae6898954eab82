"""Reports and listings as people read them on a terminal."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

SEVERITIES = {"error": ("Error", "bold red"), "warning": ("Warning", "yellow"), "advice": ("Advice", "cyan")}
VERDICTS = {
    "accepted": ("Accepted: nothing is wrong.", "green"),
    "unchanged": ("Unchanged: the exchange knows all of this already.", "green"),
    "partly-accepted": ("Partly accepted: what is listed below was left out.", "yellow"),
    "rejected": ("Rejected: mend what is listed below and send it again.", "bold red"),
    "working": ("The exchange is still at work on it.", "cyan"),
}
COLUMNS: Sequence[tuple[str, dict[str, Any]]] = (
    ("Setting", {"overflow": "fold", "ratio": 4}),
    ("Where", {"overflow": "fold", "ratio": 3}),
    ("Places", {"justify": "right"}),
    ("From", {"no_wrap": True}),
    ("Ages", {"no_wrap": True}),
    ("A week", {"justify": "right", "no_wrap": True}),
    ("Ofsted, overall", {"overflow": "fold", "ratio": 3}),
    ("Known", {"overflow": "fold", "ratio": 2}),
)
OUTCOMES = ("records", "accepted", "unchanged", "attested", "superseded", "held", "withdrawn", "rejected", "warnings")


def plain(value: object) -> str:
    """Text of unknown origin without control characters: a file must not steer the terminal."""
    return "".join(character if character.isprintable() else " " for character in str(value))


def print_report(console: Console, document: Mapping[str, Any], *, name: str | None = None) -> None:
    """A report: the verdict, the counts, and a row for each cause with where and what to do."""
    verdict = str(document.get("verdict") or "accepted")
    words, style = VERDICTS.get(verdict, (verdict, ""))
    issues: Sequence[Mapping[str, Any]] = document.get("issues") or []
    counts: Mapping[str, int] = document.get("counts") or {}
    if verdict == "accepted" and issues:
        words = "Accepted, with remarks."
    elif verdict == "accepted" and not any(counts.values()):
        words, style = "Nothing is wrong, but there is no record in it.", "yellow"
    console.print(Text.assemble((f"{plain(name)}: " if name else "", "bold"), (words, style)))
    said = [f"{counts[outcome]:,} {outcome}" for outcome in OUTCOMES if counts.get(outcome)]
    if said:
        console.print(Text("  " + ", ".join(said), "dim"))
    if issues:
        console.print(_issues(issues))


def _issues(issues: Sequence[Mapping[str, Any]]) -> RenderableType:
    table = Table(show_lines=True, header_style="bold", expand=False)
    table.add_column("", no_wrap=True)
    table.add_column("What", ratio=4, overflow="fold")
    table.add_column("Where", ratio=3, overflow="fold")
    table.add_column("What to do", ratio=4, overflow="fold")
    for issue in issues:
        label, style = SEVERITIES.get(str(issue.get("severity")), ("", ""))
        places = [where(place) for place in issue.get("places") or []]
        more = int(issue.get("count") or 0) - len(places)
        if more > 0 and places:
            places.append(f"and {more:,} more")
        what = Text.assemble(plain(issue.get("message") or ""), ("\n" + plain(issue.get("rule") or ""), "dim"))
        table.add_row(Text(label, style), what, Text("\n".join(places)), Text(plain(issue.get("advice") or "")))
    return table


def where(place: Mapping[str, Any]) -> str:
    """A place in words: `sheet Vacancies, cell C7`, `line 12, /capacity/occupied`, with the setting where known."""
    parts = []
    if place.get("sheet"):
        parts.append(f"sheet {place['sheet']}")
    if place.get("cell"):
        parts.append(f"cell {place['cell']}")
    if place.get("line"):
        parts.append(f"line {place['line']}")
    if place.get("pointer") and not place.get("cell"):
        parts.append(str(place["pointer"]))
    if place.get("urn"):
        parts.append(f"({place['urn']})")
    return plain(", ".join(parts).replace(", (", " (")) or "the whole file"


def print_listings(console: Console, items: Iterable[Mapping[str, Any]], *, totals: Mapping[str, int]) -> int:
    """Listings as a table; returns how many."""
    table = Table(header_style="bold", expand=False)
    for heading, options in COLUMNS:
        table.add_column(heading, **options)
    count = 0
    for item in items:
        table.add_row(*cells(item))
        count += 1
    if not count:
        console.print("No vacancy matches. Fewer filters show more.")
        return 0
    console.print(table)
    known = [
        f"{totals[name]:,} {words}"
        for name, words in (("available", "available"), ("unknown", "to confirm by phone"))
        if name in totals
    ]
    console.print(Text(f"{count:,} shown" + (f" of {' and '.join(known)}" if known else ""), "dim"))
    return count


def cells(item: Mapping[str, Any]) -> list[Text]:
    """A listing's cells, in the order of COLUMNS."""
    setting, vacancy = item.get("setting") or {}, item.get("vacancy") or {}
    name = setting.get("name") or (setting.get("provider") or {}).get("name") or ""
    ages = vacancy.get("ages") or {}
    unknown = item.get("availability") == "unknown"
    known = Text("confirm by phone", "yellow") if unknown else Text(plain(item.get("freshness") or ""))
    return [
        Text.assemble(
            (plain(name), "bold"),
            (f"\n{plain(item.get('urn') or '')} {plain(setting.get('provisionType') or '')}", "dim"),
        ),
        Text(
            plain(
                (setting.get("localAuthority") or {}).get("name")
                or (setting.get("localAuthority") or {}).get("code")
                or ""
            )
        ),
        Text(plain(vacancy.get("places", ""))),
        Text(plain(vacancy.get("from") or "")),
        Text(plain(f"{ages.get('from', '')}–{ages.get('to', '')}") if ages else ""),
        Text(_price(item.get("rates") or [])),
        Text(_overall(item.get("ofsted") or {})),
        known,
    ]


def _price(rates: Sequence[Mapping[str, Any]]) -> str:
    """The lowest weekly equivalent in pounds, or the range."""
    weekly = sorted(
        rate["weeklyEquivalentPence"] for rate in rates if isinstance(rate.get("weeklyEquivalentPence"), int)
    )
    if not weekly:
        return ""
    low, high = (f"£{pence / 100:,.0f}" for pence in (weekly[0], weekly[-1]))
    return low if low == high else f"{low}–{high}"


def _overall(ofsted: Mapping[str, Any]) -> str:
    codes = [
        str(judgement.get("code"))
        for judgement in ofsted.get("judgements") or []
        if judgement.get("aspect") == "overall"
    ]
    status = str(ofsted.get("status") or "")
    shown = [plain(code).replace("-", " ") for code in codes]
    return "\n".join(shown + ([f"({plain(status).replace('-', ' ')})"] if status not in ("", "confirmed") else []))
