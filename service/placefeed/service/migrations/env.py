"""Run by Alembic on the connection it is handed."""

from typing import Literal

import sqlalchemy as sa
from alembic import context
from sqlmodel import AutoString, UTCDateTime

from placefeed.service.tables import metadata

UPGRADE_LOCK = 0x504C5550  # two processes that start at once: the second waits, then finds nothing to do


def plain(kind: str, item: object, _context: object) -> str | Literal[False]:
    """Write SQLModel's own column types as SQLAlchemy's, so that migrations outlive changes of SQLModel."""
    if kind == "type" and isinstance(item, AutoString):
        return f"sa.String(length={item.length})" if item.length else "sa.String()"
    if kind == "type" and isinstance(item, UTCDateTime):
        return "sa.DateTime(timezone=True)"
    return False


def run(connection: sa.Connection) -> None:
    """Upgrade, check or autogenerate on this connection, in its transaction."""
    if connection.dialect.name == "postgresql":
        connection.execute(sa.text("SELECT pg_advisory_xact_lock(:key)"), {"key": UPGRADE_LOCK})
    context.configure(
        connection=connection,
        target_metadata=metadata,
        render_as_batch=connection.dialect.name == "sqlite",
        compare_type=True,
        render_item=plain,
    )
    with context.begin_transaction():
        context.run_migrations()


run(context.config.attributes["connection"])
