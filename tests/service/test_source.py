"""Choosing the first source over HTTP: what can be seen, what a run would do, the run, and who is refused."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from pipeline.commands.common import settings_from
from pipeline.service.options import Options
from pipeline.storage.layout import Layout
from pipeline.storage.source_record import read_source
from tests.service.site import TOKEN, Client, Site, problem


@pytest.fixture
def fresh(tmp_path: Path) -> Site:
    """A library of which nothing was run, with its data directory beside it."""
    return Site(tmp_path)


@contextmanager
def serving(site: Site, **options: Any) -> Iterator[Client]:
    with site.serve(browse=(site.root,), **options) as client:
        yield client


def test_a_source_is_chosen_planned_and_run_and_then_nothing_can_be_chosen_any_more(fresh: Site) -> None:
    with serving(fresh) as client:
        roots = client.get("/source/folders").raise_for_status().json()
        assert [one["path"] for one in roots["folders"]] == [str(fresh.root)]
        inside = client.get("/source/folders", params={"path": str(fresh.library)}).raise_for_status().json()
        assert [one["name"] for one in inside["folders"]] == ["bollards", "posts"]
        plan = client.post("/source/plan", json={"url": str(fresh.library)}).raise_for_status().json()
        assert {one["category"]: one["images"] for one in plan["categories"]} == {"bollards": 38, "posts": 6}
        assert plan["hint"].startswith("2 categories of 6 to 38 images, one for each top folder")
        one = client.post("/source/plan", json={"url": str(fresh.library), "single": True}).raise_for_status().json()
        assert (one["images"], len(one["categories"])) == (44, 1)
        assert client.get("/categories").json()["items"] == []
        run = client.post("/source/run", json={"url": str(fresh.library)}).raise_for_status().json()
        ended = client.until(f"/runs/{run['id']}", lambda found: found["state"] not in ("queued", "running"))
        assert (ended["state"], ended["error"]) == ("succeeded", None)
        slugs = client.until("/categories", lambda found: len(found["items"]) == 2)["items"]
        assert {one["slug"] for one in slugs} == {"bollards", "posts"}
        assert client.get(f"/images/{client.ids()[0]}/original").status_code == 200
        for answer in (client.get("/source/folders"), client.post("/source/plan", json={"url": str(fresh.library)})):
            assert problem(answer, 409)["type"] == "/problems/source-is-chosen"
    record = read_source(Layout(fresh.data))
    assert record is not None
    assert record.url == str(fresh.library)


def test_the_plan_says_why_there_are_fewer_images_than_files(fresh: Site) -> None:
    shutil.copy(fresh.library / "bollards/de/de-000-800w.png", fresh.library / "bollards/de/de-000-1200w.png")
    with serving(fresh) as client:
        plan = client.post("/source/plan", json={"url": str(fresh.library)}).raise_for_status().json()
        assert {one["category"]: one["variants"] for one in plan["categories"]} == {"bollards": 1, "posts": 0}
        assert "Files in other widths of the same images, 1, are not read" in plan["hint"]


def test_a_folder_elsewhere_is_refused_like_one_that_is_nowhere_and_links_do_not_lead_out(
    fresh: Site, tmp_path_factory: pytest.TempPathFactory
) -> None:
    outside = tmp_path_factory.mktemp("private")
    (fresh.root / "link").symlink_to(outside)
    (fresh.root / "file.txt").write_text("x")
    with serving(fresh) as client:
        paths = (str(outside), "/etc", "/nowhere", str(fresh.root / "link"), f"{fresh.root}/../{outside.name}",
                 str(fresh.root / "file.txt"), "\0", "~root")  # fmt: skip
        for path in paths:
            answers = [client.post("/source/plan", json={"url": path}), client.post("/source/run", json={"url": path}),
                       client.get("/source/folders", params={"path": path})]  # fmt: skip
            for answer in answers:
                assert "is no folder that can be chosen here" in problem(answer, 422)["detail"], path
        assert client.get("/runs").json()["items"] == []


def test_only_the_machine_itself_or_a_token_chooses_and_a_service_that_shows_never(fresh: Site) -> None:
    body = {"url": str(fresh.library)}
    with serving(fresh, read_only=True) as client:
        problem(client.get("/source/folders"), 409)
        problem(client.post("/source/run", json=body), 403)
    with serving(fresh, token=TOKEN) as client:
        problem(client.get("/source/folders"), 401)
        problem(client.post("/source/plan", json=body), 401)
        assert client.get("/source/folders", headers={"Authorization": f"Bearer {TOKEN}"}).status_code == 200
    with serving(fresh) as client:
        foreign = {"Origin": "https://evil.example"}
        problem(client.post("/source/run", json=body, headers=foreign), 403)
        client.service.options = Options(host="0.0.0.0", token=TOKEN, browse=(fresh.root,))
        assert (
            problem(client.post("/source/plan", json={"url": "s3://b"}), 403)["type"] == "/problems/bucket-not-allowed"
        )
        client.service.options = Options(host="0.0.0.0", browse=(fresh.root,))
        problem(client.get("/source/folders"), 409)


def test_a_command_that_is_not_told_a_source_takes_the_recorded_one(
    fresh: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with serving(fresh) as client:
        client.service.take_source(fresh.settings.source.model_copy(update={"categories": "single"}))
    given: dict[str, Any] = {"out": fresh.data}
    taken = settings_from(None, given).source
    assert (taken.url, taken.categories) == (str(fresh.library), "single")
    assert settings_from(None, given | {"source": "other"}).source.url == "other"
    Path("image-cluster.yaml").write_text("source:\n  url: mine\n", encoding="utf-8")
    assert (settings_from(None, given).source.url, settings_from(None, given).source.categories) == ("mine", "all")
