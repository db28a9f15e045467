"""Artefacts: the stored result of one stage for one category, as one or more Parquet tables that change together.

What belongs here: the pointer to the current version, schema checks on write and read. Not here: the folders of
versions (`versions.py`), the meaning of columns (`stages/*/contract.py`), vectors (`vectors.py`), published documents
(`publications.py`).

A version is a folder that never changes once `current.json` names it. So readers see a consistent set while one writer
per category (which holds the lock) writes, and a crash at any point leaves the last complete version current.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

import polars as pl
from pydantic import ValidationError

from pipeline.errors import DamagedArtifactError, FactsMismatchError, MissingArtifactError, NewerSchemaError
from pipeline.stages.contract import SEEN, StageFacts
from pipeline.storage.files import file_digest, write_atomically
from pipeline.storage.full_disk import writing
from pipeline.storage.layout import SCHEMA_VERSION, TABLE_SUFFIX, Layout
from pipeline.storage.verified import is_as_written
from pipeline.storage.versions import new_version, sync_version

F = TypeVar("F", bound=StageFacts)
PRODUCERS = {
    "manifest": "run", "images": "embed", "objects": "embed", "embeddings": "embed",
    "duplicates": "duplicates", "reduced": "cluster",
    "labels": "cluster", "identities": "cluster", "representatives": "cluster", "similarity": "cluster",
    "published": "visualize", "tuning": "tune",
}  # fmt: skip
ASSETS = {"manifest": "image_manifest"}  # Dagster assets that are not called as their artefact is

LOST = {"identities": " and gives its clusters new ids"}  # what computing again would lose


@dataclass(frozen=True)
class Provenance:
    """The origin of a version: fingerprint of its inputs, effective parameters, and time.

    For `images` (with the decode settings) and `embeddings`, the fingerprint is of their output rows.

    `facts` are plain JSON; `Artifact.facts` parses them. `digests`: file name → digest of each file; empty for versions
    from before digests were recorded, and for those that were restored as current after damage. `order`: counts the
    versions of all artefacts of a category as they are written, because clocks are set back; 0 for earlier versions.
    """

    version: str
    fingerprint: str
    created_at: str
    params: dict[str, Any] = field(default_factory=dict[str, Any])
    facts: dict[str, Any] = field(default_factory=dict[str, Any])
    rows: dict[str, int] = field(default_factory=dict[str, int])
    digests: dict[str, str] = field(default_factory=dict[str, str])
    schema_version: int = SCHEMA_VERSION
    order: int = 0


@dataclass(frozen=True)
class Artifact:
    """One stored version."""

    slug: str
    name: str
    folder: Path
    provenance: Provenance

    def table(self, name: str, schema: pl.Schema, columns: list[str] | None = None) -> pl.DataFrame:
        """Read one table, checked against `schema` and its digest; `columns` reads only those."""
        path = self.folder / f"{name}{TABLE_SUFFIX}"
        try:
            self._compare(path)
            frame = pl.read_parquet(path, columns=columns, glob=False, memory_map=False)
        except (pl.exceptions.ComputeError, FileNotFoundError) as error:
            raise self.damaged(str(path), error) from error
        wanted = schema if columns is None else pl.Schema({column: schema[column] for column in columns})
        return check_schema(frame.select(list(wanted)), wanted, str(path))

    def damaged(self, what: str, error: Exception) -> DamagedArtifactError:
        """The error for damage to `what`, a part of this version."""
        return _damaged(self.slug, self.name, what, error)

    def has_table(self, name: str) -> bool:
        """Whether this version has an optional table."""
        return (self.folder / f"{name}{TABLE_SUFFIX}").exists()

    def facts(self, model: type[F]) -> F:
        """The recorded facts. Raises `FactsMismatchError`, which names every wrong field and what to run."""
        try:
            return model.of(self.provenance.facts)
        except ValidationError as error:
            raise FactsMismatchError(_mismatch(self, error)) from None

    def file(self, name: str) -> Path:
        """The path of a file of this version that is not a table. Raises `DamagedArtifactError`."""
        path = self.folder / name
        if path.exists():
            self._compare(path)
        return path

    def _compare(self, path: Path) -> None:
        digest = self.provenance.digests.get(path.name)
        if digest is not None and not is_as_written(path, digest):
            raise self.damaged(str(path), ValueError("its bytes are not those that were written"))


class ArtifactStore:
    """Artefacts below one data directory."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout

    def current(self, slug: str, name: str) -> Artifact | None:
        """The current version, None if there is none yet."""
        folder = self.layout.artifact(slug, name)
        pointer = folder / "current.json"
        if not pointer.exists():
            return None
        try:
            values = json.loads(pointer.read_bytes())
            provenance = Provenance(**values)
        except (ValueError, TypeError) as error:
            raise _damaged(slug, name, str(pointer), error) from error
        if values["schema_version"] > SCHEMA_VERSION:
            raise NewerSchemaError(
                f"{pointer} has schema version {values['schema_version']}; this program reads up to {SCHEMA_VERSION}. "
                "Upgrade image-cluster."
            )
        return Artifact(slug, name, folder / provenance.version, provenance)

    def require(self, slug: str, name: str) -> Artifact:
        """The current version. Raises `MissingArtifactError` with the command that makes it."""
        artifact = self.current(slug, name)
        if artifact is None:
            raise MissingArtifactError(
                f"There is no {name} of category {slug} in {self.layout.root}. "
                f"Run `image-cluster {PRODUCERS.get(name, 'run')}` first "
                f"(or materialize {ASSETS.get(name, name)} in Dagster)."
            )
        return artifact

    def write(
        self,
        slug: str,
        name: str,
        tables: Mapping[str, tuple[pl.DataFrame, pl.Schema]],
        *,
        fingerprint: str,
        created_at: str,
        params: Mapping[str, Any] | None = None,
        facts: StageFacts | None = None,
        files: Mapping[str, bytes] | None = None,
    ) -> Artifact:
        """Store a new version and make it current. On any error the old version stays current."""
        with new_version(self.layout.artifact(slug, name)) as target:
            for table, (frame, schema) in tables.items():
                checked = check_schema(frame.select(list(schema)), schema, f"{name}.{table}")
                _write_table(checked, target / f"{table}{TABLE_SUFFIX}")
            for file, data in (files or {}).items():
                with writing(target / file):
                    (target / file).write_bytes(data)
            provenance = Provenance(
                version=target.name,
                fingerprint=fingerprint,
                created_at=created_at,
                params=dict(params or {}),
                facts=facts.stored() if facts else {},
                rows={table: frame.height for table, (frame, _) in tables.items()},
            )
            return self._make_current(slug, name, target, provenance)

    def _make_current(self, slug: str, name: str, target: Path, provenance: Provenance) -> Artifact:
        """Let the pointer name a version whose files are complete."""
        sync_version(target)
        digests = {path.name: file_digest(path) for path in sorted(target.iterdir())}
        written = replace(provenance, digests=digests, order=self._next_order(slug))
        _write_pointer(target.parent, written)
        return Artifact(slug, name, target, written)

    def earlier(self, slug: str, name: str) -> Iterator[Artifact]:
        """The kept versions before the current one, newest first; their provenance is empty."""
        folder = self.layout.artifact(slug, name)
        current = self.current(slug, name)
        versions = sorted((path.name for path in folder.glob("*") if path.name.isdigit()), reverse=True)
        for version in versions:
            if current is None or version != current.provenance.version:
                yield Artifact(slug, name, folder / version, Provenance(version, "", ""))

    def kept(
        self, current: Artifact, version: str, *, params: dict[str, Any], digests: dict[str, str]
    ) -> Artifact | None:
        """An earlier version of an artefact, with what was recorded of it; None if it is kept no more."""
        folder = current.folder.parent / version
        if not folder.is_dir():
            return None
        return Artifact(current.slug, current.name, folder, Provenance(version, "", "", params=params, digests=digests))

    def adopt(
        self,
        source: Artifact,
        slug: str,
        tables: Mapping[str, tuple[pl.DataFrame, pl.Schema]],
        *,
        fingerprint: str,
        created_at: str,
    ) -> Artifact:
        """Make a copy of another category's version current for `slug`, with `tables` replaced.

        Drops the fact `seen`, because the inputs of `slug` are different.
        """
        with new_version(self.layout.artifact(slug, source.name)) as target:
            for path in source.folder.iterdir():
                write_atomically(target / path.name, path.read_bytes())
            for table, (frame, schema) in tables.items():
                checked = check_schema(frame, schema, f"{source.name}.{table}")
                _write_table(checked, target / f"{table}{TABLE_SUFFIX}")
            rows = {**source.provenance.rows, **{table: frame.height for table, (frame, _) in tables.items()}}
            facts = {name: value for name, value in source.provenance.facts.items() if name != SEEN}
            provenance = replace(
                source.provenance, version=target.name, fingerprint=fingerprint, created_at=created_at, facts=facts,
                rows=rows,
            )  # fmt: skip
            return self._make_current(slug, source.name, target, provenance)

    def update_facts(self, artifact: Artifact, facts: StageFacts) -> Artifact:
        """Set the fields of `facts` in the record of the current version; its tables do not change."""
        provenance = replace(artifact.provenance, facts={**artifact.provenance.facts, **facts.stored()})
        _write_pointer(artifact.folder.parent, provenance)
        return replace(artifact, provenance=provenance)

    def records(self, slug: str) -> list[Provenance]:
        """The readable records of the current artefacts of a category, in the order in which they were written."""
        found: list[Provenance] = []
        for pointer in self.layout.artifact(slug, "").glob("*/current.json"):
            with suppress(OSError, ValueError, TypeError):  # damage is told by whoever needs that artefact
                found.append(Provenance(**json.loads(pointer.read_bytes())))
        return sorted(found, key=lambda record: record.order)

    def _next_order(self, slug: str) -> int:
        return 1 + max((record.order for record in self.records(slug)), default=0)

    def slugs_with(self, name: str) -> list[str]:
        """Slugs of the categories that have this artefact, sorted."""
        pointers = (self.layout.root / "categories").glob(f"*/{name}/current.json")
        return sorted(path.parent.parent.name for path in pointers)


