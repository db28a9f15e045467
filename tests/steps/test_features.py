"""Time and place in EXIF or manifest.json, and ratings, reach the clusters; with none of them nothing changes."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import ExifTags, Image

from pipeline.errors import SettingsError, UnknownNameError
from pipeline.settings import Settings
from pipeline.stages.images.contract import IMAGES_SCHEMA
from pipeline.stages.labels.contract import LABELS_SCHEMA, SUGGESTIONS_SCHEMA
from pipeline.steps.categories import select_categories
from pipeline.steps.features import context_of, space_request, stored_space
from pipeline.steps.ingest import ingest
from pipeline.steps.labels import labels
from pipeline.steps.manifest import manifest
from pipeline.steps.pairs import add_pairs, pairs_of
from pipeline.steps.project import Project, Report
from pipeline.steps.reduced import reduced
from pipeline.steps.stage import embedded_images
from tests.fakes import MeanColourEncoder

SCENES = {"red": (200, 30, 30), "green": (30, 180, 40), "blue": (30, 40, 200)}
SITES = {"fiji": (-16.5, 179.99), "berlin": (52.5, 13.4)}  # one of them on the 180th meridian
DAYS = {  # by the camera's clock; one of them across midnight
    "march": datetime(2026, 3, 1, 23, 45, tzinfo=UTC),
    "july": datetime(2026, 7, 1, 9, 0, tzinfo=UTC),
}
EACH = 10
Make = Callable[..., Project]


def exif(when: datetime, latitude: float, longitude: float) -> Image.Exif:
    tags = Image.Exif()
    tags.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.DateTimeOriginal] = when.strftime("%Y:%m:%d %H:%M:%S")
    place = tags.get_ifd(ExifTags.IFD.GPSInfo)
    place[ExifTags.GPS.GPSLatitudeRef], place[ExifTags.GPS.GPSLatitude] = "NS"[latitude < 0], degrees(latitude)
    place[ExifTags.GPS.GPSLongitudeRef], place[ExifTags.GPS.GPSLongitude] = "EW"[longitude < 0], degrees(longitude)
    return tags


def degrees(value: float) -> tuple[float, float, float]:
    minutes = (abs(value) % 1) * 60
    return float(int(abs(value))), float(int(minutes)), round((minutes % 1) * 60, 3)


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same three scenes, on two days and at two sites; the file name tells which."""
    root, rng = tmp_path_factory.mktemp("library"), np.random.default_rng(0)
    (root / "trip").mkdir()
    for scene, colour in SCENES.items():
        for day, start in DAYS.items():
            for site, (latitude, longitude) in SITES.items():
                for number in range(EACH):
                    pixels = np.clip(np.array(colour) + rng.normal(0, 25, (2, 2, 3)), 0, 255).astype(np.uint8)
                    picture = Image.fromarray(pixels).resize((32, 24), Image.Resampling.BICUBIC)
                    east = (longitude + rng.uniform(0, 0.03) + 180) % 360 - 180
                    tags = exif(start + timedelta(minutes=3 * number), latitude, east)
                    picture.save(root / "trip" / f"{scene}-{day}-{site}-{number}.jpg", exif=tags, quality=95)
    return root


@pytest.fixture(scope="module")
def make(library: Path, tmp_path_factory: pytest.TempPathFactory) -> Make:
    """Projects on one data directory, whose images are read once; each with the settings of `labels` that are given."""
    data = tmp_path_factory.mktemp("data")

    def project(**given: Any) -> Project:
        values = {"data_dir": data, "source": {"url": str(library)}, "labels": given}
        if "method" in given:
            values["reduced"] = {"method": "pca"}  # UMAP compiles itself for longer than all tests here take
        return Project(Settings.model_validate(values), encoder=MeanColourEncoder)

    slug = select_categories(project(), [])[0]
    manifest(project(), slug)
    ingest(project(), slug)
    return project


def grouped(project: Project) -> tuple[dict[str, int | None], Report]:
    """File name without ending → raw group, and the report of `labels`."""
    reduced(project, "trip")
    report = labels(project, "trip")
    images = project.store.require("trip", "images").table("images", IMAGES_SCHEMA, ["image_id", "key"])
    table = project.store.require("trip", "labels").table("labels", LABELS_SCHEMA)
    rows = table.select("image_id", "raw_group").join(images, on="image_id")
    return {Path(key).stem: group for _, group, key in rows.select("image_id", "raw_group", "key").iter_rows()}, report


