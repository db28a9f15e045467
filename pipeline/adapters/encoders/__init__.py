"""Models that turn images into vectors: `registry.py` opens one, one file per family finds it, `runtime.py` runs it."""
