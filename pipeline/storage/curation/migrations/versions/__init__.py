"""The steps of the curation database's schema, each a file, in the order of their names."""
