"""The encoders of a running service: loaded in the background, shared by searches and the queue.

What belongs here: loading it, waiting for it, one forward pass at a time. Not here: encoders
(`adapters/encoders/`).
"""

import threading
from typing import Any

import numpy as np

from pipeline.errors import ImageClusterError, TransientError
from pipeline.service.problems import Problem
from pipeline.stages.embeddings.encoder import Encoder
from pipeline.steps.encoder_choice import with_encoder
from pipeline.steps.project import Project

PATIENCE_SECONDS = 60.0  # how long a request waits for the encoder to load


class SharedEncoder:
    """An encoder that several threads may use: `encode` runs for one of them at a time."""

    def __init__(self, inner: Encoder) -> None:
        self._inner, self._lock = inner, threading.Lock()
        self.name, self.dimension = inner.name, inner.dimension
        self.fingerprint, self.device = inner.fingerprint, inner.device

    def prepare(self, pixels: np.ndarray) -> np.ndarray:
        """Uint8 [h, w, 3] → uint8 [3, H, W]."""
        return self._inner.prepare(pixels)

    def encode(self, batch: np.ndarray) -> np.ndarray:
        """Uint8 [n, 3, H, W] → float32 [n, dimension]."""
        with self._lock:
            return self._inner.encode(batch)


class Encoders:
    """The encoders of a service by spec, each loaded once: that of the settings, and those chosen for a category."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._by_spec: dict[str, _Loading] = {}
        self._adding = threading.Lock()

    @property
    def state(self) -> str:
        """Of the encoder of the settings: not loaded, loading, ready or failed."""
        return self._of(None).state

    def get(self, seconds: float = PATIENCE_SECONDS, spec: str | None = None) -> SharedEncoder:
        """Wait for an encoder, by default that of the settings. Raises the error of loading it, or `TransientError`
        while it is still loading."""
        return self._of(spec).get(seconds)

    def text(self, words: str, spec: str | None = None) -> np.ndarray:
        """The vector of a text, L2-normalised float32 [d]. Raises `Problem` if the model has no text encoder."""
        return self._of(spec).text(words)

    def _of(self, spec: str | None) -> "_Loading":
        wanted = spec or self._project.settings.encoder.spec
        with self._adding:
            if wanted not in self._by_spec:
                self._by_spec[wanted] = _Loading(with_encoder(self._project, wanted))
            return self._by_spec[wanted]


class _Loading:
    """Loads the project's encoder once, in its own thread, and its text encoder on the first text search."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._ready = threading.Event()
        self._started = threading.Lock()
        self._thread: threading.Thread | None = None
        self._encoder: SharedEncoder | None = None
        self._error: ImageClusterError | None = None
        self._text: Any = None
        self._text_lock = threading.Lock()

    @property
    def state(self) -> str:
        """not loaded, loading, ready or failed."""
        if self._encoder is not None:
            return "ready"
        return "failed" if self._error is not None else "loading" if self._thread is not None else "not loaded"

    def start(self) -> None:
        """Start loading unless it is loaded or loading; a failed load is retried."""
        with self._started:
            if self._error is not None:
                self._error, self._thread = None, None
                self._ready.clear()
            if self._thread is None:
                self._thread = threading.Thread(target=self._load, name="encoder", daemon=True)
                self._thread.start()

    def get(self, seconds: float = PATIENCE_SECONDS) -> SharedEncoder:
        """Wait for the encoder. Raises the error of loading it, or `TransientError` while it is still loading."""
        self.start()
        if not self._ready.wait(seconds):
            raise TransientError(f"The encoder {self._project.settings.encoder.spec} is still loading. Try again soon.")
        if self._encoder is None:
            raise self._error or TransientError("The encoder did not load. Try again.")
        return self._encoder

    def text(self, words: str) -> np.ndarray:
        """The vector of a text, L2-normalised float32 [d]. Raises `Problem` if the model has no text encoder."""
        from pipeline.adapters.encoders.text import TEXT_FAMILIES, open_text_encoder

        spec = self._project.settings.encoder.spec
        if spec.partition(":")[0] not in TEXT_FAMILIES:
            raise Problem(
                422, "no-text-side", f"The encoder {spec} sees pictures only. Search by text takes one that reads too, "
                "such as open_clip:ViT-B-32/laion2b_s34b_b79k: set encoder.spec and run again.",
            )  # fmt: skip
        with self._text_lock:
            if self._text is None:
                self._text = open_text_encoder(spec)
            return self._text.encode([words])[0]

    def _load(self) -> None:
        try:
            self._encoder = SharedEncoder(self._project.load_encoder())
        except ImageClusterError as error:
            self._error = error
        except Exception as error:
            self._error = TransientError(f"The encoder did not load: {type(error).__name__}: {error}.")
            raise
        finally:
            self._ready.set()
