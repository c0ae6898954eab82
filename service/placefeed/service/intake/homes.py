"""What an organisation's own sources say of its homes: how old that is, and “nothing has changed” for one home or for all of them.

Only words that count are renewed: what the publisher found outranked by another source, or too old beside newer words, stays
as it is, so that nobody brings a dead feed back by confirming what members see.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, cast

import orjson
import sqlalchemy as sa
from sqlmodel import Session, col, select

from placefeed.schema.issues import Outcome, Report
from placefeed.service.access.sources import FEDERATION, by_hand_id
from placefeed.service.access.speaking import settings_of
from placefeed.service.clock import iso
from placefeed.service.config import Settings
from placefeed.service.intake.observe import lock_source
from placefeed.service.intake.parts import CAPACITY, SETTING, VACANCY, CheckedRecord, PartDocument
from placefeed.service.intake.updates import small_submission, take_in
from placefeed.service.tables import (
    Delegation,
    Organisation,
    RegisterSetting,
    SettingState,
    Source,
    SpeaksFor,
    Standing,
)

CHUNK = 500  # settings a statement or submission

State = Literal["fresh", "ageing", "stale", "gone", "silent"]


@dataclass(frozen=True, slots=True)
class Confirmed:
    """What became of “nothing has changed” for one home. `why` says in a sentence what was not confirmed, if anything."""

    urn: str
    name: str
    attested: bool
    why: str = ""


@dataclass(frozen=True, slots=True)
class Age:
    """How old the word on a home is. `silent`: nothing is said of it that ages; then there are no times.

    `as_of` is the oldest of its offers, or of its counts where it offers nothing: what members would miss first.
    """

    urn: str
    name: str
    state: State
    as_of: datetime | None = None
    ages_at: datetime | None = None
    unknown_at: datetime | None = None
    leaves_at: datetime | None = None


@dataclass(slots=True)
class _Said:
    """The live words on a home that count, by source; those of other organisations are only named."""

    own: dict[str, list[Standing]] = field(default_factory=dict)
    others: set[str] = field(default_factory=set)


def attest_all(
    session: Session, organisation_id: str, urns: Collection[str] | None = None, *, now: datetime
) -> list[Confirmed]:
    """Say for these homes (all that the organisation speaks for, if None) that nothing has changed, through each source that
    said what counts; what became of each, by URN. A URN that the organisation does not speak for is left out.
    """
    mine = settings_of(session, organisation_id)
    wanted = mine if urns is None else sorted(set(urns) & set(mine))
    names = names_of(session, wanted)
    said = _said(session, organisation_id, wanted)
    sources = {row.id: row for row in session.exec(select(Source).where(Source.organisation_id == organisation_id))}
    done: dict[str, set[str]] = {}
    for source_id in sorted({each for home in said.values() for each in home.own}):
        if sources[source_id].state != "active":
            continue
        homes = {urn: home.own[source_id] for urn, home in said.items() if source_id in home.own}
        for urn in _attest(session, sources[source_id], homes, now=now):
            done.setdefault(urn, set()).add(source_id)
    found = []
    for urn in wanted:
        home = said.get(urn, _Said())
        closed = [sources[each] for each in sorted(home.own) if sources[each].state != "active"]
        why = " ".join(f"“{source.name}” is {source.state}: ask the operator to open it again." for source in closed)
        if not home.own and home.others:
            why = f"{' and '.join(sorted(home.others))} tells us about this home: ask them to confirm it."
        elif not home.own:
            why = "You have told us nothing about this home yet: say how many places are free."
        found.append(Confirmed(urn, names[urn], urn in done, why))
    return found


def ageing(
    session: Session, organisation_id: str, now: datetime, settings: Settings, *, share: float | None = None
) -> list[Age]:
    """The homes whose word has used up a share of its freshness (`settings.remind_after` if not said), the oldest first.

    What has left the list already is among them; homes of which nothing is said are not.
    """
    used = settings.remind_after if share is None else share
    found = []
    for age in ages_of(session, organisation_id, now, settings):
        if age.as_of is not None and age.ages_at is not None and age.as_of + used * (age.ages_at - age.as_of) <= now:
            found.append(age)
    return sorted(found, key=lambda age: (age.as_of, age.urn))


def ages_of(session: Session, organisation_id: str, now: datetime, settings: Settings) -> list[Age]:
    """How old the word on each home is that the organisation speaks for, by URN."""
    urns = settings_of(session, organisation_id)
    names, said = names_of(session, urns), _said(session, organisation_id, urns)
    kinds = dict(_facts(session, urns, col(RegisterSetting.provision_type)))
    found = []
    for urn in urns:
        words = [word for words in said.get(urn, _Said()).own.values() for word in words]
        offers = [word.as_of for word in words if word.part == VACANCY]
        counts = [word.as_of for word in words if word.part == CAPACITY]
        # A newer count does not renew an offer, but the newest count of a home without offers is what we know of it.
        oldest = min(offers) if offers else max(counts, default=None)
        if oldest is None:
            found.append(Age(urn, names[urn], "silent"))
            continue
        ages_at, unknown_at, leaves_at = (oldest + limit for limit in settings.ages(kinds.get(urn)))
        state: State = (
            "fresh" if now < ages_at else "ageing" if now < unknown_at else "stale" if now < leaves_at else "gone"
        )
        found.append(Age(urn, names[urn], state, oldest, ages_at, unknown_at, leaves_at))
    return found


def names_of(session: Session, urns: Iterable[str]) -> dict[str, str]:
    """What to call each home: its own name as its provider says it, else the register's, else its URN."""
    wanted = list(urns)
    names = dict.fromkeys(wanted, "")
    names.update({urn: name for urn, name in _facts(session, wanted, col(RegisterSetting.name)) if name})
    for start in range(0, len(wanted), CHUNK):
        rows = session.execute(
            sa.select(col(Standing.urn), col(Standing.document))
            .join(Source, col(Source.id) == col(Standing.source_id))
            .where(
                col(Standing.urn).in_(wanted[start : start + CHUNK]),
                col(Standing.part) == SETTING,
                col(Standing.withdrawn).is_(False),
                col(Source.transport) != FEDERATION,
            )
            # The one that counts comes last: see publishing/pools.best.
            .order_by(col(Source.precedence).desc(), col(Standing.as_of))
        )
        for urn, document in rows:
            names[urn] = orjson.loads(document).get("name") or names[urn]
    return {urn: name or urn for urn, name in names.items()}


