"""The curation database: tables, migrations and the store that reads and appends events."""
