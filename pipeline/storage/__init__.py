"""The only code that knows file names and formats: layout, atomic artefacts, vectors, thumbnails, DuckDB views."""
