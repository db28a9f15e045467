"""Running a model: OpenVINO on a CPU, torch on a GPU.

What belongs here: choosing a device, converting, running, and blocking the telemetry of these libraries. Not here:
which model (`registry.py`), preprocessing (`preprocess.py`).
"""

import ctypes
import os
import sys
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from pipeline.adapters.encoders.preprocess import Preprocessing
from pipeline.errors import EncoderError
from pipeline.runtime.cpu import usable_cores
from pipeline.runtime.torch_threads import INSTALL, has_torch


class Runner(Protocol):
    """Uint8 [n, 3, H, W] → float32 [n, dimension], as the model returns it."""

    @property
    def device(self) -> str: ...

    def run(self, batch: np.ndarray) -> np.ndarray: ...


@dataclass(frozen=True)
class ModelEncoder:
    """An opened encoder (`stages.embeddings.Encoder`)."""

    name: str
    dimension: int
    fingerprint: str
    device: str
    preprocessing: Preprocessing
    runner: Runner

    def prepare(self, pixels: np.ndarray) -> np.ndarray:
        """Uint8 [h, w, 3] → uint8 [3, H, W]."""
        return self.preprocessing.prepare(pixels)

    def encode(self, batch: np.ndarray) -> np.ndarray:
        """Uint8 [n, 3, H, W] → float32 [n, dimension], rows of length 1; a zero row stays zero."""
        vectors = self.runner.run(batch)
        with np.errstate(all="ignore"):
            return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), np.float32(1e-12))


def block_telemetry() -> None:
    """Block the telemetry of OpenVINO, the hub's client and similar libraries; to be called before their import.

    OpenVINO's converter reports its use to a web analytics service if the package openvino_telemetry exists. This hides
    the package from the process. If OpenVINO was imported before, its reporter is replaced by OpenVINO's own stub.
    """
    os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
    os.environ["DO_NOT_TRACK"] = "1"
    loaded = any(name.startswith("openvino_telemetry") and module for name, module in list(sys.modules.items()))
    for name in [name for name in sys.modules if name.startswith("openvino_telemetry.")]:
        del sys.modules[name]
    blocked: Any = None
    sys.modules["openvino_telemetry"] = blocked
    if loaded:
        from openvino.tools.ovc import telemetry_stub

        for name, module in list(sys.modules.items()):
            if name.startswith("openvino.tools.") and hasattr(module, "tm"):
                module.__dict__["tm"] = telemetry_stub


def choose_device(device: str) -> str:
    """The device to use, cpu, cuda or mps, given one of these or auto. Raises `EncoderError` if it is unavailable."""
    if device == "cpu" or (device == "auto" and not _may_have_gpu()):
        return "cpu"  # decided without importing torch
    if not has_torch():
        if device == "auto":
            return "cpu"
        raise EncoderError(f"encoder.device is {device}, and a GPU needs torch, which is not installed. {INSTALL}")
    import torch

    available = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if device == "auto":
        return next((name for name, there in available.items() if there), "cpu")
    if not available.get(device, False):
        raise EncoderError(
            f"encoder.device is {device}, but torch {torch.__version__} finds no such device. Set it to auto or cpu, "
            "or install a build of torch for this device."
        )
    return device


def describe(device: str) -> str:
    """A device in words, with its precision."""
    if device == "cpu":
        return f"CPU (OpenVINO, {'bf16' if _precision() == 'bf16' else 'fp32'})"
    if device == "cuda":
        import torch

        return f"{torch.cuda.get_device_name()} (torch, {_cuda_precision()})"
    return f"{device.upper()} (torch, fp32)"


