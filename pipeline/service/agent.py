"""What an agent may ask of a data directory and decide about it: lists, pictures, similar images, names and tags.

What belongs here: each question and decision as one function with plain values. Not here: the protocol
(`mcp_server.py`), HTTP (`routes/`), drawing (`contact_sheet.py`).

An agent sees what the page shows. It decides only if `write` is set, always under the actor `AGENT`, and takes back
only decisions of that actor: a person's decision is never an agent's to undo.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from PIL import Image

from pipeline.curation import decisions as d
from pipeline.curation.addressing import choose_cluster
from pipeline.curation.decisions import Decision
from pipeline.curation.events import Event, active_events
from pipeline.errors import DecisionError, ImageClusterError, UnknownNameError
from pipeline.service.contact_sheet import encoded, numbered_sheet, scaled
from pipeline.service.context import Service
from pipeline.service.problems import Problem
from pipeline.service.routes.common import category_of, cluster_of, image_of
from pipeline.service.search import Filters
from pipeline.stages.images.decode import Rejected
from pipeline.steps.library_view.history import describe, history_rows
from pipeline.steps.library_view.listing import name_ideas
from pipeline.steps.library_view.snapshot import ClusterRow, Snapshot
from pipeline.steps.library_view.words import fits

AGENT = "agent"
MOST_PICTURES = 48  # on one sheet
MOST_ROWS = 500
Order = Literal["typical", "edge"]
Only = Literal["all", "named", "unnamed", "review"]
Row = dict[str, Any]


@dataclass(frozen=True)
class Seen:
    """An answer with a picture: `rows[i]` tells what number i + 1 of the picture shows."""

    facts: Row
    picture: bytes | None = None
    rows: list[Row] = field(default_factory=list[Row])


class Agent:
    """The questions and decisions of one service."""

    def __init__(self, service: Service, *, write: bool) -> None:
        self.service, self.write = service, write

    def categories(self) -> list[Row]:
        """Every category with its counts."""
        rows: list[Row] = []
        for snapshot in self.service.library.all():
            states = {state: len(found) for state, found in snapshot.rows_by_state.items()}
            named = sum(cluster["name"] is not None for cluster in snapshot.clusters.values())
            rows.append({"category": snapshot.base.category, "images": snapshot.frame.height, **states,
                         "clusters": len(snapshot.clusters), "named": named, "to_review": len(snapshot.reasons),
                         "tags": {tag: len(found) for tag, found in snapshot.rows_by_tag.items()}})  # fmt: skip
        return rows

    def clusters(self, category: str, search: str, only: Only, limit: int, offset: int) -> Row:
        """The clusters of a category, the largest first."""
        snapshot = category_of(self.service, category)
        kept = [cluster for cluster in snapshot.clusters.values()
                if fits(cluster, search) and _wanted(cluster, only)]  # fmt: skip
        kept.sort(key=lambda cluster: (-cluster["size"], cluster["id"]))
        shown = kept[offset : offset + min(limit, MOST_ROWS)]
        return {"total": len(kept), "clusters": [_cluster(cluster) for cluster in shown]}

    def sheet_of_clusters(self, category: str, offset: int) -> Seen:
        """The face of each cluster, the largest first, from the one at `offset` on."""
        found = self.clusters(category, "", "all", MOST_PICTURES, offset)
        snapshot = category_of(self.service, category)
        clusters = [snapshot.clusters[row["id"]] for row in found["clusters"]]
        faces = [snapshot.base.row_of[cluster["representative"]] for cluster in clusters]
        return Seen({"category": category, "total": found["total"]}, self._sheet(snapshot, faces), found["clusters"])

    def sheet(self, category: str, cluster: str, tag: str, count: int, order: Order) -> Seen:
        """Images of a cluster, of a tag, or (with neither) of the unclustered; `edge`: the least typical first."""
        if cluster:
            snapshot, cluster_id = cluster_of(
                self.service, cluster, category_of(self.service, category) if category else None
            )
            rows, facts = snapshot.rows_by_cluster[cluster_id], _cluster(snapshot.clusters[cluster_id])
        else:
            snapshot = category_of(self.service, category)
            if tag and tag not in snapshot.rows_by_tag:
                raise UnknownNameError(
                    f"No image of {category} has the tag {tag!r}. Tags: {', '.join(snapshot.rows_by_tag) or 'none'}."
                )
            rows = snapshot.rows_by_tag[tag] if tag else snapshot.unclustered
            facts = {"tag": tag} if tag else {"state": "unclustered"}
        chosen = (rows[::-1] if order == "edge" else rows)[: min(count, MOST_PICTURES)]
        return Seen(
            facts | {"images": len(rows)}, self._sheet(snapshot, chosen), [_image(snapshot, row) for row in chosen]
        )

    def image(self, image: str, pixels: int) -> Seen:
        """One image, from its original if that can be read, else its thumbnail; with what is known of it."""
        snapshot, row = self._image(image)
        record = snapshot.records([row])[0]
        if record["state"] == "rejected":
            raise DecisionError(
                f"{record['key']} was set aside as {record['status'].replace('_', ' ')}, so there is no picture of it: "
                f"{record['reason']}"
            )
        content = snapshot.frame["content_hash"][row]
        picture = self._original(snapshot, row, pixels)
        if picture is None and content is not None:
            picture = scaled(self.service.thumbnails.get(content, None), pixels)
        return Seen(_image(snapshot, row), picture)

    def similar(self, image: str, file: str, text: str, category: str, count: int) -> Seen:
        """The images most similar to an image of the library, to a picture file on this machine, or to words."""
        if sum(map(bool, (image, file, text))) != 1:
            raise DecisionError("Give exactly one of image, file and text.")
        searcher, among = self.service.searcher, [category] if category else []
        if image:
            snapshot, row = self._image(image)
            question = searcher.from_image(snapshot.frame["image_id"][row])
        else:
            question = searcher.from_text(text, among) if text else searcher.from_upload(self._read(file), among)
        filters = Filters(categories=among)
        answer = searcher.ask(question, filters, top_k=min(count, MOST_PICTURES))
        thumbnails = [self._thumbnail(snapshot, row) for _, snapshot, row in answer.hits]
        rows = [_image(snapshot, row) | {"score": round(hit.score, 4)} for hit, snapshot, row in answer.hits]
        return Seen({"searched": answer.searched}, numbered_sheet(thumbnails) if thumbnails else None, rows)

    def suggestions(self, category: str) -> Row:
        """Cluster id → a name from file names and captions, for the unnamed."""
        snapshot = category_of(self.service, category)
        found = name_ideas(self.service.project, snapshot)
        return {cluster: name for cluster, name in found.items() if snapshot.clusters[cluster]["name"] is None}

    def history(self, category: str, cluster: str, limit: int) -> list[Row]:
        """The last decisions about a category or one of its clusters, the newest first."""
        snapshot = category_of(self.service, category)
        cluster_id = cluster_of(self.service, cluster, snapshot)[1] if cluster else None
        if self.service.curation is None:
            return []
        return history_rows(self.service.project, snapshot.slug, cluster_id, min(limit, MOST_ROWS))

    def rename(self, category: str, cluster: str, name: str, why: str) -> Row:
        """Name a cluster; an empty name removes it."""
        snapshot, cluster_id = cluster_of(self.service, cluster, category_of(self.service, category))
        names = {cluster: row["name"] for cluster, row in snapshot.clusters.items()}
        owner = choose_cluster(name, names) if name else None
        if owner not in (None, cluster_id):
            raise DecisionError(
                f"The cluster {owner} has the name {name!r} already. Choose another, or merge them on the page."
            )
        return self._decide(snapshot, {"kind": "rename", "cluster": cluster_id, "name": name or None}, why)

    def describe(self, category: str, cluster: str, text: str, why: str) -> Row:
        """Describe a cluster; an empty text removes the description."""
        snapshot, cluster_id = cluster_of(self.service, cluster, category_of(self.service, category))
        return self._decide(snapshot, {"kind": "describe", "cluster": cluster_id, "description": text or None}, why)

    def tag(self, category: str, images: Sequence[str], tag: str, why: str, *, remove: bool) -> Row:
        """Put a tag on images, or take it off."""
        snapshot = category_of(self.service, category)
        hashes: list[str] = []
        for image in images:
            home, row = self._image(image)
            content = home.frame["content_hash"][row]
            if home.slug != snapshot.slug or content is None:
                raise DecisionError(f"{image} is of {home.base.category}, or was never read. Nothing was decided.")
            hashes.append(content)
        return self._decide(snapshot, {"kind": "untag" if remove else "tag", "images": hashes, "tag": tag}, why)

    def undo(self, category: str, number: int, why: str) -> Row:
        """Take back a decision of an agent; 0: the last one that is in force."""
        snapshot = category_of(self.service, category)
        active = active_events(self.service.decisions().log.events(snapshot.slug))
        own = [event for event in active if event.actor == AGENT]
        event = own[-1] if own and not number else next((made for made in active if made.number == number), None)
        if event is None:
            raise DecisionError(f"There is no such decision in force in {category}; nothing was undone.")
        if event.actor != AGENT:
            raise DecisionError(f"Event {number} is a decision of {event.actor}; only people take that back.")
        return self._decide(snapshot, {"kind": "undo", "event": event.number}, why)

    def _decide(self, snapshot: Snapshot, value: Row, why: str) -> Row:
        if not self.write:
            raise DecisionError("This server only shows. A person starts it with --write to let you decide.")
        decision: Decision = d.parse_decision(value)
        made: Event = self.service.decisions().decide(snapshot.slug, decision, actor=AGENT, why=why or None)
        self.service.library.forget(snapshot.slug)
        return {"event": made.number, "done": describe(made), "undo": f"undo with number {made.number}"}

    def _image(self, name: str) -> tuple[Snapshot, int]:
        """An image by its id or its key."""
        for snapshot in self.service.library.all():
            keys = snapshot.frame["key"].to_list()
            if name in snapshot.base.row_of or name in keys:
                return snapshot, snapshot.base.row_of.get(name, keys.index(name) if name in keys else 0)
        return image_of(self.service, name)

    def _sheet(self, snapshot: Snapshot, rows: Sequence[int]) -> bytes | None:
        thumbnails = [self._thumbnail(snapshot, row) for row in rows]
        return numbered_sheet(thumbnails) if thumbnails else None

    def _thumbnail(self, snapshot: Snapshot, row: int) -> bytes | None:
        content = snapshot.frame["content_hash"][row]
        try:
            return None if content is None else self.service.thumbnails.get(content, 256)
        except Problem:  # its file was deleted: the number stays, without a picture
            return None

    def _original(self, snapshot: Snapshot, row: int, pixels: int) -> bytes | None:
        """The original as a JPEG; None if it is gone, too large, or no longer a picture."""
        key, size = snapshot.frame["key"][row], snapshot.frame["size"][row] or 0
        if size > self.service.params.max_original_megabytes * 1e6:
            return None
        try:
            decoded = self.service.decoders.decode(self.service.project.bucket.read(key))
        except ImageClusterError:  # the source cannot be reached from here: the thumbnail is shown
            return None
        return None if isinstance(decoded, Rejected) else encoded(Image.fromarray(decoded.pixels), pixels)

    def _read(self, file: str) -> bytes:
        path, most = Path(file).expanduser(), self.service.params.max_upload_megabytes * 1e6
        if not path.is_file() or path.stat().st_size > most:
            raise DecisionError(f"{file} is not a picture file of at most {most / 1e6:g} MB on this machine.")
        return path.read_bytes()


def _wanted(cluster: ClusterRow, only: Only) -> bool:
    match only:
        case "all":
            return True
        case "named":
            return cluster["name"] is not None
        case "unnamed":
            return cluster["name"] is None
        case "review":
            return cluster["needs_review"]


def _cluster(cluster: ClusterRow) -> Row:
    names = ("id", "name", "description", "size", "status", "cohesion", "review_reasons", "representative")
    groups = [f"{group['group']} {group['images']}" for group in cluster["groups"][:8]]
    row: Row = dict(cluster)
    return {name: row[name] for name in names if row[name] not in (None, [], "")} | (
        {"groups": groups} if groups else {}
    )


def _image(snapshot: Snapshot, row: int) -> Row:
    record = snapshot.records([row])[0]
    cluster = snapshot.clusters.get(record["cluster_id"] or "")
    names = ("image_id", "key", "group", "state", "cluster_id", "similarity", "width", "height")
    values = {name: record.get(name) for name in names}
    values |= {
        "cluster_name": cluster["name"] if cluster else None,
        "tags": list(snapshot.tags_of(record["content_hash"])),
    }
    return {
        name: round(value, 4) if isinstance(value, float) else value
        for name, value in values.items()
        if value not in (None, [])
    }
