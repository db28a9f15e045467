"""The library as people look at it: clusters, images and history as rows, stored tables and decisions joined.

What belongs here: reading for the command line and the service. Not here: deciding (`curation.py`), the published
documents (`publish.py`).
"""

import difflib
from collections.abc import Iterable, Sequence
from typing import Any

import polars as pl

from pipeline.curation import decisions as d
from pipeline.curation.decisions import Event, is_undone
from pipeline.curation.review import change_since_review
from pipeline.curation.suggest import Carried, suggest
from pipeline.errors import MissingArtifactError, UnknownNameError
from pipeline.stages.published.document import country_code
from pipeline.steps.curation import curation_of
from pipeline.steps.project import Project
from pipeline.storage.layout import read_slugs

Row = dict[str, Any]

# the columns that are read here, of tables that the stages make
_IMAGES = pl.Schema({
    name: pl.String() for name in ("key", "image_id", "group", "identifier", "content_hash", "status")
})  # fmt: skip
_CAPTIONS = pl.Schema({"image_id": pl.String(), "caption": pl.String()})
_COHESION = pl.Schema({"cluster_id": pl.String(), "cohesion": pl.Float32()})
_TYPICALITY = pl.Schema({"image_id": pl.String(), "similarity": pl.Float32()})


def only_category(project: Project, wanted: str | None) -> str:
    """The slug of the category that is meant. Raises when it is not named and there are several."""
    if wanted is not None:
        return project.slug_of(wanted)
    slugs = sorted(read_slugs(project.layout))
    if len(slugs) == 1:
        return slugs[0]
    if not slugs:
        raise MissingArtifactError(
            f"There is nothing in {project.settings.data_dir} yet. Run `image-cluster run SOURCE` first."
        )
    raise UnknownNameError(f"Say which category is meant, with --category: {', '.join(slugs)}.")


def images_table(project: Project, slug: str) -> pl.DataFrame:
    """Key, id, group, identifier and content hash of every usable image, by id."""
    table = project.store.require(slug, "images").table("images", _IMAGES, list(_IMAGES))
    return table.filter(pl.col("status") == "ok").sort("image_id")


def content_hashes(project: Project, slug: str, names: Iterable[str]) -> list[str]:
    """The content hashes of images given by key, id or hash. Raises `UnknownNameError` with the nearest."""
    images = images_table(project, slug)
    known: dict[str, str] = {}
    for row in images.select("content_hash", "image_id", "key").iter_rows():
        for name in row:
            known.setdefault(name, row[0])
    result: list[str] = []
    for name in names:
        if name not in known:
            near = difflib.get_close_matches(name, images["key"].to_list(), n=2, cutoff=0.5)
            hint = f"The nearest: {', '.join(near)}." if near else "`image-cluster clusters show` lists images."
            raise UnknownNameError(f"There is no image {name!r} among the {images.height:,} of {slug}. {hint}")
        result.append(known[name])
    return list(dict.fromkeys(result))


def cluster_rows(project: Project, slug: str) -> list[Row]:
    """One row per cluster as people want it, the largest first."""
    held = curation_of(project)
    curated, reasons = held.curated(slug), held.review_reasons(slug)
    images = images_table(project, slug)
    words = _captions(project, slug)
    by_hash: dict[str, list[tuple[str, str | None, str]]] = {}
    for image, name, key, group in images.select("content_hash", "image_id", "key", "group").iter_rows():
        by_hash.setdefault(image, []).append((key, group, words.get(name, "")))
    cohesion = _cohesion(project, slug)
    carried = {name: [Carried(*one) for image in cluster.members for one in by_hash.get(image, ())]
               for name, cluster in curated.clusters.items()}  # fmt: skip
    suggestions = suggest(carried, project.category_of(slug))
    rows: list[Row] = []
    for name, cluster in curated.clusters.items():
        groups: dict[str, int] = {}
        for one in carried[name]:
            if (code := country_code(one.group)) is not None:
                groups[code] = groups.get(code, 0) + 1
        rows.append({
            "id": name, "name": cluster.name, "size": len(carried[name]), "status": cluster.status,
            "review": reasons.get(name, []), "cohesion": cohesion.get(name, 0.0),
            "countries": sorted(groups, key=lambda code: (-groups[code], code)),
            "suggestion": None if cluster.name else suggestions.get(name),
        })  # fmt: skip
    return sorted(rows, key=lambda row: (-row["size"], row["id"]))


