"""Outlets: the places beside the data directory that a published set is written to."""
