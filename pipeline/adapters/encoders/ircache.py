"""Converted models on disk, so that a second start needs neither the model's library nor torch.

What belongs here: writing and reading them, safely beside other processes and after crashes. Not here: converting
(`runtime.py`). The cache can be deleted at any time.

Each model is one folder, written under another name and renamed when complete: `model.xml`, `model.bin` and
`card.json`, which holds the digests of both. A folder that does not match its card is deleted and written again.
"""

import json
import shutil
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pipeline.adapters.encoders.preprocess import Preprocessing
from pipeline.adapters.encoders.source import file_digest

_FILES = ("model.xml", "model.bin")


@dataclass(frozen=True)
class Card:
    """The data that a stored model needs beside its files."""

    dimension: int
    fingerprint: str
    preprocessing: Preprocessing


class ModelCache:
    """The converted models below one folder, by key."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def model(self, key: str) -> Path:
        """The path of the model, for OpenVINO to read."""
        return self.root / key / "model.xml"

    def read(self, key: str) -> Card | None:
        """The card of a stored model; None if there is none. Removes a damaged model."""
        folder = self.root / key
        try:
            document: dict[str, Any] = json.loads((folder / "card.json").read_text(encoding="utf-8"))
            whole = all(file_digest(folder / name) == document["files"][name] for name in _FILES)
            card = _card(document["card"]) if whole else None
        except (OSError, ValueError, LookupError, TypeError):
            card = None
        if card is None and folder.exists():
            shutil.rmtree(folder, ignore_errors=True)
        return card

    def write(self, key: str, card: Card, model: Any) -> None:
        """Store an OpenVINO model. If another process stored the same one first, that one stays."""
        import openvino

        try:
            self.root.mkdir(parents=True, exist_ok=True)
            folder = Path(tempfile.mkdtemp(prefix=f".{key}-", dir=self.root))
        except OSError:
            return  # the folder is not writable: this process uses the model in memory
        try:
            openvino.save_model(model, folder / "model.xml", compress_to_fp16=False)
            files = {name: file_digest(folder / name) for name in _FILES}
            text = json.dumps({"card": asdict(card), "files": files}, indent=1)
            (folder / "card.json").write_text(text, encoding="utf-8")
            folder.rename(self.root / key)
        except OSError:
            # the folder exists already, or the disk is full: this process uses the model in memory
            shutil.rmtree(folder, ignore_errors=True)


def _card(stored: dict[str, Any]) -> Card:
    described = dict(stored["preprocessing"])
    for name in ("resize", "crop", "mean", "std"):
        described[name] = tuple(described[name])
    return Card(int(stored["dimension"]), str(stored["fingerprint"]), Preprocessing(**described))
