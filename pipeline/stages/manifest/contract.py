"""What `manifest` stores: its tables and its facts.

What belongs here: the schemas and the `Facts` that other links read. Not here: reading keys and comparing (`build.py`).
"""

import polars as pl

from pipeline.stages.contract import StageFacts

MANIFEST_SCHEMA = pl.Schema(
    {
        "image_id": pl.String,
        "key": pl.String,
        "etag": pl.String,
        "size": pl.Int64,  # bytes; UNKNOWN_SIZE if manifest.json names the object without a size
        "last_modified": pl.Datetime("us", "UTC"),
        "category": pl.String,
        "group": pl.String,
        "identifier": pl.String,
        "variant": pl.String,
        "source_url": pl.String,
        "change": pl.String,
    }
)
CAPTIONS_SCHEMA = pl.Schema({"image_id": pl.String(), "caption": pl.String()})
VARIANTS_SCHEMA = pl.Schema(  # images whose objects were compared: are they one picture in several widths?
    {
        "group": pl.String(),
        "identifier": pl.String(),
        "variants": pl.String(),  # the widths, separated by spaces
        "content": pl.Int64(),  # a digest of the objects; the answer holds as long as it is the same
        "same": pl.Boolean(),
    }
)
DECLARED_SCHEMA = pl.Schema(
    {"image_id": pl.String(), "hours": pl.Float64(), "latitude": pl.Float64(), "longitude": pl.Float64()}
)


class Digests(StageFacts):
    """The part of `Facts` that may change while the tables stay as they are."""

    digest: str
    content: str
    listing: str
    present: str


class Facts(StageFacts):
    """Digests, then counts of objects, images and changes.

    `digest`: of the objects in the bucket. `content`: of the table without `change`. `present`: of the images that
    exist. `listing`: of the objects as listed; empty with a manifest.json.
    """

    digest: str
    content: str = ""
    listing: str = ""
    present: str = ""
    objects: int
    images: int
    added: int = 0
    changed: int = 0
    removed: int = 0
    same: int = 0
    hidden: int = 0
    other: int = 0
    other_variants: int = 0
    unmatched: int = 0
    kept: int = 0

    @property
    def digests(self) -> Digests:
        """The part that may change while the tables stay as they are."""
        return Digests(digest=self.digest, content=self.content, listing=self.listing, present=self.present)
