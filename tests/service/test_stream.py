"""The event stream: a decision of anybody comes within seconds, from where the page was."""

import json
import threading
from typing import Any

import pytest

from pipeline.service.routes import stream
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


def test_a_decision_made_while_the_stream_reads_comes_once(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    with site.serve() as client:
        cluster = client.clusters()[0]["id"]
        first = decide(client, "ann", kind="note", cluster=cluster, text="first")
        read, calls = stream._decisions, list[int]()  # pyright: ignore[reportPrivateUsage]

        def reads_later(service: Any, slug: str, after: int) -> list[dict[str, Any]]:
            """Between asking for the last number and reading, somebody decides; after that, once more."""
            calls.append(after)
            if len(calls) == 1:
                decide(client, "ben", kind="note", cluster=cluster, text="meanwhile")
                threading.Timer(0.3, lambda: decide(client, "ann", kind="note", cluster=cluster, text="later")).start()
            return read(service, slug, after)

        monkeypatch.setattr(stream, "_decisions", reads_later)
        numbers: list[int] = []
        with client.stream("GET", "/categories/bollards/stream", params={"after": first - 1}) as answer:
            for line in answer.iter_lines():
                if line.startswith("data: {") and "number" in line:
                    numbers.append(json.loads(line.removeprefix("data: "))["number"])
                if numbers and numbers[-1] == first + 2:
                    break
        assert numbers == [first, first + 1, first + 2]
