"""Posted vectors → clusters: reading the request and making the response. Stores nothing.

What belongs here: reading JSON, .npy and Arrow bodies, parameters, the response. Not here: clustering
(`stages/labels/clusterers.py`), time and place (`stages/features/time_and_place.py`), HTTP (`routes/vectors.py`).
"""

import io
import zipfile
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import Field

from pipeline.service.problems import Problem
from pipeline.settings import ClusterParams, Params, ReductionParams
from pipeline.stages.features import time_and_place as beside
from pipeline.stages.labels import clusterers as labelling
from pipeline.stages.labels.contract import NONE
from pipeline.stages.reduced import projection as reducing

MOST_DIMENSIONS = 65_536


class VectorParams(Params):
    """How posted vectors are clustered."""

    labels: ClusterParams = Field(
        default_factory=ClusterParams,
        description="As the settings' section labels. A posted time or place has weight 1 unless labels.weights sets "
        "another.",
    )
    reduced: ReductionParams = Field(default_factory=ReductionParams, description="As the settings' section reduced.")


@dataclass(frozen=True)
class Posted:
    """`vectors` float32 [n, d], finite; `ids` [n] or None; `hours` float [n] and `places` float [n, 2] or None."""

    vectors: np.ndarray
    ids: list[str] | None = None
    hours: np.ndarray | None = None
    places: np.ndarray | None = None

    def to_npz(self) -> bytes:
        """All arrays as one .npz."""
        arrays = {"vectors": self.vectors, "hours": self.hours, "places": self.places,
                  "ids": None if self.ids is None else np.array(self.ids, dtype=np.str_)}  # fmt: skip
        out = io.BytesIO()
        present: dict[str, Any] = {name: array for name, array in arrays.items() if array is not None}
        np.savez(out, **present)
        return out.getvalue()


def read_posted(path: Path) -> Posted:
    """The vectors that `to_npz` wrote."""
    with np.load(path, allow_pickle=False) as stored:
        ids = [str(name) for name in stored["ids"]] if "ids" in stored else None
        return Posted(stored["vectors"], ids, stored.get("hours"), stored.get("places"))


def posted(
    vectors: Any, ids: list[str] | None = None, time: list[Any] | None = None, place: list[Any] | None = None
) -> Posted:
    """Validate posted values. `time`: seconds since 1970 or ISO 8601; `place`: [north, east]; None if unknown.

    Raises `Problem` with the invalid row.
    """
    try:
        data = np.asarray(vectors, dtype=np.float32)
    except (ValueError, TypeError) as error:
        raise _invalid("vectors must be rows of numbers, all of one length") from error
    if data.ndim != 2 or not data.shape[0] or not 1 <= data.shape[1] <= MOST_DIMENSIONS:
        raise _invalid(f"vectors must be a table of n rows and d numbers; this has the shape {list(data.shape)}")
    wrong = np.flatnonzero(~np.isfinite(data).all(axis=1))
    if len(wrong):
        raise _invalid(f"row {int(wrong[0])} of the vectors holds a number that is not finite")
    for name, values in (("ids", ids), ("time", time), ("place", place)):
        if values is not None and len(values) != len(data):
            raise _invalid(f"there are {len(data)} vectors but {len(values)} {name}")
    if ids is not None and len(set(ids)) != len(ids):
        raise _invalid(f"the id {Counter(ids).most_common(1)[0][0]!r} is there more than once")
    hours = None if time is None else np.array([_hours(row, value) for row, value in enumerate(time)], dtype=np.float64)
    places = (
        None if place is None else np.array([_place(row, value) for row, value in enumerate(place)], dtype=np.float64)
    )
    return Posted(data, ids, hours, places)


def from_npy(data: bytes) -> Posted:
    """Vectors from the bytes of a .npy file, a table of numbers; never unpickles."""
    try:
        array: Any = np.load(io.BytesIO(data), allow_pickle=False)
    except (ValueError, OSError, EOFError, zipfile.BadZipFile, SyntaxError, MemoryError) as error:
        raise _invalid(f"this is not a .npy file of numbers: {error}") from error
    if not isinstance(array, np.ndarray) or array.dtype.kind not in "fiu":
        raise _invalid("a .npy file must hold one table of numbers")
    return posted(array)