def cells(groups: dict[str, int | None], *parts: int) -> int:
    """How many groups there are, after asserting that each is one cell of scene, day, site as `parts` (0, 1, 2) say."""
    found: dict[int, set[tuple[str, ...]]] = {}
    for name, group in groups.items():
        assert group is not None
        found.setdefault(group, set()).add(tuple(name.split("-")[part] for part in parts))
    assert all(len(cell) == 1 for cell in found.values())
    return len(found)


def test_pictures_alone_give_the_scenes(make: Make) -> None:
    groups, report = grouped(make(n_clusters=3))
    assert cells(groups, 0) == 3
    assert "weights" not in report.effective


def test_time_beside_the_picture_gives_scenes_by_day_and_midnight_parts_nothing(make: Make) -> None:
    groups, report = grouped(make(weights={"time": 1}))
    assert cells(groups, 0, 1) == 6
    assert report.effective["weights"] == {"visual": 1.0, "time": 1.0, "place": 0.0}
    assert (report.effective["time_hours"], report.effective["without_time"]) == (12.0, 0)


def test_place_beside_the_picture_gives_scenes_by_site_and_the_180th_meridian_parts_nothing(make: Make) -> None:
    groups, report = grouped(make(weights={"place": 1}))
    assert cells(groups, 0, 2) == 6
    assert report.effective["without_place"] == 0


def test_time_and_place_give_scenes_by_day_and_site(make: Make) -> None:
    groups, _ = grouped(make(weights={"time": 1, "place": 1}))
    assert cells(groups, 0, 1, 2) == 12


def test_defaults_change_no_vector_and_no_digest(make: Make) -> None:
    project = make()
    reduced(project, "trip")
    images, fingerprint = embedded_images(project, "trip")
    assert space_request(project, "trip", images).inputs == []
    hashes = images["content_hash"].to_list()
    embeddings = project.vectors(fingerprint).read(hashes).astype(np.float32)
    same, effective = stored_space(project.store.require("trip", "reduced")).vectors(hashes, embeddings)
    assert same is embeddings
    assert effective == {}


def test_what_the_bucket_says_of_time_and_place_goes_before_exif(library: Path, tmp_path: Path) -> None:
    (tmp_path / "source" / "trip").mkdir(parents=True)
    names = [path.name for path in sorted(library.rglob("*.jpg"))[:4]]
    for name in names:
        (tmp_path / "source" / "trip" / name).write_bytes((library / "trip" / name).read_bytes())
    said: list[dict[str, Any]] = [
        {"takenAt": "1970-01-02T01:00:00+01:00", "latitude": 1, "longitude": 2},
        {"takenAt": "yesterday", "latitude": 91, "longitude": 0},
        {},
        {"takenAt": "1970-01-02T00:00:00", "latitude": None, "longitude": 5},
    ]
    entries = [{"id": str(number), "category": "trip", "variants": {"800w": f"trip/{name}"}, **more}
               for number, (name, more) in enumerate(zip(names, said, strict=True))]  # fmt: skip
    (tmp_path / "source" / "manifest.json").write_text(json.dumps({"version": "1", "entries": entries}))
    values = {"data_dir": tmp_path / "data", "source": {"url": str(tmp_path / "source")}}
    project = Project(Settings.model_validate(values), encoder=MeanColourEncoder)
    slug = select_categories(project, [])[0]
    manifest(project, slug)
    ingest(project, slug)
    images, _ = embedded_images(project, slug)
    by_hash = context_of(project, slug, images).rows_by_key("content_hash", named=True, unique=True)
    found = {row["identifier"]: by_hash[row["content_hash"]] for row in images.iter_rows(named=True)}
    assert (found["0"]["hours"], found["0"]["latitude"], found["0"]["longitude"]) == (24.0, 1.0, 2.0)
    camera = [found[name] for name in ("1", "2")]
    assert all(row["hours"] > 400_000 and row["latitude"] is not None for row in camera)
    assert found["3"]["hours"] == 24.0
    assert found["3"]["latitude"] is not None


