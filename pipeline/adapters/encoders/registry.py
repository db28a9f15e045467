"""The names of encoders, and opening one.

What belongs here: parsing a spec, and opening its encoder. Not here: the families (`packaged.py`, `openclip.py`,
`timm_models.py`), devices and execution (`runtime.py`), stored models (`ircache.py`).
"""

import difflib
import json
import threading
from dataclasses import asdict, dataclass
from hashlib import blake2b
from importlib.metadata import version
from pathlib import Path

from pipeline.adapters.encoders import openclip, packaged, runtime, timm_models
from pipeline.adapters.encoders.ircache import Card, ModelCache
from pipeline.adapters.encoders.preprocess import Preprocessing
from pipeline.adapters.encoders.source import Graph, Source, file_digest, module_digest
from pipeline.errors import EncoderError, UnknownNameError
from pipeline.runtime.torch_threads import INSTALL, has_torch, is_installed, load_torch, use_one_thread
from pipeline.stages.embeddings.encoder import Encoder

FAMILIES = {
    "packaged": f"packaged:NAME with {', '.join(packaged.NAMES)}",
    "open_clip": "open_clip:MODEL/PRETRAINED_OR_CHECKPOINT",
    "timm": "timm:MODEL[@CHECKPOINT]",
}
_OPENING = threading.Lock()  # tracing a model is not safe from two threads
CODE = 3  # increase when the stored form of a model, its conversion or its preprocessing changes


@dataclass(frozen=True)
class Spec:
    """The parts of a spec; `weights` is a tag, a path, or None for the model's own weights."""

    family: str
    model: str
    weights: str | None

    def __str__(self) -> str:
        separator = {"open_clip": "/", "timm": "@"}.get(self.family, "")
        return f"{self.family}:{self.model}" + (f"{separator}{self.weights}" if self.weights is not None else "")


def parse_spec(spec: str) -> Spec:
    """Parse a spec. Raises `UnknownNameError` for unknown families and packaged names."""
    family, colon, rest = spec.partition(":")
    if family not in FAMILIES or not colon or not rest:
        near = difflib.get_close_matches(family, FAMILIES, n=1) or [
            f"packaged:{name}" for name in difflib.get_close_matches(spec, packaged.NAMES, n=1)
        ]
        hint = f" Did you mean {near[0]}?" if near else ""
        raise UnknownNameError(f"There is no encoder {spec!r}.{hint} Encoders are: {'; '.join(FAMILIES.values())}.")
    if family == "packaged":
        if rest not in packaged.NAMES:
            near = difflib.get_close_matches(rest, packaged.NAMES, n=1)
            hint = f" Did you mean packaged:{near[0]}?" if near else ""
            raise UnknownNameError(f"There is no encoder {spec!r}.{hint} Encoders are: {'; '.join(FAMILIES.values())}.")
        return Spec(family, rest, None)
    model, separator, weights = rest.partition("/" if family == "open_clip" else "@")
    if not model or (separator and not weights) or (family == "open_clip" and not separator):
        raise UnknownNameError(f"{spec!r} is incomplete: write {FAMILIES[family]}.")
    return Spec(family, model, weights or None)


def spec_identity(spec: str) -> str:
    """A text that changes whenever the fingerprint of `spec` may change. Loads nothing.

    Raises `UnknownNameError` and `EncoderError`, for instance for a missing checkpoint.
    """
    return source_identity(encoder_source(spec))


def source_identity(source: Source) -> str:
    """A text that changes whenever the fingerprint of the source's model may change. Loads nothing."""
    parts = [str(CODE), source.spec, *(f"{name} {version(name)}" for name in source.libraries)]
    if source.weights is not None:
        status = source.weights.stat()
        parts.append(f"{source.weights.resolve()} {status.st_size} {status.st_mtime_ns} {source.beside}".rstrip())
    return " | ".join(parts)


def open_encoder(spec: str, *, device: str = "auto", cache_dir: Path | None = None, threads: int = 0) -> Encoder:
    """Load a model, ready to run.

    On a CPU the converted model is cached below `cache_dir`: local weights then start without torch, as packaged ones
    always do.
    `threads` 0 means all usable cores. Raises `UnknownNameError`, `EncoderError`.
    """
    return open_source(encoder_source(spec), device=device, cache_dir=cache_dir, threads=threads)