# -- steps ----------------------------------------------------------------------------------------------------------


def _attest(session: Session, source: Source, homes: dict[str, list[Standing]], *, now: datetime) -> set[str]:
    """Renew these words of one source; returns the homes that are confirmed now, also those with a newer word."""
    lock_source(session, source.id)
    # A hand that confirms a feed's word does not mean that the feed was heard.
    heard = source.id == by_hand_id(source.organisation_id)
    urns = sorted(homes)
    for start in range(0, len(urns), CHUNK):
        parts: dict[str, list[PartDocument]] = {}
        for row in _words(
            session, urns[start : start + CHUNK], Standing.source_id == source.id
        ):  # as it stands, locked
            if (row.part, row.item) in {(word.part, word.item) for word in homes[row.urn]} and row.as_of <= now:
                parts.setdefault(row.urn, []).append(_renewed(row, now))
        records = [CheckedRecord(urn, documents) for urn, documents in parts.items()]
        if records:
            name = f"attestation of {len(records)} settings" if len(records) > 1 else "attestation"
            submission = small_submission(session, source, name, [], urn=records[0].urn, now=now)
            outcomes = take_in(session, source, records, submission, heard=heard, now=now)
            report = Report()
            report.count("records", len(records))
            for record, outcome in zip(records, outcomes.records, strict=True):
                report.count(cast("Outcome", outcome))
                report.note_record({"urn": record.urn, "outcome": outcome})
            submission.report = {"submission": submission.id, **report.to_dict()}
            session.add(submission)
    session.flush()
    return set(urns)


def _renewed(row: Standing, now: datetime) -> PartDocument:
    return PartDocument(row.part, row.item, now, {**orjson.loads(row.document), "asOf": iso(now)}, row.hash)


