"""Who may ask what: each attacker that `security.py` names is refused, and a person with a browser is not."""

import hashlib
from pathlib import Path

import httpx
import pytest

from pipeline.errors import SettingsError
from pipeline.service.options import choose_token, is_loopback
from tests.service.site import TOKEN, Client, Site, problem

TAG = {"image_ids": [], "tag": "x"}


def tagging(client: Client, **headers: str) -> httpx.Response:
    return client.post("/tagging/apply", json={**TAG, "image_ids": client.ids()[:1]}, headers=headers)


def test_a_page_of_another_site_cannot_write(site: Site) -> None:
    with site.serve() as client:
        for headers in (
            {"Origin": "https://evil.example"},
            {"Origin": "null"},
            {"Origin": "http://127.0.0.1:1"},
            {"Sec-Fetch-Site": "cross-site"},
            {"Sec-Fetch-Site": "same-site"},
        ):
            assert problem(tagging(client, **headers), 403)["type"] == "/problems/foreign-origin"
        assert client.get("/categories/bollards/history").json()["items"] == []
        assert tagging(client, **{"Origin": client.url, "Sec-Fetch-Site": "same-origin"}).status_code == 200
        assert tagging(client).status_code == 200  # no browser


def test_no_answer_lets_another_site_read_it(shared: Client) -> None:
    answer = shared.get("/categories", headers={"Origin": "https://evil.example"})
    assert not any(name.startswith("access-control") for name in answer.headers)
    assert answer.headers["cross-origin-resource-policy"] == "same-origin"


@pytest.mark.parametrize("host", ["evil.example", "evil.example:{port}", "127.0.0.1.evil.example", "", "[::1"])
def test_a_name_that_was_rebound_to_this_machine_is_refused(shared: Client, host: str) -> None:
    port = shared.url.rpartition(":")[2]
    problem(shared.get("/categories", headers={"Host": host.format(port=port)}), 421)


def test_this_machine_goes_by_its_usual_names(shared: Client) -> None:
    port = shared.url.rpartition(":")[2]
    for host in ("localhost", f"localhost:{port}", "127.0.0.1", f"[::1]:{port}", "LOCALHOST"):
        assert shared.get("/categories", headers={"Host": host}).status_code == 200


def test_a_name_that_the_settings_allow_is_ours(site: Site) -> None:
    with site.serve(allowed_hosts=("images.example",)) as client:
        assert client.get("/categories", headers={"Host": "images.example"}).status_code == 200
        problem(client.get("/categories", headers={"Host": "other.example"}), 421)


def test_with_a_token_nobody_reads_or_writes_without_it(site: Site) -> None:
    with site.serve(token=TOKEN) as client:
        refused = client.get("/categories")
        problem(refused, 401)
        assert refused.headers["www-authenticate"] == "Bearer"
        for value in ("Bearer wrong", f"Basic {TOKEN}", "Bearer", f"Bearer {TOKEN[:-1]}"):
            problem(client.get("/categories", headers={"Authorization": value}), 401)
        problem(client.get("/nothing/here"), 401)
        assert client.get("/health").status_code == 200
        client.headers["Authorization"] = f"Bearer {TOKEN}"
        assert tagging(client).status_code == 200


def test_with_public_reads_only_writing_takes_the_token(site: Site) -> None:
    with site.serve(token=TOKEN, public_reads=True) as client:
        assert client.get("/categories").status_code == 200
        problem(tagging(client), 401)
        problem(client.post("/similarity/find", json={"image_id": client.ids()[0]}), 401)


def test_a_person_logs_in_with_the_token_and_the_cookie_is_not_it(site: Site) -> None:
    with site.serve(token=TOKEN) as client:
        page = client.get(f"{client.url}/login")
        assert "script-src 'self'" in page.headers["content-security-policy"]
        problem(client.post(f"{client.url}/login", data={"token": "no"}), 401)
        answer = client.post(f"{client.url}/login", data={"token": TOKEN}, follow_redirects=False)
        assert answer.status_code == 303
        cookie = answer.headers["set-cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=strict" in cookie
        assert TOKEN not in cookie
        assert client.get("/categories").status_code == 200
        problem(tagging(client, Origin="https://evil.example"), 403)
        client.cookies.clear()
        client.cookies.set("image_cluster_token", TOKEN)
        problem(client.get("/categories"), 401)


def test_read_only_changes_nothing_whatever_is_asked(site: Site) -> None:
    before = state_of(site.data)
    with site.serve(read_only=True) as client:
        name = client.ids()[0]
        cluster = client.clusters()[0]["id"]
        refused = [
            tagging(client),
            client.post("/cluster/run", json={"category": "bollards"}),
            client.post("/images", data={"category": "bollards"}, files={"files": ("a.png", b"x")}),
            client.post("/categories/bollards/undo", json={}),
            client.patch(f"/clusters/{cluster}", json={"name": "x"}),
            client.post("/events/bucket", json={}),
        ]
        for answer in refused:
            assert problem(answer, 403)["type"] == "/problems/read-only"
        assert client.get("/similarity/find", params={"image_id": name}).status_code == 200
        assert client.post("/similarity/find", json={"image_id": name}).status_code == 200
        picture = (site.library / "posts/x/0.png").read_bytes()
        assert client.post("/similarity/find", files={"file": picture}).status_code == 200
        vectors = {"vectors": [[1.0, 0.0], [0.0, 1.0], [1.0, 0.1]]}
        assert client.post("/cluster/vectors", json=vectors).status_code == 200
        for path in ("/runs", "/queue", "/status", "/categories/bollards/history", f"/clusters/{cluster}/history",
                     "/categories/bollards/map", f"/images/{name}/thumbnail"):  # fmt: skip
            assert client.get(path).status_code == 200
    assert state_of(site.data) == before


def state_of(folder: Path) -> dict[str, str]:
    """Every file below a folder and its content. SQLite's notes for sharing a database are no content of ours."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.name.endswith(("-wal", "-shm"))
    }


def test_every_answer_carries_the_headers(shared: Client) -> None:
    for answer in (shared.get("/categories"), shared.get("/nothing"), shared.get("/categories", headers={"Host": "x"})):
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["x-frame-options"] == "DENY"
        assert "server" not in answer.headers or "uvicorn" in answer.headers["server"]


def test_off_this_machine_it_does_not_start_without_a_token(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="IMAGE_CLUSTER_TOKEN"):
        choose_token("0.0.0.0", token_file=None, insecure=False, environment={})
    assert choose_token("0.0.0.0", token_file=None, insecure=True, environment={}) is None
    assert choose_token("127.0.0.1", token_file=None, insecure=False, environment={}) is None
    assert choose_token("0.0.0.0", token_file=None, insecure=False, environment={"IMAGE_CLUSTER_TOKEN": TOKEN}) == TOKEN
    file = tmp_path / "token"
    file.write_text(f"{TOKEN}\n")
    assert choose_token("0.0.0.0", token_file=file, insecure=False, environment={}) == TOKEN
    file.write_text("short")
    with pytest.raises(SettingsError, match="5 characters"):
        choose_token("0.0.0.0", token_file=file, insecure=False, environment={})
    with pytest.raises(SettingsError, match="cannot be read"):
        choose_token("127.0.0.1", token_file=tmp_path / "no", insecure=False, environment={})


def test_what_counts_as_this_machine() -> None:
    assert all(is_loopback(host) for host in ("127.0.0.1", "127.9.9.9", "::1", "[::1]", "localhost"))
    assert not any(is_loopback(host) for host in ("0.0.0.0", "::", "192.168.1.2", "example.org", "localhost.example"))
