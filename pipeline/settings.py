"""Every knob of the product: its type, bound, unit, default and meaning, in one place.

What belongs here: the parameter class of each stage, the root `Settings`, and how they are read from one YAML file and
the environment. Not here: what a knob does (`stages/`), and secrets, which come from the environment only and are read
by `adapters/buckets.py` at the moment they are needed. Imports nothing of the product but `errors`.
"""

import difflib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, cast

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pipeline.errors import SettingsError

DEFAULT_FILE = Path("image-cluster.yaml")
FILE_VARIABLE = "IMAGE_CLUSTER_SETTINGS"


class Params(BaseModel):
    """Base of every parameter class: unknown names are refused, values never change after reading."""

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
    variant: str = Field(
        default="800w",
        pattern=r"^(\d+w|original)$",
        description="Which width to read where an image has several: else the nearest larger, else the largest.",
    )
    manifest: Literal["auto", "ignore", "require"] = Field(
        default="auto",
        description="Whether the bucket's own manifest.json, not a listing, says what exists: auto = if there is one.",
    )
    concurrency: int = Field(default=16, ge=1, le=256, description="Objects read at the same time.")
    timeout_seconds: float = Field(default=30.0, gt=0, le=600, description="Seconds until one request is given up.")
    retries: int = Field(default=4, ge=0, le=20, description="Further tries after a transient error, with back-off.")


class ImageParams(Params):
    """How bytes become pixels, and when an image is set aside."""

    max_megapixels: float = Field(
        default=100.0, gt=0, le=2000, description="Larger images are set aside as too_large before they are decoded."
    )
    max_megabytes: float = Field(default=200.0, gt=0, le=4000, description="Larger objects are set aside unread.")
    background: str = Field(
        default="#ffffff", pattern=r"^#[0-9a-fA-F]{6}$", description="What transparent pixels are laid on."
    )
    thumbnail_pixels: int = Field(
        default=192, ge=64, le=512, description="Longest side of the thumbnails that we keep."
    )


class EncoderParams(Params):
    """Which model turns an image into a vector, and where it runs."""

    spec: str = Field(
        default="packaged:efficientnet_lite0",
        description="packaged:NAME, open_clip:MODEL/PRETRAINED_OR_CHECKPOINT or timm:MODEL[@CHECKPOINT].",
    )
    device: Literal["auto", "cpu", "cuda", "mps"] = Field(
        default="auto", description="auto takes CUDA, then MPS, then the CPU through OpenVINO."
    )
    batch_size: int = Field(
        default=32, ge=1, le=4096, description="Images per forward pass; halved when memory runs out."
    )
    decode_threads: int = Field(default=0, ge=0, le=256, description="Threads that decode; 0 = one per core.")
    chunk_size: int = Field(
        default=512, ge=1, le=65536, description="Images per stored chunk: a killed run loses at most one chunk."
    )


class ReductionParams(Params):
    """How vectors are reduced before they are clustered, and laid out on the map."""

    method: Literal["auto", "umap", "pca", "none"] = Field(
        default="auto",
        description="The reducer. auto: none for the clusterer community, which needs none, UMAP for the others.",
    )
    n_components: int = Field(default=10, ge=2, le=256, description="Dimensions that are clustered.")
    n_neighbors: int = Field(
        default=15, ge=2, le=200, description="UMAP: small values see small groups, large ones the broad shape."
    )
    min_dist: float = Field(
        default=0.0, ge=0.0, le=0.99, description="UMAP: 0 packs groups tightly, which clusters best."
    )
    metric: Literal["cosine", "euclidean"] = Field(default="cosine", description="UMAP: distance between vectors.")
    seed: int = Field(default=42, ge=0, le=2**31 - 1, description="Fixes the layout; a seeded UMAP uses one thread.")


class ClusterParams(Params):
    """How reduced vectors become groups."""

    method: Literal["community", "hdbscan", "kmeans"] = Field(
        default="community",
        description="The clusterer. community: groups in the graph of nearest neighbours, noise by density.",
    )
    granularity: str = Field(
        default="auto",
        coerce_numbers_to_str=True,
        pattern=r"^(auto|coarse|fine|0(\.\d+)?|1(\.0+)?|\.\d+)$",
        description="community: auto, coarse, fine, or a number from 0 (few broad groups) to 1 (many narrow ones).",
    )
    min_cluster_size: int = Field(
        default=3, ge=2, le=100_000, description="community, HDBSCAN: the smallest group that counts as a cluster."
    )
    min_samples: int | None = Field(
        default=None, ge=1, le=10_000, description="HDBSCAN: larger leaves more unclustered; unset = min_cluster_size."
    )
    cluster_selection_epsilon: float = Field(
        default=0.0, ge=0.0, le=100.0, description="HDBSCAN: groups closer than this are not split."
    )
    cluster_selection_method: Literal["eom", "leaf"] = Field(
        default="eom", description="HDBSCAN: eom prefers broad groups, leaf many small ones."
    )
    n_clusters: int | None = Field(
        default=None,
        ge=2,
        le=100_000,
        description="The number of clusters, for those who know it. Unset: community finds it, k-means takes 20.",
    )
    seed: int = Field(default=42, ge=0, le=2**31 - 1, description="community, k-means: where they start.")


