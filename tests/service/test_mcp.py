"""An agent over a real stdio session: it looks, sees pictures, and decides only where it may."""

import asyncio
import base64
import io
import json
import sys
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from mcp.client.client import Client
from mcp.client.stdio import StdioServerParameters
from PIL import Image

from tests.service.site import KINDS, Site, picture

pytestmark = pytest.mark.timeout(180)
READING = {"list_categories", "list_clusters", "propose_names", "history", "overview", "contact_sheet", "show_image",
           "find_similar"}  # fmt: skip
DECIDING = {"rename_cluster", "describe_cluster", "tag_images", "undo"}


def session(site: Site, *options: str, work: Callable[[Client], Awaitable[None]]) -> None:
    """Start the command as an agent's host does, and talk to it."""
    settings = site.root / "image-cluster.yaml"
    settings.write_text(f"source:\n  url: {site.library}\n", encoding="utf-8")
    arguments = ["-m", "pipeline.cli", "mcp", "--out", str(site.data), "--settings", str(settings), *options]
    parameters = StdioServerParameters(
        command=sys.executable, args=arguments, env={"PYTHONPATH": str(Path(__file__).parents[2])}
    )

    async def talk() -> None:
        async with Client(parameters) as client:
            await work(client)

    # in a thread of its own: a browser that another test opened keeps its event loop in this one
    with ThreadPoolExecutor(1) as alone:
        alone.submit(asyncio.run, talk()).result()


async def ask(client: Client, tool: str, **given: Any) -> Any:
    """The text of an answer as JSON, and its picture if there is one."""
    answer = await client.call_tool(tool, given)
    assert not answer.is_error, answer.content
    texts = [json.loads(part.text) for part in answer.content if part.type == "text"]
    pictures = [part for part in answer.content if part.type == "image"]
    if not pictures:
        return texts[0]
    assert pictures[0].mime_type == "image/jpeg"
    return texts[0], Image.open(io.BytesIO(base64.b64decode(pictures[0].data)))


async def refused(client: Client, tool: str, **given: Any) -> str:
    answer = await client.call_tool(tool, given)
    assert answer.is_error
    return str(answer.content[0].text)


def test_an_agent_sees_the_library_and_has_no_tool_that_changes_it(site: Site) -> None:
    async def look(client: Client) -> None:
        tools = (await client.list_tools()).tools
        assert {tool.name for tool in tools} == READING
        assert all(tool.annotations and tool.annotations.read_only_hint and tool.description for tool in tools)
        categories = await ask(client, "list_categories")
        assert {row["category"]: row["images"] for row in categories} == {"bollards": 38, "posts": 6}
        found = await ask(client, "list_clusters", category="bollards", only="unnamed")
        assert found["total"] == 3
        numbers, sheet = await ask(client, "overview", category="bollards")
        assert [row["number"] for row in numbers["numbers"]] == [1, 2, 3]
        assert sheet.width > sheet.height > 100
        cluster = found["clusters"][0]["id"]
        facts, sheet = await ask(client, "contact_sheet", cluster=cluster, count=7)
        assert len(facts["numbers"]) == 7
        assert {row["cluster_id"] for row in facts["numbers"]} == {cluster}
        first = facts["numbers"][0]
        facts, large = await ask(client, "show_image", image=first["key"])
        assert facts["image_id"] == first["image_id"]
        assert large.size == (80, 60)  # the original, not enlarged
        edge, _ = await ask(client, "contact_sheet", cluster=cluster, count=1, order="edge")
        assert edge["numbers"][0]["image_id"] != first["image_id"]
        alike, _ = await ask(client, "find_similar", image=first["image_id"], count=5)
        assert alike["numbers"][0]["score"] >= 0.999
        assert {row["cluster_id"] for row in alike["numbers"]} == {cluster}
        refusal = await refused(client, "rename_cluster", category="bollards", cluster=cluster, name="x")
        assert "rename_cluster" in refusal
        assert "bollards" in await refused(client, "list_clusters", category="bolards")
        assert "exactly one" in await refused(client, "find_similar")
        aside = await refused(client, "show_image", image="bollards/fr/fr-101-800w.png")
        assert "was set aside as broken, so there is no picture of it: The PNG" in aside

    session(site, work=look)
    assert not (site.data / "curation.sqlite3").exists()


def test_an_agent_that_may_write_decides_under_its_own_name_and_takes_back_only_its_own(site: Site) -> None:
    with site.serve() as client:
        cluster = client.clusters()[1]["id"]
        body = {"decision": {"kind": "rename", "cluster": cluster, "name": "By a person"}, "actor": "ann"}
        client.post("/categories/bollards/decisions", json=body).raise_for_status()

    async def decide(client: Client) -> None:
        assert {tool.name for tool in (await client.list_tools()).tools} == READING | DECIDING
        first = (await ask(client, "list_clusters", category="bollards"))["clusters"][0]
        named = await ask(client, "rename_cluster", category="bollards", cluster=first["id"], name="Red", why="all red")
        images = await ask(client, "contact_sheet", cluster="Red", count=3)
        ids = [row["image_id"] for row in images[0]["numbers"]]
        await ask(client, "tag_images", category="bollards", images=ids, tag="seen")
        tagged, _ = await ask(client, "contact_sheet", category="bollards", tag="seen")
        assert {row["image_id"] for row in tagged["numbers"]} >= set(ids)
        assert "By a person" in await refused(
            client, "rename_cluster", category="bollards", cluster="Red", name="By a person"
        )
        assert "too_long" in await refused(client, "tag_images", category="bollards", images=ids, tag="x" * 61)
        history = await ask(client, "history", category="bollards")
        assert [(row["actor"], row["why"]) for row in history][1:] == [("agent", "all red"), ("ann", "")]
        person = next(row["event"] for row in history if row["actor"] == "ann")
        assert "only people" in await refused(client, "undo", category="bollards", number=person)
        await ask(client, "undo", category="bollards")
        assert "has the tag" in await refused(client, "contact_sheet", category="bollards", tag="seen")
        await ask(client, "undo", category="bollards", number=named["event"])
        after = (await ask(client, "list_clusters", category="bollards", only="named"))["clusters"]
        assert [row["name"] for row in after] == ["By a person"]

    session(site, "--write", work=decide)


def test_a_sheet_numbers_its_pictures_and_leaves_a_gap_where_one_is_gone() -> None:
    from pipeline.service.contact_sheet import numbered_sheet

    data = io.BytesIO()
    picture(KINDS["red"], 0).save(data, "WEBP")
    sheet = Image.open(io.BytesIO(numbered_sheet([data.getvalue(), None] * 4)))
    assert sheet.format == "JPEG"
    red, gap = sheet.getpixel((90, 110)), sheet.getpixel((280, 110))
    assert isinstance(red, tuple)
    assert isinstance(gap, tuple)
    assert red[0] > 150 > red[1]
    assert min(gap) > 230
