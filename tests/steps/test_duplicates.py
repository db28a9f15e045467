"""Duplicates on real files: what is computed again, what is stored, what is published, and clustering without them."""

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from PIL import Image

from pipeline.curation.decisions import KeepBoth
from pipeline.errors import MissingArtifactError
from pipeline.settings import Settings
from pipeline.stages.duplicates.contract import DUPLICATES_SCHEMA
from pipeline.stages.images.contract import IMAGES_SCHEMA
from pipeline.stages.labels.contract import LABELS_SCHEMA, Facts
from pipeline.steps.duplicates import duplicates, duplicates_document
from pipeline.steps.ingest import ingest
from pipeline.steps.labels import labels, warning_about_groups
from pipeline.steps.manifest import manifest
from pipeline.steps.project import Project
from pipeline.steps.publish import publish
from pipeline.steps.reduced import reduced
from pipeline.steps.run import run
from pipeline.storage.views import query
from tests.fakes import MeanColourEncoder

SLUG = "bollards"


def scene(seed: int) -> Image.Image:
    """A picture with something to see: soft blobs of colour, no two seeds alike."""
    rng = np.random.default_rng(seed)
    coarse = Image.fromarray(rng.integers(0, 255, (6, 8, 3), dtype=np.uint8))
    return coarse.resize((320, 240), Image.Resampling.BICUBIC)


def jpeg(picture: Image.Image, quality: int) -> bytes:
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=quality)
    return out.getvalue()


def put(root: Path, name: str, data: bytes) -> None:
    path = root / SLUG / "de" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


@pytest.fixture
def library(tmp_path: Path) -> Path:
    """Six scenes; of the first two also a recompressed and a smaller copy, of the third the same bytes again."""
    root = tmp_path / "library"
    for seed in range(6):
        put(root, f"scene{seed}.jpg", jpeg(scene(seed), 95))
    for seed in range(2):
        put(root, f"light{seed}.jpg", jpeg(scene(seed), 60))
        put(root, f"small{seed}.jpg", jpeg(scene(seed).resize((160, 120)), 90))
    put(root, "again2.jpg", jpeg(scene(2), 95))
    return root


def project(library: Path, **settings: Any) -> Project:
    values = {"data_dir": library.parent / "data", "source": {"url": str(library)}, **settings}
    return Project(Settings.model_validate(values), encoder=MeanColourEncoder)


def ready(library: Path, **settings: Any) -> Project:
    made = project(library, **settings)
    manifest(made, SLUG)
    ingest(made, SLUG)
    return made


def names(made: Project, level: str) -> set[frozenset[str]]:
    groups = [group for group in duplicates_document(made, SLUG)["groups"] if group["level"] == level]
    return {frozenset(Path(image["key"]).stem for image in group["images"]) for group in groups}


def test_edited_copies_are_near_and_the_same_bytes_exact(library: Path) -> None:
    made = ready(library)
    report = duplicates(made, SLUG)
    assert names(made, "near") == {
        frozenset(f"{what}{seed}" for what in ("scene", "light", "small")) for seed in (0, 1)
    }
    assert names(made, "exact") == {frozenset(("scene2", "again2"))}
    assert report.counts["proposed_to_go"] == 5
    gone = sum((library / SLUG / "de" / name).stat().st_size for name in
               ("light0.jpg", "small0.jpg", "light1.jpg", "small1.jpg", "again2.jpg"))  # fmt: skip
    assert report.counts["bytes_saved"] == gone
    assert all(image["kept"] == Path(image["key"]).stem.startswith("scene")
               for group in duplicates_document(made, SLUG)["groups"] if group["level"] == "near"
               for image in group["images"])  # fmt: skip
    assert len(list((library / SLUG / "de").iterdir())) == 11


def test_nothing_new_is_not_looked_at_again_and_other_thresholds_read_no_thumbnail(library: Path) -> None:
    made = ready(library)
    assert not duplicates(made, SLUG).unchanged
    assert duplicates(made, SLUG).unchanged
    for path in made.layout.thumbnails.rglob("*"):
        if path.is_file():
            path.unlink()
    stricter = project(library, duplicates={"max_hamming": 0, "max_distance": 0.0})
    report = duplicates(stricter, SLUG)
    assert not report.unchanged
    assert report.facts["without_thumbnail"] == 0
    assert report.counts["near_groups"] < 2


def test_an_image_without_thumbnail_and_original_is_counted_and_signed_when_it_is_back(library: Path) -> None:
    made = ready(library)
    signed = made.store.require(SLUG, "images").folder
    table = pl.read_parquet(signed / "images.parquet")
    key, name = table.filter(pl.col("key").str.ends_with("scene0.jpg")).select("key", "content_hash").row(0)
    data = made.thumbnails.read(name)
    assert data is not None
    made.thumbnails.path(name).unlink()
    (library / key).unlink()  # else the thumbnail would be made again from it
    assert duplicates(made, SLUG).facts["without_thumbnail"] == 1
    assert frozenset(("light0", "small0")) in names(made, "near")
    made.thumbnails.write(name, data)
    again = duplicates(project(library, duplicates={"max_hamming": 9}), SLUG)
    assert again.facts["without_thumbnail"] == 0
    assert frozenset(("scene0", "light0", "small0")) in names(made, "near")


