"""A disk that is really full: a small file system in memory, filled to the last block.

What belongs here: what SQLite, the service and the commands do there. Not here: every single write of a run
(`tests/real/test_campaign.py`).
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.curation import decisions as d
from pipeline.errors import FullDiskError
from pipeline.steps.doctor.checkup import examine
from pipeline.storage.leftovers import is_temporary
from tests.service.site import Site, problem
from tests.steps.named_library import Bench, published_library

pytestmark = [pytest.mark.real, pytest.mark.timeout(600)]
ROOT = Path(__file__).parents[2]
BLOCK = 4096


class Disk:
    """A file system of a fixed size that can be filled up to any number of free blocks."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._filler = root / "filler"

    def leave(self, blocks: int) -> None:
        """Fill it until only so many blocks are free."""
        self.free()
        state = os.statvfs(self.root)
        with self._filler.open("wb") as file:
            file.write(bytes((state.f_bavail - blocks) * state.f_frsize))
        assert os.statvfs(self.root).f_bavail == blocks

    def free(self) -> None:
        self._filler.unlink(missing_ok=True)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    root = tmp_path / "disk"
    root.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=48m", "none", str(root)], check=False)
    if mounted.returncode:
        pytest.skip("mounting a small file system needs rights")
    yield Disk(root)
    subprocess.run(["umount", "--lazy", str(root)], check=True)


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("published")
    published_library(root)
    return root


def decisions_of(bench: Bench) -> list[str]:
    return [repr(one.decision) for one in bench.project().curation.log.events("posts")]


def command(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "pipeline.cli", *words], cwd=ROOT, check=False, capture_output=True, text=True
    )


def faults(bench: Bench) -> list[str]:
    return [f"{one.check}: {one.text}" for one in examine(bench.project()) if one.state == "fault"]


def test_several_decisions_on_a_full_disk_are_all_stored_or_none(published: Path, disk: Disk) -> None:
    shutil.copytree(published, disk.root, symlinks=True, dirs_exist_ok=True)
    bench = Bench(disk.root / "library", disk.root / "data")
    project = bench.project()
    cluster = project.curation.curated("posts").clusters
    refused = stored = 0
    for blocks in (0, 1, 2, 3, 4, 6, 8, 12, 16, 20, 24, 32, 40, 48, 64, 96, 128, 192, 256):
        before = decisions_of(bench)
        many = [d.Describe(cluster=name, description=f"{blocks} " + "long " * 500) for name in cluster] * 4
        disk.leave(blocks)
        full = ""
        try:
            project.curation.decide_all({"posts": many}, actor="ann")
        except FullDiskError as error:
            full = str(error)
        disk.free()
        refused, stored = refused + bool(full), stored + (not full)
        assert not full or "is full. Nothing was stored." in full
        assert decisions_of(bench) == before + [repr(one) for one in many] * (not full)
        project.curation.decide("posts", d.Describe(cluster=next(iter(cluster)), description="again"), actor="ann")
        assert len(decisions_of(bench)) == len(before) + len(many) * (not full) + 1
    assert refused > 3
    assert stored > 3
    project.curation.close()
    assert faults(bench) == []


def test_the_service_says_that_the_disk_is_full_and_goes_on_when_it_is_not(disk: Disk) -> None:
    site = Site(disk.root / "site")
    site.run("bollards")
    site.publish()
    with site.serve() as client:
        one = client.clusters()[0]
        client.patch(f"/clusters/{one['id']}", json={"description": "before"}).raise_for_status()
        change = {"name": "Red", "description": "long " * 700, "status": "hidden"}
        picture = (site.library / "bollards/at/at-001-800w.png").read_bytes() + b"other"
        disk.leave(0)
        for answer in (
            client.patch(f"/clusters/{one['id']}", json=change),
            client.post("/tagging/apply", json={"image_ids": client.ids()[:9], "tag": "x"}),
            client.post("/images", data={"category": "bollards"}, files={"files": ("a.png", picture)}),
            client.post("/cluster/run", json={"category": "bollards"}),
        ):
            assert "full" in problem(answer, 507)["detail"], answer.text
        assert client.get("/categories").status_code == 200
        assert client.get(f"/clusters/{one['id']}").json()["name"] == one["name"]
        assert len(client.get("/categories/bollards/history").json()["items"]) == 1
        disk.free()
        client.patch(f"/clusters/{one['id']}", json=change).raise_for_status()
        assert len(client.get("/categories/bollards/history").json()["items"]) == 4
        sent = client.post("/images", data={"category": "bollards"}, files={"files": ("a.png", picture)})
        assert sent.status_code == 202
        client.until("/queue", lambda queue: queue["counts"]["waiting"] + queue["counts"]["working"] == 0)


