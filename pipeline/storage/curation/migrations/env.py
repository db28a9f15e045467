"""How Alembic runs our migrations: on the connection, and within the transaction, that the store hands over.

What belongs here: that. Not here: the migrations themselves (`versions/`) and when they run (`store.py`).
"""

from alembic import context

from pipeline.storage.curation.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
context.run_migrations()
