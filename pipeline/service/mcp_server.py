"""A Model Context Protocol server over a data directory, for agents: `image-cluster mcp`.

What belongs here: the tools with their descriptions, as an agent reads them. Not here: what they do (`agent.py`).

Read-only unless it was started to write: then the tools that decide exist, too. The text of an expected failure reaches
the agent. Of any other, it learns only which tool failed.
"""

import json
from collections.abc import Callable
from functools import wraps
from importlib.metadata import version
from typing import TYPE_CHECKING, Annotated, Any, ParamSpec, TypeVar

from pydantic import Field, ValidationError

from pipeline.errors import ImageClusterError
from pipeline.service.agent import MOST_PICTURES, MOST_ROWS, Agent, Only, Order, Seen

if TYPE_CHECKING:
    from mcp.server.mcpserver import MCPServer

P = ParamSpec("P")
R = TypeVar("R")
Category = Annotated[str, Field(description="A category, by its name, as list_categories tells it.")]
Cluster = Annotated[str, Field(description="A cluster, by its id or its name.")]
Image = Annotated[str, Field(description="An image, by its image_id or its key.")]
Why = Annotated[str, Field(description="The reason, for the history that people read.")]
Count = Annotated[int, Field(ge=1, le=MOST_PICTURES)]
INSTRUCTIONS = """\
A library of images that was clustered by how they look. Categories hold clusters; a cluster has an id that lasts and,
once somebody gave it one, a name. Look before you name: contact_sheet shows many images at once, numbered, and the text
beside it tells which image each number is. Names are short and say what all images of a cluster share.
"""


def build(agent: Agent) -> "MCPServer[Any]":
    """The server with its tools; those that decide only if the agent may write."""
    from mcp.server.mcpserver import MCPServer

    rights = "You may name, describe and tag; each decision can be undone." if agent.write else "You can only look."
    server: MCPServer[Any] = MCPServer(
        "image-cluster", version=version("image-cluster"), instructions=INSTRUCTIONS + rights, log_level="ERROR"
    )
    _add_lists(server, agent)
    _add_pictures(server, agent)
    if agent.write:
        _add_decisions(server, agent)
    return server


def _add_lists(server: "MCPServer[Any]", agent: Agent) -> None:
    @_tool(server)
    def list_categories() -> str:
        """The categories of the library with their numbers of images, clusters and tags."""
        return _text(agent.categories())

    @_tool(server)
    def list_clusters(
        category: Category,
        search: Annotated[str, Field(description="Words in names or descriptions, or the beginning of an id.")] = "",
        only: Only = "all",
        limit: Annotated[int, Field(ge=1, le=MOST_ROWS)] = 100,
        offset: Annotated[int, Field(ge=0)] = 0,
    ) -> str:
        """The clusters of a category, the largest first, with size, name and why one should be reviewed."""
        return _text(agent.clusters(category, search, only, limit, offset))

    @_tool(server)
    def propose_names(category: Category) -> str:
        """Names for unnamed clusters, from the file names and captions of their images. Look at a cluster first."""
        return _text(agent.suggestions(category))

    @_tool(server)
    def history(
        category: Category, cluster: Cluster = "", limit: Annotated[int, Field(ge=1, le=MOST_ROWS)] = 30
    ) -> str:
        """What was decided about a category or a cluster, by whom and why, the newest first."""
        return _text(agent.history(category, cluster, limit))


