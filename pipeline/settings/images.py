"""The settings of what is made of one image: pixels, its objects, its vector.

What belongs here: `ImageParams`, `ObjectParams`, `EncoderParams`. Not here: where images come from (`source.py`), what
is computed over many of them (`clustering.py`).
"""

from typing import Literal

from pydantic import Field

from pipeline.settings.base import Params


class ImageParams(Params):
    """How bytes become pixels, and when an image is set aside."""

    max_megapixels: float = Field(
        default=100.0, gt=0, le=2000, description="Larger images are set aside as too_large before they are decoded."
    )
    max_megabytes: float = Field(default=200.0, gt=0, le=4000, description="Larger objects are set aside unread.")
    background: str = Field(
        default="#ffffff", pattern=r"^#[0-9a-fA-F]{6}$", description="Colour behind transparent pixels."
    )
    thumbnail_pixels: int = Field(default=192, ge=64, le=512, description="Longest side of the stored thumbnails.")
    decode_megabytes: float = Field(
        default=1000.0,
        gt=0,
        le=1_000_000,
        description="Memory for pixels that are being decoded, shared by all threads. A large image waits; "
        "one that needs more is decoded alone. Enough for one image of 99 megapixels or ten of 12. Raise it if "
        "many cores decode large photographs.",
    )
    decode_seconds: float = Field(
        default=60.0,
        gt=0,
        le=3600,
        description="Time limit for a file whose decoder crashed or never ended in an earlier run; it is decoded in a "
        "process of its own. A worker (execution.engine: ray) gives up a file after this time.",
    )


class EncoderParams(Params):
    """Which model turns an image into a vector, and where it runs."""

    spec: str = Field(
        default="packaged:efficientnet_lite0",
        description="packaged:NAME, open_clip:MODEL/PRETRAINED_OR_CHECKPOINT or timm:MODEL[@CHECKPOINT]. "
        "packaged:efficientnet_lite0_gem costs as much as the default and is worth a try: see decision 7.",
    )
    device: Literal["auto", "cpu", "cuda", "mps"] = Field(
        default="auto", description="auto takes CUDA, then MPS, then the CPU through OpenVINO."
    )
    batch_size: int = Field(
        default=0,
        ge=0,
        le=4096,
        description="Images per forward pass, halved when memory runs out; 0 = 32 on a CPU, 256 on a GPU.",
    )
    decode_threads: int = Field(default=0, ge=0, le=256, description="Threads that decode; 0 = one per core.")
    chunk_size: int = Field(
        default=512, ge=1, le=65536, description="Images per stored chunk: a killed run loses at most one chunk."
    )
    words_file: str | None = Field(
        default=None,
        description="A file with further words, one a line, that may be suggested as names where the encoder reads.",
    )
    compare_sample: int = Field(
        default=1000,
        ge=8,
        le=100_000,
        description="Images that `encoders compare` embeds with both encoders at most.",
    )


class ObjectParams(Params):
    """What is looked at: whole images, or the objects in them. An object is a box; its crop is embedded."""

    unit: str = Field(
        default="image",
        pattern=r"^(image|object)$",
        description="image: whole images are clustered; object: the objects in them. For both side by side, use two "
        "data directories.",
    )
    detector: str = Field(
        default="annotations:",
        min_length=1,
        description="Where the boxes come from. annotations:[coco|yolo|voc|manifest] reads those beside the images. "
        "Models: salient: (one region each, no download), torchvision:NAME[@CHECKPOINT], transformers:NAME_OR_FOLDER, "
        "onnx:FILE; they run where encoder.device says. See docs/objects.md.",
    )
    margin: float = Field(
        default=0.1, ge=0, le=1, description="Room around a box in its crop, as a share of the box's longer side."
    )
    min_score: float = Field(
        default=0.3,
        ge=0,
        le=1,
        description="Boxes with a lower score are refused. Of a model, none below 0.05 is kept, nor more than 300.",
    )
    labels: list[str] = Field(
        default_factory=list[str],
        description="The classes of objects that count, ignoring case. []: all. "
        "OWLv2 and Grounding DINO look for these words.",
    )
    max_per_image: int = Field(default=20, ge=1, le=1000, description="Most objects of one image: the surest ones.")
    min_side: int = Field(
        default=16, ge=1, le=10_000, description="Boxes with a shorter side than this many pixels are refused."
    )
    nms: float = Field(
        default=0.7, ge=0, le=1, description="Of two boxes that overlap by more than this (IoU), the surer one counts."
    )
