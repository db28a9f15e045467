"""Alembic's environment: runs the migrations on the connection and in the transaction of the store.

What belongs here: this set-up. Not here: the migrations (`versions/`), when they run (`store.py`).
"""

from alembic import context

from pipeline.storage.curation.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
context.run_migrations()