def rate(project: Project, count: int, right: bool = True) -> None:
    images = project.store.require("trip", "images").table("images", IMAGES_SCHEMA, ["key"])["key"].to_list()
    rng, rows = np.random.default_rng(1), list[tuple[str, str, bool]]()
    while len(rows) < count:
        one, other = rng.choice(images, 2, replace=False)
        same = one.split("-")[0] == other.split("-")[0]
        if sum(row[2] == same for row in rows) < count / 2:
            rows.append((str(one), str(other), same == right))
    add_pairs(project, ["trip"], rows)


class Renamed(MeanColourEncoder):
    """The same vectors under the name of another model."""

    name = "timm:vit_small_patch14_dinov2.lvd142m"
    fingerprint = "d1d1d1d1d1d1d1d1"


def test_nothing_depends_on_the_name_of_the_encoder(make: Make, library: Path, tmp_path: Path) -> None:
    values = {"data_dir": tmp_path, "source": {"url": str(library)}, "labels": {"weights": {"time": 1}}}
    other = Project(Settings.model_validate(values), encoder=Renamed)
    slug = select_categories(other, [])[0]
    manifest(other, slug)
    ingest(other, slug)
    assert grouped(other)[0] == grouped(make(weights={"time": 1}))[0]


def test_few_ratings_change_nothing_and_say_so(make: Make, tmp_path: Path) -> None:
    project = make(pairs_file=str(tmp_path / "pairs.csv"))
    rate(project, 10)
    _, report = grouped(project)
    assert report.effective["pairs"]["used"] is False
    assert "20 pairs" in report.effective["pairs"]["why"]
    assert 5 <= report.counts["pairs_kept"] <= 10


def test_a_rated_pair_is_found_by_key_and_id_and_the_last_rating_counts(make: Make, tmp_path: Path) -> None:
    project = make(pairs_file=str(tmp_path / "pairs.csv"))
    images = project.store.require("trip", "images").table("images", IMAGES_SCHEMA)
    one, other = images.row(0, named=True), images.row(1, named=True)
    add_pairs(project, ["trip"], [(one["key"], other["key"], True)])
    add_pairs(project, ["trip"], [(other["image_id"], one["content_hash"], False)])
    expected = sorted((one["content_hash"], other["content_hash"]))
    assert [tuple(pair) for pair in pairs_of(project, "trip")] == [(*expected, False)]


def test_an_unknown_image_adds_no_rating_at_all(make: Make, tmp_path: Path) -> None:
    project = make(pairs_file=str(tmp_path / "pairs.csv"))
    keys = project.store.require("trip", "images").table("images", IMAGES_SCHEMA, ["key"])["key"].to_list()
    with pytest.raises(UnknownNameError, match="trip/nobody"):
        add_pairs(project, ["trip"], [(keys[0], keys[1], True), (keys[0], "trip/nobody.jpg", True)])
    assert not (tmp_path / "pairs.csv").exists()


@pytest.mark.parametrize(
    ("text", "said"),
    [("a,b\n", "line 1.*a,b,same"), ("a,b,same\nx,y\n", "line 2: 2 values"), ("a,b,same\nx,y,maybe\n", "'maybe'")],
)
def test_a_file_of_ratings_that_does_not_hold_is_refused_with_its_line(
    make: Make, tmp_path: Path, text: str, said: str
) -> None:
    (tmp_path / "pairs.csv").write_text(text)
    with pytest.raises(SettingsError, match=said):
        pairs_of(make(pairs_file=str(tmp_path / "pairs.csv")), "trip")


def test_accepted_suggestions_are_counted_and_carry_their_confidence(make: Make) -> None:
    """HDBSCAN's leaves leave many pictures out."""
    given = {"method": "hdbscan", "min_cluster_size": 4, "min_samples": 1, "cluster_selection_method": "leaf"}
    before, _ = grouped(make(**given))
    project = make(**given, accept_suggestions=0.2)
    after, report = grouped(project)
    stored = project.store.require("trip", "labels")
    suggested = stored.table("suggestions", SUGGESTIONS_SCHEMA)
    loose = sum(group is None for group in before.values())
    joined = [name for name, group in after.items() if group is not None and before[name] is None]
    assert 0 < len(joined) < loose
    assert suggested.height == loose
    assert report.counts["accepted"] == report.effective["accepted"] == len(joined) == suggested["accepted"].sum()
    assert report.counts["unclustered"] == loose - len(joined)
    rows = suggested.filter("accepted").join(stored.table("labels", LABELS_SCHEMA), on="image_id")
    assert (rows["probability"] == rows["confidence"]).all()
    assert (rows["confidence"] >= 0.2).all()
