"""What `images` records beside its table.

What belongs here: the `Facts` that the next run reads. Not here: decoding (`decode.py`), reading in
(`steps/ingest.py`).
"""

from pydantic import Field

from pipeline.stages.contract import Part, StageFacts


class Bytes(Part):
    """How much was read in."""

    bytes: int = 0


class Ingested(Part):
    """What a finished run left for the next; empty where nothing may be believed.

    `seen`: digest of all that images and embeddings follow from. `counts`: images by status. `sample`: some that could
    not be used. `embeddings`: fingerprint of the version of `embeddings`; `parts`: where their vectors lie.
    """

    seen: str | None = None
    counts: dict[str, int] = Field(default_factory=dict[str, int])
    facts: Bytes = Bytes()
    sample: list[dict[str, str | None]] = Field(default_factory=list[dict[str, str | None]])
    embeddings: str = ""
    parts: list[str] = Field(default_factory=list[str])


class Facts(StageFacts):
    """`ingested`: the run that this version comes from."""

    ingested: Ingested = Ingested()
