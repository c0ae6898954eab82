"""How the database came to its present shape (Alembic)."""

from typing import Any

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory


def config(connection: sa.Connection | None = None) -> Config:
    """Alembic's configuration, made here so that it also works from an installed wheel."""
    made = Config()
    made.set_main_option("script_location", "placefeed.service:migrations")
    made.attributes["connection"] = connection
    return made


def upgrade(engine: sa.Engine) -> None:
    """Bring the database to the newest shape. Safe when several processes start at once."""
    with engine.connect() as connection:
        command.upgrade(config(connection), "head")
        connection.commit()


def at_head(connection: sa.Connection) -> bool:
    """Whether the database has the shape that this code expects."""
    current: Any = MigrationContext.configure(connection).get_current_revision()
    return bool(current == ScriptDirectory.from_config(config()).get_current_head())
