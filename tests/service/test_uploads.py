"""Uploads and notifications: checked by content, stored once, searchable in seconds, lost never."""

import hmac
import io
import json
import time
from hashlib import sha256
from typing import Any

import httpx
import pytest
from PIL import Image

from pipeline.service.database import ServiceDatabase
from pipeline.service.queue import Queue
from tests.odd_images import odd_images
from tests.service.site import KINDS, SECRET, Client, Site, picture, problem


def png(kind: str = "red", seed: int = 700) -> bytes:
    out = io.BytesIO()
    picture(KINDS[kind], seed).save(out, "PNG")
    return out.getvalue()


def upload(client: Client, *files: bytes, **data: str) -> httpx.Response:
    parts = [("files", (f"../../{number}.html", one)) for number, one in enumerate(files)]
    return client.post("/images", data={"category": "bollards", **data}, files=parts)


def drained(client: Client) -> dict[str, Any]:
    return client.until("/queue", lambda one: one["counts"]["waiting"] + one["counts"]["working"] == 0)


def test_an_upload_is_searchable_at_once_and_waits_for_its_cluster(site: Site) -> None:
    with site.serve() as client:
        answer = upload(client, png())
        assert answer.status_code == 202
        item = answer.json()["items"][0]
        assert item["key"] == f"bollards/uploads/{item['content_hash']}.png"
        queue = drained(client)
        assert queue["items"][0]["message"] == "searchable"
        assert client.get(f"/images/{item['image_id']}").json()["state"] == "new"
        hits = client.get("/similarity/find", params={"image_id": item["image_id"], "top_k": 5}).json()["items"]
        assert hits[0]["image"]["image_id"] == item["image_id"]
        assert len(hits) == 5
        assert (site.library / item["key"]).read_bytes() == png()


def test_the_same_picture_twice_is_one_object(site: Site) -> None:
    with site.serve() as client:
        both = upload(client, png(), png(), group="se").json()
        assert [one["status"] for one in both["items"]] == ["stored", "there already"]
        assert len({one["key"] for one in both["items"]}) == 1
        assert len(list((site.library / "bollards/se").iterdir())) == 1


def test_hostile_files_are_refused_and_good_ones_beside_them_stored(site: Site) -> None:
    hostile = {name: odd.data for name, odd in odd_images().items() if odd.status != "ok"}
    before = sorted(path for path in site.root.rglob("*") if "library" in path.parts)
    with site.serve() as client:
        answer = upload(client, *hostile.values(), png()).json()
        assert (answer["refused"], answer["stored"]) == (len(hostile), 1)
        assert all(one["reason"] and one["key"] is None for one in answer["items"][:-1])
        drained(client)
    new = sorted(path for path in site.root.rglob("*") if "library" in path.parts and path not in before)
    assert [path.name for path in new] == ["uploads", f"{answer['items'][-1]['content_hash']}.png"]


def test_formats_are_named_by_their_content(site: Site) -> None:
    odd = odd_images()
    with site.serve() as client:
        answer = upload(client, odd["JPEG"].data, odd["WEBP"].data, odd["TIFF"].data).json()
        assert [one["key"].rpartition(".")[2] for one in answer["items"]] == ["jpg", "webp", "tif"]


@pytest.mark.parametrize("group", ["../x", "_x", ".x", "a/b", "a" * 80, "ä", "x\0"])
def test_a_group_that_is_no_folder_name_is_refused(site: Site, group: str) -> None:
    with site.serve() as client:
        problem(upload(client, png(), group=group), 422)
    assert not (site.root / "x").exists()


def test_limits_hold_and_say_which(site: Site) -> None:
    small = Site(
        site.root, service={"max_upload_megabytes": 0.05, "max_upload_files": 2, "max_upload_megapixels": 0.01}
    )
    with small.serve() as client:
        problem(upload(client, bytes(200_000)), 413)
        assert upload(client, b"x", b"x", b"x").status_code in (400, 413)
        out = io.BytesIO()
        Image.new("RGB", (200, 200)).save(out, "PNG")
        assert "megapixels" in problem(upload(client, out.getvalue()), 422)["detail"]
        problem(client.post("/similarity/find", files={"file": out.getvalue()}), 413)

        def endless():
            yield b'--b\r\nContent-Disposition: form-data; name="files"; filename="a.png"\r\n\r\n'
            for _ in range(100):
                yield b"x" * 10_000

        chunked = client.post("/images", content=endless(), headers={"Content-Type": "multipart/form-data; boundary=b"})
        problem(chunked, 413)
        problem(client.post("/tagging/apply", content=b'"' + b"x" * 6_000_000), 413)


def test_a_bucket_whose_manifest_rules_takes_no_uploads(site: Site) -> None:
    (site.library / "manifest.json").write_text(json.dumps({"version": 1, "lastUpdated": "x", "entries": []}))
    with site.serve() as client:
        assert "manifest.json" in problem(upload(client, png()), 409)["detail"]
        problem(client.post("/images", data={"category": "nothing"}, files={"files": png()}), 404)


