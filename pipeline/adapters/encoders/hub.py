"""Weights from the Hugging Face hub: fetched once, then read from its cache, with or without a network.

What belongs here: checking whether the hub answers, and turning its many failures into one error. Not here: which
weights to load (`openclip.py`, `timm_models.py`).

Without a network, the hub's client tries for 47 seconds per file. Here one short request decides; if the hub does not
answer, the client uses only its cache, at once.
"""

import importlib
import os
import urllib.error
import urllib.request
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

from pipeline.errors import EncoderError

PROBE_SECONDS = 5.0
INSTEAD = (
    "name a checkpoint on this machine instead (open_clip:MODEL/PATH, timm:MODEL@PATH), or use "
    "packaged:efficientnet_lite0, which needs no hub"
)


@contextmanager
def hub(spec: str, instead: str = INSTEAD) -> Generator[None]:
    """A context in which libraries may fetch weights.

    Raises `EncoderError` if they are unavailable; `instead` says what one may do without a hub.
    """
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    from huggingface_hub import constants

    modules: Any = constants
    before = modules.HF_HUB_OFFLINE
    modules.HF_HUB_DISABLE_TELEMETRY = True
    answers = not before and _answers()
    modules.HF_HUB_OFFLINE = not answers
    try:
        yield
    except (OSError, RuntimeError, ValueError, LookupError, _client_error()) as error:
        how = "The hub answered, but without the weights" if answers else "The hub does not answer"
        detail = " ".join(str(error).split())[:200]
        raise EncoderError(
            f"The weights of {spec} are unavailable. {how} ({constants.ENDPOINT}), and they are not in its cache "
            f"({constants.HF_HUB_CACHE}): {detail.rstrip('.')}. Connect once so that they are fetched, {instead}."
        ) from error
    finally:
        modules.HF_HUB_OFFLINE = before


def _answers() -> bool:
    """Whether the hub answers at all. Uses urllib, which honours proxies and does not retry."""
    from huggingface_hub import constants

    if not constants.ENDPOINT.startswith(("https://", "http://")):
        return False
    request = urllib.request.Request(constants.ENDPOINT, method="HEAD")  # noqa: S310
    try:
        with urllib.request.urlopen(request, timeout=PROBE_SECONDS):  # noqa: S310
            return True
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False


def _client_error() -> type[Exception]:
    """The base class of errors of the hub's HTTP client, whose library has changed more than once."""
    from huggingface_hub.utils import get_session

    client = importlib.import_module(type(get_session()).__module__.split(".")[0])
    return getattr(client, "HTTPError", OSError)
