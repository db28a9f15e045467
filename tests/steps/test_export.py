"""Exports of a real data directory: tables, folders, zip, sidecars."""

import csv
import io
import json
import os
import shutil
import zipfile
from pathlib import Path

import polars as pl
import pytest

from pipeline.curation import decisions as d
from pipeline.errors import ExportError, UnknownNameError
from pipeline.stages.published.sidecar import keywords
from pipeline.steps.adopt import adopt_file, adopt_sidecars
from pipeline.steps.export import (
    WITH_ORIGINALS,
    select_images,
    sidecar_pieces,
    write_folders,
    write_sidecars,
    write_table,
    zip_pieces,
)
from pipeline.steps.file_places import file_places
from pipeline.steps.library_view.listing import read_snapshot
from pipeline.steps.library_view.snapshot import Snapshot
from tests.steps.test_run import Bench, add


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    """24 images of two kinds: the red ones are named, one of them has a tag."""
    root = tmp_path_factory.mktemp("export")
    for seed in range(24):
        add(root / "library", f"posts/de/{seed:03d}.png", ["red", "green"][seed % 2], seed)
    made = Bench(root / "library", root / "data")
    made.run()
    curation = made.project().curation
    first = read_snapshot(made.project(), "posts").frame.filter(pl.col("key") == "posts/de/000.png").to_dicts()[0]
    curation.decide("posts", d.Rename(cluster=first["cluster_id"], name='Red: "a/b"'), actor="ann")
    curation.decide("posts", d.Tag(images=(first["content_hash"],), tag="night"), actor="ann")
    return made


@pytest.fixture
def snapshot(bench: Bench) -> Snapshot:
    return read_snapshot(bench.project(), "posts")


def test_a_table_has_a_row_per_image_with_its_cluster_name_and_tags(snapshot: Snapshot) -> None:
    images = select_images(snapshot)
    assert images.height == 24
    row = images.filter(pl.col("key") == "posts/de/000.png").to_dicts()[0]
    assert (row["cluster_name"], row["tags"], row["state"]) == ('Red: "a/b"', ["night"], "clustered")
    assert images["representative"].sum() == 2


def test_filters_choose_by_cluster_name_tag_and_state(snapshot: Snapshot) -> None:
    assert select_images(snapshot, clusters=['red: "a/b"']).height == 12
    assert select_images(snapshot, tags=["night"])["key"].to_list() == ["posts/de/000.png"]
    assert select_images(snapshot, states=["rejected"]).is_empty()
    with pytest.raises(UnknownNameError, match="no cluster 'Blue'"):
        select_images(snapshot, clusters=["Blue"])
    with pytest.raises(UnknownNameError, match="Tags: night"):
        select_images(snapshot, tags=["day"])


def test_every_table_format_says_the_same(snapshot: Snapshot) -> None:
    images = select_images(snapshot)
    written: dict[str, io.BytesIO] = {form: io.BytesIO() for form in ("csv", "json", "parquet")}
    write_table(images, "csv", written["csv"])
    write_table(images, "json", written["json"])
    write_table(images, "parquet", written["parquet"])
    keys = images["key"].to_list()
    assert pl.read_csv(io.BytesIO(written["csv"].getvalue()))["key"].to_list() == keys
    assert [row["key"] for row in json.loads(written["json"].getvalue())] == keys
    assert pl.read_parquet(io.BytesIO(written["parquet"].getvalue())).equals(images)


def test_an_exported_csv_is_adopted_elsewhere_as_it_was(bench: Bench, snapshot: Snapshot, tmp_path: Path) -> None:
    with (tmp_path / "posts.csv").open("wb") as file:
        write_table(select_images(snapshot), "csv", file)
    assert adopt_file(bench.project(), "posts", tmp_path / "posts.csv").decisions == []
    fresh = Bench(bench.library, tmp_path / "other")
    fresh.run()
    plan = adopt_file(fresh.project(), "posts", tmp_path / "posts.csv")
    assert [(kind.name, kind.how, kind.images) for kind in plan.kinds] == [('Red: "a/b"', "named", 12)]
    assert plan.tags == {"night": 1}


