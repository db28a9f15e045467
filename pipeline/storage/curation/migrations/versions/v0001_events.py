"""The first schema: events, what they touched, states, flags, and the tables derived from events.

What belongs here: this one step of the schema. Not here: the tables as they are now (`tables.py`).
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "category",
        sa.Column("slug", sa.String(length=200), nullable=False),
        sa.Column("last_event", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("slug"),
    )
    op.create_table(
        "cluster_decision",
        sa.Column("category", sa.String(length=200), nullable=False),
        sa.Column("cluster", sa.String(length=80), nullable=False),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("reviewed", sa.Integer(), nullable=True),
        sa.Column("merged_into", sa.String(length=80), nullable=True),
        sa.Column("made_by_people", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("category", "cluster"),
    )
    op.create_table(
        "event",
        sa.Column("category", sa.String(length=200), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("at", sa.String(length=40), nullable=False),
        sa.Column("actor", sa.String(length=200), nullable=False),
        sa.Column("why", sa.Text(), nullable=True),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("decision", sa.JSON(), nullable=False),
        sa.Column("key", sa.String(length=200), nullable=True),
        sa.PrimaryKeyConstraint("category", "number"),
    )
    op.create_index("event_key", "event", ["category", "key"], unique=True)
    op.create_table(
        "flag",
        sa.Column("category", sa.String(length=200), nullable=False),
        sa.Column("cluster", sa.String(length=80), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("key", sa.String(length=200), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("after_event", sa.Integer(), nullable=False),
        sa.Column("raised_at", sa.String(length=40), nullable=False),
        sa.PrimaryKeyConstraint("category", "cluster", "kind", "key"),
    )
    op.create_table(
        "image_exclusion",
        sa.Column("category", sa.String(length=200), nullable=False),
        sa.Column("image", sa.String(length=128), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("category", "image"),
    )
    op.create_table(
        "image_tag",
        sa.Column("category", sa.String(length=200), nullable=False),
        sa.Column("image", sa.String(length=128), nullable=False),
        sa.Column("tag", sa.String(length=60), nullable=False),
        sa.PrimaryKeyConstraint("category", "image", "tag"),
    )
    op.create_index("image_tag_by_tag", "image_tag", ["category", "tag"], unique=False)
    op.create_table(
        "snapshot",
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("members", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("digest"),
    )
    op.create_table(
        "event_cluster",
        sa.Column("category", sa.String(length=200), nullable=False),
        sa.Column("cluster", sa.String(length=80), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.ForeignKeyConstraint(
            ["category", "number"],
            ["event.category", "event.number"],
        ),
        sa.PrimaryKeyConstraint("category", "cluster", "number"),
    )
    op.create_table(
        "event_image",
        sa.Column("category", sa.String(length=200), nullable=False),
        sa.Column("image", sa.String(length=128), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.ForeignKeyConstraint(
            ["category", "number"],
            ["event.category", "event.number"],
        ),
        sa.PrimaryKeyConstraint("category", "image", "number"),
    )
    op.create_table(
        "event_state",
        sa.Column("category", sa.String(length=200), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("cluster", sa.String(length=80), nullable=False),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("snapshot", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(
            ["category", "number"],
            ["event.category", "event.number"],
        ),
        sa.ForeignKeyConstraint(
            ["snapshot"],
            ["snapshot.digest"],
        ),
        sa.PrimaryKeyConstraint("category", "number", "cluster"),
    )


def downgrade() -> None:
    """Drop the tables."""
    op.drop_table("event_state")
    op.drop_table("event_image")
    op.drop_table("event_cluster")
    op.drop_table("snapshot")
    op.drop_index("image_tag_by_tag", table_name="image_tag")
    op.drop_table("image_tag")
    op.drop_table("image_exclusion")
    op.drop_table("flag")
    op.drop_index("event_key", table_name="event")
    op.drop_table("event")
    op.drop_table("cluster_decision")
    op.drop_table("category")
