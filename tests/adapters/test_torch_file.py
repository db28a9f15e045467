"""The packaged weights are read without torch, as torch reads them; a file cannot run code."""

import os
import pickle
from pathlib import Path

import numpy as np
import pytest

from pipeline.adapters.encoders import packaged
from pipeline.adapters.encoders.torch_file import MAGIC, VERSION, read_weights
from pipeline.errors import EncoderError


def weights_file(name: str) -> Path:
    path = packaged.source(f"packaged:{name}", name).weights
    assert path is not None
    return path


@pytest.mark.parametrize("name", packaged.SIZES)
def test_weights_are_those_that_torch_reads(name: str) -> None:
    import torch

    path = weights_file(name)
    ours, theirs = read_weights(path), torch.load(path, map_location="cpu", weights_only=True)
    assert list(ours) == list(theirs)
    for key, tensor in theirs.items():
        np.testing.assert_array_equal(ours[key], tensor.numpy(), key)
        assert ours[key].dtype == tensor.numpy().dtype


@pytest.mark.parametrize("kept", [0, 5, 300, 40_000, 1_000_000])
def test_a_cut_file_is_an_error_with_its_size_and_the_way_on(tmp_path: Path, kept: int) -> None:
    cut = tmp_path / "cut.pth"
    cut.write_bytes(weights_file("efficientnet_lite0").read_bytes()[:kept])
    with pytest.raises(EncoderError, match=rf"cut\.pth \({kept:,} bytes\) cannot be read.*Install their package again"):
        read_weights(cut)


def test_a_file_of_another_format_is_an_error(tmp_path: Path) -> None:
    for content in (b"PK\x03\x04" + bytes(64), pickle.dumps(3), pickle.dumps(MAGIC) + pickle.dumps(VERSION + 1)):
        other = tmp_path / "other.pth"
        other.write_bytes(content)
        with pytest.raises(EncoderError, match="cannot be read"):
            read_weights(other)


class Attack:
    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.mark),)


def test_a_file_cannot_run_code(tmp_path: Path) -> None:
    attack = pickle.dumps(Attack(tmp_path / "ran"))
    header = pickle.dumps(MAGIC) + pickle.dumps(VERSION) + pickle.dumps({"little_endian": True})
    for content in (attack, header + attack):
        file = tmp_path / "attack.pth"
        file.write_bytes(content)
        with pytest.raises(EncoderError, match=r"it names posix\.mkdir"):
            read_weights(file)
    assert not (tmp_path / "ran").exists()