def test_originals_come_in_a_folder_per_cluster_with_labels(bench: Bench, snapshot: Snapshot, tmp_path: Path) -> None:
    images = select_images(snapshot, states=WITH_ORIGINALS)
    written = write_folders(bench.project(), images, tmp_path)
    assert (written.images, written.missing) == (24, ())
    table = pl.read_csv(tmp_path / "metadata.csv")
    assert table["file_name"].n_unique() == 24
    for name, key in table.select("file_name", "key").iter_rows():
        assert (tmp_path / name).read_bytes() == (bench.library / key).read_bytes()
    assert (tmp_path / "Red_ _a_b_" / "000.png").is_file()


def test_a_zip_holds_the_same_files(bench: Bench, snapshot: Snapshot, tmp_path: Path) -> None:
    images = select_images(snapshot, tags=["night"])
    write_folders(bench.project(), images, tmp_path)
    with zipfile.ZipFile(io.BytesIO(b"".join(zip_pieces(bench.project(), images)))) as archive:
        assert {name: archive.read(name) for name in archive.namelist()} == {
            str(path.relative_to(tmp_path)): path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()
        }


def test_an_original_that_is_gone_is_told_and_has_no_label(bench: Bench, snapshot: Snapshot, tmp_path: Path) -> None:
    shutil.copytree(bench.library, tmp_path / "library")
    (tmp_path / "library/posts/de/002.png").unlink()
    written = write_folders(Bench(tmp_path / "library", bench.data).project(), select_images(snapshot), tmp_path / "to")
    assert (written.images, written.missing) == (23, ("posts/de/002.png",))
    assert "posts/de/002.png" not in pl.read_csv(tmp_path / "to/metadata.csv")["key"].to_list()


def test_sidecars_follow_the_images_and_exist_only_for_a_name_or_a_tag(snapshot: Snapshot, tmp_path: Path) -> None:
    assert write_sidecars(select_images(snapshot), tmp_path).images == 12
    assert b"night" in (tmp_path / "posts/de/000.png.xmp").read_bytes()
    assert not (tmp_path / "posts/de/001.png.xmp").exists()


