"""The second schema: the tables that were derived from events go; what events mean is the replay's alone.

What belongs here: this one step of the schema. Not here: the tables as they are now (`tables.py`).
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Drop the derived tables. Nothing is lost: events hold all that was in them."""
    op.drop_index("image_tag_by_tag", table_name="image_tag")
    op.drop_table("image_tag")
    op.drop_table("image_exclusion")
    op.drop_table("cluster_decision")


def downgrade() -> None:
    """Make the derived tables, empty."""
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
