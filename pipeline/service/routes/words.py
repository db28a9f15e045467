"""Words and clusters: search by words in names, texts and tags, and words that a cluster may be called.

What belongs here: HTTP. Not here: what fits (`steps/library_view/words.py`), search by what a picture shows
(`similarity.py`), suggestions (`steps/library_view/visual_words.py`).
"""

from typing import Annotated

from fastapi import APIRouter, Query

from pipeline.service.context import Shared
from pipeline.service.models import ClusterShape, ImageShape, Shape, image_shapes
from pipeline.service.routes.clusters import GROUPS_SHOWN
from pipeline.service.routes.common import Slug, category_of, checked_limit
from pipeline.steps.library_view.listing import looks_like, suggested_names
from pipeline.steps.library_view.words import clustered_or_not, find_clusters, find_rows

router = APIRouter(tags=["search"])
Words = Annotated[str, Query(min_length=1, max_length=200, description="Every word must fit, in any order and case.")]


class WordsFound(Shape):
    """What fits the words; `total_…` count all, the lists are its beginning.

    `elsewhere` counts images that were set aside, left out or not clustered yet; they are in no list.
    """

    clusters: list[ClusterShape]
    images: list[ImageShape]
    total_clusters: int
    total_images: int
    elsewhere: int


class NameIdea(Shape):
    """What an unnamed cluster may be called. Nothing of it is published.

    `suggestion`: from file names, groups and captions. `looks_like`: the word of a list that its pictures fit better
    than those of other clusters, where the encoder reads; `score` says by how much, in logits of the model.
    """

    cluster: str
    suggestion: str | None
    looks_like: str | None
    score: float | None


@router.get("/categories/{category}/name-ideas")
def name_ideas(service: Shared, category: Slug) -> list[NameIdea]:
    """Suggested names for the clusters without a name, the largest first. The first call reads the list of words."""
    snapshot = category_of(service, category)
    texts, words = suggested_names(service.project, snapshot), looks_like(service.project, snapshot)
    unnamed = [cluster for cluster in snapshot.clusters.values() if cluster["name"] is None]
    found = [(one["id"], words.get(one["id"])) for one in sorted(unnamed, key=lambda one: (-one["size"], one["id"]))]
    return [
        NameIdea(cluster=name, suggestion=texts.get(name), looks_like=word.word if word else None,
                 score=word.score if word else None)
        for name, word in found
    ]  # fmt: skip


@router.get("/categories/{category}/search")
def search_words(
    service: Shared, category: Slug, q: Words, limit: Annotated[int, Query(ge=1, le=1000)] = 12
) -> WordsFound:
    """Clusters by name, description and id; images by file name, group, caption, tag and what their cluster is called.

    The largest clusters first, images by key. `GET /images` takes the same `q`, any `state`, and goes on page by page.
    """
    snapshot, most = category_of(service, category), checked_limit(service, limit)
    clusters, fitting = find_clusters(snapshot, q), find_rows(snapshot, service.texts, q)
    rows = clustered_or_not(snapshot, fitting)
    shown = [ClusterShape.model_validate({**one, "groups": one["groups"][:GROUPS_SHOWN]}) for one in clusters[:most]]
    return WordsFound(
        clusters=shown, images=image_shapes(snapshot, rows[:most]), total_clusters=len(clusters),
        total_images=len(rows), elsewhere=len(fitting) - len(rows),
    )  # fmt: skip
