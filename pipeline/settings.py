"""Every setting of the product: its type, bounds, unit, default and meaning, in one place.

What belongs here: the parameter class of each stage, the root `Settings`, and reading them from one YAML file and the
environment. Not here: what a setting does (`stages/`), secrets, which `adapters/buckets.py` reads from the environment
when they are needed. Imports nothing of the product but `errors`.
"""

import difflib
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, cast

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pipeline.errors import SettingsError

# What the values with a pattern look like, for people.
EXPECTED = {
    "variant": "a width such as 800w, or original",
    "background": "a colour such as #ffffff",
    "granularity": "auto, coarse, fine, or a number from 0 to 1 such as 0.6",
    "unit": "image or object; for both side by side, run each into a data directory of its own",
    "table_prefix": "at most 30 small letters and underscores",
    "upload_folder": "letters, digits, _ and -, at most 60",
    "dagster_url": "an address such as http://127.0.0.1:3000",
}

GRANULARITY = r"^(auto|coarse|fine|0(\.\d+)?|1(\.0+)?|\.\d+)$"  # also what people may decide for one category

DEFAULT_FILE = Path("image-cluster.yaml")
FILE_VARIABLE = "IMAGE_CLUSTER_SETTINGS"

# Names of files and folders that operating systems, NAS boxes and photo tools put beside photos.
SKIP_NAMES = (
    ".*", "@eaDir", "@tmp", "@Recycle", "@Recently-Snapshot", "@__thumb", "@sharebin", "@GMT-*", "#recycle",
    "#snapshot", "~snapshot", "$RECYCLE.BIN", "System Volume Information", "FOUND.0??", "lost+found", "__MACOSX",
    "Network Trash Folder", "Temporary Items", "_gsdata_", "*.lrdata", "SYNOPHOTO_THUMB_*", "SYNOFILE_THUMB_*",
    "Thumbs.db", "ehthumbs.db", "ehthumbs_vista.db", "desktop.ini",
)  # fmt: skip


# defaults of a source, also for a bucket that is opened without settings
CONCURRENCY = 16
TIMEOUT_SECONDS = 30.0
RETRIES = 4


def without_secrets(text: str) -> str:
    """`text` with passwords in addresses, and secret values in their queries, replaced by ***."""
    text = re.sub(r"(://[^:/@\s]*):[^\s]*@", r"\1:***@", text)
    return re.sub(r"(?i)([?&][^=&\s]*(?:password|secret|token|key)[^=&\s]*=)[^&\s'\"]+", r"\1***", text)


