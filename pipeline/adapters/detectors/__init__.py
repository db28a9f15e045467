"""Models that find objects in images: `registry.py` opens one, a file per family loads and runs it."""
