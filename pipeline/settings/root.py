"""The root of all settings: one field per section of image-cluster.yaml.

What belongs here: `Settings`. Not here: the sections (their own modules), reading the file (`file.py`).
"""

from pathlib import Path

from pydantic import Field

from pipeline.settings.base import Params
from pipeline.settings.clustering import (
    ClusterParams,
    DuplicateParams,
    IdentityParams,
    ReductionParams,
    RepresentativeParams,
    SimilarityParams,
)
from pipeline.settings.images import EncoderParams, ImageParams, ObjectParams
from pipeline.settings.publishing import CurationParams, PublishParams
from pipeline.settings.running import AutomationParams, DataParams, ExecutionParams, ServiceParams
from pipeline.settings.source import SourceSettings


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
    data: DataParams = Field(default_factory=DataParams)