class Params(BaseModel):
    """Base of every parameter class: refuses unknown names; values never change after reading."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class SourceSettings(Params):
    """Where the images are and how their keys are read."""

    url: str = Field(
        default="demo-library",
        min_length=1,
        description="A folder, s3://bucket/prefix or r2://bucket/prefix.",
    )
    endpoint_url: str | None = Field(
        default=None,
        description="The S3 endpoint, for R2 https://ACCOUNT_ID.r2.cloudflarestorage.com. Plain AWS S3 needs none.",
    )
    region: str = Field(default="auto", description="The bucket's region; R2 says auto.")
    categories: Literal["all", "single"] | list[str] = Field(
        default="all",
        description="all: each top folder is a category; single: the whole source is one; or a list of folders.",
    )
    patterns: dict[str, str] = Field(
        default_factory=dict,
        description="Per category, a regular expression on the key after the category's folder, with the named groups "
        "identifier, group and variant (the last two optional). A category not named here uses the built-in layouts.",
    )
    group_label: dict[str, str] = Field(
        default_factory=dict,
        description="Per category, what the page calls a group of images, as country, year or camera. Of a category "
        "not named here: country if the groups are ISO codes of countries, else folder.",
    )
    variant: str = Field(
        default="800w",
        pattern=r"^(\d+w|original)$",
        description="Which width to read if an image has several; otherwise the nearest larger, otherwise the largest.",
    )
    manifest: Literal["auto", "ignore", "require"] = Field(
        default="auto",
        description="Whether the bucket's manifest.json (not a listing) says what exists; auto: if there is one.",
    )
    skip_names: list[str] = Field(
        default=list(SKIP_NAMES),
        description="Names of system files and folders that are skipped and counted everywhere, ignoring case; * and ? "
        "match any characters. [] skips nothing, not even names that begin with a dot.",
    )
    follow_links: Literal["inside", "all"] = Field(
        default="inside",
        description="Symbolic links in a folder. inside: links that lead elsewhere are reported, not read; all: read.",
    )
    concurrency: int = Field(default=CONCURRENCY, ge=1, le=256, description="Objects read at the same time.")
    timeout_seconds: float = Field(
        default=TIMEOUT_SECONDS, gt=0, le=600, description="Seconds until a request is given up."
    )
    retries: int = Field(
        default=RETRIES, ge=0, le=20, description="Further tries after a transient error, with back-off."
    )
    retry_seconds: float = Field(
        default=180.0,
        ge=0,
        le=3600,
        description="How long a request is tried after that if the server is busy (SlowDown) or stops answering; "
        "with back-off and jitter, and reported. 0: only the retries.",
    )


class ImageParams(Params):
    """How bytes become pixels, and when an image is set aside."""

    max_megapixels: float = Field(
        default=100.0, gt=0, le=2000, description="Larger images are set aside as too_large before they are decoded."
    )
    max_megabytes: float = Field(default=200.0, gt=0, le=4000, description="Larger objects are set aside unread.")
    background: str = Field(
        default="#ffffff", pattern=r"^#[0-9a-fA-F]{6}$", description="Colour behind transparent pixels."
    )
    thumbnail_pixels: int = Field(default=192, ge=64, le=512, description="Longest side of the stored thumbnails.")
    decode_megabytes: float = Field(
        default=1000.0,
        gt=0,
        le=1_000_000,
        description="Memory for pixels that are being decoded, shared by all threads. A large image waits; "
        "one that needs more is decoded alone. Enough for one image of 99 megapixels or ten of 12. Raise it if "
        "many cores decode large photographs.",
    )
    decode_seconds: float = Field(
        default=60.0,
        gt=0,
        le=3600,
        description="Time limit for a file whose decoder crashed or never ended in an earlier run; it is decoded in a "
        "process of its own. A worker (execution.engine: ray) gives up a file after this time.",
    )


class EncoderParams(Params):
    """Which model turns an image into a vector, and where it runs."""

    spec: str = Field(
        default="packaged:efficientnet_lite0",
        description="packaged:NAME, open_clip:MODEL/PRETRAINED_OR_CHECKPOINT or timm:MODEL[@CHECKPOINT]. "
        "packaged:efficientnet_lite0_gem costs as much as the default and is worth a try: see decision 7.",
    )
    device: Literal["auto", "cpu", "cuda", "mps"] = Field(
        default="auto", description="auto takes CUDA, then MPS, then the CPU through OpenVINO."
    )
    batch_size: int = Field(
        default=0,
        ge=0,
        le=4096,
        description="Images per forward pass, halved when memory runs out; 0 = 32 on a CPU, 256 on a GPU.",
    )
    decode_threads: int = Field(default=0, ge=0, le=256, description="Threads that decode; 0 = one per core.")
    chunk_size: int = Field(
        default=512, ge=1, le=65536, description="Images per stored chunk: a killed run loses at most one chunk."
    )
    words_file: str | None = Field(
        default=None,
        description="A file with further words, one a line, that may be suggested as names where the encoder reads.",
    )
    compare_sample: int = Field(
        default=1000,
        ge=8,
        le=100_000,
        description="Images that `encoders compare` embeds with both encoders at most.",
    )


class ObjectParams(Params):
    """What is looked at: whole images, or the objects in them. An object is a box; its crop is embedded."""

    unit: str = Field(
        default="image",
        pattern=r"^(image|object)$",
        description="image: whole images are clustered; object: the objects in them. For both side by side, use two "
        "data directories.",
    )
    detector: str = Field(
        default="annotations:",
        min_length=1,
        description="Where the boxes come from. annotations:[coco|yolo|voc|manifest] reads those beside the images. "
        "Models: salient: (one region each, no download), torchvision:NAME[@CHECKPOINT], transformers:NAME_OR_FOLDER, "
        "onnx:FILE; they run where encoder.device says. See docs/objects.md.",
    )
    margin: float = Field(
        default=0.1, ge=0, le=1, description="Room around a box in its crop, as a share of the box's longer side."
    )
    min_score: float = Field(
        default=0.3,
        ge=0,
        le=1,
        description="Boxes with a lower score are refused. Of a model, none below 0.05 is kept, nor more than 300.",
    )
    labels: list[str] = Field(
        default_factory=list[str],
        description="The classes of objects that count, ignoring case. []: all. "
        "OWLv2 and Grounding DINO look for these words.",
    )
    max_per_image: int = Field(default=20, ge=1, le=1000, description="Most objects of one image: the surest ones.")
    min_side: int = Field(
        default=16, ge=1, le=10_000, description="Boxes with a shorter side than this many pixels are refused."
    )
    nms: float = Field(
        default=0.7, ge=0, le=1, description="Of two boxes that overlap by more than this (IoU), the surer one counts."
    )


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


class OutletSettings(Params):
    """One place that the published documents are written to, beside the data directory."""

    url: str = Field(
        min_length=1,
        description="A folder, s3://bucket/prefix, r2://bucket/prefix, sqlite:///file.db or postgresql://host/name.",
    )
    endpoint_url: str | None = Field(default=None, description="As for the source.")
    region: str = Field(default="auto", description="As for the source.")
    table_prefix: str = Field(
        default="", pattern=r"^[a-z_]{0,30}$", description="Prefix of the table names in a database."
    )

    @property
    def shown(self) -> str:
        """The address for people, logs and records: without a password."""
        return without_secrets(self.url)


class GuardParams(Params):
    """When a new result waits for a person instead of replacing what is published."""

    enabled: bool = Field(default=True, description="Whether new results are compared with the published one.")
    max_cluster_drop: float = Field(
        default=0.5,
        gt=0,
        le=1,
        description="Holds back if the number of clusters falls by more than this share; 1: never.",
    )
    max_cluster_growth: float = Field(
        default=1.5,
        ge=1,
        le=1000,
        description="Holds back if the number of clusters per image grows by more than this factor, "
        "and by at least 5 clusters; 1000: never.",
    )
    max_unclustered_growth: float = Field(
        default=2.0, ge=1, le=1000, description="Holds back if the unclustered share grows by more than this factor ..."
    )
    min_unclustered_rise: float = Field(
        default=0.02,
        ge=0,
        le=1,
        description="... and rises by more than this share of the images (and by at least 5 images).",
    )
    max_cluster_share: float = Field(
        default=0.5, gt=0, le=1, description="Holds back if the largest cluster grows beyond this share; 1: never."
    )
    forbid_losing_named: bool = Field(default=True, description="Holds back if a named cluster would disappear.")


class PublishParams(Params):
    """What is published and where."""

    outlets: list[OutletSettings] = Field(
        default_factory=list[OutletSettings], description="Further places to publish to."
    )
    include_centroids: bool = Field(
        default=False, description="Whether clusters.json contains each cluster's centroid."
    )
    page_images: int = Field(
        default=5000,
        ge=0,
        le=100_000,
        description="Most thumbnails in the review page; the rest are counted.",
    )
    max_cluster_share: float = Field(
        default=0.5,
        gt=0,
        le=1,
        description="The check warns if one cluster has more than this share of the images.",
    )
    history: int = Field(
        default=30, ge=2, le=1000, description="Published sets to keep in the data directory for rollback."
    )
    guard: GuardParams = Field(
        default_factory=GuardParams,
        description="When a new result waits for a person instead of replacing what is published.",
    )


class CurationParams(Params):
    """Where people's decisions are kept, and what asks to be looked at again."""

    database_url: str | None = Field(
        default=None,
        description="postgresql://… or sqlite:///PATH; unset: curation.sqlite3 in the data directory. A password "
        "belongs in the variable IMAGE_CLUSTER_DATABASE_URL, which overrides this.",
    )
    review_change: float = Field(
        default=0.333,
        gt=0,
        le=1,
        description="A named cluster needs a review if more than this share of it came or left since the last review.",
    )
    review_new_size: int = Field(default=5, ge=1, description="A new cluster needs a review from this many images on.")


