"""A place that we publish to and that lies among the photos is no category, in a folder and in a bucket."""

from pathlib import Path

import pytest

from pipeline.steps.check import check
from pipeline.steps.export import WITH_ORIGINALS, select_images, write_folders
from pipeline.steps.library_view.listing import read_snapshot
from pipeline.steps.run import run
from tests.fake_s3 import fake_s3
from tests.steps.test_run import KINDS, Bench, add


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """12 images of two kinds that are published into the folder `site` beside their own."""
    library = tmp_path / "library"
    for seed in range(12):
        add(library, f"posts/{seed:03d}.png", list(KINDS)[seed % 2], seed)
    return Bench(library, tmp_path / "data", published={"outlets": [{"url": str(library / "site")}]})


def categories(bench: Bench) -> list[str]:
    done = run(bench.project())
    assert not done.failures
    return [one["category"] for one in done.summaries()]


def told(bench: Bench) -> bool:
    return any("site holds a publication of image-cluster" in text for text in bench.notices)


def test_an_outlet_among_the_photos_is_no_category(bench: Bench) -> None:
    assert [categories(bench), categories(bench)] == [["posts"], ["posts"]]
    assert told(bench)
    found = {one.what: one.text for one in check(bench.project())}
    assert "1 category: posts" in found["bucket"]


def test_an_outlet_in_the_bucket_is_no_category(bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (bench.library / "web").mkdir()
    bench.settings = {"published": {"outlets": [{"url": f"file://{bench.library}/web"}]}}
    run(bench.project(), ["posts"])
    files = {str(path.relative_to(bench.library)): path for path in bench.library.rglob("*") if path.is_file()}
    assert "web/posts/clusters.json" in files
    with fake_s3({key.replace("web/", "site/"): path.read_bytes() for key, path in files.items()}) as server:
        for name, value in server.server.environment.items():
            monkeypatch.setenv(name, value)
        source = {"url": "s3://pics", "endpoint_url": server.server.endpoint}
        there = Bench(Path("nowhere"), tmp_path / "other", source=source)
        assert categories(there) == ["posts"]
        assert told(there)


def test_an_export_among_the_photos_is_no_category_until_its_table_is_removed(bench: Bench) -> None:
    run(bench.project())
    project = bench.project()
    write_folders(
        project, select_images(read_snapshot(project, "posts"), states=WITH_ORIGINALS), bench.library / "sorted"
    )
    assert categories(bench) == ["posts"]
    assert any("sorted holds an export of image-cluster" in text for text in bench.notices)
    (bench.library / "sorted" / "metadata.csv").unlink()
    assert sorted(categories(bench)) == ["posts", "sorted"]


def test_a_folder_with_a_table_of_someone_else_is_a_category(bench: Bench) -> None:
    add(bench.library, "signs/1.png", "red", 3)
    (bench.library / "signs" / "metadata.csv").write_text("file_name,label\n1.png,sign\n")
    assert sorted(categories(bench)) == ["posts", "signs"]


def test_a_folder_with_a_photo_beside_published_sets_is_a_category(bench: Bench) -> None:
    run(bench.project())
    add(bench.library, "site/one.png", "red", 77)
    assert sorted(categories(bench)) == ["posts", "site"]