def test_sidecars_in_a_zip_are_those_of_the_folder_and_none_lies_outside_of_it(
    snapshot: Snapshot, tmp_path: Path
) -> None:
    images = select_images(snapshot)
    write_sidecars(images, tmp_path)
    with zipfile.ZipFile(io.BytesIO(b"".join(sidecar_pieces(images)))) as archive:
        assert set(archive.namelist()) == {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.xmp")}
        assert all(archive.read(name) == (tmp_path / name).read_bytes() for name in archive.namelist())
    away = images.with_columns(pl.lit("../../a/./7.png").alias("key"), pl.lit("Red").alias("cluster_name"))
    with zipfile.ZipFile(io.BytesIO(b"".join(sidecar_pieces(away)))) as archive:
        assert archive.namelist() == ["a/7.png.xmp"]


def test_a_sidecar_of_another_program_is_left_alone_and_told(snapshot: Snapshot, tmp_path: Path) -> None:
    theirs = tmp_path / "posts/de/000.png.xmp"
    theirs.parent.mkdir(parents=True)
    theirs.write_bytes(b"<x:xmpmeta>rating 4</x:xmpmeta>")
    for _ in range(2):  # the second time our own are replaced
        written = write_sidecars(select_images(snapshot), tmp_path)
        assert (written.images, written.foreign) == (11, ("posts/de/000.png",))
    assert theirs.read_bytes() == b"<x:xmpmeta>rating 4</x:xmpmeta>"


def test_a_file_that_is_not_the_one_that_was_listed_is_left_out(
    bench: Bench, snapshot: Snapshot, tmp_path: Path
) -> None:
    shutil.copytree(bench.library, tmp_path / "library")
    (tmp_path / "library/posts/de/002.png").write_bytes(b"something else")
    other = Bench(tmp_path / "library", bench.data).project()
    assert write_folders(other, select_images(snapshot), tmp_path / "to").missing == ("posts/de/002.png",)


def test_a_table_of_labels_of_another_origin_is_never_replaced(
    bench: Bench, snapshot: Snapshot, tmp_path: Path
) -> None:
    (tmp_path / "metadata.csv").write_text("name,price\n", encoding="utf-8")
    with pytest.raises(ExportError, match="Export to another folder"):
        write_folders(bench.project(), select_images(snapshot), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["metadata.csv"]


def test_places_differ_for_every_image_and_are_valid_everywhere() -> None:
    rows = [
        ("a/x.jpg", "1", "c-1", "Con"), ("b/X.JPG", "2", "c-1", "Con"), ("a/../y?.jpg", "3", "c-2", ".."),
        ("a/z.jpg", "4", "c-3", "CON"), ("a/w.jpg", "5", None, None), ("a/v.jpg", "6", "c-4", "unclustered"),
    ]  # fmt: skip
    frame = pl.DataFrame(rows, schema=["key", "image_id", "cluster_id", "cluster_name"], orient="row")
    assert file_places(frame) == {
        "a/x.jpg": "_Con/x.jpg", "b/X.JPG": "_Con/2-X.JPG", "a/../y?.jpg": "_/y_.jpg",
        "a/z.jpg": "_CON (c-3)/z.jpg", "a/w.jpg": "unclustered/w.jpg", "a/v.jpg": "unclustered (c-4)/v.jpg",
    }  # fmt: skip


def test_a_name_that_some_system_reads_otherwise_or_not_at_all_is_changed() -> None:
    rows = [
        ("a/\u00e9.jpg", "1", "c-1", "metadata.csv"), ("b/e\u0301.jpg", "2", "c-1", "metadata.csv"),
        ("a/-rf.jpg", "3", "c-2", "=1+1"), ("a/CON .jpg", "4", "c-3", "../../x"), ("a/x\u202e.exe", "5", "c-4", "+1"),
        ("a/b\\..\\c.jpg", "6", "c-5", "@x"), (f"a/{'L' * 251}.jpg", "7", "c-6", "\U0001f98a" * 120),
        (f"b/{'L' * 251}.jpg", "8", "c-6", "\U0001f98a" * 120), ("a/.jpg", "9", "c-7", "\U0001f98a" * 119 + "b"),
    ]  # fmt: skip
    frame = pl.DataFrame(rows, schema=["key", "image_id", "cluster_id", "cluster_name"], orient="row")
    fox = "\U0001f98a" * 63
    assert list(file_places(frame).values()) == [
        "metadata.csv (c-1)/\u00e9.jpg", "metadata.csv (c-1)/2-e\u0301.jpg", "_=1+1/_-rf.jpg", "_.._x/_CON .jpg",
        "_+1/x.exe", "_@x/b_.._c.jpg", f"{fox}/{'L' * 251}.jpg", f"{fox}/8-{'L' * 249}.jpg",
        f"{fox[:-1]} (c-7)/jpg",
    ]  # fmt: skip


ODD = ["=1+1", "@x", "-d", "cr\rx", "new\nline", "x ", "back\\slash", "p%2Fq", "\U0001f98a", "\u202ertl", "L" * 251]


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    """A category with an odd name, of files with odd names, also one that is not UTF-8; the red ones are named."""
    root = tmp_path_factory.mktemp("odd")
    add(root / "library", "=esc\x1b|x/plain.png", "red", 0)
    folder = root / "library" / "=esc\x1b|x"
    for seed, name in enumerate([*ODD, "green"], start=1):
        add(root / "library", "=esc\x1b|x/made.png", "green" if name == "green" else "red", seed)
        (folder / "made.png").rename(folder / f"{name}.png")
    add(root / "library", "=esc\x1b|x/made.png", "red", 90)
    (folder / "made.png").rename(folder / os.fsdecode(b"latin\xe9.png"))
    made = Bench(root / "library", root / "data")
    made.run()
    snapshot = read_snapshot(made.project(), "esc-x")
    red = snapshot.frame.filter(pl.col("key").str.ends_with("plain.png"))["cluster_id"][0]
    made.project().curation.decide("esc-x", d.Rename(cluster=red, name="=cmd|' /C calc'!A0"), actor="ann")
    long = snapshot.frame.filter(pl.col("key").str.len_bytes() > 255)["content_hash"][0]
    made.project().curation.decide("esc-x", d.Tag(images=(long,), tag="long"), actor="ann")
    return made


def test_no_cell_of_a_csv_is_a_formula_and_all_of_it_is_adopted_elsewhere(odd: Bench, tmp_path: Path) -> None:
    images = select_images(read_snapshot(odd.project(), "esc-x"))
    with (tmp_path / "odd.csv").open("wb") as file:
        write_table(images, "csv", file)
    with (tmp_path / "odd.csv").open(encoding="utf-8", newline="") as file:
        cells = [cell for row in csv.reader(file) for cell in row]
    assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@", "\t", "\r"))]
    assert "'=cmd|' /C calc'!A0" in cells
    fresh = Bench(odd.library, tmp_path / "other")
    fresh.run()
    plan = adopt_file(fresh.project(), "esc-x", tmp_path / "odd.csv")
    assert [kind.name for kind in plan.kinds] == ["=cmd|' /C calc'!A0"]
    assert (plan.matched, plan.unknown, plan.tags) == (images.height, [], {"long": 1})


def test_originals_with_odd_names_are_all_written(odd: Bench, tmp_path: Path) -> None:
    images = select_images(read_snapshot(odd.project(), "esc-x"), states=WITH_ORIGINALS)
    assert write_folders(odd.project(), images, tmp_path).images == images.height == len(ODD) + 3
    assert all((tmp_path / name).is_file() for name in pl.read_csv(tmp_path / "metadata.csv")["file_name"])


def test_sidecars_lie_beside_files_with_odd_names_and_are_read_again(odd: Bench, tmp_path: Path) -> None:
    shutil.copytree(odd.library, tmp_path / "library")
    folder = tmp_path / "library" / "=esc\x1b|x"
    images = select_images(read_snapshot(odd.project(), "esc-x"))
    written = write_sidecars(images, tmp_path / "library")
    assert written.too_long == (f"=esc\x1b|x/{'L' * 251}.png",)
    sidecars = {path.name for path in folder.glob("*.xmp")}
    assert os.fsdecode(b"latin\xe9.png.xmp") in sidecars
    assert all((folder / name.removesuffix(".xmp")).is_file() for name in sidecars)
    assert all(keywords((folder / name).read_bytes()) for name in sidecars)
    fresh = Bench(odd.library, tmp_path / "other")
    fresh.run()
    plan = adopt_sidecars(fresh.project(), "esc-x", tmp_path / "library")
    assert ([kind.name for kind in plan.kinds], plan.tags, plan.unknown) == (["=cmd|' /C calc'!A0"], {}, [])
    assert plan.matched == written.images
    with zipfile.ZipFile(io.BytesIO(b"".join(sidecar_pieces(images)))) as archive:
        assert len(archive.namelist()) == written.images
        assert not any(len(name.rpartition("/")[2].encode()) > 255 for name in archive.namelist())


def test_a_sidecar_in_a_zip_leads_out_on_no_system(snapshot: Snapshot) -> None:
    away = select_images(snapshot).with_columns(pl.lit("a/..\\..\\7.png").alias("key"), cluster_name=pl.lit("Red"))
    with zipfile.ZipFile(io.BytesIO(b"".join(sidecar_pieces(away)))) as archive:
        assert archive.namelist() == ["a/.._.._7.png.xmp"]
