"""The region of an image that a packaged encoder responds to most. No weights but the encoder's, no classes.

What belongs here: the map of responses, and the box of its largest region. Not here: the network
(`adapters/encoders/efficientnet_lite.py`), running it (`adapters/encoders/runtime.py`).

SCDA: Wei, Luo, Wu, Zhou (2017), "Selective Convolutional Descriptor Aggregation". The features of the last layer are
summed over their channels; of the places above a limit, the largest connected region is the object. The paper's limit
is the mean, for pictures of one bird. Where the object is small, that takes half of the picture: see `CONTRAST`.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from pipeline.adapters.encoders import packaged
from pipeline.adapters.encoders.preprocess import Preprocessing
from pipeline.adapters.encoders.source import Source
from pipeline.stages.embeddings.encoder import Encoder
from pipeline.stages.objects.boxes import Box, Found

NAMES = tuple(packaged.SIZES)
DEFAULT = "efficientnet_lite0"
STRIDE = 32  # pixels of the input per place of the map
SIDE = 448  # of the input; twice the side that the encoder was trained on, since a region is found by its parts
# The limit is the mean plus so many standard deviations. Overlap (IoU) with the true boxes of 120 cut-outs in scenes,
# and of 120 bollards: 0.5 .29 and .24, 1 .38 and .32, 1.25 .39 and .33, 1.5 .37 and .34. From 1 to 1.5 it is flat; 1
# cuts off least.
CONTRAST = 1.0
# Says all that the box depends on: it is a part of the fingerprint and of the name of the stored model.
FEATURE = f"activation of the last layer at {SIDE}, largest region above mean + {CONTRAST:g} deviation"


@dataclass(frozen=True)
class SalientRegion:
    """A detector (`stages.objects.Detector`) that gives each image one box."""

    name: str
    model: Encoder

    @property
    def fingerprint(self) -> str:
        return self.model.fingerprint

    @property
    def device(self) -> str:
        return self.model.device

    def prepare(self, pixels: np.ndarray) -> np.ndarray:
        """Uint8 [h, w, 3] → uint8 [3, SIDE, SIDE], squashed."""
        return self.model.prepare(pixels)

    def detect(self, prepared: np.ndarray) -> list[Found]:
        """One box. Its score is 1: it says nothing about whether there is an object."""
        side = SIDE // STRIDE
        return [region(self.model.encode(prepared[None]).reshape(side, side), self.name)]


def source(spec: str, name: str) -> Source:
    """The map of the packaged model `name`. Raises `EncoderError` if its package is not installed."""
    whole = packaged.preprocessing(SIDE)
    squashed = Preprocessing("squash", (SIDE, SIDE), (SIDE, SIDE), "bilinear", whole.mean, whole.std)
    return packaged.lite_source(spec, name, FEATURE, squashed, "where")


def region(activation: np.ndarray, name: str = "") -> Found:
    """The box of the largest connected region of a map, float32 [rows, columns]; a flat map gives the whole image."""
    from scipy import ndimage

    rows, columns = activation.shape
    parts: Any = ndimage.label(activation > activation.mean() + CONTRAST * activation.std())
    labelled, number = parts
    if not number:
        return Found(Box(0.0, 0.0, 1.0, 1.0), "", 1.0, name)
    sizes = np.bincount(labelled.ravel())[1:]
    down, across = ndimage.find_objects(labelled)[int(sizes.argmax())]
    width, height = across.stop - across.start, down.stop - down.start
    return Found(Box(across.start / columns, down.start / rows, width / columns, height / rows), "", 1.0, name)