class AutomationParams(Params):
    """When Dagster starts runs by itself."""

    quiet_seconds: int = Field(
        default=120, ge=0, le=86_400, description="No run starts until a category has been unchanged for this long."
    )
    interval_seconds: int = Field(default=60, ge=30, le=86_400, description="Seconds between two looks at the bucket.")
    listing_seconds: float = Field(
        default=20.0,
        gt=0,
        le=50,
        description="Longest time that one look may list; a larger bucket takes several looks.",
    )
    deadline_seconds: float = Field(
        default=45.0,
        gt=0,
        le=3600,
        description="Longest time that one look may wait for the bucket; the next look continues there. Dagster itself "
        "ends a look after 60 s, or DAGSTER_SENSOR_GRPC_TIMEOUT_SECONDS.",
    )
    nightly: str = Field(default="0 3 * * *", description="Cron expression of the nightly run of every category.")
    timezone: str = Field(default="UTC", description="Time zone of that expression.")


class ServiceParams(Params):
    """The REST service: where it listens, and its limits."""

    host: str = Field(default="127.0.0.1", min_length=1, description="Address to listen on. See `serve --help`.")
    port: int = Field(default=8765, ge=1, le=65_535, description="Its port.")
    allowed_hosts: list[str] = Field(
        default_factory=list[str],
        description="Further host names of the service, for instance behind a proxy.",
    )
    public_reads: bool = Field(
        default=False,
        description="On other addresses than loopback: whether reading needs no token. Writing always does.",
    )
    language: str = Field(
        default="auto",
        pattern=r"^(auto|[a-z]{2,3})$",
        description="Language of the page for those who chose none in its menu: en, de, or auto, which is the "
        "browser's.",
    )
    max_page: int = Field(default=1000, ge=10, le=100_000, description="Most items that one answer lists.")
    max_upload_files: int = Field(default=50, ge=1, le=10_000, description="Most files in one upload.")
    max_upload_megabytes: float = Field(default=100.0, gt=0, le=10_000, description="Largest upload as a whole.")
    max_upload_megapixels: float = Field(
        default=50.0, gt=0, le=2000, description="Larger uploaded pictures are refused before they are decoded."
    )
    max_original_megabytes: float = Field(default=100.0, gt=0, le=4000, description="Largest original that is served.")
    max_vectors_megabytes: float = Field(default=256.0, gt=0, le=16_384, description="Largest body of posted vectors.")
    vectors_inline: int = Field(
        default=5000,
        ge=1,
        le=1_000_000,
        description="Up to this many posted vectors are answered at once; more become a run.",
    )
    upload_folder: str = Field(
        default="uploads",
        pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,59}$",
        description="The folder, below its category, that uploads without a group go to.",
    )
    decode_threads: int = Field(default=2, ge=1, le=64, description="Uploaded pictures decoded at the same time.")
    concurrent_runs: int = Field(default=1, ge=1, le=64, description="Runs at the same time; further ones wait.")
    queue_seconds: float = Field(
        default=1.0, ge=0, le=3600, description="How long the queue waits for more uploads before it reads them."
    )
    queue_attempts: int = Field(default=8, ge=1, le=100, description="Tries of a queued item, with back-off.")
    events_window_seconds: int = Field(
        default=300, ge=10, le=86_400, description="How old a signed bucket notification may be."
    )
    metrics: bool = Field(
        default=False,
        description="Whether /metrics answers Prometheus (extra [server]). It needs the token where reading does.",
    )
    dagster_url: str | None = Field(
        default=None,
        pattern=r"^https?://[^\s]+$",
        description="A Dagster web server, as http://127.0.0.1:3000: runs are launched there and not here.",
    )


