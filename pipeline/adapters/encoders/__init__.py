"""Models that turn images into vectors: `registry.py` opens one, a file per family loads it, `runtime.py` runs it."""