def cluster_detail(project: Project, slug: str, name: str) -> Row:
    """Everything of one cluster. Raises `UnknownNameError` with the nearest ids."""
    held = curation_of(project)
    cluster = held.cluster(slug, name)
    row = next(one for one in cluster_rows(project, slug) if one["id"] == cluster.id)
    came, went, share = change_since_review(cluster)
    curated = held.curated(slug)
    order = _typicality(project, slug)
    images = images_table(project, slug).filter(pl.col("content_hash").is_in(list(cluster.members)))
    listed = [
        {"key": key, "group": country_code(group), "identifier": identifier, "similarity": order.get(image_id),
         "tags": ",".join(curated.tags.get(image, ()))}
        for key, group, identifier, image_id, image in images.select(
            "key", "group", "identifier", "image_id", "content_hash").iter_rows()
    ]  # fmt: skip
    listed.sort(key=_most_typical_first)
    return {
        **row,
        "description": cluster.description,
        "merged": list(cluster.merged),
        "former_names": list(cluster.former_names),
        "made_by_people": cluster.made_by_people,
        "revision": held.log.revision(slug, cluster.id),
        "since_review": f"{len(came)} came, {len(went)} went ({share:.0%})" if cluster.baseline is not None else None,
        "images": listed,
        "history": history_rows(project, slug, cluster.id, 20),
    }


def _most_typical_first(row: Row) -> tuple[float, str]:
    return (-float(row["similarity"] or -1.0), str(row["key"]))


def history_rows(project: Project, slug: str, cluster: str | None = None, limit: int = 50) -> list[Row]:
    """What was decided, the newest first."""
    held = curation_of(project)
    events = held.log.events(slug)
    waits = {one.number: one.reason for one in held.curated(slug).waiting}
    rows: list[Row] = []
    for event in held.log.touching(slug, cluster=cluster, limit=limit):
        state = "undone" if is_undone(events, event.number) else "waits" if event.number in waits else ""
        rows.append({"event": event.number, "at": event.at, "actor": event.actor, "what": told(event),
                     "why": event.why or "", "state": state})  # fmt: skip
    return rows


def event_row(event: Event) -> Row:
    """One event as JSON: who, when, why, and the decision."""
    return {"event": event.number, "at": event.at, "actor": event.actor, "why": event.why,
            "decision": event.decision.model_dump(mode="json")}  # fmt: skip


def told(event: Event) -> str:  # noqa: C901, PLR0911, PLR0912  # one line for each kind of decision
    """One event in words."""
    match event.decision:
        case d.Rename(cluster=cluster, name=name):
            return f"named {cluster} “{name}”" if name else f"took the name of {cluster} away"
        case d.Describe(cluster=cluster, description=text):
            return f"described {cluster}" if text else f"took the description of {cluster} away"
        case d.SetStatus(cluster=cluster, status=status):
            return f"set {cluster} to {status}"
        case d.Review(cluster=cluster):
            return f"reviewed {cluster}"
        case d.Merge(clusters=clusters, into=into):
            return f"merged {', '.join(one for one in clusters if one != into)} into {into}"
        case d.Split(cluster=cluster, images=images, new_cluster=new, name=name):
            return f"split {_many(images)} off {cluster} as {f'“{name}” ' if name else ''}{new}"
        case d.Move(images=images, to=to):
            return f"moved {_many(images)} to {to or 'unclustered'}"
        case d.ChooseRepresentative(cluster=cluster, image=image):
            return f"chose a representative of {cluster}" if image else f"let {cluster} choose its representative"
        case d.Tag(images=images, tag=tag):
            return f"tagged {_many(images)} “{tag}”"
        case d.Untag(images=images, tag=tag):
            return f"took the tag “{tag}” off {_many(images)}"
        case d.Exclude(images=images):
            return f"excluded {_many(images)}"
        case d.Include(images=images):
            return f"took back {_many(images)}"
        case d.Note(cluster=cluster, text=text):
            return f"noted on {cluster}: {text}"
        case d.Pair(same=same):
            return f"said that two images {'belong' if same else 'do not belong'} together"
        case d.Undo(event=number):
            return f"undid event {number}"
        case other:
            return f"said that {_many(other.images_touched())} are no duplicates"


def _many(images: Sequence[str]) -> str:
    return "1 image" if len(images) == 1 else f"{len(images)} images"


def _captions(project: Project, slug: str) -> dict[str, str]:
    """Image id → what manifest.json says of it in words."""
    stored = project.store.current(slug, "manifest")
    if stored is None or "captions" not in stored.provenance.rows:
        return {}
    return dict(stored.table("captions", _CAPTIONS).iter_rows())


def _cohesion(project: Project, slug: str) -> dict[str, float]:
    stored = project.store.require(slug, "representatives")
    table = stored.table("clusters", _COHESION, list(_COHESION))
    return {name: round(value, 4) for name, value in table.iter_rows()}


def _typicality(project: Project, slug: str) -> dict[str, float]:
    """Image id → cosine to the centroid of its computed cluster."""
    stored = project.store.require(slug, "representatives")
    table = stored.table("members", _TYPICALITY, list(_TYPICALITY))
    return {name: round(value, 4) for name, value in table.iter_rows()}