def _words(session: Session, urns: Collection[str], *more: Any) -> list[Standing]:
    return list(
        session.exec(
            select(Standing)
            .where(col(Standing.urn).in_(urns), col(Standing.withdrawn).is_(False), *more)
            .order_by(col(Standing.urn), col(Standing.part), col(Standing.item))
            .execution_options(populate_existing=True)
        )
    )


def _said(session: Session, organisation_id: str, urns: list[str]) -> dict[str, _Said]:
    """The words that count of each home, as the publisher found when it last looked."""
    sources = {
        id: (owner, name)
        for id, owner, name in session.execute(
            sa.select(col(Source.id), col(Source.organisation_id), col(Organisation.name))
            .join(Organisation, col(Organisation.id) == col(Source.organisation_id))
            .where(col(Source.transport) != FEDERATION)
        )
    }
    speaks = _speaking(session, urns)
    found: dict[str, _Said] = {}
    for start in range(0, len(urns), CHUNK):
        some = urns[start : start + CHUNK]
        verdicts = {
            row.urn: row.explanation
            for row in session.exec(select(SettingState).where(col(SettingState.urn).in_(some)))
        }
        by_home: dict[str, list[Standing]] = {}
        for word in _words(session, some):
            if word.source_id in sources and sources[word.source_id][0] in speaks.get(word.urn, ()):
                by_home.setdefault(word.urn, []).append(word)
        for urn, words in by_home.items():
            home = found[urn] = _Said()
            for word in _counting(words, verdicts.get(urn, [])):
                owner, name = sources[word.source_id]
                if owner == organisation_id:
                    home.own.setdefault(word.source_id, []).append(word)
                else:
                    home.others.add(name)
    return found


def _counting(words: list[Standing], verdicts: list[dict[str, Any]]) -> list[Standing]:
    """Those of the live words on a home that count for what members see."""
    why = {(each["source"], each["vacancy"]): each["why"] for each in verdicts}
    outranked = {source for (source, _item), reasons in why.items() if "other-source" in reasons}
    ended = {key for key, reasons in why.items() if "ended" in reasons}
    past = {key for key, reasons in why.items() if "too-old" in reasons}
    kept = [
        word for word in words if word.source_id not in outranked and not (word.part == VACANCY and _key(word) in ended)
    ]
    offers = {_key(word) for word in kept if word.part == VACANCY}
    if not offers & past:
        return kept
    dead = {source for source, _item in offers & past} - {source for source, _item in offers - past}
    if dead == {word.source_id for word in kept}:  # all that was ever said is too old: the newest of it is meant
        newest = max(kept, key=lambda word: (word.as_of, word.source_id)).source_id
        return [word for word in kept if word.source_id == newest]
    return [word for word in kept if word.source_id not in dead and not (word.part == VACANCY and _key(word) in past)]


def _key(word: Standing) -> tuple[str, str]:
    return word.source_id, word.item


def _speaking(session: Session, urns: list[str]) -> dict[str, set[str]]:
    """Who may speak of each home: its provider, and those that it delegates to."""
    delegates: dict[str, set[str]] = {}
    for given in session.exec(select(Delegation).where(col(Delegation.revoked_at).is_(None))):
        delegates.setdefault(given.provider_id, set()).add(given.delegate_id)
    found: dict[str, set[str]] = {}
    for start in range(0, len(urns), CHUNK):
        for row in session.exec(
            select(SpeaksFor).where(col(SpeaksFor.urn).in_(urns[start : start + CHUNK]), SpeaksFor.state == "confirmed")
        ):
            found.setdefault(row.urn, set()).update({row.organisation_id, *delegates.get(row.organisation_id, ())})
    return found


def _facts(session: Session, urns: list[str], column: Any) -> list[tuple[str, Any]]:
    """A column of the register for each of these homes that is on it."""
    found: list[tuple[str, Any]] = []
    for start in range(0, len(urns), CHUNK):
        query = sa.select(col(RegisterSetting.urn), column).where(
            col(RegisterSetting.urn).in_(urns[start : start + CHUNK])
        )
        found += [(urn, value) for urn, value in session.execute(query)]
    return found
