"""Words for clusters, through the real loading of a small model that reads; random weights, so any word may win."""

from pathlib import Path

import pytest

from pipeline.adapters.encoders.words import word_list
from pipeline.curation import decisions as d
from pipeline.errors import SettingsError
from pipeline.settings import Settings
from pipeline.stages.representatives import visual_words as scoring
from pipeline.steps.library_view.listing import cluster_rows, name_ideas, read_snapshot
from pipeline.steps.library_view.visual_words import visual_words
from pipeline.steps.project import Project
from pipeline.steps.run import run
from tests.adapters.test_text import reading_clip
from tests.steps.test_run import KINDS, add


def library(root: Path) -> Path:
    for seed in range(24):
        add(root / "library", f"posts/{seed:03d}.png", list(KINDS)[seed % 3], seed)
    return root / "library"


def test_clusters_get_words_with_scores_that_are_suggested_and_never_published(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scoring, "LEAST", 0.0)  # a model with random weights sets nothing apart
    spec = reading_clip(tmp_path)
    values = {"data_dir": tmp_path / "data", "source": {"url": str(library(tmp_path))}, "encoder": {"spec": spec}}
    project = Project(Settings.model_validate(values))
    run(project, ["posts"])
    rows = cluster_rows(project, "posts")
    assert all(row["looks_like"] in word_list(None) and row["score"] >= 0 for row in rows)
    snapshot = read_snapshot(project, "posts")
    monkeypatch.setattr("pipeline.steps.library_view.visual_words.open_text_encoder", None)  # the second time is read
    found = visual_words(project, snapshot)
    assert {row["id"]: row["looks_like"] for row in rows} == {name: one.word for name, one in found.items()}
    assert name_ideas(project, snapshot) == {name: one.word for name, one in found.items()}
    published = (tmp_path / "data/published/posts/clusters.json").read_text(encoding="utf-8")
    assert '"looks_like"' not in published
    project.curation.decide("posts", d.Rename(cluster=rows[0]["id"], name="Red"), actor="ann")
    run(project, ["posts"])
    published = (tmp_path / "data/published/posts/clusters.json").read_text(encoding="utf-8")
    assert published.count('"name": null') == len(rows) - 1 or published.count('"name":null') == len(rows) - 1
    project.curation.close()


def test_the_list_that_ships_has_about_two_thousand_words_each_once() -> None:
    words = word_list(None)
    assert 1900 <= len(words) <= 2100
    assert len({word.casefold() for word in words}) == len(words)
    assert {"striped", "bollard", "red", "cylindrical", "stamp"} <= set(words)


def test_a_file_of_ones_own_words_is_added_and_one_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    own = tmp_path / "mine.txt"
    own.write_text("# ours\nhectometre  post\nbollard\n\n", encoding="utf-8")
    assert word_list(str(own)) == [*word_list(None), "hectometre post"]
    with pytest.raises(SettingsError, match=r"words_file names .*none\.txt"):
        word_list(str(tmp_path / "none.txt"))
    own.write_text("x" * 200)
    with pytest.raises(SettingsError, match="letters"):
        word_list(str(own))
