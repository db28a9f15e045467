"""The text towers of CLIP, SigLIP and similar models: words → vectors in the space of the images.

What belongs here: which encoders have a text tower, loading and running it. Not here: the image towers (`openclip.py`).
Texts are short and come one at a time, so torch runs them on the CPU.
"""

from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.adapters.encoders.hub import hub
from pipeline.adapters.encoders.registry import parse_spec
from pipeline.errors import EncoderError

TEXT_FAMILIES = ("open_clip",)


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
        raise EncoderError(f"{spec} has no text encoder. These have one: {', '.join(TEXT_FAMILIES)}.")
    import open_clip

    pretrained = str(Path(parsed.weights or "").expanduser())
    local = Path(pretrained).is_file()
    try:
        with nullcontext() if local else hub(spec):
            model: Any = open_clip.create_model(
                parsed.model, pretrained=pretrained if local else parsed.weights, pretrained_image=False,
                pretrained_text=False, require_pretrained=True,
            )  # fmt: skip
            tokenizer: Any = open_clip.get_tokenizer(parsed.model)
    except (ImportError, OSError, RuntimeError, ValueError, LookupError, AssertionError) as error:
        detail = " ".join(str(error).split())[:300]
        raise EncoderError(f"The text encoder of {spec} does not load: {detail}") from error
    return TextEncoder(model.eval(), tokenizer)
