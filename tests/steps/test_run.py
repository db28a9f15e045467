"""The whole path on real files: what is read, what is kept, and what a run does when little or nothing is new."""

import errno
import json
import os
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from PIL import Image

from pipeline.errors import AllImagesRejectedError, BucketError, NoImagesError, UnknownNameError
from pipeline.settings import Settings
from pipeline.stages.images.contract import IMAGES_SCHEMA
from pipeline.steps.check import check
from pipeline.steps.download import download
from pipeline.steps.each import raise_failures
from pipeline.steps.project import Project
from pipeline.steps.run import run
from pipeline.steps.search import find_similar
from pipeline.storage.history import read_history
from pipeline.storage.layout import OWN_NAMES
from pipeline.storage.views import query
from tests.fakes import MeanColourEncoder

KINDS = {"red": (200, 30, 30), "green": (30, 180, 40), "blue": (30, 40, 200)}


def picture(colour: tuple[int, int, int], seed: int) -> Image.Image:
    rng = np.random.default_rng(seed)
    noise = rng.normal(0, 12, size=(60, 80, 3))
    return Image.fromarray(np.clip(np.array(colour) + noise, 0, 255).astype(np.uint8))


def add(root: Path, key: str, kind: str, seed: int) -> None:
    path = root / key
    path.parent.mkdir(parents=True, exist_ok=True)
    picture(KINDS[kind], seed).save(path)


@pytest.fixture
def library(tmp_path: Path) -> Path:
    root = tmp_path / "library"
    for seed in range(36):
        kind = list(KINDS)[seed % 3]
        group = ["de", "at", "fr"][seed % 2]
        add(root, f"bollards/{group}/{group}-{seed:03d}-800w.png", kind, seed)
    return root


class Bench:
    """A library, a data directory, and a count of the work that each run does."""

    def __init__(self, library: Path, data: Path, **settings: Any) -> None:
        self.library, self.data, self.settings = library, data, settings
        self.encoder = MeanColourEncoder()
        self.notices: list[str] = []
        self.now = datetime(2026, 11, 21, tzinfo=UTC)

    def project(self) -> Project:
        sections = {"reduced": {"method": "pca"}, **self.settings}
        values = {"data_dir": self.data, **sections}
        values["source"] = {"url": str(self.library), **self.settings.get("source", {})}
        project = Project(
            Settings.model_validate(values),
            encoder=lambda: self.encoder,
            clock=lambda: self.now,
        )
        project.talk = self
        return project

    def notice(self, text: str) -> None:
        self.notices.append(text)

    def progress(self, phase: str, done: int, total: int) -> None:
        pass

    def run(self, *categories: str, **options: Any) -> dict[str, Any]:
        done = run(self.project(), categories, **options)
        raise_failures(done.failures, len(done.finished))
        return {one.category: one.summary() for one in done.finished}

    def images(self) -> pl.DataFrame:
        return self.project().store.require("bollards", "images").table("images", IMAGES_SCHEMA)

    def document(self, category: str = "bollards") -> dict[str, Any]:
        return json.loads((self.data / "published" / category / "clusters.json").read_bytes())


@pytest.fixture
def bench(library: Path, tmp_path: Path) -> Bench:
    return Bench(library, tmp_path / "data")


def test_three_kinds_become_three_clusters_and_every_image_is_accounted_for(bench: Bench) -> None:
    summary = bench.run()["bollards"]
    assert summary["images"] == summary["clustered"] + summary["unclustered"] + summary["set_aside"] == 36
    assert summary["clusters"] == 3
    assert summary["read"] == summary["embedded"] == 36
    for cluster in bench.document()["clusters"]:
        assert len({int(image["identifier"]) % 3 for image in cluster["images"]}) == 1