def test_the_manifest_of_a_web_app_does_not_stop_uploads(site: Site) -> None:
    (site.library / "manifest.json").write_text(json.dumps({"name": "My photos", "icons": []}))
    with site.serve() as client:
        assert upload(client, png()).json()["stored"] == 1
        drained(client)


def notify(client: Client, body: Any, *, at: float | None = None, secret: str = SECRET) -> httpx.Response:
    data = json.dumps(body).encode()
    stamp = str(int(time.time() if at is None else at))
    signature = hmac.new(secret.encode(), stamp.encode() + b"." + data, sha256).hexdigest()
    headers = {"X-Image-Cluster-Timestamp": stamp, "X-Image-Cluster-Signature": signature}
    return client.post("/events/bucket", content=data, headers=headers)


def put(key: str) -> dict[str, Any]:
    return {"account": "a", "action": "PutObject", "bucket": "b", "object": {"key": key, "size": 9, "eTag": "e"},
            "eventTime": "2026-11-21T12:00:00Z"}  # fmt: skip


def test_a_notification_has_its_category_read_anew(site: Site) -> None:
    with site.serve() as client:
        (site.library / "bollards/de/new.png").write_bytes(png("blue"))
        batch = {"messages": [{"body": put("bollards/de/new.png")}, {"body": put("bollards/notes.txt")}]}
        answer = notify(client, batch)
        assert answer.status_code == 202
        assert answer.json() == {"queued": 1, "ignored": 1, "categories": ["bollards"]}
        assert drained(client)["items"][0]["message"] == "searchable"
        assert client.get("/categories/bollards").json()["new"] == 1
        (site.library / "bollards/de/new.png").unlink()
        notify(client, {**put("bollards/de/new.png"), "action": "DeleteObject"}).raise_for_status()
        drained(client)
        assert client.get("/categories/bollards").json()["new"] == 0


def test_a_notification_must_be_signed_fresh_and_new(site: Site) -> None:
    with site.serve() as client:
        problem(client.post("/events/bucket", json=put("bollards/de/x.png")), 401)
        problem(notify(client, put("bollards/de/x.png"), secret="another"), 401)
        problem(notify(client, put("bollards/de/x.png"), at=time.time() - 4000), 401)
        moment = time.time()
        assert notify(client, put("bollards/de/x.png"), at=moment).status_code == 202
        problem(notify(client, put("bollards/de/x.png"), at=moment), 409)
        for body in ("x", 1, {}, {"messages": 1}, {"messages": [1]}, [{"action": "x", "object": {"key": ""}}]):
            problem(notify(client, body), 422)
    with site.serve(events_secret=None) as client:
        problem(notify(client, put("bollards/de/x.png")), 503)


def test_what_waits_when_the_service_dies_is_read_by_the_next(site: Site) -> None:
    (site.library / "bollards/de/new.png").write_bytes(png("blue"))
    path = site.data / "service" / "service.sqlite3"
    path.parent.mkdir(parents=True, exist_ok=True)
    queue = Queue(ServiceDatabase(path), site.settings.service, site.project())
    queue.add([("bollards", "bollards/de/new.png"), ("posts", "posts/x/0.png")], "upload")
    time.sleep(0.1)
    assert queue._take() is not None  # at work, and then nothing more: as if it had been killed
    with site.serve() as client:
        items = drained(client)["items"]
        assert {one["state"] for one in items} == {"done"}
        assert {one["message"] for one in items} == {"searchable"}


def test_a_bucket_that_does_not_answer_is_asked_again_and_nothing_is_lost(site: Site) -> None:
    hidden = site.library.rename(site.root / "away")
    path = site.data / "service" / "service.sqlite3"
    queue = Queue(ServiceDatabase(path), site.settings.service, site.project())
    queue.add([("bollards", "bollards/de/x.png")], "upload")
    time.sleep(0.1)
    assert queue.work_off()
    row = queue.items(1)[0]
    assert row["state"] == "failed"
    assert "There is no folder" in row["message"]
    hidden.rename(site.library)


def test_what_was_queued_before_the_clock_was_set_back_does_not_wait_for_the_old_time(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = ServiceDatabase(site.data / "service.sqlite3")
    queue = Queue(database, site.settings.service, site.project())
    later = time.time() + 30 * 86_400
    monkeypatch.setattr("pipeline.service.queue.time", lambda: later)
    queue.add([("bollards", "bollards/de/de-000-800w.png")], "notification")
    assert not queue.work_off(), "it waits for more uploads"
    monkeypatch.setattr("pipeline.service.queue.time", time.time)
    assert queue.work_off()
    assert queue.counts()["done"] == 1
