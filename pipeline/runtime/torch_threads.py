"""Torch kept to one core in threads beside which others work.

What belongs here: how a thread says that torch may use one core, and loading torch under that rule. Not here: how many
threads there are (`cpu.py`), what they do.
"""

import sys
import threading
from typing import Any

_THREAD = threading.local()


def use_one_thread() -> None:
    """Keep torch to one core in this thread.

    Loading torch takes seconds, and a run whose images Pillow decodes and nobody resizes never needs it. So where torch
    is not loaded yet, the limit is set when this thread first asks for it.
    """
    _THREAD.limited = "torch" in sys.modules
    if _THREAD.limited:
        import torch

        torch.set_num_threads(1)


def load_torch() -> Any:
    """Torch, loaded at the first use and limited to one core where `use_one_thread` asked for it."""
    import torch

    if not getattr(_THREAD, "limited", True):
        torch.set_num_threads(1)
        _THREAD.limited = True
    return torch
