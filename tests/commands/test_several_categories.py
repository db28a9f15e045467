"""Commands in a library of several categories: ids, keys and names that say which one is meant need no --category."""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from pipeline.cli import main
from tests.steps.test_run import Bench, add

Run = Callable[..., Result]


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    root = tmp_path_factory.mktemp("several")
    for seed in range(24):
        colour = ["red", "green"][seed % 2]
        add(root / "library", f"posts/de/de-{seed:03d}-800w.png", colour, seed)
        add(root / "library", f"bollards/at/at-{seed:03d}-800w.png", colour, 100 + seed)
    bench = Bench(root / "library", root / "data")
    bench.run()
    return bench


@pytest.fixture
def run(ran: Bench, tmp_path: Path) -> Run:
    shutil.copytree(ran.data, tmp_path / "data", symlinks=True)

    def call(*arguments: str) -> Result:
        return CliRunner().invoke(main, [*arguments, "--out", str(tmp_path / "data")])

    return call


def clusters(run: Run, category: str) -> list[str]:
    return [row["id"] for row in json.loads(run("clusters", "list", "--category", category, "--json").stdout)]


def test_list_shows_the_clusters_of_all_categories_and_says_which(run: Run) -> None:
    rows = json.loads(run("clusters", "list", "--json").stdout)
    assert {row["category"] for row in rows} == {"bollards", "posts"}
    assert {row["id"] for row in rows} == {*clusters(run, "bollards"), *clusters(run, "posts")}


def test_words_find_images_by_file_name_and_clusters_by_name_in_all_categories(run: Run) -> None:
    cluster = clusters(run, "posts")[0]
    run("clusters", "rename", cluster, "Wet Post", "--category", "posts")
    posts = {found["category"]: found for found in json.loads(run("search", "POST", "wet", "--json").stdout)}["posts"]
    assert [row["cluster"] for row in posts["clusters"]] == [cluster]
    assert posts["total_images"] == posts["clusters"][0]["size"]
    found = run("search", "at-007")
    assert found.stdout.splitlines()[1].split("\t")[4] == "bollards/at/at-007-800w.png"
    assert "0 clusters and 1 image fit." in found.stderr
    assert run("search", "at-007", "--category", "posts").stdout == ""


def test_a_category_that_was_only_listed_does_not_hide_the_clusters_of_the_others(run: Run, tmp_path: Path) -> None:
    for name in ("identities", "representatives", "labels", "reduced", "embeddings", "images"):
        shutil.rmtree(tmp_path / "data/categories/posts" / name)
    found = run("clusters", "list", "--json")
    assert found.exit_code == 0, found.stderr
    assert {row["category"] for row in json.loads(found.stdout)} == {"bollards"}
    assert "Not clustered yet, so not shown: posts." in found.stderr
    assert run("clusters", "list", "--category", "posts").exit_code == 1


def test_a_cluster_an_image_and_the_last_decision_say_which_category_is_meant(run: Run) -> None:
    cluster = clusters(run, "posts")[0]
    assert json.loads(run("clusters", "show", cluster, "--json").stdout)["id"] == cluster
    assert run("clusters", "rename", cluster, "Tall").exit_code == 0
    assert json.loads(run("clusters", "show", "tall", "--json").stdout)["id"] == cluster
    key = "bollards/at/at-001-800w.png"
    assert run("clusters", "tag", "wet", key).stdout == "1\ttagged 1 image “wet”\n"
    excluded = run("clusters", "exclude", key)
    assert re.fullmatch(r"2\texcluded 1 image of c-\w+\n", excluded.stdout)
    assert "clusters undo 2 --category bollards" in excluded.stderr
    assert run("clusters", "undo", "2").stdout == "3\tundid event 2\n"
    history = json.loads(run("clusters", "history", "--json").stdout)
    assert {(row["category"], row["event"]) for row in history} == {
        ("posts", 1), ("bollards", 1), ("bollards", 2), ("bollards", 3),
    }  # fmt: skip
    assert [row["what"] for row in json.loads(run("clusters", "history", cluster, "--json").stdout)] == [
        f"named {cluster} “Tall”"
    ]
    assert run("clusters", "waiting").exit_code == 0


def test_what_fits_several_categories_or_none_is_refused_with_what_to_do(run: Run) -> None:
    assert "no decision to undo in any of the 2 categories" in run("clusters", "undo").stderr
    for category in ("posts", "bollards"):
        run("clusters", "rename", clusters(run, category)[0], "Tall")
    several = run("clusters", "show", "tall")
    assert several.exit_code == 2
    assert "Choose one with --category: bollards, posts." in several.stderr
    assert "Choose one with --category: bollards, posts." in run("clusters", "undo", "1").stderr
    none = run("clusters", "exclude", "posts/de/de-099-800w.png")
    assert none.exit_code == 2
    assert "The nearest: posts/de/de-0" in none.stderr
    assert "no event 99 in any of the 2 categories" in run("clusters", "undo", "99").stderr


def test_the_results_of_all_categories_are_one_json_document(run: Run) -> None:
    published = json.loads(run("visualize", "--json").stdout)
    assert [row["category"] for row in published] == ["bollards", "posts"]


def test_ratings_are_listed_by_the_keys_of_their_images(run: Run) -> None:
    one, other = "bollards/at/at-001-800w.png", "bollards/at/at-002-800w.png"
    assert run("pairs", "add", one, other, "--same").exit_code == 0
    (row,) = json.loads(run("pairs", "list", "--json").stdout)
    assert {row["one"], row["other"]} == {one, other}
    assert row["a"] != row["one"]
    line = run("pairs", "list").stdout.splitlines()[1]
    assert sorted(line.split("\t")[1:3]) == [one, other]


def test_a_mistyped_folder_or_granularity_is_wrong_usage_and_said_in_words(tmp_path: Path) -> None:
    missing = CliRunner().invoke(main, ["run", str(tmp_path / "nothing")])
    assert missing.exit_code == 2
    assert "does not exist" in missing.stderr
    (tmp_path / "library").mkdir()
    wrong = CliRunner().invoke(main, ["run", str(tmp_path / "library"), "--granularity", "foo"])
    assert wrong.exit_code == 2
    assert "labels.granularity is 'foo': expected auto, coarse, fine, or a number from 0 to 1" in wrong.stderr
    assert "^" not in wrong.stderr


@pytest.mark.parametrize("group", [[], ["clusters"], ["data"], ["pairs"]])
def test_help_cuts_no_description(group: list[str]) -> None:
    assert "..." not in CliRunner().invoke(main, [*group, "--help"]).stdout.partition("Options:")[2]


@pytest.mark.parametrize("command", ["duplicates", "tune"])
def test_a_command_about_one_category_says_which_there_are_if_none_is_named(run: Run, command: str) -> None:
    answer = run(command)
    assert answer.exit_code == 2
    assert "There are 2 categories, so name one of them: bollards, posts." in answer.stderr
