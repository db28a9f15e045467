"""The weights of the packaged encoders under timm's names, for timm to be the reference."""

import re
from typing import Any

_STEM = {"_conv_stem": "conv_stem", "_bn0": "bn1", "_conv_head": "conv_head", "_bn1": "bn2", "_fc": "classifier"}
_FIRST_STAGE = {"_depthwise_conv": "conv_dw", "_bn1": "bn1", "_project_conv": "conv_pw", "_bn2": "bn2"}
_OTHER_STAGES = {
    "_expand_conv": "conv_pw", "_bn0": "bn1", "_depthwise_conv": "conv_dw", "_bn1": "bn2", "_project_conv": "conv_pwl",
    "_bn2": "bn3",
}  # fmt: skip


def renamed(state: dict[str, Any], depths: list[int]) -> dict[str, Any]:
    """The weights with timm's key names; `depths` are the blocks per stage."""
    places = [(stage, block) for stage, depth in enumerate(depths) for block in range(depth)]
    result: dict[str, Any] = {}
    for key, value in state.items():
        inner = re.fullmatch(r"_blocks\.(\d+)\.(\w+)\.(\w+)", key)
        if inner is None:
            module, _, rest = key.partition(".")
            result[f"{_STEM[module]}.{rest}"] = value
            continue
        stage, block = places[int(inner[1])]
        names = _FIRST_STAGE if stage == 0 else _OTHER_STAGES
        result[f"blocks.{stage}.{block}.{names[inner[2]]}.{inner[3]}"] = value
    return result
