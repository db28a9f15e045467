"""The event stream: a decision of anybody comes within seconds, from where the page was."""

import json
import threading
from typing import Any

from tests.service.site import Client, Site


def decide(client: Client, actor: str, **decision: Any) -> int:
    answer = client.post("/categories/bollards/decisions", json={"decision": decision, "actor": actor})
    return answer.raise_for_status().json()["number"]


def test_decisions_of_others_come_as_they_are_made_and_from_where_a_page_was(site: Site) -> None:
    with site.serve() as client:
        cluster = client.clusters()[0]["id"]
        first = decide(client, "ann", kind="note", cluster=cluster, text="seen before")
        later = threading.Timer(0.5, lambda: decide(client, "ben", kind="rename", cluster=cluster, name="Reds"))
        found: list[dict[str, Any]] = []
        with client.stream("GET", "/categories/bollards/stream", params={"after": first - 1}) as answer:
            assert answer.headers["content-type"].startswith("text/event-stream")
            later.start()
            for line in answer.iter_lines():
                if line.startswith("data: {"):
                    found.append(json.loads(line.removeprefix("data: ")))
                if len(found) == 2:
                    break
        later.join()
        assert [(one["number"], one["actor"], one["kind"]) for one in found] == [
            (first, "ann", "note"), (first + 1, "ben", "rename"),
        ]  # fmt: skip
        assert found[1]["what"] == f"named {cluster} “Reds”"
        assert found[1]["clusters"] == [cluster]
        with client.stream("GET", "/categories/bollards/stream", headers={"Last-Event-ID": str(first)}) as answer:
            assert next(line for line in answer.iter_lines() if line.startswith("data: {")).find('"ben"') > 0
