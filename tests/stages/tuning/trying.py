"""Made-up trials, and the settings of a small sweep, for the tests of this folder."""

import numpy as np

from pipeline.stages.tuning.trials import Trial


def trial(groups: list[int], setting: str = "0.5", **figures: float | bool | None) -> Trial:
    held = np.array(groups, dtype=np.int32)
    values = {"validity": 0.2, "stability": 0.9, "largest": 0.4, **figures}
    return Trial(
        setting, float(setting) if setting[0].isdigit() else 0.5, int(held.max()) + 1, float((held < 0).mean()),
        groups=held, **values,  # pyright: ignore[reportArgumentType]
    )  # fmt: skip


SETTINGS = ["auto", "0.1", "0.5", "0.8"]
