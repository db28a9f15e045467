"""The library as rows for the command line: clusters and their images.

What belongs here: resolving names of categories and images, and the rows of a snapshot. Not here: the snapshot
(`snapshot.py`), history (`history.py`), deciding (`steps/curation.py`), the published documents (`published.py`).
"""

import difflib
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import polars as pl

from pipeline.curation.review import change_since_review
from pipeline.curation.suggest import Carried, suggest
from pipeline.errors import MissingArtifactError, UnknownNameError
from pipeline.stages.contract import columns
from pipeline.stages.images.contract import IMAGES_SCHEMA
from pipeline.stages.manifest.contract import CAPTIONS_SCHEMA
from pipeline.stages.published.document import country_code
from pipeline.steps.encoder_choice import embedded_spec, for_search
from pipeline.steps.library_view.history import history_rows
from pipeline.steps.library_view.snapshot import ClusterRow, Snapshot, make_snapshot
from pipeline.steps.library_view.tables import read_base
from pipeline.steps.project import Project
from pipeline.steps.units import source_ids, units
from pipeline.storage.categories import read_slugs

if TYPE_CHECKING:
    from pipeline.steps.library_view.visual_words import VisualWord

Row = dict[str, Any]
READING = "open_clip:"  # how specs of encoders with a text side begin; their own table would load numpy and Pillow

# the columns that this module reads
_IMAGES = columns(IMAGES_SCHEMA, "key", "image_id", "group", "identifier", "content_hash", "status")


def only_category(project: Project, wanted: str | None) -> str:
    """The slug of the named category, or of the only one. Raises `UnknownNameError` if there are several."""
    if wanted is not None:
        return project.slug_of(wanted)
    slugs = sorted(read_slugs(project.layout))
    if len(slugs) == 1:
        return slugs[0]
    if not slugs:
        raise MissingArtifactError(
            f"There is nothing in {project.settings.data_dir} yet. Run `image-cluster run SOURCE` first."
        )
    raise UnknownNameError(f"Choose a category with --category: {', '.join(slugs)}.")


def images_table(project: Project, slug: str) -> pl.DataFrame:
    """Key, id, group, identifier and content hash of every usable image, sorted by id."""
    table = units(project.store, slug).table("images", _IMAGES, list(_IMAGES))
    return table.filter(pl.col("status") == "ok").sort("image_id")


def content_hashes(project: Project, slug: str, names: Iterable[str]) -> list[str]:
    """The content hashes of images given by key, id or hash. Raises `UnknownNameError` with the nearest."""
    images = images_table(project, slug)
    hash_of: dict[str, str] = {}
    for row in images.select("content_hash", "image_id", "key").iter_rows():
        for name in row:
            hash_of.setdefault(name, row[0])
    result: list[str] = []
    for name in names:
        if name not in hash_of:
            near = difflib.get_close_matches(name, images["key"].to_list(), n=2, cutoff=0.5)
            hint = f"The nearest: {', '.join(near)}." if near else "`image-cluster clusters show` lists images."
            raise UnknownNameError(f"There is no image {name!r} among the {images.height:,} of {slug}. {hint}")
        result.append(hash_of[name])
    return list(dict.fromkeys(result))


def read_snapshot(project: Project, slug: str) -> Snapshot:
    """The category after all decisions. Raises `MissingArtifactError` before the first clustering."""
    for name in ("images", "identities", "representatives"):
        project.store.require(slug, name)
    return make_snapshot(project, read_base(project, slug), project.curation)


def cluster_rows(project: Project, slug: str) -> list[Row]:
    """One row per cluster after all decisions, largest first."""
    snapshot = read_snapshot(project, slug)
    suggestions, words = suggested_names(project, snapshot), looks_like(project, snapshot)
    rows = [_row(cluster, suggestions, words) for cluster in snapshot.clusters.values()]
    return sorted(rows, key=lambda row: (-row["size"], row["id"]))