def open_source(source: Source, *, device: str = "auto", cache_dir: Path | None = None, threads: int = 0) -> Encoder:
    """Load the model of a source, as `open_encoder` does. Raises `EncoderError`."""
    with _OPENING:
        return _open(source, runtime.choose_device(device), cache_dir, threads)


def _open(source: Source, device: str, cache_dir: Path | None, threads: int) -> Encoder:
    runtime.block_telemetry()
    weights = file_digest(source.weights) if source.weights is not None else None
    cache = ModelCache(cache_dir / "encoders") if cache_dir is not None and device == "cpu" else None
    card = cache.read(_key(source, weights)) if cache and weights else None
    if cache and card and weights:
        runner = runtime.OpenVinoRunner(cache.model(_key(source, weights)), threads)
        return runtime.ModelEncoder(
            source.spec, card.dimension, card.fingerprint, runner.device, card.preprocessing, runner
        )
    return _load_and_convert(source, device, weights, cache, threads)


def _load_and_convert(
    source: Source, device: str, weights: str | None, cache: ModelCache | None, threads: int
) -> Encoder:
    if device == "cpu" and source.build is not None and weights:
        graph = source.build()
        return _run_graph(source, graph, int(graph.model.outputs[0].shape[1]), weights, cache, threads)
    if device == "cpu":
        use_one_thread()  # torch only loads and traces here; its threads would slow OpenVINO's down
        load_torch()
    loaded = source.load()
    identity = weights or module_digest(loaded.module)
    module = runtime.with_normalisation(loaded.module, loaded.preprocessing)
    dimension = runtime.dimension_of(module, loaded.preprocessing.crop)
    converted = runtime.convert(module, loaded.preprocessing.crop) if device == "cpu" else None
    if converted is not None:
        graph = Graph(converted, loaded.preprocessing)
        return _run_graph(source, graph, dimension, identity, cache if weights else None, threads)
    fingerprint = _fingerprint(source, identity, loaded.preprocessing)
    runner = runtime.TorchRunner(module, device, threads)
    return runtime.ModelEncoder(source.spec, dimension, fingerprint, runner.device, loaded.preprocessing, runner)


def _run_graph(
    source: Source, graph: Graph, dimension: int, identity: str, cache: ModelCache | None, threads: int
) -> Encoder:
    fingerprint = _fingerprint(source, identity, graph.preprocessing)
    if cache:
        cache.write(_key(source, identity), Card(dimension, fingerprint, graph.preprocessing), graph.model)
    runner = runtime.OpenVinoRunner(graph.model, threads)
    return runtime.ModelEncoder(source.spec, dimension, fingerprint, runner.device, graph.preprocessing, runner)


def encoder_source(spec: str) -> Source:
    """The source of a spec's model, without loading it. Raises `UnknownNameError` and `EncoderError`."""
    parsed = parse_spec(spec)
    if parsed.family == "packaged":
        return packaged.source(spec, parsed.model)
    need_torch(spec, parsed.family)
    if parsed.family == "open_clip":
        return openclip.source(spec, parsed.model, parsed.weights or "")
    return timm_models.source(spec, parsed.model, parsed.weights)


def need_torch(spec: str, package: str) -> None:
    """Raise `EncoderError` if torch or this library of models is not installed."""
    if not (has_torch() and is_installed(package)):
        raise EncoderError(
            f"{spec} needs torch and {package}, which are not installed. {INSTALL} packaged:efficientnet_lite0 needs "
            "neither."
        )


def _key(source: Source, weights: str) -> str:
    """The cache key of the converted model: weights, architecture, and all versions that may change the conversion."""
    versions = [f"{name} {version(name)}" for name in (*source.libraries, "openvino")]
    beside = [source.beside] if source.beside else []
    return _digest([CODE, source.architecture, source.feature, weights, *beside, *versions])


def _fingerprint(source: Source, weights: str, preprocessing: Preprocessing) -> str:
    return _digest([source.architecture, source.feature, weights, asdict(preprocessing)])


def _digest(value: object) -> str:
    return blake2b(json.dumps(value, sort_keys=True).encode(), digest_size=8).hexdigest()
