"""Outlets: further places, beside the data directory, that published sets are written to."""
