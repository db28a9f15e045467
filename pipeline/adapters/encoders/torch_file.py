"""Reading the weights of a torch file without torch.

What belongs here: the format of the packaged weights, which torch wrote before version 1.6. Not here: what the weights
mean (`efficientnet_lite.py`), checkpoints of other models, which their own libraries load with torch.

The file is five pickles: a magic number, the version, the byte order and sizes, the tensors, the keys of their
storages. After them each storage follows: its length as int64, and its values. The unpickler knows the five names that
such a file holds and refuses any other, so that a file cannot run code.
"""

import collections
import pickle
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import numpy as np

from pipeline.errors import EncoderError

MAGIC = 0x1950A86A20F9469CFC6C
VERSION = 1001
DTYPES = {"FloatStorage": "<f4", "LongStorage": "<i8"}


@dataclass
class _Storage:
    """Values that tensors are views of; empty until they are read."""

    dtype: np.dtype[Any]
    length: int
    values: np.ndarray = field(default_factory=lambda: np.empty(0))


@dataclass(frozen=True)
class _Tensor:
    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]  # in elements

    def array(self) -> np.ndarray:
        values = self.storage.values[self.offset :]
        return np.lib.stride_tricks.as_strided(values, self.shape, [step * values.itemsize for step in self.strides])


class _Unpickler(pickle.Unpickler):
    def __init__(self, file: IO[bytes]) -> None:
        super().__init__(file)
        self.storages: dict[str, _Storage] = {}

    def find_class(self, module_name: str, global_name: str, /) -> Any:
        if (module_name, global_name) == ("collections", "OrderedDict"):
            return collections.OrderedDict
        if (module_name, global_name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _tensor
        if module_name == "torch" and global_name in DTYPES:
            return np.dtype(DTYPES[global_name])
        raise pickle.UnpicklingError(f"it names {module_name}.{global_name}")

    def persistent_load(self, pid: Any) -> _Storage:
        _, dtype, key, _, length, _ = pid
        return self.storages.setdefault(str(key), _Storage(dtype, int(length)))


def _tensor(storage: _Storage, offset: int, shape: tuple[int, ...], strides: tuple[int, ...], *_: object) -> _Tensor:
    return _Tensor(storage, offset, shape, strides)


def read_weights(path: Path) -> dict[str, np.ndarray]:
    """The tensors of a file by name, float32 or int64 of any shape, read-only.

    Raises `EncoderError` for a file that is damaged or of another format.
    """
    try:
        with path.open("rb") as file:
            return _read(file)
    except (OSError, EOFError, ValueError, LookupError, TypeError, AttributeError, pickle.UnpicklingError) as error:
        detail = " ".join(str(error).split())[:200] or type(error).__name__
        size = path.stat().st_size if path.exists() else 0
        raise EncoderError(
            f"The weights {path.name} ({size:,} bytes) cannot be read: {detail}. Install their package again."
        ) from error


def _read(file: IO[bytes]) -> dict[str, np.ndarray]:
    if (_Unpickler(file).load(), _Unpickler(file).load()) != (MAGIC, VERSION):
        raise ValueError(f"it is not a torch file of version {VERSION}")
    if not _Unpickler(file).load()["little_endian"]:
        raise ValueError("its numbers are big-endian")
    unpickler = _Unpickler(file)
    tensors: dict[str, _Tensor] = unpickler.load()
    for key in _Unpickler(file).load():
        storage = unpickler.storages[str(key)]
        length = int.from_bytes(file.read(8), "little")
        data = file.read(length * storage.dtype.itemsize)
        if length != storage.length or len(data) != length * storage.dtype.itemsize:
            raise ValueError(f"storage {key} has {len(data):,} bytes of {storage.length:,} numbers")
        storage.values = np.frombuffer(data, storage.dtype)
    return {name: tensor.array() for name, tensor in tensors.items()}