def test_one_cluster_that_holds_most_images_is_published_with_the_command_that_shows_finer_ones(tmp_path: Path) -> None:
    root = tmp_path / "library"
    for seed in range(24):
        add(root, f"bollards/{seed:03d}.png", "red" if seed < 18 else "blue", seed)
    bench = Bench(root, tmp_path / "data")
    summary = bench.run()["bollards"]
    warning = "One cluster holds 18 of 24 images (75%). See finer levels side by side: image-cluster tune bollards"
    assert (summary["clusters"], summary["warning"]) == (2, f"{warning} --out {tmp_path / 'data'}")
    page = (tmp_path / "data/published/bollards/clusters.html").read_text(encoding="utf-8")
    assert warning in page
    assert str(tmp_path) not in page  # what is published names no path of this machine


def test_a_library_without_kinds_is_published_with_the_sentence_that_it_has_none(tmp_path: Path) -> None:
    root = tmp_path / "library/bollards"
    root.mkdir(parents=True)
    colours = np.random.default_rng(0).integers(0, 256, size=(80, 2, 2, 3), dtype=np.uint8)
    for number, quarters in enumerate(colours):
        Image.fromarray(quarters.repeat(30, axis=0).repeat(40, axis=1)).save(root / f"{number:03d}.png")
    bench = Bench(tmp_path / "library", tmp_path / "data")
    warning = bench.run()["bollards"]["warning"]
    assert warning.startswith("No clear kinds: these 80 images")
    assert "membership probability: median 0." in warning
    assert warning in (tmp_path / "data/published/bollards/clusters.html").read_text(encoding="utf-8")
    assert bench.document()["settings"]["clusterer"]["modularity_ratio"] < 1.03


def test_a_second_run_reads_nothing_and_changes_no_byte(bench: Bench) -> None:
    bench.run()
    before = {path: path.read_bytes() for path in (bench.data / "published" / "bollards").iterdir()}
    bench.encoder.batches.clear()
    summary = bench.run()["bollards"]
    assert summary["read"] == summary["embedded"] == bench.encoder.encoded == 0
    assert summary["nothing_new"]
    assert {path: path.read_bytes() for path in (bench.data / "published" / "bollards").iterdir()} == before


def test_the_same_library_from_scratch_gives_the_same_bytes(bench: Bench, tmp_path: Path) -> None:
    bench.run()
    other = Bench(bench.library, tmp_path / "other")
    other.run()
    one, two = (b.data / "published" / "bollards" / "clusters.json" for b in (bench, other))
    assert one.read_bytes() == two.read_bytes()


def test_cost_follows_what_changed(bench: Bench) -> None:
    bench.run()
    add(bench.library, "bollards/de/de-100-800w.png", "red", 100)
    add(bench.library, "bollards/de/de-000-800w.png", "blue", 101)
    (bench.library / "bollards/at/at-001-800w.png").unlink()
    summary = bench.run()["bollards"]
    assert summary["read"] == summary["embedded"] == 2
    assert summary["images"] == 36


def test_clusters_keep_their_ids_when_the_library_grows(bench: Bench) -> None:
    bench.run()
    before = {image["key"]: cluster["id"] for cluster in bench.document()["clusters"] for image in cluster["images"]}
    for seed in range(200, 212):
        add(bench.library, f"bollards/fr/fr-{seed}-800w.png", list(KINDS)[seed % 3], seed)
    bench.run()
    after = {image["key"]: cluster["id"] for cluster in bench.document()["clusters"] for image in cluster["images"]}
    kept = [key for key in before if key in after]
    assert len(kept) > 30
    assert all(before[key] == after[key] for key in kept)


def test_a_rename_and_a_copy_to_another_category_embed_nothing(bench: Bench) -> None:
    bench.run()
    (bench.library / "bollards/de/de-000-800w.png").rename(bench.library / "bollards/de/de-555-800w.png")
    shutil.copytree(bench.library / "bollards", bench.library / "copies")
    found = bench.run()
    assert found["bollards"]["read"] == 1
    assert found["copies"]["read"] == 36
    assert found["bollards"]["embedded"] == found["copies"]["embedded"] == 0