class IdentityParams(Params):
    """When a new group is recognised as a cluster that was there before."""

    min_overlap: float = Field(
        default=0.25,
        gt=0.0,
        le=1.0,
        description="Least share of common members (Jaccard, by content hash) at which a group inherits an id.",
    )


class RepresentativeParams(Params):
    """Which images stand for a cluster."""

    count: int = Field(
        default=6, ge=1, le=50, description="Representatives per cluster: the most typical, then spread."
    )


class OutletSettings(Params):
    """One place that the published documents are written to, beside the data directory."""

    url: str = Field(min_length=1, description="A folder, s3://bucket/prefix or r2://bucket/prefix.")
    endpoint_url: str | None = Field(default=None, description="As for the source.")
    region: str = Field(default="auto", description="As for the source.")


class PublishParams(Params):
    """What is published and where."""

    outlets: list[OutletSettings] = Field(
        default_factory=list[OutletSettings], description="Further places to publish to."
    )
    include_centroids: bool = Field(default=False, description="Whether clusters.json carries each cluster's centroid.")
    page_images: int = Field(
        default=5000,
        ge=0,
        le=100_000,
        description="Most thumbnails that the review page carries; the rest are counted.",
    )
    max_cluster_share: float = Field(
        default=0.5,
        gt=0,
        le=1,
        description="The check warns when one cluster holds more than this share of the images.",
    )


class AutomationParams(Params):
    """When Dagster starts runs by itself."""

    quiet_seconds: int = Field(
        default=120, ge=0, le=86_400, description="No run starts until a category has been still for this long."
    )
    interval_seconds: int = Field(default=60, ge=30, le=86_400, description="Seconds between two looks at the bucket.")
    listing_seconds: float = Field(
        default=20.0, gt=0, le=50, description="Longest that one look may list; a larger bucket is listed over several."
    )
    nightly: str = Field(default="0 3 * * *", description="Cron expression of the run of every category.")
    timezone: str = Field(default="UTC", description="Time zone of that expression.")


class Settings(Params):
    """The whole of image-cluster.yaml."""

    data_dir: Path = Field(default=Path("data"), description="Where everything computed and decided is kept.")
    source: SourceSettings = Field(default_factory=SourceSettings)
    images: ImageParams = Field(default_factory=ImageParams)
    encoder: EncoderParams = Field(default_factory=EncoderParams)
    reduced: ReductionParams = Field(default_factory=ReductionParams)
    labels: ClusterParams = Field(default_factory=ClusterParams)
    identities: IdentityParams = Field(default_factory=IdentityParams)
    representatives: RepresentativeParams = Field(default_factory=RepresentativeParams)
    published: PublishParams = Field(default_factory=PublishParams)
    automation: AutomationParams = Field(default_factory=AutomationParams)


def settings_path(environment: Mapping[str, str] | None = None) -> Path:
    """The settings file that applies: `IMAGE_CLUSTER_SETTINGS`, else `image-cluster.yaml` in the working directory."""
    return Path((os.environ if environment is None else environment).get(FILE_VARIABLE) or DEFAULT_FILE)


def load_settings(path: Path | None = None) -> Settings:
    """Read and check the settings.

    `path` None means the file of `settings_path()`, and the defaults where there is none.
    Raises `SettingsError` naming file, line, the value found and the nearest right word.
    """
    chosen = settings_path() if path is None else path
    if not chosen.exists():
        if path is not None or os.environ.get(FILE_VARIABLE):
            raise SettingsError(
                f"There is no settings file {chosen}. Write one with `image-cluster settings > {chosen}`."
            )
        return Settings()
    return parse_settings(chosen.read_text(encoding="utf-8"), name=str(chosen))


def parse_settings(text: str, name: str = "settings") -> Settings:
    """Settings from YAML text; `name` is what errors call it. Raises `SettingsError`."""
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        document: Any = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise SettingsError(f"{name} is not valid YAML: {error}") from error
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


def _explain(name: str, node: "yaml.Node | None", problem: Any) -> str:
    location = [str(part) for part in problem["loc"]]
    line = _line_of(node, location)
    where = f"{name}, line {line}: " if line else f"{name}: "
    path = ".".join(location)
    if problem["type"] == "extra_forbidden":
        known = _names_at(location[:-1])
        near = difflib.get_close_matches(location[-1], known, n=1, cutoff=0.5)
        hint = f"Did you mean {near[0]}?" if near else f"Known here: {', '.join(known)}."
        return f"{where}there is no setting {path}. {hint}"
    return f"{where}{path} is {problem['input']!r}: {problem['msg']}."


def _line_of(node: Any, location: list[str]) -> int:
    """Line (from 1) of the deepest part of `location` that the document holds; 0 when there is none."""
    line = 0
    for part in location:
        if isinstance(node, yaml.SequenceNode) and part.isdigit() and int(part) < len(node.value):
            node = node.value[int(part)]
            line = node.start_mark.line + 1 if node.start_mark else line
        elif isinstance(node, yaml.MappingNode):
            found = [(key, value) for key, value in node.value if key.value == part]
            if not found:
                break
            key, node = found[0]
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
