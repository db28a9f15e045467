"""`image-cluster clusters …` as a person or a script uses it."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from pipeline.cli import main
from pipeline.stages.published.sidecar import sidecar
from tests.steps.test_run import Bench, add

Run = Callable[..., Result]

# what a command that only looks has no use for; each costs a tenth of a second or several
HEAVY = (
    "numpy", "scipy", "sklearn", "torch", "torchvision", "open_clip", "timm", "faiss", "umap", "hdbscan", "numba",
    "openvino", "sknetwork", "PIL", "sqlalchemy", "alembic", "dagster", "dagster_aws", "boto3", "obstore", "fastapi",
    "uvicorn", "duckdb", "pyarrow", "pandas", "rich", "jinja2",
)  # fmt: skip


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    root = tmp_path_factory.mktemp("clusters")
    for seed in range(24):
        add(root / "library", f"posts/de/de-{seed:03d}-800w.png", ["red", "green"][seed % 2], seed)
    bench = Bench(root / "library", root / "data")
    bench.run()
    return bench


@pytest.fixture
def run(ran: Bench, tmp_path: Path) -> Run:
    shutil.copytree(ran.data, tmp_path / "data", symlinks=True)

    def call(*arguments: str) -> Result:
        return CliRunner().invoke(main, ["clusters", *arguments, "--out", str(tmp_path / "data")])

    return call


def listed(run: Run, *options: str) -> list[dict[str, Any]]:
    return json.loads(run("list", "--json", *options).stdout)


def test_undoing_a_decision_that_never_was_is_wrong_usage_as_other_unknown_names_are(run: Run) -> None:
    done = run("undo", "77")
    assert done.exit_code == 2
    assert "There is no event 77 to undo; the last one is 0." in done.stderr


def test_a_cluster_is_named_found_by_its_name_and_unnamed_again_by_undo(run: Run) -> None:
    first = listed(run)[0]["id"]
    done = run("rename", first, "White Cylindrical", "--why", "it is")
    assert done.exit_code == 0
    assert done.stdout == f"1\tnamed {first} “White Cylindrical”\n"
    assert "clusters undo 1" in done.stderr
    shown = json.loads(run("show", "white cylindrical", "--json").stdout)
    assert (shown["id"], shown["name"], len(shown["images"])) == (first, "White Cylindrical", 12)
    assert shown["history"][0]["why"] == "it is"
    assert run("undo").stdout == "2\tundid event 1\n"
    assert listed(run, "--unnamed")[0]["id"] == first


def test_a_name_reaches_the_cluster_of_exactly_that_name_or_none(run: Run) -> None:
    first, second = (row["id"] for row in listed(run))
    assert run("rename", first, "Alpha").exit_code == 0
    assert run("rename", second, "alpha").exit_code == 0
    assert json.loads(run("show", "Alpha", "--json").stdout)["id"] == first
    assert json.loads(run("show", "alpha", "--json").stdout)["id"] == second
    refused = run("describe", "ALPHA", "Which one?")
    assert refused.exit_code == 2
    assert first in refused.stderr
    assert second in refused.stderr
    assert run("rename", second, "Alpha").exit_code == 0
    assert run("merge", first, "Alpha").exit_code == 2
    assert len(listed(run)) == 2


def test_a_name_that_another_cluster_has_is_said_with_the_command_that_makes_them_one(run: Run) -> None:
    first, second = (row["id"] for row in listed(run))
    assert "is called" not in run("rename", first, "Wet").stderr
    done = run("rename", second, "wet")
    assert done.exit_code == 0
    assert f"“Wet” ({first}) is called the same. To make them one: image-cluster clusters merge {first} {second}" in (
        done.stderr
    )
    assert json.loads(run("rename", second, "Wet", "--json").stdout)["same_name"] == [first]
    assert json.loads(run("rename", second, "Dry", "--json").stdout)["same_name"] == []
    images = [image["key"] for image in json.loads(run("show", first, "--json").stdout)["images"][:2]]
    split = run("split", first, *images, "--name", "Wet")
    assert f"“Wet” ({first}) is called the same" in split.stderr
    assert "are called the same" in run("create", "Wet", images[0]).stderr


def test_every_decision_can_be_made_and_is_told_in_the_history(run: Run) -> None:
    one, two = (row["id"] for row in listed(run))
    keys = [image["key"] for image in json.loads(run("show", one, "--json").stdout)["images"]]
    commands = [
        ["describe", one, "All red"], ["status", two, "hidden"], ["review", one, two], ["note", one, "Look again"],
        ["tag", "night", *keys[:2]], ["untag", "night", keys[0]], ["representative", one, keys[3]],
        ["move", keys[0], "--to", two], ["move", keys[1], "--to", "none"], ["split", one, *keys[4:6], "--name", "Wet"],
        ["create", "Dry", keys[6], keys[8]],
        ["exclude", keys[7], "--actor", "bob"], ["include", keys[7]], ["merge", one, two],
    ]  # fmt: skip
    for command in commands:
        done = run(*command)
        assert done.exit_code == 0, done.output
    rows = json.loads(run("history", "--json").stdout)
    assert len(rows) == len(commands) + 1
    assert {row["actor"] for row in rows} > {"bob"}
    *made, merged = sorted(listed(run), key=lambda row: row["size"])
    assert {(row["name"], row["size"]) for row in made} == {("Wet", 2), ("Dry", 2)}
    assert merged["size"] == 19
    assert run("waiting", "--json").stdout.strip() == "[]"


def test_a_wrong_id_ends_with_the_nearest_right_one_and_stores_nothing(run: Run) -> None:
    first = listed(run)[0]["id"]
    done = run("rename", first[:-1] + "0", "x")
    assert done.exit_code == 2
    assert first in done.stderr
    assert json.loads(run("history", "--json").stdout) == []


def test_a_name_that_cannot_be_is_refused(run: Run) -> None:
    first = listed(run)[0]["id"]
    for name in ("", "  ", "x" * 121):
        done = run("rename", first, name)
        assert done.exit_code == 2
        assert "Nothing was decided" in done.stderr


def test_json_says_what_was_stored(run: Run) -> None:
    first = listed(run)[0]["id"]
    stored = json.loads(run("rename", first, "Red", "--json", "--actor", "ann").stdout)
    assert stored["decision"] == {"kind": "rename", "cluster": first, "name": "Red"}
    assert (stored["event"], stored["actor"]) == (1, "ann")


@pytest.mark.parametrize("decided", [False, True])
def test_listing_clusters_imports_nothing_heavy_and_makes_no_database(run: Run, tmp_path: Path, decided: bool) -> None:
    if decided:
        run("rename", listed(run)[0]["id"], "White")
    code = f"""if True:
        import sys
        from pipeline.cli import main
        main(["clusters", "list", "--out", sys.argv[1]], standalone_mode=False)
        print("heavy:", [name for name in {HEAVY!r} if name in sys.modules])"""
    found = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "data")], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    lines = found.stdout.splitlines()
    assert ("White" in found.stdout) == decided
    assert lines[-1] == "heavy: []"
    assert len(lines) == 1 + 2 + 1
    assert (tmp_path / "data" / "curation.sqlite3").exists() == decided


def test_images_listed_in_a_file_become_a_cluster(run: Run, tmp_path: Path) -> None:
    one, two = (row["id"] for row in listed(run))
    keys = [json.loads(run("show", cluster, "--json").stdout)["images"][0]["key"] for cluster in (one, two)]
    (tmp_path / "wet.txt").write_text("\n".join(keys) + "\n", encoding="utf-8")
    done = run("create", "Wet posts", "--from", str(tmp_path / "wet.txt"))
    assert done.exit_code == 0, done.output
    assert "made 2 images a cluster of their own, “Wet posts” p-" in done.stdout
    assert sorted(image["key"] for image in json.loads(run("show", "Wet posts", "--json").stdout)["images"]) == keys
    assert run("create", "Nothing").exit_code == 2


def test_names_and_tags_of_another_tool_are_adopted_from_a_csv_file(run: Run, tmp_path: Path) -> None:
    one, two = (row["id"] for row in listed(run))
    keys = {cluster: [image["key"] for image in json.loads(run("show", cluster, "--json").stdout)["images"]]
            for cluster in (one, two)}  # fmt: skip
    lines = ["Filename,Label,Keywords"]
    lines += [f"{key.rsplit('/', 1)[-1]},Red post,night; wet" for key in keys[one]]
    lines += [f"{key},Pale," for key in keys[two][:3]]
    file = tmp_path / "names.csv"
    file.write_text("\n".join([*lines, "no-such.jpg,Pale,"]), encoding="utf-8")
    before = run("adopt", str(file), "--dry-run")
    assert before.exit_code == 0, before.output
    assert json.loads(run("history", "--json").stdout) == []
    done = run("adopt", str(file))
    assert done.exit_code == 0, done.output
    assert done.stdout == before.stdout
    assert "1 of the given images are not here, for example no-such.jpg" in done.stderr
    assert {(row["name"], row["size"]) for row in listed(run)} == {("Red post", 12), ("Pale", 3), (None, 9)}
    assert next(row["id"] for row in listed(run) if row["name"] == "Red post") == one
    again = json.loads(run("adopt", str(file), "--json").stdout)
    assert (again["decisions"], again["losing"]) == (0, [])
    file.write_text(
        "\n".join(["key,cluster", *(f"{key},All of them" for key in keys[one] + keys[two])]), encoding="utf-8"
    )
    told = run("adopt", str(file), "--dry-run").stderr
    assert "Of 2 named clusters, images go to other names: Red post (all 12), Pale (all 3)." in told


def test_keywords_of_xmp_sidecars_are_adopted_as_names_and_tags(run: Run, tmp_path: Path) -> None:
    one = listed(run)[0]["id"]
    keys = [image["key"] for image in json.loads(run("show", one, "--json").stdout)["images"]]
    for number, key in enumerate(keys):
        name = f"{key}.xmp" if number % 2 else f"{key.rsplit('.', 1)[0].rsplit('/', 1)[-1]}.xmp"
        path = tmp_path / "photos" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(sidecar([("Posts", "Red post"), ("weather", "wet")]))
    (tmp_path / "photos/broken.xmp").write_bytes(b"no xml")
    done = run("adopt", "--xmp", str(tmp_path / "photos"), "--under", "posts")
    assert done.exit_code == 0, done.output
    assert "1 sidecars cannot be read" in done.stderr
    assert {row["id"]: row["name"] for row in listed(run)}[one] == "Red post"
    told = [event["what"] for event in json.loads(run("history", "--json").stdout)]
    assert told == [f"tagged {len(keys)} images “wet”", f"named {one} “Red post”"]
    assert "0 decisions" in run("adopt", "--xmp", str(tmp_path / "photos"), "--under", "posts").stderr
    (tmp_path / "none").mkdir()
    assert run("adopt", "--xmp", str(tmp_path / "none")).exit_code != 0
    assert run("adopt", "--folders", "--xmp", str(tmp_path)).exit_code == 2


def test_folders_are_adopted_as_clusters(run: Run) -> None:
    done = run("adopt", "--folders")
    assert done.exit_code == 0, done.output
    assert [(row["name"], row["size"]) for row in listed(run)] == [("de", 24)]


def test_rows_find_their_images_by_the_end_of_a_key_and_kinds_differ_by_more_than_case(
    run: Run, tmp_path: Path
) -> None:
    file = tmp_path / "names.csv"
    file.write_text("key;label\n.\\de\\de-000-800w.png;Pale\nde-002-800w.png ;PALE\n", encoding="utf-8")
    done = run("adopt", str(file), "--json", "--dry-run")
    assert done.exit_code == 0, done.output
    (kind,) = json.loads(done.stdout)["clusters"]
    assert (kind["name"], kind["images"]) == ("Pale", 2)
    file.write_text("key;label\nno-such.jpg;Pale\n", encoding="utf-8")
    refused = run("adopt", str(file))
    assert refused.exit_code == 2
    assert "names 1 image, and none of them is in" in refused.stderr


def test_a_file_that_does_not_say_what_to_adopt_is_refused(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "names.csv"
    file.write_text("a,b\n1,2\n", encoding="utf-8")
    done = run("adopt", str(file))
    assert done.exit_code == 2
    assert "needs a column for the image" in done.stderr
    assert run("adopt").exit_code == 2