def _write_pointer(folder: Path, provenance: Provenance) -> None:
    write_atomically(folder / "current.json", json.dumps(asdict(provenance), indent=1).encode())


def _write_table(frame: pl.DataFrame, path: Path) -> None:
    with writing(path):
        frame.write_parquet(path, compression="zstd", compression_level=3)


def _mismatch(artifact: Artifact, error: ValidationError) -> str:
    wrong = [f"{'.'.join(str(part) for part in problem['loc'])}: {problem['msg']}" for problem in error.errors()]
    folder = artifact.folder.parent
    return (
        f"{folder / 'current.json'} records {len(wrong)} facts of {artifact.name} that cannot be read: "
        f"{'; '.join(wrong)}. Restore this folder from a backup; or move it away and run "
        f"`image-cluster {PRODUCERS.get(artifact.name, 'run')}`, which computes {artifact.name} again"
        f"{LOST.get(artifact.name, '')}."
    )


def check_schema(frame: pl.DataFrame, schema: pl.Schema, where: str) -> pl.DataFrame:
    """The frame itself if its columns and types match `schema`. Raises `ValueError` with the differences otherwise."""
    if frame.schema != schema:
        wrong = [f"{name}: {frame.schema.get(name)} instead of {kind}" for name, kind in schema.items()
                 if frame.schema.get(name) != kind]  # fmt: skip
        raise ValueError(f"{where} does not have its schema: {'; '.join(wrong)}.")
    return frame


def digest(*parts: object) -> str:
    """Short stable hash of values and frames; decides whether a stage must run."""
    hasher = hashlib.blake2b(digest_size=12)
    for part in parts:
        data = (
            part.write_csv().encode() if isinstance(part, pl.DataFrame) else json.dumps(part, sort_keys=True).encode()
        )
        hasher.update(len(data).to_bytes(8, "little"))
        hasher.update(data)
    return hasher.hexdigest()


def _damaged(slug: str, name: str, what: str, error: Exception) -> DamagedArtifactError:
    reason = (str(error).splitlines() or [type(error).__name__])[0]
    return DamagedArtifactError(
        f"{what} is damaged or gone ({reason}). The next `image-cluster run` repairs it: recomputes what it can and "
        "restores the previous version of the cluster ids.",
        slug=slug, name=name,
    )  # fmt: skip
