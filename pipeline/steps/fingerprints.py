"""The fingerprints of models, remembered so that a run with nothing to do loads none.

What belongs here: the memory. Not here: what a fingerprint is made of (`adapters/encoders/`, `adapters/detectors/`).
"""

import json
from collections.abc import Callable

from pipeline.steps.data_directory import DataDirectory
from pipeline.storage.files import write_atomically


def remembered(directory: DataDirectory, identity: str, compute: Callable[[], str]) -> str:
    """The fingerprint of the model with this identity: of an earlier run, else `compute`, which loads the model."""
    path = directory.layout.model_fingerprints
    known: dict[str, str] = json.loads(path.read_text()) if path.exists() else {}
    if identity not in known:
        known[identity] = compute()
        write_atomically(path, json.dumps(known, indent=1, sort_keys=True).encode())
    return known[identity]