def test_every_command_that_writes_says_so_in_one_line(published: Path, disk: Disk) -> None:
    shutil.copytree(published, disk.root, symlinks=True, dirs_exist_ok=True)
    bench = Bench(disk.root / "library", disk.root / "data")
    before, cluster = decisions_of(bench), bench.document("posts")["clusters"][0]
    settings = disk.root / "settings.yaml"
    settings.write_text(f"data_dir: {bench.data}\nsource: {{url: {bench.library}}}\nlabels: {{recluster: always}}\n")
    said = dict[str, str]()
    disk.leave(0)
    for words in (
        ("clusters", "rename", cluster["id"], "Another name", "--category", "posts"),
        ("backup", str(disk.root / "copy.sqlite3")),
        ("publish",),
        ("run",),
    ):
        done = subprocess.run(
            [sys.executable, "-m", "pipeline.cli", *words, "--settings", str(settings)], cwd=ROOT, check=False,
            capture_output=True, text=True, env={**os.environ, "COLUMNS": "500"},
        )  # fmt: skip
        assert done.returncode == 1, (words, done)
        said[words[0]] = done.stderr.strip().splitlines()[-1]
    disk.free()
    assert all("full" in line or "No space left" in line for line in said.values()), said
    assert decisions_of(bench) == before
    assert faults(bench) == []


def test_every_command_that_only_looks_works_on_a_full_disk(published: Path, disk: Disk) -> None:
    shutil.copytree(published, disk.root, symlinks=True, dirs_exist_ok=True)
    bench = Bench(disk.root / "library", disk.root / "data")
    first = bench.document("posts")["clusters"][0]
    cluster, key = first["id"], first["images"][0]["key"]
    for blocks in (0, 1, 3):
        disk.leave(blocks)
        for words in (
            ("clusters", "list"), ("clusters", "show", cluster), ("clusters", "waiting"), ("clusters", "history"),
            ("changes",), ("export",), ("duplicates",), ("similar", key), ("sql", "SELECT 1"), ("doctor",),
            ("publish", "--candidates"), ("backup",),
        ):  # fmt: skip
            done = command(*words, "--out", str(bench.data))
            assert done.returncode == 0, (blocks, words, done.stderr)


def test_a_first_run_and_an_export_on_a_full_disk_say_which_file_and_leave_nothing_half_written(
    published: Path, disk: Disk
) -> None:
    """The libraries that write tables and arrays hide the reason, which once came as a traceback."""
    data = disk.root / "data"
    for blocks in (12, 48, 96, 192, 400):
        shutil.rmtree(data, ignore_errors=True)
        disk.leave(blocks)
        ended = command("run", str(published / "library"), "--quiet", "--out", str(data))
        if ended.returncode:
            lines = ended.stderr.splitlines()
            assert len(lines) == 1
            assert lines[0].startswith(f"Error: {data}")
            assert "because the disk is full (" in lines[0]
            assert lines[0].endswith("Free some space, then run the same command again: what is finished is kept.")
            assert [path for path in data.rglob(".*") if is_temporary(path)] == []
    disk.free()
    assert command("run", str(published / "library"), "--quiet", "--out", str(data)).returncode == 0
    assert faults(Bench(published / "library", data)) == []
    exported = disk.root / "images.zip"
    exported.write_bytes(b"of before")
    disk.leave(20)
    ended = command("export", str(published / "library"), "--as", "zip", "--to", str(exported), "--out", str(data))
    assert (ended.returncode, exported.read_bytes()) == (1, b"of before")
    assert f"Error: {exported} could not be written, because the disk is full (" in ended.stderr