def test_two_keys_with_the_same_bytes_are_one_embedding_and_two_images(bench: Bench) -> None:
    source = bench.library / "bollards/de/de-000-800w.png"
    shutil.copyfile(source, bench.library / "bollards/de/de-777-800w.png")
    summary = bench.run()["bollards"]
    assert summary["images"] == 37
    assert summary["embedded"] == 36
    places = {image["key"]: cluster["id"] for cluster in bench.document()["clusters"] for image in cluster["images"]}
    assert places["bollards/de/de-000-800w.png"] == places["bollards/de/de-777-800w.png"]


def test_a_second_encoder_lives_beside_the_first(bench: Bench) -> None:
    bench.run()
    other = MeanColourEncoder()
    other.fingerprint = "another"
    first, bench.encoder = bench.encoder, other
    bench.settings["encoder"] = {"spec": "timm:another"}
    assert bench.run()["bollards"]["embedded"] == 36
    bench.encoder = first
    del bench.settings["encoder"]
    first.batches.clear()
    assert bench.run()["bollards"]["embedded"] == first.encoded == 0


def test_bad_files_in_the_middle_are_rows_with_reasons_and_shift_nothing(bench: Bench) -> None:
    good = bench.library / "bollards/de/de-000-800w.png"
    (bench.library / "bollards/de/de-004-800w.png").write_bytes(good.read_bytes()[:500])
    (bench.library / "bollards/de/de-010-800w.png").write_bytes(b"")
    (bench.library / "bollards/at/at-011-800w.png").write_bytes(b"<html>not found</html>")
    summary = bench.run()["bollards"]
    assert summary["set_aside"] == 3
    assert summary["set_aside_reasons"] == {"broken": 2, "not_an_image": 1}
    assert {entry["key"] for entry in bench.document()["rejected"]} == {
        "bollards/de/de-004-800w.png", "bollards/de/de-010-800w.png", "bollards/at/at-011-800w.png",
    }  # fmt: skip
    for cluster in bench.document()["clusters"]:
        assert len({int(image["identifier"]) % 3 for image in cluster["images"]}) == 1


def test_a_broken_file_is_not_read_again_until_it_changes(bench: Bench) -> None:
    path = bench.library / "bollards/de/de-004-800w.png"
    whole = path.read_bytes()
    path.write_bytes(whole[:500])
    bench.run()
    assert bench.run()["bollards"]["read"] == 0
    path.write_bytes(whole)
    summary = bench.run()["bollards"]
    assert summary["read"] == 1
    assert summary["set_aside"] == 0


def test_when_every_file_is_broken_the_run_fails_and_what_was_published_stays(bench: Bench) -> None:
    bench.run()
    before = bench.document()
    for path in (bench.library / "bollards").rglob("*.png"):
        path.write_bytes(b"broken")
    with pytest.raises(AllImagesRejectedError, match="None of the 36 images of bollards"):
        bench.run()
    assert bench.document() == before


def test_a_killed_run_goes_on_where_it_was(bench: Bench) -> None:
    bench.settings["encoder"] = {"chunk_size": 8, "batch_size": 4}

    def die(batch: np.ndarray) -> None:
        if bench.encoder.encoded >= 20:
            raise KeyboardInterrupt

    bench.encoder.before = die
    with pytest.raises(KeyboardInterrupt):
        bench.run()
    done = bench.encoder.encoded
    bench.encoder.before = None
    summary = bench.run()["bollards"]
    assert 36 - done <= summary["read"] <= 36 - done + 8
    assert summary["images"] == 36
    assert bench.encoder.encoded <= 36 + 8


