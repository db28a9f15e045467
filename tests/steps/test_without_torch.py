"""What works where torch is not installed: the default, with the same vectors; what needs torch says how to get it."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests import without_torch
from tests.odd_images import encoded, photograph

VECTORS = """
import sys
from pathlib import Path
import numpy as np
from pipeline.adapters.encoders.registry import open_encoder
from pipeline.settings import ImageParams
from pipeline.stages.images.decode import Decoded, decode
encoder = open_encoder("packaged:efficientnet_lite0", device="auto", cache_dir=Path(sys.argv[2]))
found = [decode(path.read_bytes(), ImageParams()) for path in sorted(Path(sys.argv[1]).iterdir())]
batch = np.stack([encoder.prepare(one.pixels) for one in found if isinstance(one, Decoded)])
np.save(sys.argv[3], encoder.encode(batch))
print("torch" in sys.modules)
"""


@pytest.fixture
def photos(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "photos"
    folder.mkdir()
    for seed in range(6):
        (folder / f"{seed}.jpg").write_bytes(encoded(photograph(400 + 90 * seed, 300, seed=seed), "JPEG"))
        (folder / f"{seed}.webp").write_bytes(encoded(photograph(300, 220 + 50 * seed, seed=9 + seed), "WEBP"))
    return folder


def python(tmp_path: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    environment = without_torch.environment(tmp_path)
    return subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, env=environment, cwd=tmp_path, check=False
    )


def command(tmp_path: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return python(tmp_path, "-m", "pipeline.cli", *arguments)


def test_vectors_without_torch_are_nearly_those_with_it(photos: Path, tmp_path: Path) -> None:
    """Pillow's resizing and torch's differ by 1 of 255 at most."""
    files = [tmp_path / "without.npy", tmp_path / "with.npy"]
    without = python(tmp_path, "-c", VECTORS, str(photos), str(tmp_path / "models"), str(files[0]))
    assert without.stdout.strip() == "False", without.stderr[-2000:]
    subprocess.run([sys.executable, "-c", VECTORS, str(photos), str(tmp_path / "models"), str(files[1])], check=True)
    ours, theirs = (np.load(file) for file in files)
    assert ours.shape == theirs.shape == (12, 1280)
    assert (ours * theirs).sum(1).min() > 0.999


@pytest.mark.slow
def test_a_folder_is_published_and_searched_without_torch(photos: Path, tmp_path: Path) -> None:
    done = command(tmp_path, "run", str(photos))
    assert done.returncode == 0, done.stderr[-2000:]
    (file,) = tmp_path.glob("data/published/*/clusters.json")
    published = json.loads(file.read_text(encoding="utf-8"))
    assert sum(len(cluster["images"]) for cluster in published["clusters"]) + len(published["unclustered"]) == 12
    similar = command(tmp_path, "similar", str(photos / "0.jpg"), "--category", file.parent.name)
    assert similar.returncode == 0, similar.stderr[-2000:]


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (("--encoder", "timm:vit_small_patch14_dinov2"), "timm"),
        (("--encoder", "open_clip:ViT-B-32/laion2b_s34b_b79k"), "open_clip"),
    ],
)
def test_what_needs_torch_says_how_to_install_it(
    options: tuple[str, ...], named: str, photos: Path, tmp_path: Path
) -> None:
    done = command(tmp_path, "run", str(photos), *options)
    assert done.returncode != 0
    assert "Traceback" not in done.stderr
    assert f"needs torch and {named}, which are not installed" in done.stderr
    assert "pip install 'image-cluster[torch]'" in done.stderr