def from_arrow(data: bytes) -> Posted:
    """Vectors from an Arrow IPC stream or file with a list column `vector`, and optionally id, time, latitude and
    longitude."""
    import pyarrow as pa

    try:
        reader: Any = pa.ipc.open_file(data) if data[:6] == b"ARROW1" else pa.ipc.open_stream(data)
        table: Any = reader.read_all()
        names: list[str] = table.column_names
        if "vector" not in names:
            raise _invalid(f"the table has no column vector, only {', '.join(names[:10])}")
        column: Any = table.column("vector").combine_chunks()
        flat: Any = column.flatten()
        width, rest = divmod(len(flat), max(1, len(column)))
        if rest or flat.null_count or column.null_count:
            raise _invalid("the vectors are not all of one length")
        lengths = {len(vector) for vector in column}
        if len(lengths) > 1:
            raise _invalid("the vectors are not all of one length")
        vectors = flat.to_numpy(zero_copy_only=False).reshape(len(column), width)
        ids = [str(name) for name in table.column("id").to_pylist()] if "id" in names else None
        time = table.column("time").to_pylist() if "time" in names else None
        both = "latitude" in names and "longitude" in names
        columns = [table.column(name).to_pylist() for name in ("latitude", "longitude")] if both else None
        place = list(zip(*columns, strict=True)) if columns else None
    except (pa.ArrowException, AttributeError, TypeError) as error:
        raise _invalid(f"this is not an Arrow stream with a list column vector: {str(error)[:200]}") from error
    return posted(vectors, ids, time, place)


def group_posted(given: Posted, params: VectorParams) -> dict[str, Any]:
    """The clusters. Row i of `cluster`, `probability` and `outlier_score` belongs to vector i; null = unclustered."""
    lengths = np.linalg.norm(given.vectors, axis=1, keepdims=True)
    unit = (given.vectors / np.maximum(lengths, 1e-12)).astype(np.float32)
    context = _context(given)
    labels = _with_weights(given, params.labels)
    contrast = beside.contrast_of(unit)
    whole = beside.join(unit, beside.filled(unit, context), labels, contrast)
    method = params.reduced.method
    if method == "auto":
        method = "none" if labels.method == "community" else "umap"
    reduction = reducing.reduce(whole, params.reduced.model_copy(update={"method": method}))
    grouping = labelling.group(reduction.vectors, labels)
    groups = [None if group == NONE else int(group) for group in grouping.groups]
    sizes = Counter(group for group in groups if group is not None)
    has_context = given.hours is not None or given.places is not None
    context_settings = beside.effective(context, labels, contrast) if has_context else {}
    return {
        "ids": given.ids,
        "cluster": groups,
        "probability": [round(float(value), 4) for value in grouping.probability],
        "outlier_score": [round(float(value), 4) for value in grouping.outlier_score],
        "clusters": [{"cluster": group, "size": size} for group, size in sorted(sizes.items())],
        "unclustered": groups.count(None),
        "duplicates": _duplicates(unit),
        "settings": {"labels": grouping.effective, "reduced": reduction.effective, **context_settings},
    }


def _context(given: Posted) -> beside.Context:
    n = len(given.vectors)
    hours = np.full(n, np.nan) if given.hours is None else given.hours
    return beside.Context(hours, np.full((n, 2), np.nan) if given.places is None else given.places)


def _with_weights(given: Posted, params: ClusterParams) -> ClusterParams:
    """The parameters with weights of time and place: 0 if not posted, 1 if posted without an explicit weight."""
    explicit = params.weights.model_fields_set
    time = params.weights.time if "time" in explicit else 1.0
    place = params.weights.place if "place" in explicit else 1.0
    weights = {"time": time if given.hours is not None else 0.0, "place": place if given.places is not None else 0.0}
    return params.model_copy(update={"weights": params.weights.model_copy(update=weights)})


def _duplicates(unit: np.ndarray) -> list[list[int]]:
    """Groups of two or more rows with the same vector, to the precision of float16."""
    rows: dict[bytes, list[int]] = {}
    for row, vector in enumerate(unit.astype(np.float16)):
        rows.setdefault(vector.tobytes(), []).append(row)
    return [same for same in rows.values() if len(same) > 1]


def _hours(row: int, value: Any) -> float:
    if value is None:
        return float("nan")
    try:
        if isinstance(value, datetime | str):
            moment = value if isinstance(value, datetime) else datetime.fromisoformat(value)
            return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() / 3600
        hours = float(value) / 3600
    except (ValueError, TypeError, OverflowError, OSError) as error:
        raise _invalid(f"time {row} is not a time: give seconds since 1970 or ISO 8601") from error
    if not abs(hours) < 1e9:
        raise _invalid(f"time {row} is not a time: give seconds since 1970 or ISO 8601")
    return hours


def _place(row: int, value: Any) -> tuple[float, float]:
    if value is None or (len(value) == 2 and value[0] is None):
        return float("nan"), float("nan")
    north, east = float(value[0]), float(value[1])
    if not (-90 <= north <= 90 and -180 <= east <= 180):
        raise _invalid(f"place {row} is [{north:g}, {east:g}]: give degrees north (-90 to 90) and east (-180 to 180)")
    return north, east


def _invalid(text: str) -> Problem:
    return Problem(422, "invalid-vectors", f"{text[:1].upper()}{text[1:]}.")