def test_an_object_that_goes_between_listing_and_reading_is_missing_and_comes_back(bench: Bench) -> None:
    project = bench.project()
    gone = bench.library / "bollards/de/de-000-800w.png"
    data = gone.read_bytes()
    listed = project.bucket.pages

    def pages_then_gone(*args: Any, **options: Any) -> Iterator[Any]:
        yield from list(listed(*args, **options))
        if args == ("bollards/",):
            gone.unlink(missing_ok=True)

    project.bucket.pages = pages_then_gone  # pyright: ignore[reportAttributeAccessIssue]
    [done] = run(project).finished
    assert done.summary()["set_aside_reasons"] == {"missing": 1}
    gone.write_bytes(data)
    assert bench.run()["bollards"]["set_aside"] == 0


def test_a_source_that_never_held_an_image_is_refused_and_nothing_is_published(tmp_path: Path) -> None:
    (tmp_path / "library").mkdir()
    bench = Bench(tmp_path / "library", tmp_path / "data")
    with pytest.raises(NoImagesError, match="no folder with a file at its top") as none:
        bench.run()
    assert none.value.exit_code == 2
    (tmp_path / "library" / "bollards").mkdir()
    with pytest.raises(NoImagesError, match="no folder with a file at its top"):
        bench.run()
    assert f"Skipped in {tmp_path / 'library'}, without a file: bollards." in bench.notices
    (tmp_path / "library" / "bollards" / "notes.txt").touch()
    with pytest.raises(NoImagesError, match="holds no image of category bollards"):
        bench.run()
    (tmp_path / "library" / "posts").mkdir()
    (tmp_path / "library" / "posts" / "notes.txt").touch()
    with pytest.raises(NoImagesError, match="these folders have none: bollards, posts"):
        bench.run()
    assert not (bench.data / "published").exists()
    add(tmp_path / "library", "posts/1.png", "red", 1)
    assert {name: summary["images"] for name, summary in bench.run().items()} == {"posts": 1}
    assert any("holds no image of category bollards" in text for text in bench.notices)


def test_a_category_that_was_emptied_is_held_back_and_says_so_also_without_any_cluster(tmp_path: Path) -> None:
    add(tmp_path / "library", "posts/1.png", "red", 1)
    bench = Bench(tmp_path / "library", tmp_path / "data")
    bench.run()
    assert bench.document("posts")["summary"]["images"] == 1
    (tmp_path / "library/posts/1.png").unlink()
    for _ in range(2):
        summary = bench.run()["posts"]
        assert (
            summary["headline"]
            == "Not published: none of the 1 images is left (look whether their disk or share is connected)."
        )
        assert bench.document("posts")["summary"]["images"] == 1
    add(tmp_path / "library", "posts/1.png", "red", 1)
    assert bench.run()["posts"]["images"] == 1


def test_categories_that_the_settings_no_longer_name_are_left_as_they_are(tmp_path: Path) -> None:
    for seed in range(6):
        for category in ("posts", "signs"):
            add(tmp_path / "library", f"{category}/{seed}.png", "red" if seed % 2 else "blue", seed)
    bench = Bench(tmp_path / "library", tmp_path / "data")
    bench.run()
    before = bench.document("posts")
    bench.settings["source"] = {"categories": ["signs"]}
    bench.notices.clear()
    assert list(bench.run()) == ["signs"]
    assert bench.document("posts") == before
    assert not read_history(bench.data / "published", "posts").held
    assert "Not among source.categories, so left as published: posts." in bench.notices
    bench.settings["source"] = {}
    assert bench.run()["posts"]["nothing_new"]


def test_a_run_of_another_source_says_so_and_loses_nothing(bench: Bench, tmp_path: Path) -> None:
    before = bench.run()["bollards"]
    published = bench.document()
    add(tmp_path / "other", "posts/1.png", "red", 1)
    other = Bench(tmp_path / "other", bench.data)
    assert (
        other.run()["bollards"]["headline"]
        == "Not published: none of the 36 images is left (look whether their disk or share is connected)."
    )
    assert [text for text in other.notices if f"was made from {bench.library}" in text and "(--out)" in text]
    assert bench.document() == published
    bench.notices.clear()
    after = bench.run()["bollards"]
    assert (after["images"], after["clusters"], after["embedded"]) == (36, before["clusters"], 0)
    assert bench.document()["clusters"] == published["clusters"]
    assert [text for text in bench.notices if "was made from" in text]
    bench.notices.clear()
    bench.run()
    assert not [text for text in bench.notices if "was made from" in text]


