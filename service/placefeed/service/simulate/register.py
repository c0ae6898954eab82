"""Whom to simulate: the register of a database, a file of Ofsted's, or the invented England as a file of the same shape."""

import csv
import io
from collections import defaultdict
from collections.abc import Iterable
from datetime import date

import sqlalchemy as sa
from sqlmodel import Session, col, select

from placefeed.adapters.ofsted import OfstedInspection, OfstedRow
from placefeed.schema.codelists import codelist, judgements, region
from placefeed.service.tables import RegisterInspection, RegisterSetting

_HEADINGS = (
    "URN", "Provision type", "Registration date", "Registration status", "Name", "Government Office Region", "Local authority",
    "Sector", "Places", "Supported accommodation premises", "Short-break-only children's home", "Organisation which owns the provider",
    "Latest full inspection event type", "Latest full inspection date", "Latest full inspection publication date",
    "Latest full inspection event number", "Overall experiences and progress of children and young people",
    "How well children and young people are helped and protected", "The effectiveness of leaders and managers",
    "Supported accommodation outcome",
)  # fmt: skip


def ofsted_csv(rows: Iterable[OfstedRow], *, as_at: date) -> bytes:
    """An invented England as a provider-level list of Ofsted's shape, so that it comes in by the same door as the real one."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow([f"Simulated: an invented England – Provider level as at {as_at.day} {as_at:%B %Y}"])
    writer.writerow(_HEADINGS)
    for row in rows:
        writer.writerow(_cells(row))
    return text.getvalue().encode("utf-8-sig")


def _cells(row: OfstedRow) -> list[object]:
    area = region(row.region or "")
    short = {True: "Yes", False: "No", None: ""}[row.short_breaks_only]
    cells: list[object] = [
        row.urn, _title("provision-types", row.provision_type), _day(row.registered_on), _title("registration-statuses", row.registration_status),
        row.name, area.name if area else "", row.local_authority_text, _title("sectors", row.sector), row.places, row.premises, short, row.owner,
    ]  # fmt: skip
    if not row.inspections:
        return [*cells, *[""] * 8]
    seen = row.inspections[0]
    titles = judgements(seen.framework)
    grades = {aspect: titles.title(code) for aspect, code in seen.judgements.items()}
    supported = seen.framework == "supported-accommodation-2024"
    overall = grades.pop("overall", "")
    return [
        *cells, "Full inspection", _day(seen.inspected_on), _day(seen.published_on), seen.event, "" if supported else overall,
        grades.get("helped-and-protected", ""), grades.get("leaders-and-managers", ""), overall if supported else "",
    ]  # fmt: skip


def _title(name: str, code: str | None) -> str:
    """The word that Ofsted's files use for a code."""
    if code is None:
        return ""
    return codelist(name).row(code).get("ofsted", "").partition("|")[0] or codelist(name).title(code)


def _day(day: date | None) -> str:
    return f"{day:%d/%m/%Y}" if day else ""


def registered(session: Session) -> list[OfstedRow]:
    """The settings of the register that are there now, as rows; those of no owner are left out."""
    seen: defaultdict[str, list[OfstedInspection]] = defaultdict(list)
    for one in session.exec(select(RegisterInspection).order_by(sa.desc(col(RegisterInspection.inspected_on)))):
        seen[one.urn].append(
            OfstedInspection(
                one.event or None, one.kind, one.framework, one.inspected_on, one.published_on, dict(one.judgements)
            )
        )
    query = select(RegisterSetting).where(col(RegisterSetting.absent_since).is_(None), RegisterSetting.owner_key != "")
    return [
        OfstedRow(
            urn=setting.urn,
            line=0,
            provision_type=setting.provision_type,
            registration_status=setting.status,
            name=setting.name,
            owner=setting.owner,
            places=setting.places,
            local_authority=setting.la_code,
            region=setting.region,
            sector=setting.sector,
            short_breaks_only=setting.facts.get("shortBreaksOnly"),
            premises=setting.facts.get("premises"),
            inspections=tuple(seen.get(setting.urn, ())),
        )
        for setting in session.exec(query.order_by(col(RegisterSetting.urn)))
    ]
