"""The text towers of CLIP, SigLIP and similar models: words → vectors in the space of the images.

What belongs here: which encoders have a text tower, loading and running it. Not here: the image towers (`openclip.py`).
Texts are short and come one at a time, so torch runs them on the CPU.
"""

from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.adapters.encoders.hub import INSTEAD, hub
from pipeline.adapters.encoders.registry import need_torch, parse_spec
from pipeline.errors import EncoderError
from pipeline.runtime.torch_threads import is_installed

TEXT_FAMILIES = ("open_clip",)
READING = "open_clip:ViT-B-32/laion2b_s34b_b79k"  # the smallest one that is recommended
TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json")
INSTALL = "Install it with `pip install 'image-cluster[transformers]'`."


class TextEncoder:
    """A loaded text tower."""

    def __init__(self, model: Any, tokenizer: Any) -> None:
        self._model, self._tokenizer = model, tokenizer

    @property
    def scale(self) -> float:
        """What the model multiplies cosines by, as it learned it."""
        return float(self._model.logit_scale.detach().exp())

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        """Float32 [n, dimension], rows of length 1. Truncates a text that is too long for the model."""
        import torch

        with torch.inference_mode():
            vectors = self._model.encode_text(self._tokenizer(list(texts))).float().numpy()
        return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), np.float32(1e-12))


def open_text_encoder(spec: str) -> TextEncoder:
    """The text tower of an encoder. Raises `EncoderError` if it has none, or its weights are unavailable."""
    parsed = parse_spec(spec)
    if parsed.family not in TEXT_FAMILIES:
        raise EncoderError(
            f"{spec} has no text encoder, so it cannot search by words. This brings one that reads (it needs "
            f"'image-cluster[torch]' and embeds every image again): image-cluster run --encoder {READING}"
        )
    need_torch(spec, "open_clip")
    import open_clip

    path = Path(parsed.weights or "").expanduser()
    local = path.is_file()
    try:
        tokenizer = _tokenizer(spec, parsed.model, path.parent if local else None)
        with nullcontext() if local else hub(spec):
            model: Any = open_clip.create_model(
                parsed.model, pretrained=str(path) if local else parsed.weights, pretrained_image=False,
                pretrained_text=False, require_pretrained=True,
            )  # fmt: skip
    except (ImportError, OSError, RuntimeError, ValueError, LookupError, AssertionError) as error:
        detail = " ".join(str(error).split())[:300]
        raise EncoderError(f"The text encoder of {spec} does not load: {detail}") from error
    return TextEncoder(model.eval(), tokenizer)


def _tokenizer(spec: str, model: str, folder: Path | None) -> Any:
    """The tokenizer of a model; one of its own from `folder`, that of a checkpoint, if it is there, else the hub's."""
    import open_clip

    config: Any = open_clip.get_model_config(model)
    tower: dict[str, Any] = (config or {}).get("text_cfg") or {}
    repository = tower.get("hf_tokenizer_name")
    if not repository:
        return open_clip.get_tokenizer(model)  # CLIP's own, which open_clip carries
    if not is_installed("transformers"):
        raise EncoderError(f"{spec} reads texts with the library transformers. {INSTALL}")
    if folder is not None and any((folder / name).is_file() for name in TOKENIZER_FILES):
        return open_clip.tokenizer.HFTokenizer(
            str(folder), context_length=tower.get("context_length", open_clip.tokenizer.DEFAULT_CONTEXT_LENGTH),
            tokenizer_mode=tower.get("tokenizer_mode"), **(tower.get("tokenizer_kwargs") or {}),
        )  # fmt: skip
    instead = f"or put the tokenizer.json of {repository} into {folder}" if folder else INSTEAD
    with hub(f"{spec} (its tokenizer)", instead):
        return open_clip.get_tokenizer(model)
