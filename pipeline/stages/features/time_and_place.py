"""Time and place as feature blocks that are appended to the embedding, so that everything downstream sees vectors.

What belongs here: instants and places as numbers, their feature blocks, and their weight relative to the picture.
Not here: reading time and place (`stages/images/formats.py`, `stages/manifest/bucket_manifest.py`), which images are
meant (`steps/features.py`), the clusterers, which know nothing of time and place (`labels/clusterers.py`).

A block is an explicit feature map of a Gaussian kernel: the dot product of two rows is about exp(-d²/2s²), where d is
the hours between two instants or the chord between two points of the globe, and s the scale. The chord grows with the
great circle, so the poles and the 180th meridian are no edges; instants are points on a line, so midnight is none.
Random Fourier features: Rahimi, Recht (2007), "Random Features for Large-Scale Kernel Machines", here at the points of
a low-discrepancy sequence, which has a smaller error. The features of one image do not depend on other images.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from pipeline.settings import ClusterParams

EARTH_KM = 6371.0088  # mean radius
FREQUENCIES = 256  # two features each; the error of the kernel is then 0.045 (root mean square)
SEED = 7  # of the frequencies; fixed, because vectors made with other frequencies are not comparable
SIMILAR = 15  # neighbours that count as similar pictures
SAMPLE = 512
BLOCK_VALUES = 8_000_000


@dataclass(frozen=True)
class Context:
    """Time and place of each image; row i belongs to image i, NaN where unknown.

    `hours` float64 [n]: hours since 1970 in UTC. EXIF seldom names a time zone, so a camera's clock counts as UTC: the
    clocks of one trip agree, and a zone guessed from the longitude would jump by a day at the 180th meridian.
    `places` float64 [n, 2]: latitude and longitude in degrees.
    """

    hours: np.ndarray
    places: np.ndarray


def join(vectors: np.ndarray, context: Context, params: ClusterParams, contrast: float) -> np.ndarray:
    """Append time and place to L2-normalised float32 [n, d] vectors: float32 [n, d + blocks], rows of length 1.

    With weight 1, a different time (or place) adds as much distance as lies between a similar picture and a random one,
    which is `contrast`. Each row depends on its own image only; the block of an image without a value is zero. Returns
    the input itself if neither has a weight.
    """
    weights = params.weights
    if weights.time == 0 and weights.place == 0:
        return vectors
    blocks = [np.sqrt(weights.visual) * vectors]
    if weights.time:
        blocks.append(np.sqrt(weights.time * contrast) * _block(context.hours[:, None] / params.time_hours))
    if weights.place:
        scaled = on_the_globe(context.places) * (EARTH_KM / params.place_km)
        blocks.append(np.sqrt(weights.place * contrast) * _block(scaled))
    joined = np.concatenate(blocks, axis=1).astype(np.float32, copy=False)
    return joined / np.linalg.norm(joined, axis=1, keepdims=True)


def filled(vectors: np.ndarray, context: Context) -> Context:
    """The context with missing times and places filled in from the most similar picture that has one.

    So the picture alone decides where such an image belongs, and a missing value makes two images neither nearer nor
    farther. If no image has a value, nothing is filled.
    """
    return Context(
        _fill_from_similar(vectors, context.hours[:, None])[:, 0], _fill_from_similar(vectors, context.places)
    )


def contrast_of(vectors: np.ndarray) -> float:
    """How much farther a random picture is than a similar one, as cosine distance, from the first `SAMPLE` rows.

    Encoders use different parts of the sphere, and a weight must mean the same for each of them.
    """
    n, rows = len(vectors), min(len(vectors), SAMPLE)
    if n < 2:
        return 1.0
    k = min(SIMILAR, n - 1)
    similarity = vectors[:rows] @ vectors.T
    similarity[np.arange(rows), np.arange(rows)] = -np.inf
    near = np.partition(similarity, n - k, axis=1)[:, n - k :]
    similarity[np.arange(rows), np.arange(rows)] = 0
    contrast = float(near.mean(dtype=np.float64) - similarity.sum(dtype=np.float64) / (rows * (n - 1)))
    return round(max(contrast, 1e-4), 4)


def effective(context: Context, params: ClusterParams, contrast: float) -> dict[str, Any]:
    """Weights and scales in use, and how many images have no time (place). `context` is not `filled`."""
    weights = params.weights
    used: dict[str, Any] = {"weights": weights.model_dump(), "contrast": contrast}
    if weights.time:
        used |= {"time_hours": params.time_hours, "without_time": int(np.isnan(context.hours).sum())}
    if weights.place:
        used |= {"place_km": params.place_km, "without_place": int(np.isnan(context.places).any(axis=1).sum())}
    return used


def kernel_features(values: np.ndarray) -> np.ndarray:
    """Random Fourier features, L2-normalised float32 [n, 2 · FREQUENCIES], of float64 [n, 1 or 3] points in units of
    the scale."""
    from scipy.stats import norm, qmc

    points = qmc.Sobol(values.shape[1], rng=SEED).random(FREQUENCIES)
    phases = values @ norm.ppf(points).T
    return (np.concatenate([np.cos(phases), np.sin(phases)], axis=1) / np.sqrt(FREQUENCIES)).astype(np.float32)


def on_the_globe(places: np.ndarray) -> np.ndarray:
    """Latitude and longitude in degrees, float [n, 2], as points of the unit sphere, float64 [n, 3]."""
    latitude, longitude = np.radians(places[:, 0]), np.radians(places[:, 1])
    return np.stack(
        [np.cos(latitude) * np.cos(longitude), np.cos(latitude) * np.sin(longitude), np.sin(latitude)], axis=1
    )


def _block(values: np.ndarray) -> np.ndarray:
    """`kernel_features` of the rows without NaN, zeros for the others."""
    present = np.asarray(np.isfinite(values).all(axis=1))
    block = np.zeros((len(values), 2 * FREQUENCIES), dtype=np.float32)
    block[present] = kernel_features(values[present])
    return block


def _fill_from_similar(vectors: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Float64 [n, k]: rows without a value take that of the most similar picture that has one."""
    present = np.asarray(np.isfinite(values).all(axis=1))
    rows, donors = np.flatnonzero(~present), np.flatnonzero(present)
    completed = values.astype(np.float64)
    if not len(donors):
        return completed
    step = max(1, BLOCK_VALUES // len(donors))
    for start in range(0, len(rows), step):
        part = rows[start : start + step]
        # rounded, and ties go to the first: the last bits of a dot product depend on the machine
        similarity = np.round(vectors[part] @ vectors[donors].T, 6)
        completed[part] = values[donors[similarity.argmax(axis=1)]]
    return completed