def with_normalisation(module: Any, preprocessing: Preprocessing) -> Any:
    """A module that takes uint8 images and normalises them itself, so that a quarter of the bytes are moved."""
    import torch

    class Normalised(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = module
            self.register_buffer("mean", torch.tensor(preprocessing.mean).view(1, 3, 1, 1), persistent=False)
            self.register_buffer("std", torch.tensor(preprocessing.std).view(1, 3, 1, 1), persistent=False)

        def forward(self, images: Any) -> Any:
            return self.inner((images.to(torch.float32) - self.mean) / self.std)

    return Normalised().eval()


def dimension_of(module: Any, size: tuple[int, int]) -> int:
    """Numbers per vector, measured by a trial run. Raises `EncoderError` if the model returns no vectors."""
    import torch

    with torch.inference_mode():
        result = module(torch.zeros((1, 3, *size), dtype=torch.uint8))
    if not isinstance(result, torch.Tensor) or result.ndim != 2:
        raise EncoderError("This model does not return one vector per image. Choose another encoder.")
    return int(result.shape[1])


def convert(module: Any, size: tuple[int, int]) -> Any | None:
    """The torch module as an OpenVINO model, None if OpenVINO cannot convert it."""
    block_telemetry()
    import openvino
    import torch
    from openvino.frontend.pytorch.ts_decoder import TorchScriptPythonDecoder

    example = torch.zeros((1, 3, *size), dtype=torch.uint8)
    with torch.inference_mode(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # tracing warns of every constant shape, which is intended here
        try:
            # torch would trace twice and compare, with an import of 700 modules: a second of CPU time
            decoder = TorchScriptPythonDecoder(module, example_input=example, trace_kwargs={"check_trace": False})
            model: Any = openvino.convert_model(decoder, input=[openvino.PartialShape([1, 3, *size])])
        except (openvino.frontend.OpConversionFailure, openvino.frontend.GeneralFailure, RuntimeError):
            return None
    return model


class OpenVinoRunner:
    """Runs one image per request and one request per core.

    A batch of 1 is as fast as larger ones (165 images/s against 158 to 176 for 4 to 32), needs the least memory, lets
    decoding threads run between images, and makes vectors independent of the batch, bit for bit.
    """

    def __init__(self, model: Any, threads: int) -> None:
        """`model` is an OpenVINO model or the path of one."""
        block_telemetry()
        import openvino

        core: Any = openvino.Core()
        read: Any = core.read_model(model) if isinstance(model, Path) else model
        streams = threads or usable_cores()
        precision = _precision()
        self._compiled: Any = core.compile_model(
            read,
            "CPU",
            {
                "NUM_STREAMS": streams,
                "INFERENCE_NUM_THREADS": streams,
                "INFERENCE_PRECISION_HINT": precision,
                "ENABLE_CPU_PINNING": False,  # pinned threads would block the decoding threads
            },
        )
        self._queue: Any = openvino.AsyncInferQueue(self._compiled, streams)
        self._queue.set_callback(_store_result)
        self._dimension = int(self._compiled.outputs[0].shape[1])
        self.device = describe("cpu")

    def run(self, batch: np.ndarray) -> np.ndarray:
        """Uint8 [n, 3, H, W] → float32 [n, dimension]."""
        result = np.empty((len(batch), self._dimension), np.float32)
        for index in range(len(batch)):
            self._queue.start_async({0: batch[index : index + 1]}, (result, index))
        self._queue.wait_all()
        return result


def _store_result(request: Any, place: tuple[np.ndarray, int]) -> None:
    result, index = place
    result[index] = request.get_output_tensor(0).data[0]


class TorchRunner:
    """Runs the torch module: on CUDA in half precision, on MPS and CPU in full precision."""

    def __init__(self, module: Any, device: str, threads: int) -> None:
        import torch

        self._torch: Any = torch
        self._kind = device
        self._threads = threads or usable_cores()
        self._module: Any = module.to(device=device, memory_format=torch.channels_last)
        self._half: Any = (
            getattr(torch, {"bf16": "bfloat16", "fp16": "float16"}[_cuda_precision()]) if device == "cuda" else None
        )
        self._host: Any = None  # uint8 [n, 3, H, W], pinned
        self.device = describe(device) if device != "cpu" else "CPU (torch, fp32)"
        if device == "cpu":
            _keep_freed_memory()

    def run(self, batch: np.ndarray) -> np.ndarray:
        """Uint8 [n, 3, H, W] → float32 [n, dimension]."""
        torch = self._torch
        if self._kind == "cpu":
            torch.set_num_threads(self._threads)  # per thread, and this one is not a decoding thread
        images = torch.from_numpy(batch)
        if self._kind == "cuda":
            images = self._pinned(images)
        images = images.to(self._kind, non_blocking=True).contiguous(memory_format=torch.channels_last)
        with torch.inference_mode(), torch.autocast(self._kind, dtype=self._half, enabled=self._half is not None):
            vectors = self._module(images)
        return vectors.float().cpu().numpy()

    def _pinned(self, images: Any) -> Any:
        """The batch in pinned host memory. The memory is reused, because pinning costs more than copying."""
        if self._host is None or len(self._host) < len(images):
            self._host = self._torch.empty(images.shape, dtype=images.dtype, pin_memory=True)
        host = self._host[: len(images)]
        host.copy_(images)  # no longer in use: `run` waited for the last result
        return host


def _precision() -> str:
    """bf16 if the processor supports it, else f32, because emulated bf16 is slower."""
    block_telemetry()
    import openvino

    capabilities: Any = openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    return "bf16" if "BF16" in capabilities else "f32"


def _cuda_precision() -> str:
    import torch

    return "bf16" if torch.cuda.is_bf16_supported() else "fp16"


def _may_have_gpu() -> bool:
    """Whether there is a GPU driver at all; otherwise torch, which takes seconds to import, need not be asked."""
    if sys.platform == "darwin" or Path("/dev/kfd").exists():
        return True
    try:
        ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
    except OSError:
        return False
    return True


def _keep_freed_memory() -> None:
    """Make glibc keep large freed blocks: torch on a CPU allocates them per layer, otherwise 2 to 5 times slower."""
    if sys.platform != "linux":
        return
    try:
        libc = ctypes.CDLL("libc.so.6")
    except OSError:  # another C library, with another allocator
        return
    for option, value in ((-3, 1 << 30), (-1, 2**31 - 1), (-2, 256 << 20)):
        libc.mallopt(option, value)
