"""Converted models on disk, so that a second start needs neither the model's library nor torch.

What belongs here: writing and reading them so that processes that do so at once, or die half-way, harm nobody. Not
here: converting (`runtime.py`). What lies here can be deleted at any time.

Each model is one folder, made under another name and renamed when whole: `model.xml`, `model.bin` and `card.json`,
which holds the digests of both. A folder that does not match its card is thrown away and made again.
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
    """What must be known of a model beside the model itself."""

    dimension: int
    fingerprint: str
    preprocessing: Preprocessing


class ModelCache:
    """The converted models below one folder, by key."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def model(self, key: str) -> Path:
        """Where the model lies, for OpenVINO to read."""
        return self.root / key / "model.xml"

    def read(self, key: str) -> Card | None:
        """The card of a stored model that is whole, None when there is none. A damaged one is removed."""
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
        """Store an OpenVINO model. Another process that stored the same one first wins."""
        import openvino

        try:
            self.root.mkdir(parents=True, exist_ok=True)
            folder = Path(tempfile.mkdtemp(prefix=f".{key}-", dir=self.root))
        except OSError:
            return  # nothing can be written there: the model in memory serves this process
        try:
            openvino.save_model(model, folder / "model.xml", compress_to_fp16=False)
            files = {name: file_digest(folder / name) for name in _FILES}
            text = json.dumps({"card": asdict(card), "files": files}, indent=1)
            (folder / "card.json").write_text(text, encoding="utf-8")
            folder.rename(self.root / key)
        except OSError:
            # the folder is there already, or the disk is full: the model in memory serves this process
            shutil.rmtree(folder, ignore_errors=True)


def _card(stored: dict[str, Any]) -> Card:
    described = dict(stored["preprocessing"])
    for name in ("resize", "crop", "mean", "std"):
        described[name] = tuple(described[name])
    return Card(int(stored["dimension"]), str(stored["fingerprint"]), Preprocessing(**described))
