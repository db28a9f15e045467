"""The third schema: the database has an identity, so that another one is not taken for it.

What belongs here: this one step of the schema. Not here: the tables as they are now (`tables.py`).
"""

import uuid

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table and give this database its identity."""
    made = op.create_table(
        "identity", sa.Column("id", sa.String(length=40), nullable=False), sa.PrimaryKeyConstraint("id")
    )
    op.bulk_insert(made, [{"id": str(uuid.uuid4())}])


def downgrade() -> None:
    """Drop the table."""
    op.drop_table("identity")