def suggested_names(project: Project, snapshot: Snapshot) -> dict[str, str]:
    """Cluster id → a suggested name."""
    keys, groups = snapshot.frame["key"].to_list(), snapshot.frame["group"].to_list()
    sources = source_ids(project.store, snapshot.slug, snapshot.frame["image_id"])
    names, words = sources.to_list(), captions(project, snapshot.slug)
    carried = {
        cluster: [Carried(keys[row], groups[row], words.get(names[row], "")) for row in rows]
        for cluster, rows in snapshot.rows_by_cluster.items()
    }
    return suggest(carried, snapshot.base.category)


def looks_like(project: Project, snapshot: Snapshot) -> "dict[str, VisualWord]":
    """Cluster id → the word that sets it apart; empty, and nothing is loaded, where the encoder sees pictures only."""
    if not (embedded_spec(project, snapshot.slug) or "").startswith(READING):
        return {}
    from pipeline.steps.library_view.visual_words import visual_words

    return visual_words(for_search(project, [snapshot.slug]), snapshot)


def name_ideas(project: Project, snapshot: Snapshot) -> dict[str, str]:
    """Cluster id → a suggested name: from file names and captions, else the word that its pictures look like."""
    seen = {cluster: found.word for cluster, found in looks_like(project, snapshot).items()}
    return seen | suggested_names(project, snapshot)


def _row(cluster: ClusterRow, suggestions: dict[str, str], words: "dict[str, VisualWord]") -> Row:
    word = words.get(cluster["id"])
    countries: dict[str, int] = {}
    for group in cluster["groups"]:
        code = country_code(group["group"]) or ""
        countries[code] = countries.get(code, 0) + group["images"]
    return {
        "id": cluster["id"], "name": cluster["name"], "size": cluster["size"], "status": cluster["status"],
        "review": cluster["review_reasons"], "cohesion": cluster["cohesion"] or 0.0,
        "countries": sorted(countries, key=lambda code: (-countries[code], code)),
        "suggestion": None if cluster["name"] else suggestions.get(cluster["id"]),
        **({"looks_like": word.word if word else None, "score": word.score if word else None} if words else {}),
    }  # fmt: skip


def cluster_detail(project: Project, slug: str, name: str) -> Row:
    """All details of one cluster. Raises `UnknownNameError` with the nearest ids."""
    snapshot, curation = read_snapshot(project, slug), project.curation
    cluster = curation.cluster(slug, name)
    row = snapshot.clusters.get(cluster.id)
    if row is None:
        raise UnknownNameError(f"None of the {len(cluster.members)} images of cluster {cluster.id} is in {slug} now. "
                               "Run `image-cluster run` to cluster what is there.")  # fmt: skip
    came, went, share = change_since_review(cluster)
    return {
        **_row(row, {} if row["name"] else suggested_names(project, snapshot), looks_like(project, snapshot)),
        "description": row["description"],
        "merged": row["merged"],
        "former_names": row["former_names"],
        "made_by_people": row["made_by_people"],
        "revision": curation.log.revision(slug, cluster.id),
        "since_review": f"{len(came)} came, {len(went)} left ({share:.0%})" if cluster.baseline is not None else None,
        "images": _image_rows(snapshot, cluster.id),
        "history": history_rows(project, slug, cluster.id, 20),
    }


def _image_rows(snapshot: Snapshot, cluster: str) -> list[Row]:
    return [
        {"key": row["key"], "group": country_code(row["group"]), "identifier": row["identifier"],
         "similarity": None if row["similarity"] is None else round(row["similarity"], 4),
         "tags": ",".join(snapshot.tags_of(row["content_hash"]))}
        for row in snapshot.records(snapshot.rows_by_cluster[cluster])
    ]  # fmt: skip


def captions(project: Project, slug: str) -> dict[str, str]:
    """Image id → its text in manifest.json."""
    stored = project.store.current(slug, "manifest")
    if stored is None or "captions" not in stored.provenance.rows:
        return {}
    return dict(stored.table("captions", CAPTIONS_SCHEMA).iter_rows())