def test_images_that_went_are_no_change_of_the_settings(bench: Bench) -> None:
    bench.run()
    for path in (bench.library / "bollards").rglob("*.png"):
        path.unlink()
    assert bench.run()["bollards"]["clustering"] == "full: All 36 images are gone."


def test_a_missing_folder_is_an_error_and_changes_nothing(bench: Bench) -> None:
    bench.run()
    before = bench.document()
    bench.library.rename(bench.library.with_name("elsewhere"))
    with pytest.raises(BucketError, match="library"):
        bench.run()
    assert bench.document() == before


@pytest.mark.parametrize("n", [1, 2, 3, 7])
def test_very_small_libraries_are_published(tmp_path: Path, n: int) -> None:
    for seed in range(n):
        add(tmp_path / "library", f"cars/de/{seed}.png", "red", seed)
    bench = Bench(tmp_path / "library", tmp_path / "data")
    assert bench.run()["cars"]["images"] == n


def test_category_names_that_dagster_cannot_hold_get_a_slug_that_is_kept(tmp_path: Path) -> None:
    for name in ("Straßen & Wege", "a.b", "猫"):
        for seed in range(3):
            add(tmp_path / "library", f"{name}/{seed}.png", "red", seed)
    bench = Bench(tmp_path / "library", tmp_path / "data")
    assert set(bench.run()) == {"Straßen & Wege", "a.b", "猫"}
    slugs = json.loads((bench.data / "categories.json").read_text())
    assert set(slugs.values()) == {"Straßen & Wege", "a.b", "猫"}
    assert all(slug.isascii() and "." not in slug and "/" not in slug for slug in slugs)


def test_a_flat_folder_and_a_whole_source_as_one_category_work(library: Path, tmp_path: Path) -> None:
    flat = Bench(library / "bollards" / "de", tmp_path / "flat")
    assert flat.run()["root"]["images"] == 18
    single = Bench(library, tmp_path / "single", source={"categories": "single"})
    assert single.run()["all"]["images"] == 36


def test_images_beside_folders_are_not_lost(bench: Bench) -> None:
    add(bench.library, "top.png", "red", 1)
    found = bench.run()
    assert found["root"]["images"] == 1
    assert found["bollards"]["images"] == 36


def test_a_folder_called_as_the_category_of_loose_images_is_a_category_of_its_own(tmp_path: Path) -> None:
    for seed in range(6):
        add(tmp_path / "library", f"root/{seed}.png", "red", seed)
    bench = Bench(tmp_path / "library", tmp_path / "data")
    assert {name: summary["images"] for name, summary in bench.run().items()} == {"root/": 6}
    add(bench.library, "top.png", "blue", 1)
    assert {name: summary["images"] for name, summary in bench.run().items()} == {"root/": 6, "root": 1}
    assert set(json.loads((bench.data / "categories.json").read_text()).values()) == {"root", "root/"}


def test_a_data_directory_among_the_photos_is_no_photo(library: Path) -> None:
    bench = Bench(library, library / "data")
    assert {name: summary["images"] for name, summary in bench.run().items()} == {"bollards": 36}
    add(library, "bollards/de/de-900-800w.png", "red", 900)
    assert {name: summary["images"] for name, summary in bench.run().items()} == {"bollards": 37}
    assert {path.name for path in bench.data.iterdir() if not path.name.startswith(".")} <= OWN_NAMES
    single = Bench(library, library / "data", source={"categories": "single"})
    assert single.run("all")["all"]["images"] == 37


def test_a_source_that_is_its_own_data_directory_holds_the_photos_only(library: Path) -> None:
    bench = Bench(library, library)
    assert bench.run()["bollards"]["images"] == 36
    assert {name: summary["images"] for name, summary in bench.run().items()} == {"bollards": 36}


