"""The settings of what is computed over the images of a category: duplicates, clusters, lasting ids, similarity.

What belongs here: the parameter class of each of these stages. Not here: one image alone (`images.py`), what is
published of the clusters (`publishing.py`).
"""

from typing import Literal

from pydantic import Field

from pipeline.settings.base import Params

GRANULARITY = r"^(auto|coarse|fine|0(\.\d+)?|1(\.0+)?|\.\d+)$"  # also what people may decide for one category


class DuplicateParams(Params):
    """Which images count as the same picture. Nothing is ever deleted."""

    max_hamming: int = Field(
        default=10, ge=0, le=32, description="near: how many of the 64 bits of two perceptual hashes may differ."
    )
    max_distance: float = Field(
        default=0.25, ge=0.0, le=1.0, description="near: largest cosine distance of two embeddings."
    )
    max_difference: float = Field(
        default=40.0,
        ge=0.0,
        le=255.0,
        description="near: largest difference at any place, in colour values, of two registered thumbnails; "
        "nine tenths of it for two pictures of less than 96 pixels.",
    )
    min_contrast: float = Field(
        default=8.0,
        ge=0.0,
        le=127.0,
        description="near: below this contrast (standard deviation of grey values) a hash means nothing.",
    )
    similar_distance: float = Field(
        default=0.05, ge=0.0, le=1.0, description="similar: largest cosine distance; only the embedding decides."
    )
    collapse: bool = Field(
        default=False,
        description="Whether near duplicates count as one image when clustering, so that copies form no cluster.",
    )


class ReductionParams(Params):
    """How vectors are reduced before they are clustered, and laid out on the map."""

    method: Literal["auto", "umap", "pca", "none"] = Field(
        default="auto",
        description="The reducer. auto: none for the clusterer community, UMAP for the others.",
    )
    n_components: int = Field(default=10, ge=2, le=256, description="Number of dimensions after reduction.")
    n_neighbors: int = Field(
        default=15, ge=2, le=200, description="UMAP: small values show local structure, large ones the broad shape."
    )
    min_dist: float = Field(
        default=0.0, ge=0.0, le=0.99, description="UMAP: 0 packs similar images tightly, which is best for clustering."
    )
    metric: Literal["cosine", "euclidean"] = Field(default="cosine", description="UMAP: distance between vectors.")
    seed: int = Field(default=42, ge=0, le=2**31 - 1, description="Fixes UMAP's result, which then uses one thread.")


class ContextWeights(Params):
    """How much picture, time and place count when images are compared; 1 each: all the same."""

    visual: float = Field(default=1.0, gt=0, le=100, description="The picture itself.")
    time: float = Field(default=0.0, ge=0, le=100, description="When it was taken; 0: does not count.")
    place: float = Field(default=0.0, ge=0, le=100, description="Where it was taken; 0: does not count.")


class ClusterParams(Params):
    """How vectors become clusters."""

    method: Literal["community", "hdbscan", "kmeans"] = Field(
        default="community",
        description="The clusterer. community: Leiden on the graph of nearest neighbours; outliers by distance.",
    )
    granularity: str = Field(
        default="auto",
        coerce_numbers_to_str=True,
        pattern=GRANULARITY,
        description="How fine: auto, coarse, fine, or a number from 0 (few broad clusters) to 1 (many narrow ones); "
        "`image-cluster tune` compares them. auto: community uses resolution 0.8, HDBSCAN min_cluster_size, "
        "k-means 20 clusters.",
    )
    min_cluster_size: int = Field(
        default=3, ge=2, le=100_000, description="community, HDBSCAN: the smallest size of a cluster."
    )
    min_samples: int | None = Field(
        default=None,
        ge=1,
        le=10_000,
        description="HDBSCAN: larger values leave more unclustered; unset: min_cluster_size.",
    )
    cluster_selection_epsilon: float = Field(
        default=0.0, ge=0.0, le=100.0, description="HDBSCAN: clusters closer than this are not split."
    )
    cluster_selection_method: Literal["eom", "leaf"] = Field(
        default="eom", description="HDBSCAN: eom prefers broad clusters, leaf many small ones."
    )
    n_clusters: int | None = Field(
        default=None,
        ge=2,
        le=100_000,
        description="The number of clusters, if you know it (community, k-means). Unset: granularity decides.",
    )
    seed: int = Field(default=42, ge=0, le=2**31 - 1, description="community, k-means: random seed.")
    memory: float = Field(
        default=0.5,
        ge=0,
        le=1,
        description="community: how much the previous clusters count when all images are clustered again with the same "
        "settings. 0: not at all; 1: only new images can join what was separate.",
    )
    recluster: Literal["auto", "always", "never"] = Field(
        default="auto",
        description="Whether all images are clustered again, or new ones are placed into existing clusters. auto: "
        "again when much changed (see the next two); always; never: only when a setting changes.",
    )
    recluster_share: float = Field(
        default=0.2,
        ge=0,
        le=1,
        description="auto: cluster again when more than this share of images came or left since the last full "
        "clustering; 0: at every change.",
    )
    recluster_days: int | None = Field(
        default=7,
        ge=1,
        le=3650,
        description="auto: clusters again after so many days, if anything changed, and finds what new kinds came; "
        "unset: never by time.",
    )
    weights: ContextWeights = Field(
        default_factory=ContextWeights,
        description="How much picture, time and place count. Time and place are EXIF's, or those of manifest.json.",
    )
    time_hours: float = Field(
        default=12.0,
        gt=0,
        le=1e6,
        description="Hours apart that count as almost the same time; three times this is simply another time.",
    )
    place_km: float = Field(
        default=10.0,
        gt=0,
        le=5000,
        description="Kilometres apart that count as almost the same place; three times this is another place.",
    )
    pairs_file: str | None = Field(
        default=None,
        description="CSV of rated pairs (a,b,same). Unset: pairs.csv in the data directory.",
    )
    least_pairs: int = Field(
        default=20, ge=10, le=1_000_000, description="Learning from rated pairs starts with this many."
    )
    accept_suggestions: float | None = Field(
        default=None,
        gt=0,
        le=1,
        description="Unclustered images with at least this confidence (0 to 1) join the nearest cluster. Unset: none.",
    )


class IdentityParams(Params):
    """When a new group is recognised as a cluster that was there before."""

    min_overlap: float = Field(
        default=0.25,
        gt=0.0,
        le=1.0,
        description="Smallest overlap of members (Jaccard, by content hash) at which a cluster keeps its id.",
    )
    min_similarity: float = Field(
        default=0.95,
        ge=0.5,
        le=1.0,
        description="Smallest cosine similarity of centroids at which a cluster keeps its id although nearly all its "
        "images were replaced; 1: never.",
    )


class RepresentativeParams(Params):
    """Which images stand for a cluster."""

    count: int = Field(
        default=6, ge=1, le=50, description="Representatives per cluster: the most typical, then spread."
    )


class SimilarityParams(Params):
    """The index that finds what looks like an image."""

    index: Literal["auto", "exact", "cells"] = Field(
        default="auto",
        description="exact compares with every image; cells only with those around the query, and reports the measured "
        "recall; auto is exact up to similarity.exact_up_to images.",
    )
    exact_up_to: int = Field(
        default=1_000_000, ge=1, description="index: auto is exact up to this many images of a category."
    )
    min_recall: float = Field(
        default=0.98,
        ge=0.5,
        le=1.0,
        description="Smallest recall of the true 50 nearest that an index in cells must reach.",
    )