def test_what_people_want_to_keep_apart_is_apart(library: Path) -> None:
    made = ready(library)
    images = pl.read_parquet(made.store.require(SLUG, "images").folder / "images.parquet")
    hashes = {Path(key).stem: value for key, value in images.select("key", "content_hash").iter_rows()}
    kept = made.curation.decide(SLUG, KeepBoth(images=(hashes["light0"], hashes["scene0"])), actor="ann")
    duplicates(made, SLUG)
    assert not any({"light0", "scene0"} <= group for group in names(made, "near") | names(made, "similar"))
    made.curation.undo(SLUG, kept.number, actor="ann")
    assert not duplicates(made, SLUG).unchanged  # without that decision it is another question
    assert frozenset(("scene0", "light0", "small0")) in names(made, "near")


def test_sql_sees_the_table(library: Path) -> None:
    made = ready(library)
    duplicates(made, SLUG)
    rows = query(made.store, "SELECT level, count(*) AS n FROM duplicates WHERE NOT kept GROUP BY 1 ORDER BY 1")
    assert rows == [{"level": "exact", "n": 1}, {"level": "near", "n": 4}]


def test_they_are_published_beside_the_clusters_and_on_the_page(library: Path) -> None:
    made = project(library)
    run(made)
    folder = made.layout.published / SLUG
    document = json.loads((folder / "duplicates.json").read_bytes())
    assert document["summary"]["near"] == {"groups": 2, "images": 6}
    assert document["groups"][0]["images"][0]["country"] == "DE"
    assert "duplicates.schema.json" in {path.name for path in folder.iterdir()}
    page = (folder / "clusters.html").read_text()
    assert "1 groups of exact copies, 2 of near copies" in page
    again = publish(project(library), SLUG)
    assert again.unchanged
    stricter = project(library, duplicates={"max_hamming": 0, "max_distance": 0.0})
    duplicates(stricter, SLUG)
    assert not publish(stricter, SLUG).unchanged


def forty_copies(root: Path) -> Path:
    for seed in range(12):
        put(root, f"scene{seed}.jpg", jpeg(scene(seed), 95))
    for quality in range(50, 90):
        put(root, f"copy{quality}.jpg", jpeg(scene(0), quality))
    return root


def labelled(made: Project) -> dict[str, int | None]:
    """The raw group of each image, by the name of its file."""
    table = made.store.require(SLUG, "labels").table("labels", LABELS_SCHEMA, ["image_id", "raw_group"])
    images = made.store.require(SLUG, "images").table("images", IMAGES_SCHEMA, ["image_id", "key"])
    return {Path(key).stem: group for _, key, group in images.join(table, on="image_id").iter_rows()}


def test_forty_copies_of_one_picture_make_no_cluster_when_they_are_collapsed(tmp_path: Path) -> None:
    root = forty_copies(tmp_path / "library")
    alone = {"scene0", *(f"copy{quality}" for quality in range(50, 90))}
    for collapse in (False, True):
        made = ready(root, duplicates={"collapse": collapse}, labels={"min_cluster_size": 3})
        for step in (duplicates, reduced, labels):
            step(made, SLUG)
        groups = labelled(made)
        assert len(groups) == 52
        elsewhere = {group for name, group in groups.items() if name not in alone}
        of_copies_only = {groups[name] for name in alone} - elsewhere - {None}
        assert bool(of_copies_only) is not collapse
        counted = made.store.require(SLUG, "labels").facts(Facts)
        assert counted.copies_only == len(of_copies_only)
        says = f"{counted.copies_only} of {counted.groups} clusters hold"
        assert warning_about_groups(made, SLUG).startswith(says) is not collapse
    assert len({groups[name] for name in alone}) == 1
    used = made.store.require(SLUG, "labels").provenance.params
    images = made.store.require(SLUG, "images").table("images", IMAGES_SCHEMA, ["content_hash"])
    assert images["content_hash"].n_unique() > 45  # a few qualities give the same pixels: those are one image
    assert used["near_duplicates_collapsed"] == images["content_hash"].n_unique() - 12


def test_collapsing_without_having_looked_for_duplicates_says_what_to_run(library: Path) -> None:
    made = ready(library, duplicates={"collapse": True})
    reduced(made, SLUG)
    with pytest.raises(MissingArtifactError, match="image-cluster duplicates"):
        labels(made, SLUG)


def test_a_category_without_usable_vectors_of_copies_has_an_empty_table(tmp_path: Path) -> None:
    root = tmp_path / "library"
    put(root, "only.jpg", jpeg(scene(1), 90))
    made = ready(root)
    assert duplicates(made, SLUG).counts["proposed_to_go"] == 0
    assert made.store.require(SLUG, "duplicates").table("duplicates", DUPLICATES_SCHEMA).is_empty()