class RayParams(Params):
    """Workers on a Ray cluster."""

    address: str = Field(
        default="", description="auto, or HOST:PORT of a running cluster. Empty: one of this machine is started."
    )
    workers: int = Field(default=0, ge=0, le=100_000, description="0 = as many as the cluster has room for.")
    cpus_per_worker: float = Field(
        default=1, gt=0, le=1024, description="Cores that each worker reserves, and decodes with."
    )
    gpus_per_worker: float = Field(
        default=0, ge=0, le=64, description="GPUs that each worker reserves; 0.5 puts two workers on one GPU."
    )
    keys_per_task: int = Field(
        default=128, ge=1, le=4096, description="Images per task. A lost worker costs at most two tasks."
    )


class ExecutionParams(Params):
    """Where images are read, decoded and embedded."""

    engine: Literal["local", "ray"] = Field(
        default="local", description="local: in this process. ray: by workers of a Ray cluster (extra [ray])."
    )
    ray: RayParams = Field(default_factory=RayParams, description="Which cluster, and how many workers.")


class Settings(Params):
    """The whole of image-cluster.yaml."""

    data_dir: Path = Field(default=Path("data"), description="Where everything computed and decided is kept.")
    source: SourceSettings = Field(default_factory=SourceSettings)
    images: ImageParams = Field(default_factory=ImageParams)
    objects: ObjectParams = Field(default_factory=ObjectParams)
    encoder: EncoderParams = Field(default_factory=EncoderParams)
    duplicates: DuplicateParams = Field(default_factory=DuplicateParams)
    reduced: ReductionParams = Field(default_factory=ReductionParams)
    labels: ClusterParams = Field(default_factory=ClusterParams)
    identities: IdentityParams = Field(default_factory=IdentityParams)
    representatives: RepresentativeParams = Field(default_factory=RepresentativeParams)
    similarity: SimilarityParams = Field(default_factory=SimilarityParams)
    published: PublishParams = Field(default_factory=PublishParams)
    curation: CurationParams = Field(default_factory=CurationParams)
    automation: AutomationParams = Field(default_factory=AutomationParams)
    service: ServiceParams = Field(default_factory=ServiceParams)
    execution: ExecutionParams = Field(default_factory=ExecutionParams)


