"""A small library, its settings file and the production job over them, for every test that goes through Dagster.

What belongs here: making pictures, a project resource with an encoder that needs no model, and running the job. Not
here: what is asserted.
"""

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import dagster as dg
import numpy as np
import polars as pl
from PIL import Image

from pipeline.automation import JOB_NAME, PARTITIONS
from pipeline.definitions import build_defs
from pipeline.steps.project import Project
from pipeline.storage.files import file_digest
from resources.bucket import BucketResource
from resources.project import EncoderFactory, ProjectResource
from tests.fakes import MeanColourEncoder

COLOURS = ((200, 30, 30), (30, 180, 40), (30, 40, 200))
# a quick recipe that finds the three colours; which one it is proves nothing here
QUICK = {"reduced": {"method": "pca", "n_components": 4}, "labels": {"method": "hdbscan", "min_cluster_size": 3}}
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


def picture_bytes(seed: int) -> bytes:
    """A noisy picture of one of three colours, as a PNG; different for each seed."""
    from io import BytesIO

    noise = np.random.default_rng(seed).normal(0, 12, size=(48, 64, 3))
    image = Image.fromarray(np.clip(np.array(COLOURS[seed % 3]) + noise, 0, 255).astype(np.uint8))
    file = BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


def library_files(category: str, seeds: range) -> dict[str, bytes]:
    """Keys in the layout of the bollards, and their bytes."""
    return {f"{category}/{_country(seed)}/{_country(seed)}-{seed:03d}-800w.png": picture_bytes(seed) for seed in seeds}


def _country(seed: int) -> str:
    return ("de", "fr")[seed % 2]


class Bench:
    """A library in a folder, a data directory, an instance, and the definitions over them."""

    def __init__(self, root: Path, instance: dg.DagsterInstance, **sections: Any) -> None:
        self.library, self.data, self.settings_file = root / "library", root / "data", root / "settings.yaml"
        self.instance = instance
        self.encoder = MeanColourEncoder()
        self.library.mkdir(parents=True, exist_ok=True)
        self.write_settings(**sections)

    def write_settings(self, **sections: Any) -> None:
        source = {"url": str(self.library), "retries": 0, **sections.pop("source", {})}
        document = {"data_dir": str(self.data), "source": source, **QUICK, **sections}
        self.settings_file.write_text(json.dumps(document), encoding="utf-8")  # JSON is YAML

    def add(self, category: str, seeds: range) -> None:
        for key, data in library_files(category, seeds).items():
            self.put(key, data)

    def put(self, key: str, data: bytes) -> None:
        path = self.library / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)

    def keys(self, category: str) -> list[str]:
        return sorted(str(path.relative_to(self.library)) for path in (self.library / category).rglob("*.png"))

    def resource(self, bucket: BucketResource | None = None) -> ProjectResource:
        """The production resource, but for the model."""
        encoder = self.encoder

        class WithFakeEncoder(ProjectResource):
            def encoder_factory(self) -> EncoderFactory:
                return lambda: encoder

        return WithFakeEncoder(settings_file=str(self.settings_file), bucket=bucket or BucketResource())

    def definitions(self, bucket: BucketResource | None = None) -> dg.Definitions:
        return build_defs(resource_overrides={"project": self.resource(bucket)})

    def run(
        self, slug: str, *, config: Mapping[str, Any] | None = None, bucket: BucketResource | None = None
    ) -> dg.ExecuteInProcessResult:
        """The production job on one category."""
        if slug not in self.instance.get_dynamic_partitions(PARTITIONS):
            self.register(slug)
        return (
            self.definitions(bucket)
            .resolve_job_def(JOB_NAME)
            .execute_in_process(
                instance=self.instance,
                partition_key=slug,
                raise_on_error=False,
                run_config={**QUIET, **({"ops": config} if config else {})},
            )
        )

    def register(self, *slugs: str) -> None:
        """Know these categories as the sensor and the schedule would."""
        from pipeline.steps.categories import categories

        categories(self.project())
        self.instance.add_dynamic_partitions(PARTITIONS, list(slugs))

    def project(self) -> Project:
        import logging

        return self.resource().open(logging.getLogger("test"))

    def checks(self, asset: str, slug: str) -> dict[str, dg.AssetCheckEvaluation]:
        """Run the checks of one asset alone."""
        definitions = self.definitions()
        job = dg.define_asset_job("checks_only", selection=dg.AssetSelection.checks_for_assets(asset))
        result = (
            dg.Definitions.merge(definitions, dg.Definitions(jobs=[job]))
            .resolve_job_def("checks_only")
            .execute_in_process(
                instance=self.instance,
                tags={"dagster/partition": slug},
                raise_on_error=False,
                run_config=QUIET,
            )
        )
        return {found.check_name: found for found in result.get_asset_check_evaluations()}


def materializations(result: dg.ExecuteInProcessResult) -> dict[str, dict[str, Any]]:
    """Asset → plain metadata values."""
    found: dict[str, dict[str, Any]] = {}
    for event in result.get_asset_materialization_events():
        made = event.step_materialization_data.materialization
        found[made.asset_key.to_user_string()] = {name: value.value for name, value in made.metadata.items()}
    return found


def set_aside_environment(monkeypatch: Any) -> None:
    """No bucket keys and no settings file from whoever runs the tests."""
    for name in list(os.environ):
        if name.startswith(("AWS_", "R2_", "IMAGE_CLUSTER_")):
            monkeypatch.delenv(name)


def table(bench: Bench, artifact: str, name: str) -> Path:
    """The file of a stored table of the bollards."""
    return bench.project().store.require("bollards", artifact).folder / f"{name}.parquet"


def spoil(path: Path, change: Callable[[pl.DataFrame], pl.DataFrame]) -> None:
    """Change a stored table as a fault of the program would have written it: its recorded digest fits."""
    change(pl.read_parquet(path)).write_parquet(path)
    pointer = path.parent.parent / "current.json"
    document = json.loads(pointer.read_text(encoding="utf-8"))
    document["digests"][path.name] = file_digest(path)
    pointer.write_text(json.dumps(document), encoding="utf-8")


def spoil_vectors(bench: Bench, slug: str, change: Callable[[np.ndarray], np.ndarray]) -> None:
    """Store other vectors, float32 [n, d], under the same names, as a fault of the program would."""
    (part,) = (bench.data / "vectors").rglob(f"{slug}/*.parquet")
    store = bench.project().vectors(part.parent.parent.name)
    names = pl.read_parquet(part)["content_hash"].to_list()
    changed = change(store.read(names))
    for path in part.parent.iterdir():
        path.unlink()
    store.append(slug, names, changed)
