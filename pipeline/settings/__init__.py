"""Every setting of the product: its type, bounds, unit, default and meaning, in one place.

- `source.py`, `images.py`, `clustering.py`, `publishing.py`, `running.py`: the parameter classes, each written once.
- `root.py`: `Settings`, the whole of image-cluster.yaml. `file.py`: reading that file and the environment.

Import names from `pipeline.settings`, not from its modules. Not here: what a setting does (`stages/`), secrets, which
`adapters/buckets.py` reads from the environment when they are needed. Imports nothing of the product but `errors`.
"""

from pipeline.settings.base import Params, without_secrets
from pipeline.settings.clustering import (
    GRANULARITY,
    ClusterParams,
    ContextWeights,
    DuplicateParams,
    IdentityParams,
    ReductionParams,
    RepresentativeParams,
    SimilarityParams,
)
from pipeline.settings.file import (
    DATA_VARIABLE,
    FILE_VARIABLE,
    invalid_text,
    load_settings,
    parse_settings,
)
from pipeline.settings.images import EncoderParams, ImageParams, ObjectParams
from pipeline.settings.publishing import CurationParams, GuardParams, OutletSettings, PublishParams
from pipeline.settings.root import Settings
from pipeline.settings.running import AutomationParams, DataParams, ExecutionParams, RayParams, ServiceParams
from pipeline.settings.source import (
    CONCURRENCY,
    RETRIES,
    SKIP_NAMES,
    TIMEOUT_SECONDS,
    SourceSettings,
)

__all__ = [
    "CONCURRENCY",
    "DATA_VARIABLE",
    "FILE_VARIABLE",
    "GRANULARITY",
    "RETRIES",
    "SKIP_NAMES",
    "TIMEOUT_SECONDS",
    "AutomationParams",
    "ClusterParams",
    "ContextWeights",
    "CurationParams",
    "DataParams",
    "DuplicateParams",
    "EncoderParams",
    "ExecutionParams",
    "GuardParams",
    "IdentityParams",
    "ImageParams",
    "ObjectParams",
    "OutletSettings",
    "Params",
    "PublishParams",
    "RayParams",
    "ReductionParams",
    "RepresentativeParams",
    "ServiceParams",
    "Settings",
    "SimilarityParams",
    "SourceSettings",
    "invalid_text",
    "load_settings",
    "parse_settings",
    "without_secrets",
]