def test_images_in_a_folder_that_cannot_be_listed_tonight_stay_where_they_are(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = bench.run()["bollards"]
    scandir, closed = os.scandir, str(bench.library / "bollards" / "de")

    def refuse(path: Any) -> Any:
        if os.fspath(path) == closed:
            raise PermissionError(errno.EACCES, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    for night in range(2):
        bench.notices.clear()
        after = bench.run()["bollards"]
        assert (after["images"], after["clusters"], after["read"]) == (before["images"], before["clusters"], 0)
        assert sum("bollards/de/" in notice and "Permission denied" in notice for notice in bench.notices) == 1, night
    closed = str(bench.library / "bollards")
    assert bench.run()["bollards"]["images"] == 36
    assert "bollards/" in " ".join(bench.notices)


def test_what_is_no_regular_file_is_a_row_with_a_reason_and_is_not_tried_again(bench: Bench) -> None:
    os.mkfifo(bench.library / "bollards" / "de" / "pipe.jpg")
    (bench.library / "bollards" / "out.png").symlink_to("/etc/hostname")
    summary = bench.run()["bollards"]
    assert (summary["images"], summary["set_aside_reasons"]) == (38, {"unreadable": 2})
    reasons = bench.images().filter(pl.col("status") == "unreadable")["reason"].to_list()
    assert ["named pipe" in reason or "leads out" in reason for reason in reasons] == [True, True]
    again = bench.run()["bollards"]
    assert (again["read"], again["nothing_new"]) == (0, True)


def test_thumbnails_of_a_nas_are_skipped_counted_and_told_or_a_setting_reads_them(bench: Bench, tmp_path: Path) -> None:
    add(bench.library, "bollards/de/@eaDir/de-000-800w.png/SYNOPHOTO_THUMB_M.png", "red", 0)
    add(bench.library, "#recycle/old.png", "red", 1)
    assert {name: summary["images"] for name, summary in bench.run().items()} == {"bollards": 36}
    assert "Skipped in bollards: @eaDir (1 file), by source.skip_names." in bench.notices
    assert any("#recycle/" in notice for notice in bench.notices)
    every = Bench(bench.library, tmp_path / "every", source={"skip_names": []})
    assert {name: summary["images"] for name, summary in every.run().items()} == {"bollards": 37, "#recycle": 1}


def test_the_buckets_own_manifest_says_what_exists(bench: Bench) -> None:
    entries = [
        {"id": f"de-{seed:03d}", "category": "bollards", "source": "x", "country": "Germany", "countryCode": "DE",
         "contentHash": f"h{seed}", "variants": {"800w": f"bollards/de/de-{seed:03d}-800w.png"}}
        for seed in (0, 2, 4, 99)
    ]  # fmt: skip
    document = {"version": "1", "lastUpdated": "2026-11-21T00:00:00Z", "entries": entries}
    (bench.library / "manifest.json").write_text(json.dumps(document))
    summary = bench.run()["bollards"]
    assert summary["images"] == 4
    assert summary["set_aside_reasons"] == {"missing": 1}
    bench.settings["source"] = {"categories": "single"}
    assert bench.run("all")["all"]["images"] == 4


def test_the_manifest_of_a_web_app_is_told_and_the_bucket_is_listed(bench: Bench) -> None:
    (bench.library / "manifest.json").write_text(json.dumps({"name": "My photos", "icons": [{"src": "i.png"}]}))
    assert bench.run()["bollards"]["images"] == 36
    told = [notice for notice in bench.notices if "manifest.json" in notice]
    assert len(told) == 1
    assert "source.manifest" in told[0]
    bench.settings["source"] = {"manifest": "require"}
    with pytest.raises(BucketError, match="cannot be used"):
        bench.run()


def test_a_sample_is_the_same_images_every_time(bench: Bench, tmp_path: Path) -> None:
    assert bench.run(sample=9)["bollards"]["images"] == 9
    assert bench.run(sample=9)["bollards"]["read"] == 0
    assert bench.run()["bollards"]["read"] == 27


def test_an_unknown_category_is_refused_with_the_list(bench: Bench) -> None:
    with pytest.raises(UnknownNameError, match="There are: bollards"):
        bench.run("bolards")


def test_what_is_published_says_what_was_really_used(bench: Bench) -> None:
    bench.settings["labels"] = {"method": "hdbscan", "min_cluster_size": 30}
    bench.run()
    document = bench.document()
    assert document["settings"]["clusterer"]["min_cluster_size"] == 9
    assert document["settings"]["reducer"]["n_components"] == 10
    assert document["settings"]["versions"]["numpy"] == np.__version__
    assert document["model"]["encoder"] == "packaged:efficientnet_lite0"


def test_check_tells_what_a_run_would_do_and_changes_nothing(bench: Bench) -> None:
    first = {finding.what: finding for finding in check(bench.project())}
    assert "36 new" in first["bollards"].text
    assert not bench.data.exists()
    bench.run()
    add(bench.library, "bollards/de/de-100-800w.png", "red", 100)
    (bench.library / "bollards/at/at-001-800w.png").unlink()
    stored = sorted((path, path.stat().st_mtime_ns) for path in bench.data.rglob("*"))
    second = {finding.what: finding for finding in check(bench.project())}
    assert "1 new, 0 changed, 1 gone, 35 as before" in second["bollards"].text
    assert all(finding.ok for finding in second.values())
    assert sorted((path, path.stat().st_mtime_ns) for path in bench.data.rglob("*")) == stored


def test_check_says_that_a_source_holds_no_image(tmp_path: Path) -> None:
    (tmp_path / "library").mkdir()
    found = {finding.what: finding for finding in check(Bench(tmp_path / "library", tmp_path / "data").project())}
    assert not found["bucket"].ok
    assert "holds no image. Is it the right folder or prefix?" in found["bucket"].text


def test_download_copies_once_and_what_it_left_can_be_run(bench: Bench, tmp_path: Path) -> None:
    rows = download(bench.project(), [], tmp_path / "originals")
    assert [row["status"] for row in rows].count("downloaded") == 36
    assert {row["status"] for row in download(bench.project(), [], tmp_path / "originals")} == {"there"}
    assert Bench(tmp_path / "originals", tmp_path / "again").run()["bollards"]["images"] == 36


def test_a_member_finds_itself_first_and_then_its_kind(bench: Bench) -> None:
    bench.run()
    rows = find_similar(bench.project(), "bollards/de/de-000-800w.png", top_k=5)
    assert rows[0]["key"] == "bollards/de/de-000-800w.png"
    assert rows[0]["score"] > 0.999
    assert all(int(row["key"].split("-")[-2]) % 3 == 0 for row in rows)
    by_file = find_similar(bench.project(), str(bench.library / "bollards/de/de-000-800w.png"), top_k=1)
    assert by_file[0]["key"] == rows[0]["key"]
    with pytest.raises(UnknownNameError, match=r"Did you mean bollards/de/de-000-800w\.png"):
        find_similar(bench.project(), "bollards/de/de-000-800w.pgn")


def test_the_tables_can_be_asked_in_sql_and_nothing_else_can(bench: Bench) -> None:
    bench.run()
    rows = query(bench.project().store, 'SELECT "group", count(*) AS n FROM images GROUP BY ALL ORDER BY 1')
    assert rows == [{"group": "at", "n": 18}, {"group": "de", "n": 18}]
    from pipeline.errors import SettingsError

    secret = bench.library.parent / "secret.csv"
    secret.write_text("a\n1\n")
    with pytest.raises(SettingsError, match=r"(?i)permission|disabled|access"):
        query(bench.project().store, f"SELECT * FROM read_csv('{secret}')")
