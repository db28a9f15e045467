"""One small picture of all clusters, or of some images with their boxes, for the UI's metadata.

What belongs here: laying thumbnails side by side and keeping the result small. Not here: choosing representatives
(`pipeline/stages/representatives/ranking.py`), the review page (`pipeline/stages/published/page.py`).
"""

import base64
import io
from collections.abc import Sequence

import polars as pl
from PIL import Image, ImageDraw

from pipeline.console import many
from pipeline.stages.images.contract import IMAGES_SCHEMA
from pipeline.stages.objects.contract import OBJECTS_SCHEMA
from pipeline.stages.representatives.contract import Facts, clusters_schema
from pipeline.steps.project import Project
from pipeline.steps.units import units

MOST_BYTES = 30_000  # 40 KB as base64: the event log keeps every materialization for good
MOST_TILES = 48
MOST_SCENES = 24  # images that are shown with their boxes
COLUMNS = 6  # as wide as the UI's dialogue
TILE = 100  # pixels
QUALITIES = (70, 50, 35, 20)


def contact_sheet(project: Project, slug: str) -> str:
    """Markdown with the most typical image of each cluster, the largest cluster first, their names in the same order,
    and a link to the curation page."""
    stored = project.store.require(slug, "representatives")
    clusters = stored.table("clusters", clusters_schema(stored.facts(Facts).dimension),
                            ["cluster_id", "size", "representative"])  # fmt: skip
    images = units(project.store, slug).table("images", IMAGES_SCHEMA, ["image_id", "content_hash"])
    hashes = dict(images.iter_rows())
    shown = clusters.sort("size", "cluster_id", descending=[True, False])
    rows = [(cluster, size, project.thumbnails.read(hashes[image]))
            for cluster, size, image in shown.head(MOST_TILES).iter_rows() if hashes.get(image)]  # fmt: skip
    drawn = [(cluster, size, data) for cluster, size, data in rows if data is not None]
    if not drawn:
        return "No cluster yet." if not shown.height else "The thumbnails are gone; materialize images again."
    data = encoded(grid([data for _, _, data in drawn]))
    more = f"\n\nand {many(shown.height - len(drawn), 'cluster')} more" if shown.height > len(drawn) else ""
    picture = f"![{many(len(drawn), 'cluster')}](data:image/webp;base64,{base64.b64encode(data).decode()})"
    return f"{picture}\n\n{_named(project, slug, [(cluster, size) for cluster, size, _ in drawn])}{more}"


def _named(project: Project, slug: str, clusters: Sequence[tuple[str, int]]) -> str:
    """The clusters in rows as in the picture, and where to name them."""
    names, address = project.curation.decided_names(slug), page_address(project)
    cells = [_cell(names.get(cluster) or cluster, size, f"{address}/c/{slug}/cluster/{cluster}")
             for cluster, size in clusters]  # fmt: skip
    across = min(COLUMNS, len(cells))
    lines = [cells[start : start + across] for start in range(0, len(cells), across)]
    lines[-1] += [""] * (across - len(lines[-1]))
    table = "\n".join(f"| {' | '.join(line)} |" for line in [lines[0], ["---"] * across, *lines[1:]])
    return f"{table}\n\n[The curation page]({address}/c/{slug}), while `image-cluster serve` runs."


def page_address(project: Project) -> str:
    """The address of the curation page, as far as the settings know it."""
    service = project.settings.service
    host = "127.0.0.1" if service.host in ("0.0.0.0", "::") else service.host  # noqa: S104  # every address of the machine
    return f"http://{f'[{host}]' if ':' in host else host}:{service.port}"


def _cell(name: str, size: int, address: str) -> str:
    text = "".join(f"\\{sign}" if sign in "\\`*_[]<>|#" else sign for sign in name)
    return f"[{text}]({address}) {size:,}"


def boxes_sheet(project: Project, slug: str) -> str:
    """Markdown with some images and the boxes of their objects, the images with most of them first."""
    found = units(project.store, slug).table("objects", OBJECTS_SCHEMA).filter(pl.col("status") == "ok")
    images = project.store.require(slug, "images").table("images", IMAGES_SCHEMA, ["image_id", "content_hash"])
    hashes = dict(images.iter_rows())
    box = pl.concat_list("x", "y", "w", "h")
    grouped = found.group_by("image_id").agg(box.alias("boxes"), pl.len().alias("count"))
    shown = grouped.sort("count", "image_id", descending=[True, False]).head(MOST_SCENES)
    drawn = [
        _with_boxes(data, boxes)
        for image, boxes in shown.select("image_id", "boxes").iter_rows()
        if (data := project.thumbnails.read(hashes[image])) is not None
    ]
    if not drawn:
        return "No object yet." if not shown.height else "The thumbnails are gone; materialize images again."
    more = f"\n\nand {grouped.height - len(drawn)} more images" if grouped.height > len(drawn) else ""
    return f"![{len(drawn)} images](data:image/webp;base64,{base64.b64encode(encoded(grid(drawn))).decode()}){more}"


def _with_boxes(thumbnail: bytes, boxes: Sequence[Sequence[float]]) -> bytes:
    """A thumbnail with the outlines of its boxes."""
    with Image.open(io.BytesIO(thumbnail)) as opened:
        image = opened.convert("RGB")
    pen, (width, height) = ImageDraw.Draw(image), image.size
    for x, y, w, h in boxes:
        corners = (x * width, y * height, max((x + w) * width - 1, x * width), max((y + h) * height - 1, y * height))
        pen.rectangle(corners, outline=(255, 59, 48), width=2)
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


def grid(thumbnails: Sequence[bytes | None]) -> Image.Image:
    """The thumbnails in rows of `COLUMNS`; None leaves a gap."""
    across = min(COLUMNS, len(thumbnails))
    sheet = Image.new("RGB", (across * TILE, -(-len(thumbnails) // across) * TILE), "white")
    for number, data in enumerate(thumbnails):
        if data is None:
            continue
        with Image.open(io.BytesIO(data)) as opened:
            tile = opened.convert("RGB")
        tile.thumbnail((TILE - 4, TILE - 4))
        left, top = number % across * TILE, number // across * TILE
        sheet.paste(tile, (left + (TILE - tile.width) // 2, top + (TILE - tile.height) // 2))
    return sheet


def encoded(sheet: Image.Image) -> bytes:
    """WebP in decreasing quality until it is small enough; at the lowest quality it is halved in size instead."""
    for quality in QUALITIES:
        data = _webp(sheet, quality)
        if len(data) <= MOST_BYTES:
            return data
    return _webp(sheet.reduce(2), QUALITIES[-1])


def _webp(sheet: Image.Image, quality: int) -> bytes:
    file = io.BytesIO()
    sheet.save(file, "WEBP", quality=quality, method=4)
    return file.getvalue()
