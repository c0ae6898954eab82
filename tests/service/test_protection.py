"""The data-protection register names every table, and every column that could say something."""

import sqlalchemy as sa

from placefeed.service.config import Settings
from placefeed.service.protection import REGISTER_OF_DATA, RUNNING, retention
from placefeed.service.purge import keepings
from placefeed.service.tables import metadata

NUMBERS = (sa.Integer, sa.Float, sa.Boolean, sa.DateTime, sa.Date)


def says_something(column: "sa.Column[object]") -> bool:
    """Whether a column holds text, JSON or bytes: these can name somebody; numbers and times alone can't."""
    kind = column.type.impl_instance if isinstance(column.type, sa.types.TypeDecorator) else column.type
    return not isinstance(kind, NUMBERS)


def test_every_table_has_an_entry_and_no_entry_is_of_a_table_that_is_gone() -> None:
    assert set(REGISTER_OF_DATA) == set(metadata.tables), "say in protection.py what the table holds, and why"


def test_every_column_that_can_say_something_is_named() -> None:
    for name, held in REGISTER_OF_DATA.items():
        there = set(metadata.tables[name].columns.keys())
        named = {*held.people, *held.homes, *held.other.split()}
        needed = {column.name for column in metadata.tables[name].columns if says_something(column)}
        assert needed <= named <= there, f"{name}: {needed - named} is not named, {named - there} is not there"
        assert not set(held.other.split()) & {*held.people, *held.homes}, name


def test_columns_that_lead_to_people_or_homes_are_never_called_harmless() -> None:
    for name, held in REGISTER_OF_DATA.items():
        for column in metadata.tables[name].columns:
            if column.name in ("person_id", "email", "browser", "decided_by", "recorded_by", "changed_by", "owner"):
                assert column.name in held.people, (name, column.name)
            if column.name == "urn":
                assert "urn" in held.homes, name


def test_everything_is_kept_for_a_time_that_somebody_can_read() -> None:
    told = retention(Settings())

    assert [name for name, rows in told.items() if not rows] == []
    assert {row.what for rows in told.values() for row in rows if row.after} == {
        one.what for one in keepings(Settings())
    }


def test_what_is_said_to_be_about_nobody_names_nobody() -> None:
    for name, held in REGISTER_OF_DATA.items():
        assert held.what.endswith("."), name
        if held.purpose is RUNNING and name != "alert":
            assert not held.people, name
