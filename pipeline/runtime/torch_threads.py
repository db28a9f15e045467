"""Limits torch to one core per thread, for threads that run beside others.

What belongs here: setting the limit, and loading torch with it. Not here: the number of threads (`cpu.py`).
"""

import sys
import threading
from typing import Any

_THREAD = threading.local()


def use_one_thread() -> None:
    """Limit torch to one core in this thread.

    Loading torch takes seconds, and some runs never need it. If torch is not loaded yet, `load_torch` sets the limit
    later.
    """
    _THREAD.limited = "torch" in sys.modules
    if _THREAD.limited:
        import torch

        torch.set_num_threads(1)


def load_torch() -> Any:
    """Torch, loaded at the first use, with the limit of `use_one_thread` in this thread."""
    import torch

    if not getattr(_THREAD, "limited", True):
        torch.set_num_threads(1)
        _THREAD.limited = True
    return torch
