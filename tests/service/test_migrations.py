"""A database of an earlier version comes to the present shape with what is in it, on both databases."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command

from placefeed.service.migrations import at_head, config, upgrade
from tests.service.conftest import empty_postgres

OLD = (
    "INSERT INTO organisation (id, kind, name, owner_key, identifiers, acts_for, simulated, created_at) "
    "VALUES ('leeds', 'member', 'Leeds', '', '[]', '[]', false, '2026-06-01 00:00:00'), "
    "('trust', 'member', 'Trust', '', '[]', '[\"leeds\"]', false, '2026-06-01 00:00:00')",
    "INSERT INTO source (id, organisation_id, name, transport, precedence, state, simulated, created_at) "
    "VALUES ('s', 'leeds', 's', 'push', 100, 'active', false, '2026-06-01 00:00:00')",
    "INSERT INTO head (id, position, epoch, written_at) VALUES (1, 12, 1, '2026-06-01 00:00:00')",
    "INSERT INTO change (position, at, urn, listing_id, events, audiences_before, audiences_after) "
    "VALUES (7, '2026-06-01 00:00:00', 'SC000001', 'a', '[\"vacancy.published\"]', '[]', '[\"north\"]')",
    "INSERT INTO sight_change (listing_id, audience, position, visible) VALUES ('a', 'c:north', 7, true)",
    "INSERT INTO setting_state (urn, explanation, published_at) VALUES ('SC000001', '[]', '2026-06-01 00:00:00')",
)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[sa.Engine]:
    """An empty database, without any shape."""
    if request.param == "sqlite":
        engine = sa.create_engine(f"sqlite:///{tmp_path / 'old.db'}")
        yield engine
        engine.dispose()
        return
    with empty_postgres(request.getfixturevalue("postgres")) as url:
        engine = sa.create_engine(url)
        yield engine
        engine.dispose()


def test_an_exchange_of_the_first_shape_goes_on(engine: sa.Engine) -> None:
    with engine.connect() as connection:
        command.upgrade(config(connection), "0001")
        for statement in OLD:
            connection.execute(sa.text(statement))
        connection.commit()

    upgrade(engine)

    with engine.connect() as connection:
        assert at_head(connection)
        head = connection.execute(sa.text("SELECT position, history_after, tombstones_after FROM head")).one()
        assert tuple(head) == (12, 6, 6), "the log reaches back as far as its oldest row"
        acting = connection.execute(sa.text("SELECT organisation_id, member_id, applied_from FROM acts_for")).all()
        assert [tuple(row) for row in acting] == [("trust", "leeds", 0)]
        assert connection.execute(sa.text("SELECT urn FROM pending")).scalars().all() == ["SC000001"]
        connection.execute(sa.text("UPDATE source SET transport = 'sftp'"))
        with pytest.raises(sa.exc.IntegrityError):
            connection.execute(sa.text("UPDATE source SET transport = 'pigeon'"))


def test_it_can_go_back(engine: sa.Engine) -> None:
    upgrade(engine)
    with engine.connect() as connection:
        command.downgrade(config(connection), "0001")
        connection.commit()
        tables = sa.inspect(connection).get_table_names()

    assert "subscription" not in tables
    assert "listing" in tables
