"""Alembic's environment for the curation database."""
