"""The live channels: what is shown of settings, why something changed, subscriptions and what they were told

Revision: 0002, after 0001.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy import Text
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "acts_for",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("organisation_id", sa.String(length=80), nullable=False),
        sa.Column("member_id", sa.String(length=80), nullable=False),
        sa.Column("applied_from", sa.BigInteger(), nullable=False),
        sa.Column("applied_until", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["member_id"], ["organisation.id"], name=op.f("fk_acts_for_member_id")),
        sa.ForeignKeyConstraint(["organisation_id"], ["organisation.id"], name=op.f("fk_acts_for_organisation_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_acts_for")),
    )
    with op.batch_alter_table("acts_for", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_acts_for_organisation_id"), ["organisation_id"], unique=False)
    organisations = sa.table(
        "organisation",
        sa.column("id", sa.String),
        sa.column("acts_for", sa.JSON().with_variant(postgresql.JSONB(), "postgresql")),
    )
    acts_for = sa.table("acts_for", sa.column("organisation_id"), sa.column("member_id"), sa.column("applied_from"))
    for id, members in op.get_bind().execute(sa.select(organisations.c.id, organisations.c.acts_for)).all():
        for member in members:
            op.execute(acts_for.insert().values(organisation_id=id, member_id=member, applied_from=0))

    op.create_table(
        "channel_cursor",
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_channel_cursor")),
    )
    op.create_table(
        "member_change",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("organisation_id", sa.String(length=80), nullable=False),
        sa.Column("la_code", sa.String(length=9), nullable=True),
        sa.Column(
            "identifiers",
            sa.JSON(none_as_null=True).with_variant(
                postgresql.JSONB(none_as_null=True, astext_type=Text()), "postgresql"
            ),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_member_change")),
    )
    with op.batch_alter_table("member_change", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_member_change_organisation_id"), ["organisation_id"], unique=False)

    op.create_table(
        "open_cell",
        sa.Column("id", sa.String(length=80), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column(
            "document",
            sa.JSON(none_as_null=True).with_variant(
                postgresql.JSONB(none_as_null=True, astext_type=Text()), "postgresql"
            ),
            nullable=True,
        ),
        sa.Column("modified_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("state IN ('updated', 'deleted')", name=op.f("ck_open_cell_state")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_open_cell")),
        sa.UniqueConstraint("position", name=op.f("uq_open_cell_position")),
    )
    op.create_table(
        "shown_setting",
        sa.Column("urn", sa.String(length=80), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column(
            "audiences",
            sa.JSON(none_as_null=True).with_variant(
                postgresql.JSONB(none_as_null=True, astext_type=Text()), "postgresql"
            ),
            nullable=False,
        ),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("modified_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("state IN ('updated', 'deleted')", name=op.f("ck_shown_setting_state")),
        sa.PrimaryKeyConstraint("urn", name=op.f("pk_shown_setting")),
        sa.UniqueConstraint("position", name=op.f("uq_shown_setting_position")),
    )
    op.create_table(
        "subscription",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("organisation_id", sa.String(length=80), nullable=False),
        sa.Column("role", sa.String(length=20), nullable=False),
        sa.Column("key_id", sa.String(length=40), nullable=False),
        sa.Column("channel", sa.String(length=20), nullable=False),
        sa.Column(
            "document",
            sa.JSON(none_as_null=True).with_variant(
                postgresql.JSONB(none_as_null=True, astext_type=Text()), "postgresql"
            ),
            nullable=False,
        ),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("secrets", sa.LargeBinary(), nullable=True),
        sa.Column("code", sa.LargeBinary(), nullable=True),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("start", sa.BigInteger(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("events", sa.BigInteger(), nullable=False),
        sa.Column("delivered", sa.BigInteger(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("failing_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("next_attempt_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("heard_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("claim", sa.String(length=40), nullable=True),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("channel IN ('webhook', 'email')", name=op.f("ck_subscription_channel")),
        sa.CheckConstraint("state IN ('requested', 'active', 'paused', 'error')", name=op.f("ck_subscription_state")),
        sa.ForeignKeyConstraint(["organisation_id"], ["organisation.id"], name=op.f("fk_subscription_organisation_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_subscription")),
    )
    with op.batch_alter_table("subscription", schema=None) as batch_op:
        batch_op.create_index("ix_subscription_due", ["next_attempt_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_subscription_organisation_id"), ["organisation_id"], unique=False)

    op.create_table(
        "delivery",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("subscription_id", sa.String(length=40), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("message", sa.String(length=80), nullable=False),
        sa.Column("first", sa.BigInteger(), nullable=True),
        sa.Column("last", sa.BigInteger(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ms", sa.Integer(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("ok", sa.Boolean(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("error", sa.String(length=500), nullable=True),
        sa.Column("answer", sa.String(length=500), nullable=True),
        sa.ForeignKeyConstraint(
            ["subscription_id"], ["subscription.id"], name=op.f("fk_delivery_subscription_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_delivery")),
    )
    with op.batch_alter_table("delivery", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_delivery_at"), ["at"], unique=False)
        batch_op.create_index("ix_delivery_subscription_id_id", ["subscription_id", "id"], unique=False)

    op.create_table(
        "notice",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("subscription_id", sa.String(length=40), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=True),
        sa.Column("after", sa.BigInteger(), nullable=False),
        sa.Column("upto", sa.BigInteger(), nullable=False),
        sa.Column("message", sa.String(length=80), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=True),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("kind IN ('events', 'handshake', 'test', 'heartbeat')", name=op.f("ck_notice_kind")),
        sa.CheckConstraint("state IN ('waiting', 'sent', 'expired')", name=op.f("ck_notice_state")),
        sa.ForeignKeyConstraint(
            ["subscription_id"], ["subscription.id"], name=op.f("fk_notice_subscription_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notice")),
        sa.UniqueConstraint("subscription_id", "number", name=op.f("uq_notice_subscription_id_number")),
    )
    with op.batch_alter_table("notice", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_notice_at"), ["at"], unique=False)
        batch_op.create_index("ix_notice_waiting", ["subscription_id", "state", "id"], unique=False)

    with op.batch_alter_table("change", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column(
                "changed",
                sa.JSON(none_as_null=True).with_variant(
                    postgresql.JSONB(none_as_null=True, astext_type=Text()), "postgresql"
                ),
                nullable=False,
                server_default="[]",
            )
        )
        batch_op.add_column(
            sa.Column(
                "offered_to",
                sa.JSON(none_as_null=True).with_variant(
                    postgresql.JSONB(none_as_null=True, astext_type=Text()), "postgresql"
                ),
                nullable=False,
                server_default="[]",
            )
        )
        batch_op.add_column(sa.Column("organisation_id", sa.String(length=80), nullable=True))

    with op.batch_alter_table("head", schema=None) as batch_op:
        batch_op.add_column(sa.Column("history_after", sa.BigInteger(), nullable=False, server_default="0"))
        batch_op.add_column(sa.Column("tombstones_after", sa.BigInteger(), nullable=False, server_default="0"))

    with op.batch_alter_table("setting_state", schema=None) as batch_op:
        batch_op.add_column(sa.Column("counts", sa.String(length=32), nullable=True))

    with op.batch_alter_table("pending", schema=None) as batch_op:
        batch_op.add_column(sa.Column("submission_id", sa.String(length=40), nullable=True))

    with op.batch_alter_table("submission", schema=None) as batch_op:
        batch_op.add_column(sa.Column("request_id", sa.String(length=64), nullable=True))

    op.create_index(
        "ix_job_run_open",
        "job_run",
        ["lease_until"],
        sqlite_where=sa.text("finished_at IS NULL"),
        postgresql_where=sa.text("finished_at IS NULL"),
    )

    with op.batch_alter_table("sight_change", schema=None) as batch_op:
        batch_op.alter_column(
            "listing_id", existing_type=sa.VARCHAR(length=40), type_=sa.String(length=80), existing_nullable=False
        )

    with op.batch_alter_table("source", schema=None) as batch_op:
        batch_op.drop_constraint(op.f("ck_source_transport"), type_="check")
        batch_op.create_check_constraint(
            op.f("ck_source_transport"), "transport IN ('push', 'upload', 'http', 'folder', 'sftp', 'rpde')"
        )
    # The log reaches back as far as its oldest row, and every setting is shown once it is published again.
    op.execute(
        "UPDATE head SET history_after = COALESCE((SELECT MIN(position) FROM change), position + 1) - 1, "
        "tombstones_after = COALESCE((SELECT MIN(position) FROM change), position + 1) - 1"
    )
    op.execute("INSERT INTO pending (urn, bulk, at) SELECT urn, true, published_at FROM setting_state")


def downgrade() -> None:
    with op.batch_alter_table("source", schema=None) as batch_op:
        batch_op.drop_constraint(op.f("ck_source_transport"), type_="check")
        batch_op.create_check_constraint(
            op.f("ck_source_transport"), "transport IN ('push', 'upload', 'http', 'folder')"
        )
    with op.batch_alter_table("sight_change", schema=None) as batch_op:
        batch_op.alter_column(
            "listing_id", existing_type=sa.String(length=80), type_=sa.VARCHAR(length=40), existing_nullable=False
        )

    op.drop_index("ix_job_run_open", table_name="job_run")
    with op.batch_alter_table("submission", schema=None) as batch_op:
        batch_op.drop_column("request_id")

    with op.batch_alter_table("pending", schema=None) as batch_op:
        batch_op.drop_column("submission_id")

    with op.batch_alter_table("setting_state", schema=None) as batch_op:
        batch_op.drop_column("counts")

    with op.batch_alter_table("head", schema=None) as batch_op:
        batch_op.drop_column("tombstones_after")
        batch_op.drop_column("history_after")

    with op.batch_alter_table("change", schema=None) as batch_op:
        batch_op.drop_column("organisation_id")
        batch_op.drop_column("offered_to")
        batch_op.drop_column("changed")

    with op.batch_alter_table("notice", schema=None) as batch_op:
        batch_op.drop_index("ix_notice_waiting")
        batch_op.drop_index(batch_op.f("ix_notice_at"))

    op.drop_table("notice")
    with op.batch_alter_table("delivery", schema=None) as batch_op:
        batch_op.drop_index("ix_delivery_subscription_id_id")
        batch_op.drop_index(batch_op.f("ix_delivery_at"))

    op.drop_table("delivery")
    with op.batch_alter_table("subscription", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_subscription_organisation_id"))
        batch_op.drop_index("ix_subscription_due")

    op.drop_table("subscription")
    op.drop_table("shown_setting")
    op.drop_table("open_cell")
    with op.batch_alter_table("member_change", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_member_change_organisation_id"))

    op.drop_table("member_change")
    op.drop_table("channel_cursor")
    op.drop_table("acts_for")
