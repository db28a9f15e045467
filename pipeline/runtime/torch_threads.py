"""Torch where it is installed: loading it late, and limited to one core per thread that runs beside others.

What belongs here: whether torch is there, loading it, setting the limit. Not here: the number of threads (`cpu.py`).
"""

import functools
import importlib.util
import sys
import threading
from typing import Any

INSTALL = "Install it with `pip install 'image-cluster[torch]'`, in a checkout with `make install-all`."
_THREAD = threading.local()


def is_installed(*packages: str) -> bool:
    """Whether all of these packages are installed. Imports nothing."""
    return all(importlib.util.find_spec(package) is not None for package in packages)


@functools.cache
def has_torch() -> bool:
    """Whether torch and torchvision are installed. Imports nothing."""
    return is_installed("torch", "torchvision")


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
