"""Between the standard's `ofsted` documents and what `register/reconcile` speaks: one function a direction."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from placefeed.service.register.reconcile import DeclaredOfsted, Inspection, Judgement, Reconciled, Restriction


def declared_from(source: str, document: Mapping[str, Any]) -> DeclaredOfsted:
    """What a provider's `ofsted` part declares."""
    return DeclaredOfsted(
        source=source,
        registration_status=document.get("registrationStatus"),
        inspections=tuple(
            Inspection(
                framework=inspection["framework"],
                kind=inspection["kind"],
                inspected_on=date.fromisoformat(inspection["inspectedOn"]),
                published_on=_day(inspection.get("publishedOn")),
                judgements={judgement["aspect"]: judgement["code"] for judgement in inspection.get("judgements", ())},
                event=inspection.get("id"),
            )
            for inspection in document.get("inspections", ())
        ),
        restrictions=tuple(
            Restriction(restriction["kind"], _day(restriction.get("from")), _day(restriction.get("until")))
            for restriction in document.get("restrictions", ())
        ),
    )


def ofsted_document(reconciled: Reconciled) -> dict[str, Any]:
    """The `ofsted` part of a listing. What a register and a provider say stands apart, never mixed."""
    document: dict[str, Any] = {
        "status": reconciled.status,
        "judgements": [_judgement(judgement) for judgement in reconciled.judgements],
    }
    if reconciled.registration_status:
        document["registrationStatus"] = reconciled.registration_status
    if reconciled.declared:
        document["declared"] = [_judgement(judgement) for judgement in reconciled.declared]
    if reconciled.restrictions:
        document["restrictions"] = [_restriction(restriction) for restriction in reconciled.restrictions]
    if reconciled.register_as_at:
        document["registerAsAt"] = reconciled.register_as_at.isoformat()
    return document


def _judgement(judgement: Judgement) -> dict[str, Any]:
    shown = {
        "framework": judgement.framework,
        "aspect": judgement.aspect,
        "code": judgement.code,
        "inspectedOn": judgement.inspected_on.isoformat(),
        "origin": judgement.origin,
    }
    if judgement.published_on:
        shown["publishedOn"] = judgement.published_on.isoformat()
    return shown


def _restriction(restriction: Restriction) -> dict[str, str]:
    shown = {"kind": restriction.kind}
    if restriction.starts:
        shown["from"] = restriction.starts.isoformat()
    if restriction.until:
        shown["until"] = restriction.until.isoformat()
    return shown


def _day(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None
