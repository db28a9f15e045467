"""Renamed categories: a new category with the images of one that disappeared keeps its ids, names and decisions.

What belongs here: recognising that a folder was renamed, and carrying over its results. Not here: copying events
(`storage/curation/copying.py`), ids within a category (`stages/identities/`).

A rename is certain if nearly all images are the same by content, or nearly all of the old ones are there among as many
new ones at most; if a complete listing has none of them under the old name; and if only one category matches. Where at
least half are the same, those that were replaced at their places count like them. Then the results are carried over;
otherwise a notice gives the command for it. The old category's published set stays unchanged in its place.
"""

from collections.abc import Collection
from dataclasses import dataclass
from itertools import chain

import polars as pl

from pipeline.errors import DecisionError, ImageClusterError
from pipeline.stages.identities.contract import CENTROIDS_SCHEMA, CLUSTERS_SCHEMA, LEDGER_SCHEMA, Facts
from pipeline.stages.manifest.contract import MANIFEST_SCHEMA
from pipeline.steps.project import Project
from pipeline.steps.usable_images import last_usable
from pipeline.storage.artifacts import Artifact, digest
from pipeline.storage.categories import Rename, read_renames, read_slugs, write_renames, write_slugs

SURE = 0.9  # least share of the old category's images at which it is the new one …
SURE_OF_ALL = 0.5  # … and least share of common images (Jaccard): a folder may be renamed and added to
MAYBE = 0.3  # least share of the old category's images at which people are asked
CARRIED = ("reduced", "labels")  # beside identities


@dataclass(frozen=True)
class _Former:
    """A category that may be the former name of another one, with `common` of its images there by content.

    `share` of its images are there, by content or replaced at their places; `of_all`: among the images of both.
    """

    slug: str
    common: int
    images: int
    share: float
    of_all: float


def recognise(project: Project, slug: str) -> None:
    """Carry over the results of this category's former name; where that is not certain, ask."""
    if not _is_new(project, slug):
        return
    if not _carry_over_or_ask(project, slug):
        renames = read_renames(project.layout)
        if renames.pop(slug, None) is not None:  # the old folder came back as a category of its own
            write_renames(project.layout, renames)


def _carry_over_or_ask(project: Project, slug: str) -> bool:
    from pipeline.storage.curation.copying import common_events

    images = last_usable(project, slug, project.category_of(slug))
    formers = [former for former in _formers(project, slug, images) if is_gone(project, former.slug)]
    sure = [former for former in formers if former.share >= SURE]
    log = project.curation.log
    decided = [former for former in sure if log.last(former.slug)] or sure
    if len(decided) == 1 and decided[0].of_all >= SURE_OF_ALL:
        theirs, ours = log.events(decided[0].slug), log.events(slug)
        if common_events(ours, theirs) == len(ours):
            project.talk.notice(carry_over(project, decided[0].slug, slug))
            return True
    for former in formers:
        project.talk.notice(_question(project, former, slug))
    return False


def carry_over_by_name(project: Project, former: str, category: str) -> tuple[str, str, str]:
    """What a person asked for: both slugs, and what was done in words. `former` may be carried over a second time,
    because a folder was split. Raises `DecisionError` if its folder is not gone."""
    before = {name: old for old, rename in read_renames(project.layout).items() for name in (rename.category, old)}
    present = read_slugs(project.layout)
    known = former in present or former in present.values()
    old = before[former] if former in before and not known else project.slug_of(former)
    new = project.slug_of(category)
    if old != new and not is_gone(project, old):
        raise DecisionError(
            f"{former} is not carried over to {category}: a listing of {former} failed or still holds images. Only a "
            f"category whose folder is gone goes on under another name; to move single images, move their files."
        )
    return old, new, carry_over(project, old, new)


def carry_over(project: Project, former: str, slug: str) -> str:
    """Continue the ids, groups and decisions of `former` in category `slug`; returns what was done in words.

    The decisions of `slug` stay, those of `former` follow them, and so do named clusters that `slug` has: its own go on
    beside those of `former`. A folder that was split is carried over to each of its parts. Raises `DecisionError`.
    """
    if former == slug:
        raise DecisionError(f"{former} is {slug}: name the category that went and the one that came.")
    from pipeline.storage.curation.copying import copy_events

    category, name = _name_of(project, former), project.category_of(slug)
    with project.lock(slug):
        log = project.curation.log
        named = project.curation.named(slug)  # before those of `former` are added
        count = copy_events(project.curation.store, former, slug) if log.last(former) else 0
        _adopt_identities(project, former, slug, named)
        for artifact in CARRIED if not named else ():  # else its own layout and groups go on
            _adopt(project, former, slug, artifact)
        renames = read_renames(project.layout)
        renames.pop(slug, None)
        write_renames(project.layout, {former: Rename(category, slug, project.now()), **renames})
        write_slugs(project.layout, {other: n for other, n in read_slugs(project.layout).items() if other != former})
    decisions = "1 decision" if count == 1 else f"{count:,} decisions"
    left = project.layout.published / former
    stays = f" What readers saw of {category} stays in {left}, as it was." if left.exists() else ""
    return f"{category} is {name} now: its cluster ids and names go on, and {decisions} came with them.{stays}"


def _is_new(project: Project, slug: str) -> bool:
    """Whether this category has no results yet, or only those from before it was renamed."""
    stored = project.store.current(slug, "identities")
    return stored is None or not stored.facts(Facts).images or slug in read_renames(project.layout)


