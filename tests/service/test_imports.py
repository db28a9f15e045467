"""Importing names and tags over REST: what would happen, doing it, and taking it back."""

import io
import zipfile
from typing import Any

import pytest

from pipeline.service.page import language
from pipeline.service.page.said import said
from pipeline.service.routes import imports
from pipeline.stages.published.sidecar import sidecar
from tests.service.site import Client, Site, problem

IMPORT = "/categories/bollards/import"


def names(client: Client) -> dict[str | None, int]:
    return {cluster["name"]: cluster["size"] for cluster in client.clusters()}


def undo(client: Client, events: list[int]) -> None:
    decisions = [{"kind": "undo", "event": number} for number in reversed(events)]
    client.post("/categories/bollards/decisions/batch", json={"decisions": decisions}).raise_for_status()


def send(client: Client, files: list[tuple[str, bytes]] | None = None, **fields: Any) -> Any:
    parts = [("files", (name, data)) for name, data in files or []]
    answer = client.post(IMPORT, data=fields, files=parts or None)
    return answer.raise_for_status().json()


@pytest.mark.parametrize(
    ("source", "files"),
    [
        ("csv", []),
        ("csv", [("a.csv", b"")]),
        ("csv", [("a.csv", b"picture,kind\na,b\n")]),
        ("csv", [("a.csv", b"key,cluster\nnot/there.png,Birds\n")]),
        ("csv", [("a.csv", b"key,cluster\nde-000-800w.png," + b"x" * 200 + b"\n")]),
        ("csv", [("a.csv", b"key,cluster\n"), ("b.csv", b"key,cluster\n")]),
        ("xmp", []),
        ("xmp", [("a.xmp", b"no sidecar")]),
    ],
)
def test_what_cannot_be_imported_is_said_in_the_language_of_the_page(
    site: Site, source: str, files: list[tuple[str, bytes]]
) -> None:
    with site.serve() as client:
        parts = [("files", (name, data)) for name, data in files]
        refused = problem(client.post(IMPORT, data={"source": source}, files=parts or None), 422)
    assert "1 images" not in refused["detail"]
    assert "1 files" not in refused["detail"]
    language.speak("de")
    try:
        assert said(refused["detail"]) != refused["detail"]
    finally:
        language.speak("en")


def test_folders_are_adopted_as_clusters_after_a_preview_and_one_undo_takes_it_back(site: Site) -> None:
    with site.serve() as client:
        before = names(client)
        plan = send(client, source="folders")
        assert not plan["stored"]
        assert {kind["name"]: kind["images"] for kind in plan["kinds"]} == {"de": 18, "at": 18}
        assert names(client) == before
        done = send(client, source="folders", apply="true", actor="ann")
        assert len(done["events"]) == done["decisions"] == plan["decisions"]
        assert {"de", "at"} <= names(client).keys()
        assert client.get("/categories/bollards/history").json()["items"][0]["actor"] == "ann"
        undo(client, done["events"])
        assert names(client) == before


def test_a_csv_gives_names_and_tags_and_says_what_does_not_fit(site: Site) -> None:
    with site.serve() as client:
        table = b"filename,cluster,tags\nde-000-800w.png,Reds,wet;old\nat-003-800w.png,Reds,\nno.png,Reds,\n"
        plan = send(client, [("names.csv", table)], source="csv")
        assert (plan["total_kinds"], plan["tags"], plan["unknown"]) == (1, {"wet": 1, "old": 1}, ["no.png"])
        assert (plan["losing"], plan["total_losing"]) == ([], 0)
        done = send(client, [("names.csv", table)], source="csv", apply="true")
        assert names(client)["Reds"] >= 2
        assert send(client, [("names.csv", table)], source="csv", apply="true")["events"] == []  # it is so already
        undo(client, done["events"])
        assert "Reds" not in names(client)
        wrong = client.post(IMPORT, data={"source": "csv"}, files=[("files", ("x.csv", b"a,b\n1,2\n"))])
        assert "needs a column for the image" in problem(wrong, 422)["detail"]
        problem(client.post(IMPORT, data={"source": "csv"}), 422)


def test_sidecars_are_read_one_by_one_and_from_a_zip_of_their_folder(site: Site) -> None:
    texts = {f"bollards/de/de-{n:03d}-800w.png.xmp": sidecar([("Posts", "Reds"), ("wet",)]) for n in (0, 6)}
    with site.serve() as client:
        single = send(client, list(texts.items()), source="xmp", under="Posts")
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            for name, data in texts.items():
                archive.writestr(f"photos/{name}", data)
            archive.writestr("photos/broken.xmp", b"<not")
        zipped = send(client, [("photos.zip", buffer.getvalue())], source="xmp", under="Posts")
        for plan in (single, zipped):
            assert [(kind["name"], kind["images"]) for kind in plan["kinds"]] == [("Reds", 2)]
            assert plan["tags"] == {"wet": 2}
        assert zipped["unreadable"] == ["broken.xmp"]


def zipped(sidecars: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in sidecars.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def test_a_damaged_sidecar_in_a_zip_is_one_that_cannot_be_read_and_a_damaged_zip_is_refused(site: Site) -> None:
    good = {f"de/de-{n:03d}-800w.png.xmp": sidecar([("Posts", "Reds")]) for n in (0, 6)}
    data = zipped({"bad.xmp": b"x" * 500} | good)
    start = data.index(b"bad.xmp") + len("bad.xmp")
    with site.serve() as client:
        plan = send(
            client, [("a.zip", data[:start] + b"\xff\xff\xff" + data[start + 3 :])], source="xmp", under="Posts"
        )
        assert (plan["matched"], plan["unreadable"]) == (2, ["bad.xmp"])
        broken = data.replace(b"PK\x01\x02", b"PK\x09\x09", 1)
        answer = client.post(IMPORT, data={"source": "xmp"}, files=[("files", ("a.zip", broken))])
        assert "a.zip is a damaged zip" in problem(answer, 422)["detail"]


def test_zips_that_unpack_to_more_than_an_import_reads_are_refused(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(imports, "MOST_UNPACKED", 1_500_000)
    bomb = zipped({"de/de-000-800w.png.xmp": bytes(1_000_000)})
    with site.serve() as client:
        answer = client.post(IMPORT, data={"source": "xmp"}, files=[("files", (f"{n}.zip", bomb)) for n in range(2)])
        assert "1.zip and the zips before it have 2 MB" in problem(answer, 413)["detail"]
