"""What flows through: whether it is published, sources speak, subscribers are told, and the schedule's slots end well."""

from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlmodel import Session, col, func, select

from placefeed.service.checks import Finding, Patient, fail, ok, warn
from placefeed.service.figures import figures
from placefeed.service.intake.spool import NAME
from placefeed.service.tables import Alert, JobRun, Source, Submission, Subscription
from placefeed.service.vitals import vitals

NAMED = 5  # ids in a sentence
LEFT_OVER = timedelta(days=1)  # of a spooled file that no submission names
A_DAY = timedelta(days=1)
WAITS_LONG = timedelta(hours=1)


def publisher(patient: Patient) -> Finding:
    """Whether what is pending or due is published."""
    with patient.database.read() as session:
        seen = vitals(session, patient.clock())
    says = (
        f"{seen.pending_small + seen.pending_bulk:,} settings wait, the oldest for {seen.pending_age.total_seconds():.0f} s; "
        f"{seen.due:,} are due, the first for {seen.due_age.total_seconds():.0f} s."
    )
    if seen.behind(patient.settings.behind_after):
        return fail(
            "publisher", says, "Start `placefeed worker`; if one runs, look in its log for “background step failed”."
        )
    return ok("publisher", says)


def sources(patient: Patient) -> Finding:
    """Which sources are late, and which have stopped."""
    with patient.database.read() as session:
        late = list(session.exec(select(Source.id).where(col(Source.late_since).is_not(None)).order_by(Source.id)))
        stopped = list(session.exec(select(Source.id).where(Source.state == "stopped").order_by(Source.id)))
        count = session.exec(select(func.count()).select_from(Source)).one()
    if late or stopped:
        said = [f"{len(ids)} {how} ({_some(ids)})" for how, ids in (("late", late), ("stopped", stopped)) if ids]
        return warn("sources", f"Of {count:,} sources, {' and '.join(said)}.", "See `placefeed source list`.")
    return ok("sources", f"None of {count:,} sources is late or stopped.")


def subscriptions(patient: Patient) -> Finding:
    """Which subscriptions have ended in error, and whether the others are told."""
    with patient.database.read() as session:
        seen = figures(session, patient.clock())
        ended = list(
            session.exec(select(Subscription.id).where(Subscription.state == "error").order_by(Subscription.id))
        )
    active = [row for row in seen.told if row.state == "active"]
    waiting, oldest = sum(row.waiting for row in active), max((row.oldest for row in active), default=timedelta(0))
    says = f"{sum(row.count for row in active):,} are active; {waiting:,} notices wait, the oldest for {oldest.total_seconds():.0f} s."
    if ended:
        return warn(
            "subscriptions", f"{len(ended)} have ended in error ({_some(ended)}). {says}", "Their owners must mend the receiver and resume them."
        )  # fmt: skip
    if oldest > WAITS_LONG:
        return warn(
            "subscriptions", says, "See who fails: GET /v1/subscriptions/{id}/status. If all do, look at the worker."
        )
    return ok("subscriptions", says)


def schedule(patient: Patient) -> Finding:
    """Slots of the last day that failed, or whose worker died and nobody followed."""
    now = patient.clock()
    with patient.database.read() as session:
        failed = _jobs(session, col(JobRun.finished_at) > now - A_DAY, col(JobRun.outcome).like("failed:%"))
        abandoned = _jobs(session, col(JobRun.finished_at).is_(None), col(JobRun.lease_until) < now)
        newest = session.exec(select(func.max(JobRun.slot))).one()
    if failed or abandoned:
        said = [
            f"{sum(jobs.values())} {how} ({', '.join(f'{job}: {count}' for job, count in list(jobs.items())[:NAMED])})"
            for how, jobs in (("failed in the last day", failed), ("were left by a worker that died", abandoned))
            if jobs
        ]
        return warn("schedule", f"Of the schedule's slots, {' and '.join(said)}.", "See the log for “job failed”.")
    if newest is None:
        return ok("schedule", "No job has run yet.")
    return ok("schedule", f"No job failed in the last day; the newest slot is {_ago(newest, now)} old.")


def _jobs(session: Session, *where: sa.ColumnElement[bool]) -> dict[str, int]:
    query = (
        select(JobRun.job, func.count()).where(*where).group_by(JobRun.job).order_by(func.count().desc(), JobRun.job)
    )
    return dict(session.exec(query).all())


def spool(patient: Patient) -> Finding:
    """Whether the bytes of what is being worked are here, and nothing else is left."""
    folder = patient.settings.data / "spool"
    with patient.database.read() as session:
        rows = session.exec(select(Submission.id, Submission.spool).where(col(Submission.spool).is_not(None))).all()
    files = {path.name: path for path in folder.iterdir() if NAME.fullmatch(path.name)} if folder.is_dir() else {}
    lost = [id for id, name in rows if name not in files]
    if lost:
        return fail(
            "spool",
            f"The spooled bytes of {len(lost)} submissions ({_some(lost)}) are not in {folder}.",
            "Let every process share one data folder, or look on the machine that took them in.",
        )
    named = {name for _id, name in rows}
    old = (patient.clock() - LEFT_OVER).timestamp()
    left = [name for name, path in files.items() if name not in named and path.stat().st_mtime < old]
    if left:
        return warn(
            "spool", f"{len(left)} files in {folder} belong to no submission.", "Run `placefeed run purge`, which removes them."
        )  # fmt: skip
    return ok("spool", f"{len(rows)} large submissions wait or are worked; nothing is left over.")


def alerts(patient: Patient) -> Finding:
    """What a person should have looked at."""
    with patient.database.read() as session:
        count, urgent = session.exec(
            select(
                func.count(), func.coalesce(func.sum(sa.case((col(Alert.severity) == "urgent", 1), else_=0)), 0)
            ).where(col(Alert.resolved_at).is_(None))
        ).one()
    if urgent:
        return warn("alerts", f"{count:,} alerts are open, {urgent:,} of them urgent.", "See GET /v1/alerts.")
    return ok("alerts", f"{count:,} alerts are open, none of them urgent.")


def _some(ids: list[str]) -> str:
    return ", ".join(ids[:NAMED]) + (f" and {len(ids) - NAMED} more" if len(ids) > NAMED else "")


def _ago(since: datetime, now: datetime) -> str:
    return f"{max(0.0, (now - since).total_seconds()):.0f} s"


CHECKS = (publisher, sources, subscriptions, schedule, spool, alerts)
