"""The card of an ONNX detector: what its file does not say.

What belongs here: the card and reading it. Not here: running the model (`onnx_file.py`), reading its output
(`onnx_decoders.py`).
"""

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, PositiveFloat, PositiveInt, ValidationError

from pipeline.errors import DetectorError

EXAMPLE = """decoder: yolo          # yolo, nanodet or detr
size: [640, 640]       # height and width of the input
labels: [bollard]      # the classes in their order"""


class Card(BaseModel):
    """How to run a file. Colours are on the scale 0 to 255; the input is (colours - mean) / std."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    decoder: Literal["yolo", "nanodet", "detr"]
    size: tuple[PositiveInt, PositiveInt] = Field(description="Height and width of the input.")
    labels: list[str] = Field(min_length=1, description="The names of the classes in their order.")
    resize: Literal["letterbox", "squash"] = Field(
        default="letterbox", description="letterbox keeps the shape of the picture and fills the rest with grey."
    )
    colours: Literal["rgb", "bgr"] = "rgb"
    mean: tuple[float, float, float] = (0.0, 0.0, 0.0)
    std: tuple[PositiveFloat, PositiveFloat, PositiveFloat] = (255.0, 255.0, 255.0)
    nms: float = Field(
        default=0.6,  # NanoDet's; Ultralytics takes 0.7
        gt=0,
        le=1,
        description="yolo, nanodet: of two boxes of a class that overlap by more, the surer one stays.",
    )
    strides: tuple[PositiveInt, ...] = Field(
        default=(8, 16, 32, 64), description="nanodet: of its levels. NanoDet-m has no 64."
    )
    offset: float = Field(default=0.0, ge=0, le=0.5, description="nanodet: 0 for NanoDet-Plus, 0.5 for NanoDet-m.")
    activation: Literal["sigmoid", "softmax"] = Field(
        default="softmax", description="detr: softmax with a last class for nothing, as DETR; sigmoid, as RT-DETR."
    )


def read_card(spec: str, model: Path) -> Card:
    """The card beside a model, `NAME.yaml`. Raises `DetectorError`."""
    import yaml

    path = model.with_suffix(".yaml")
    if not path.is_file():
        raise DetectorError(f"{spec} needs a card beside it, {path}, such as:\n{EXAMPLE}")
    try:
        return Card.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (yaml.YAMLError, ValueError, OSError) as error:
        detail = " ".join(_problem(error).split())[:300]
        raise DetectorError(f"The card {path} cannot be used: {detail}\nA card looks like this:\n{EXAMPLE}") from error


def _problem(error: Exception) -> str:
    if not isinstance(error, ValidationError):
        return str(error)
    return ". ".join(f"{'.'.join(map(str, one['loc'])) or 'the card'}: {one['msg']}" for one in error.errors())