def settings_path(environment: Mapping[str, str] | None = None) -> Path:
    """The settings file: `IMAGE_CLUSTER_SETTINGS`, else `image-cluster.yaml` in the working directory."""
    return Path((os.environ if environment is None else environment).get(FILE_VARIABLE) or DEFAULT_FILE)


def load_settings(path: Path | None = None) -> Settings:
    """Read and check the settings.

    `path` None means the file of `settings_path()`, or the defaults if there is none. Raises `SettingsError` naming
    file, line, the value and the nearest valid name.
    """
    chosen = settings_path() if path is None else path
    if not chosen.exists():
        if path is not None or os.environ.get(FILE_VARIABLE):
            raise SettingsError(
                f"There is no settings file {chosen}. Write one with `image-cluster settings > {chosen}`."
            )
        return Settings()
    try:
        text = chosen.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise SettingsError(
            f"{chosen} is not UTF-8 text: byte {error.start:,} is {error.object[error.start]:#04x}. Save it as UTF-8."
        ) from error
    return parse_settings(text, name=str(chosen))


def parse_settings(text: str, name: str = "settings") -> Settings:
    """Settings from YAML text; `name` is the file in errors. Raises `SettingsError`."""
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        document: Any = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise SettingsError(f"{name} is not valid YAML: {' '.join(str(error).split())}") from error
    _refuse_doubles(node, name)
    if document is None:
        return Settings()
    if not isinstance(document, dict):
        raise SettingsError(f"{name} must hold names and values at its top, not a {type(document).__name__}.")
    document = {key: value for key, value in cast("dict[str, Any]", document).items() if value is not None}
    try:
        return Settings.model_validate(document)
    except ValidationError as error:
        lines = [_explain(name, node, problem) for problem in error.errors()]
        raise SettingsError("\n".join(dict.fromkeys(lines))) from error


def _refuse_doubles(node: "yaml.Node | None", name: str, path: str = "") -> None:
    """YAML takes the last of two equal keys without a word; the first one was meant as well."""
    if not isinstance(node, yaml.MappingNode):
        return
    lines: dict[str, int] = {}
    for key, value in node.value:
        line, first = key.start_mark.line + 1, lines.get(str(key.value))
        if first is not None:
            raise SettingsError(f"{name}, line {line}: {path}{key.value} stands in line {first} already. Keep one.")
        lines[str(key.value)] = line
        _refuse_doubles(value, name, f"{path}{key.value}.")


def _explain(name: str, node: "yaml.Node | None", problem: Any) -> str:
    location = [str(part) for part in problem["loc"]]
    line = _line_of(node, location)
    where = f"{name}, line {line}: " if line else f"{name}: "
    path = ".".join(location)
    if problem["type"] == "extra_forbidden":
        names = _names_at(location[:-1])
        near = difflib.get_close_matches(location[-1], names, n=1, cutoff=0.5)
        hint = f"Did you mean {near[0]}?" if near else f"Known here: {', '.join(names)}."
        return f"{where}there is no setting {path}. {hint}"
    return without_secrets(f"{where}{path} is {problem['input']!r}: {invalid_text(problem)}.")


def invalid_text(problem: Any) -> str:
    """What is wrong with a value, in words: of one that fits no pattern, what would."""
    expected = EXPECTED.get(str(problem["loc"][-1])) if problem["type"] == "string_pattern_mismatch" else None
    return f"expected {expected}" if expected else str(problem["msg"])


def _line_of(node: Any, location: list[str]) -> int:
    """Line (from 1) of the deepest part of `location` that the document contains; 0 if there is none."""
    line = 0
    for part in location:
        if isinstance(node, yaml.SequenceNode) and part.isdigit() and int(part) < len(node.value):
            node = node.value[int(part)]
            line = node.start_mark.line + 1 if node.start_mark else line
        elif isinstance(node, yaml.MappingNode):
            entries = [(key, value) for key, value in node.value if key.value == part]
            if not entries:
                break
            key, node = entries[0]
            line = key.start_mark.line + 1 if key.start_mark else line
        else:
            break
    return line


def _names_at(location: list[str]) -> list[str]:
    model: type[BaseModel] = Settings
    for part in location:
        field = model.model_fields.get(part)
        annotation = field.annotation if field else None
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            model = annotation
        elif part == "outlets":
            model = OutletSettings
    return sorted(model.model_fields)
