"""The encoders that one may choose, as rows: what is known of each, and how fast it is here.

What belongs here: joining the recommended encoders with the settings and with measurements. Not here: which are
recommended (`adapters/encoders/shortlist.py`), comparing two on a library (`encoder_comparison.py`).
"""

from collections.abc import Iterable
from typing import Any

from pipeline.adapters.encoders.registry import open_encoder
from pipeline.adapters.encoders.shortlist import SHORTLIST, Choice, weights_here
from pipeline.adapters.encoders.speed import Speed, measure, recall, remember
from pipeline.adapters.encoders.text import TEXT_FAMILIES
from pipeline.errors import EncoderError
from pipeline.settings import Settings
from pipeline.steps.data_directory import Talk
from pipeline.storage.layout import Layout, model_cache

Row = dict[str, Any]


def list_encoders(
    settings: Settings, talk: Talk, now: str, *, measuring: bool = False, further: Iterable[str] = ()
) -> list[Row]:
    """A row per recommended encoder, for the one of the settings and for `further` specs; creates no data directory.

    `weights_here` is None where it shows only on loading. With `measuring`, each encoder whose weights are here is
    loaded and timed; one that does not load says so in `problem`.
    """
    cache = model_cache(Layout(settings.data_dir))
    choices = [_known(choice) for choice in SHORTLIST]
    listed = [choice["spec"] for choice in choices]
    others = [spec for spec in dict.fromkeys([settings.encoder.spec, *further]) if spec not in listed]
    choices += [_unlisted(spec) for spec in others]
    rows: list[Row] = [
        {**choice, "weights_here": weights_here(choice["spec"]), "problem": None,
         "now": choice["spec"] == settings.encoder.spec} for choice in choices
    ]  # fmt: skip
    todo = [row for row in rows if row["weights_here"]] if measuring else []
    for done, row in enumerate(todo):
        talk.progress("measure", done, len(todo))
        row["problem"] = _measure(row["spec"], settings, now)
    if todo:
        talk.progress("measure", len(todo), len(todo))
    speeds = recall(cache)
    return [{**row, **_speed(speeds.get(row["spec"]))} for row in rows]


def _known(choice: Choice) -> Row:
    return {
        "spec": choice.spec, "family": choice.family, "dimension": choice.dimension, "megabytes": choice.megabytes,
        "licence": choice.licence, "is_open": choice.is_open, "reads": choice.reads,
    }  # fmt: skip


def _unlisted(spec: str) -> Row:
    """What can be said of an encoder that is not recommended."""
    family = spec.partition(":")[0]
    unknown = dict.fromkeys(("dimension", "megabytes", "licence", "is_open"))
    return {"spec": spec, "family": family, **unknown, "reads": family in TEXT_FAMILIES}


def _measure(spec: str, settings: Settings, now: str) -> str | None:
    """Load and time an encoder, and remember the figure; what went wrong, if anything did."""
    cache, params = model_cache(Layout(settings.data_dir)), settings.encoder
    try:
        encoder = open_encoder(spec, device=params.device, cache_dir=cache, threads=params.decode_threads)
    except EncoderError as error:
        return str(error)
    remember(cache, spec, measure(encoder, now))
    return None


def _speed(speed: Speed | None) -> Row:
    return {
        "images_per_second": speed.images_per_second if speed else None,
        "device": speed.device if speed else None,
        "measured_at": speed.at if speed else None,
    }
