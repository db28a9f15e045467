"""The folder of a Dagster instance, and the environment in which Dagster is started: nothing leaves this machine.

What belongs here: what holds for every Dagster process that this project starts. Not here: the checkout's own instance
(`dagster.yaml`), starting processes (`dev.py`, `demo/run.py`). Dagster is not imported.
"""

import os
from pathlib import Path

INSTANCE = "dagster.yaml"
# Dagster's defaults but for its usage statistics and its newsletter dialogue, which are off
QUIET_INSTANCE = "telemetry:\n  enabled: false\nnux:\n  enabled: false\n"


def dagster_environment(home: Path) -> dict[str, str]:
    """This process's environment for a Dagster whose instance is `home`; writes a dagster.yaml if none is there."""
    home.mkdir(parents=True, exist_ok=True)
    instance = home / INSTANCE
    if not instance.exists():
        instance.write_text(QUIET_INSTANCE, encoding="utf-8")
    # besides the instance: Dagster uploads nothing where this is set, whatever another dagster.yaml says
    return {**os.environ, "DAGSTER_HOME": str(home.resolve()), "DAGSTER_DISABLE_TELEMETRY": "yes"}
