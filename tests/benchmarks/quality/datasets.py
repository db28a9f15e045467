"""The data sets of the quality benchmark: images with a known kind, as vectors.

What belongs here: vectors, their cache, mixtures and synthetic sets. Not here: where the images come from
(`image_sets.py`), what is run on them (`recipes.py`) and how it is scored (`scores.py`).
"""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from tests.benchmarks.quality.image_sets import IMAGES, NO_KIND, Find, UnavailableError, cache_dir

ENCODER = "packaged:efficientnet_lite0"
VECTORS_VARIABLE = "IMAGE_CLUSTER_BENCH_VECTORS"
BATCH = 32


@dataclass(frozen=True)
class DataSet:
    """`vectors` float32 [n, d], rows of length 1; `truth` int [n], −1 for true noise."""

    name: str
    vectors: np.ndarray
    truth: np.ndarray

    @property
    def kinds(self) -> int:
        """How many kinds there are."""
        return len(np.unique(self.truth[self.truth >= 0]))

    @property
    def median_kind(self) -> float:
        """How many members the middle kind has."""
        return float(np.median(np.unique(self.truth[self.truth >= 0], return_counts=True)[1]))


def load(name: str) -> DataSet:
    """One set, from the cache where it has been embedded before. Raises `UnavailableError`."""
    return SETS[name](name)


# --- from image files ------------------------------------------------------------------------------------------------


def _embedded(name: str, find: Find) -> DataSet:
    path = cache_dir() / "vectors" / f"{name}.npz"
    if not path.exists():
        images = sorted(find())
        vectors = embed_files([image for image, _ in images])
        path.parent.mkdir(exist_ok=True)
        with path.with_suffix(".partial").open("wb") as file:
            np.savez(file, vectors=vectors.astype(np.float16), kinds=np.array([kind for _, kind in images]))
        path.with_suffix(".partial").replace(path)
    with np.load(path) as stored:
        vectors = stored["vectors"].astype(np.float32)
        kinds = stored["kinds"]
    vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    return DataSet(name, vectors, _numbered(kinds))


def _numbered(kinds: np.ndarray) -> np.ndarray:
    truth = np.unique(kinds, return_inverse=True)[1]
    named = np.unique(np.where(kinds == NO_KIND, -1, truth), return_inverse=True)
    return named[1] + (0 if (kinds != NO_KIND).all() else -1)


def embed_files(paths: list[Path], encoder_spec: str = ENCODER) -> np.ndarray:
    """The vectors of image files, float [n, d], in their order."""
    from pipeline.adapters.encoders.registry import open_encoder
    from pipeline.runtime.torch_threads import use_one_thread
    from pipeline.settings import ImageParams
    from pipeline.stages.images.decode import Decoded, decode

    encoder = open_encoder(encoder_spec, device="cpu", cache_dir=cache_dir())
    params = ImageParams()

    def prepared(path: Path) -> np.ndarray:
        found = decode(path.read_bytes(), params)
        if not isinstance(found, Decoded):
            raise UnavailableError(f"{path} cannot be decoded: {found}")
        return encoder.prepare(found.pixels)

    use_one_thread()
    found: list[np.ndarray] = []
    with ThreadPoolExecutor(2) as pool:
        for start in range(0, len(paths), BATCH):
            batch = list(pool.map(prepared, paths[start : start + BATCH]))
            found.append(encoder.encode(np.stack(batch)))
    return np.concatenate(found)


def _held_out(name: str) -> DataSet:
    """A set whose vectors lie beside the repository: `vectors` float16 [n, d] and `kinds` text [n]."""
    folder = Path(os.environ.get(VECTORS_VARIABLE) or "../shared/vectors")
    path = folder / f"{name}.npz"
    if not path.exists():
        raise UnavailableError(f"no {path}; {VECTORS_VARIABLE} names another folder")
    with np.load(path) as stored:
        vectors = stored["vectors"].astype(np.float32)
        kinds = stored["kinds"]
    vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    return DataSet(name, vectors, _numbered(kinds))


# --- mixtures and synthetic ------------------------------------------------------------------------------------------


def _mixture(*parts: str) -> Callable[[str], DataSet]:
    def make(name: str) -> DataSet:
        sets = [load(part) for part in parts]
        truth: list[np.ndarray] = []
        shift = 0
        for part in sets:
            truth.append(np.where(part.truth >= 0, part.truth + shift, -1))
            shift += part.kinds
        return DataSet(name, np.concatenate([part.vectors for part in sets]), np.concatenate(truth))

    return make


def sphere_mixture(n: int, *, noise: float = 0.2, dimension: int = 512, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """`n` points on the sphere: clusters of uneven size and width, and a share of points drawn from everywhere.

    Returns float32 [n, dimension] rows of length 1 and the kind of each, −1 for noise.
    """
    rng = np.random.default_rng(seed)
    kinds = max(5, round((n / 20) ** 0.75))
    sizes = rng.dirichlet(np.full(kinds, 2.0))
    loud = int(n * noise)
    truth = np.concatenate([rng.choice(kinds, size=n - loud, p=sizes), np.full(loud, -1)])
    centres = _unit(rng.normal(size=(kinds, dimension)))
    width = rng.uniform(0.6, 1.1, size=kinds) / np.sqrt(dimension)
    points = np.empty((n, dimension), dtype=np.float32)
    for part in _stretches(0, n):  # all at once they would take eight times the memory of the result
        of = truth[part]
        points[part] = _unit(centres[of] + width[of, None] * rng.normal(size=(len(of), dimension)))
    for part in _stretches(n - loud, n):
        points[part] = _unit(rng.normal(size=(part.stop - part.start, dimension)))
    order = rng.permutation(n)
    for column in range(dimension):
        points[:, column] = points[order, column]
    return points, truth[order]


def _stretches(begin: int, end: int) -> list[slice]:
    return [slice(start, min(start + DRAWN, end)) for start in range(begin, end, DRAWN)]


def _unit(values: np.ndarray) -> np.ndarray:
    return values / np.linalg.norm(values, axis=1, keepdims=True)


def _sphere(n: int) -> Callable[[str], DataSet]:
    return lambda name: DataSet(name, *sphere_mixture(n))


DRAWN = 50_000  # points that are drawn at a time
HELD_OUT = ("clothing", "weather", "butterflies", "insects")  # nothing in the graph or the outliers was chosen on them
QUICK = ("bollards-50", "bollards-160", "follow-cars", "stamps", "sphere-2000")
SETS: dict[str, Callable[[str], DataSet]] = {
    **{name: partial(_embedded, find=find) for name, find in IMAGES.items()},
    "mixture": _mixture("bollards-160", "stamps", "textiles"),
    "mixture-even": _mixture("bollards-1000", "google-emoji", "follow-cars"),
    "sphere-2000": _sphere(2000),
    "sphere-10000": _sphere(10_000),
    **dict.fromkeys(HELD_OUT, _held_out),
}
LARGE = ("bollards-3000", "bollards-10000")  # drawn and embedded only when asked for


def available(names: list[str], say: Callable[[str], None]) -> Iterator[DataSet]:
    """The sets of `names` that can be had; `say` is told of each that cannot."""
    for name in names:
        try:
            yield load(name)
        except UnavailableError as error:
            say(f"skipped {name}: {error}")
