"""How rows are shown: one function each, from table to wire."""

from typing import Any

from placefeed.service.clock import iso
from placefeed.service.tables import (
    Alert,
    ApiKey,
    Audit,
    Certificate,
    Consortium,
    ConsortiumMember,
    ConsortiumProvider,
    Delegation,
    Organisation,
    RegisterFile,
    Source,
    SpeaksFor,
    Submission,
    Subscription,
)

Json = dict[str, Any]


def known(**values: Any) -> Json:
    """Only what is known: absent is unknown."""
    return {name: value for name, value in values.items() if value is not None}


def organisation(row: Organisation) -> Json:
    """An organisation."""
    return known(
        id=row.id,
        kind=row.kind,
        name=row.name,
        localAuthority=row.la_code,
        identifiers=row.identifiers,
        actsFor=row.acts_for,
        simulated=row.simulated,
        createdAt=iso(row.created_at),
    )


def consortium(row: Consortium, members: list[ConsortiumMember], providers: list[ConsortiumProvider]) -> Json:
    """A consortium with everybody's times in it."""
    return {
        "id": row.id,
        "name": row.name,
        "createdAt": iso(row.created_at),
        "members": [time(member) for member in members],
        "providers": [time(provider) for provider in providers],
    }


def time(row: ConsortiumMember | ConsortiumProvider) -> Json:
    """A time in a consortium."""
    return known(
        id=row.id,
        organisation=row.organisation_id,
        **{"from": row.valid_from.isoformat()},
        until=row.valid_until and row.valid_until.isoformat(),
    )


def key(row: ApiKey) -> Json:
    """A key, without its secret, which nobody has."""
    return known(
        id=row.id,
        organisation=row.organisation_id,
        role=row.role,
        scopes=row.scopes,
        source=row.source_id,
        label=row.label,
        createdAt=iso(row.created_at),
        expiresAt=row.expires_at and iso(row.expires_at),
        revokedAt=row.revoked_at and iso(row.revoked_at),
        replacedBy=row.replaced_by,
    )


def source(row: Source) -> Json:
    """A source; of its credential only whether there is one."""
    return known(
        id=row.id,
        organisation=row.organisation_id,
        name=row.name,
        transport=row.transport,
        format=row.format,
        mapping=row.mapping,
        address=row.address,
        hasCredential=row.credential is not None,
        cron=row.cron,
        expectedEvery=row.expected_every,
        precedence=row.precedence,
        state=row.state,
        stoppedWhy=row.stopped_why,
        lastHeardAt=row.last_heard_at and iso(row.last_heard_at),
        lastGoodAt=row.last_good_at and iso(row.last_good_at),
        lastError=row.last_error,
        lastPublishedAt=row.last_published_at and iso(row.last_published_at),
        lateSince=row.late_since and iso(row.late_since),
        simulated=row.simulated,
        createdAt=iso(row.created_at),
    )


def speaks_for(row: SpeaksFor) -> Json:
    """Who speaks (or may speak) for a setting."""
    return known(
        urn=row.urn,
        organisation=row.organisation_id,
        state=row.state,
        decidedBy=row.decided_by,
        decidedAt=row.decided_at and iso(row.decided_at),
    )


def delegation(row: Delegation) -> Json:
    """A delegation."""
    return known(
        id=row.id,
        provider=row.provider_id,
        delegate=row.delegate_id,
        createdAt=iso(row.created_at),
        revokedAt=row.revoked_at and iso(row.revoked_at),
    )


def register_file(row: RegisterFile) -> Json:
    """An imported file, with its counts."""
    return {
        **row.result,
        "id": row.id,
        "importedAt": iso(row.imported_at),
        "restricted": row.restricted,
        "sha256": row.sha256,
    }


def certificate(row: Certificate) -> Json:
    """What a certificate says, and who has seen it."""
    return known(
        urn=row.urn,
        provisionType=row.provision_type,
        places=row.places,
        localAuthority=row.la_code,
        owner=row.owner,
        registeredOn=row.registered_on.isoformat(),
        recordedBy=row.recorded_by,
        recordedAt=iso(row.recorded_at),
    )


def alert(row: Alert) -> Json:
    """Something that a person should look at."""
    return known(
        id=row.id,
        at=iso(row.at),
        kind=row.kind,
        severity=row.severity,
        message=row.message,
        organisation=row.organisation_id,
        source=row.source_id,
        urn=row.urn,
        resolvedAt=row.resolved_at and iso(row.resolved_at),
    )


def audit(row: Audit) -> Json:
    """Who did what."""
    return known(
        id=row.id,
        at=iso(row.at),
        key=row.key_id,
        person=row.person_id,
        organisation=row.organisation_id,
        role=row.role,
        action=row.action,
        subject=row.subject,
        detail=row.detail,
        times=row.times,
    )


def submission(row: Submission) -> Json:
    """A submission, without its report."""
    return known(
        id=row.id,
        source=row.source_id,
        organisation=row.organisation_id,
        receivedAt=iso(row.received_at),
        finishedAt=row.finished_at and iso(row.finished_at),
        contentType=row.content_type,
        name=row.name or None,
        size=row.size,
        sha256=row.sha256,
        state=row.state,
        complete=row.complete,
        publishedAt=row.published_at and iso(row.published_at),
        records=row.record_offset,
        verdict=(row.report or {}).get("verdict"),
    )


def subscription(row: Subscription) -> Json:
    """A subscription as its owner wrote it, with its state; never a secret."""
    return {**row.document, **known(id=row.id, state=row.state, createdAt=iso(row.created_at), error=row.reason)}