def _add_pictures(server: "MCPServer[Any]", agent: Agent) -> None:
    @_tool(server)
    def overview(category: Category, offset: Annotated[int, Field(ge=0)] = 0) -> list[Any]:
        """One picture with the face of each cluster, the largest first, and which cluster each number is."""
        return _shown(agent.sheet_of_clusters(category, offset))

    @_tool(server)
    def contact_sheet(
        category: Category = "", cluster: Cluster = "",
        tag: Annotated[str, Field(description="Instead of a cluster: the images with this tag.")] = "",
        count: Count = 24,
        order: Annotated[Order, Field(description="edge: the least typical first, where mistakes are.")] = "typical",
    ) -> list[Any]:  # fmt: skip
        """One picture of many numbered images: of a cluster, of a tag, or of the unclustered of a category."""
        return _shown(agent.sheet(category, cluster, tag, count, order))

    @_tool(server)
    def show_image(image: Image, pixels: Annotated[int, Field(ge=64, le=1600)] = 800) -> list[Any]:
        """One image, large, with its cluster, tags and size."""
        return _shown(agent.image(image, pixels))

    @_tool(server)
    def find_similar(
        image: Image = "",
        file: Annotated[str, Field(description="Instead of an image: a picture file on the server's machine.")] = "",
        text: Annotated[str, Field(description="Instead of an image: words, if the encoder reads text.")] = "",
        category: Category = "",
        count: Count = 24,
    ) -> list[Any]:
        """The images most similar to an image, a picture file or words, best first, as numbered pictures."""
        return _shown(agent.similar(image, file, text, category, count))


def _add_decisions(server: "MCPServer[Any]", agent: Agent) -> None:
    @_tool(server, decides=True)
    def rename_cluster(
        category: Category, cluster: Cluster,
        name: Annotated[str, Field(max_length=120, description="Empty removes the name.")], why: Why = "",
    ) -> str:  # fmt: skip
        """Name a cluster. The answer says how to undo it."""
        return _text(agent.rename(category, cluster, name, why))

    @_tool(server, decides=True)
    def describe_cluster(
        category: Category, cluster: Cluster,
        description: Annotated[str, Field(max_length=4000, description="Empty removes it.")], why: Why = "",
    ) -> str:  # fmt: skip
        """Describe what a cluster shows, in a sentence or two."""
        return _text(agent.describe(category, cluster, description, why))

    @_tool(server, decides=True)
    def tag_images(
        category: Category, images: Annotated[list[str], Field(min_length=1, max_length=1000)],
        tag: Annotated[str, Field(max_length=60)], remove: bool = False, why: Why = "",
    ) -> str:  # fmt: skip
        """Put a tag on images of a category, given by id or key, or take it off."""
        return _text(agent.tag(category, images, tag, why, remove=remove))

    @_tool(server, decides=True)
    def undo(
        category: Category,
        number: Annotated[int, Field(ge=0, description="The event; 0: your last one.")] = 0,
        why: Why = "",
    ) -> str:
        """Take back a decision that an agent made. Decisions of people cannot be taken back here."""
        return _text(agent.undo(category, number, why))


def _tool(server: "MCPServer[Any]", *, decides: bool = False) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Offer a function as a tool; expected failures become text for the agent."""
    from mcp.server.mcpserver.exceptions import ToolError
    from mcp_types import ToolAnnotations

    hints = ToolAnnotations(read_only_hint=not decides, destructive_hint=False, open_world_hint=False)

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        @wraps(function)
        def explained(*given: P.args, **named: P.kwargs) -> R:
            try:
                return function(*given, **named)
            except ImageClusterError as error:
                raise ToolError(str(error)) from error
            except ValidationError as error:
                problem = error.errors()[0]
                raise ToolError(f"{'.'.join(map(str, problem['loc'][1:]))}: {problem['msg']}.") from error

        server.add_tool(explained, annotations=hints, structured_output=False)
        return explained

    return decorate


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)


def _shown(seen: Seen) -> list[Any]:
    """The picture, and beside it what each number shows."""
    from mcp.server.mcpserver import Image as Picture

    numbered = [{"number": number, **row} for number, row in enumerate(seen.rows, 1)]
    text = _text(seen.facts | ({"numbers": numbered} if numbered else {}))
    return [*([Picture(data=seen.picture, format="jpeg")] if seen.picture else []), text]