def _formers(project: Project, slug: str, images: pl.DataFrame) -> list[_Former]:
    """Categories that share images with this one, the largest share first."""
    stored = read_slugs(project.layout)
    others = [other for other in project.store.slugs_with("identities") if other != slug and other in stored]
    formers = [_compared(other, images, last_usable(project, other, stored[other])) for other in others]
    fitting = [former for former in formers if former.common and former.common >= MAYBE * former.images]
    return sorted(fitting, key=lambda former: (-former.of_all, former.slug))


def _compared(slug: str, images: pl.DataFrame, theirs: pl.DataFrame) -> _Former:
    """Category `slug`, whose images are `theirs`, as a former name of one that has `images`."""
    ours, before = set(images["content_hash"]), set(theirs["content_hash"])
    common = len(ours & before)
    there = common
    if 2 * common >= len(before):
        places = set(images.filter(~pl.col("content_hash").is_in(before))["path"])
        there += len(places & set(theirs.filter(~pl.col("content_hash").is_in(ours))["path"]))
    both = len(ours | before) - (there - common)
    return _Former(slug, common, len(before), min(there / max(1, len(before)), 1.0), there / max(1, both))


def is_gone(project: Project, slug: str) -> bool:
    """Whether a complete listing holds no image of a category; False if the listing fails."""
    from pipeline.steps.manifest import preview

    stored = project.store.current(slug, "manifest")
    previous = stored.table("manifest", MANIFEST_SCHEMA) if stored is not None else None
    try:
        frame = preview(project, _name_of(project, slug), previous).frame
    except ImageClusterError:
        return False
    return frame.filter(pl.col("change") != "removed").is_empty()


def _question(project: Project, former: _Former, slug: str) -> str:
    data = project.settings.data_dir
    place = "" if str(data) == "data" else f" --out {data}"
    was, name = project.category_of(former.slug), project.category_of(slug)
    return (
        f"{name} holds {former.common:,} of the {former.images:,} images of {was}, which is gone. If it is {was} under "
        f"another name, let its cluster ids, names and decisions go on: image-cluster carry-over {former.slug} {slug}"
        f"{place}"
    )


def _adopt(project: Project, former: str, slug: str, name: str) -> None:
    source = project.store.current(former, name)
    identities = project.store.current(former, "identities")
    if source is None or (identities is not None and not identities.facts(Facts).images):  # emptied meanwhile
        return
    project.store.adopt(source, slug, {}, fingerprint=_mark(project, former, source), created_at=project.now())


def _adopt_identities(project: Project, former: str, slug: str, named: Collection[str]) -> None:
    """The ledger of `former` goes on in `slug`, with the clusters that it had before its folder was emptied.

    The ids of `slug` stay in it, so that none is given twice; those of `named` stay alive.
    """
    source, own = project.store.current(former, "identities"), project.store.current(slug, "identities")
    if source is None:
        return
    alive = _last_alive(project, former, source)
    tables = [_identity_tables(source, alive)]
    if own is not None:
        tables.append(_identity_tables(own, alive=set(_alive(own)) & set(named)))
    joined = {
        name: (pl.concat([part[name] for part in tables]).unique(key, keep="first").sort(key), schema)
        for name, schema, key in (
            ("ledger", LEDGER_SCHEMA, ["cluster_id"]),
            ("clusters", CLUSTERS_SCHEMA, ["cluster_id"]),
            ("centroids", CENTROIDS_SCHEMA, ["cluster_id", "encoder"]),
        )
    }
    gone = pl.col("cluster_id").is_in(joined["ledger"][0].filter("alive")["cluster_id"].implode())
    joined["clusters"] = (joined["clusters"][0].filter(gone), CLUSTERS_SCHEMA)
    project.store.adopt(source, slug, joined, fingerprint=_mark(project, former, source), created_at=project.now())


def _alive(identities: Artifact) -> list[str]:
    return identities.table("ledger", LEDGER_SCHEMA).filter("alive")["cluster_id"].to_list()


def _last_alive(project: Project, former: str, current: Artifact) -> set[str]:
    """Ids of the clusters of when a category last had images; the named ones if no such version is kept."""
    for version in chain([current], project.store.earlier(former, "identities")):
        if alive := _alive(version):
            return set(alive)
    return set(project.curation.named(former))


def _identity_tables(identities: Artifact, alive: Collection[str]) -> dict[str, pl.DataFrame]:
    """Ledger, clusters and centroids of a version as if the clusters `alive` were there."""
    ledger = identities.table("ledger", LEDGER_SCHEMA).with_columns(alive=pl.col("cluster_id").is_in(list(alive)))
    clusters = identities.table("clusters", CLUSTERS_SCHEMA)
    missing = ledger.filter("alive").join(clusters, on="cluster_id", how="anti")
    again = [
        {"cluster_id": name, "fate": "kept", "parents": [], "into": [], "overlap": 1.0, "size": len(members),
         "previous_size": len(members)}
        for name, members in missing.select("cluster_id", "members").iter_rows()
    ]  # fmt: skip
    stored = "centroids" in identities.provenance.rows
    return {
        "ledger": ledger,
        "clusters": pl.concat([clusters, pl.DataFrame(again, schema=CLUSTERS_SCHEMA)]),
        "centroids": identities.table("centroids", CENTROIDS_SCHEMA) if stored else CENTROIDS_SCHEMA.to_frame(),
    }


def _mark(project: Project, former: str, source: Artifact) -> str:
    return digest("carried over", former, source.provenance.fingerprint, project.now())


def _name_of(project: Project, slug: str) -> str:
    before = read_renames(project.layout).get(slug)
    return read_slugs(project.layout).get(slug) or (before.category if before else slug)
