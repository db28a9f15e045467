"""The decisions that people make, as small validated values.

What belongs here: one class per kind of decision, and the clusters and images that each touches. Not here: the types of
their fields (`fields.py`), the event around a decision (`events.py`), its effect (`replay.py`), whether ids exist
(`checks.py`).

Decisions about images name content hashes, so they survive renaming, moving and copying files.
"""

from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from pipeline.curation.fields import (
    ClusterId,
    ContentHash,
    EncoderSpec,
    GranularityValue,
    Images,
    Name,
    Region,
    SourceHash,
    Status,
    TagName,
    Text,
    ViewAddress,
    ViewName,
)  # fmt: skip


class _Decision(BaseModel):
    """Base of all decisions.

    `clusters_touched` and `images_touched` of each kind are the clusters and content hashes whose history contains the
    decision. This base does not define them, so that a kind without them fails type checking.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)


class _WithoutClusters(_Decision):
    """A decision in the history of no cluster."""

    def clusters_touched(self) -> tuple[str, ...]:
        return ()


class _WithoutImages(_Decision):
    """A decision in the history of no image."""

    def images_touched(self) -> tuple[str, ...]:
        return ()


class _OfCluster(_WithoutImages):
    cluster: ClusterId

    def clusters_touched(self) -> tuple[str, ...]:
        return (self.cluster,)


class _OfImages(_WithoutClusters):
    images: Images

    def images_touched(self) -> tuple[str, ...]:
        return self.images


class _OfNeither(_WithoutClusters, _WithoutImages):
    """A decision in the history of no cluster and of no image."""


class Rename(_OfCluster):
    """Name a cluster; None removes the name."""

    kind: Literal["rename"] = "rename"
    name: Name | None


class Describe(_OfCluster):
    """Describe a cluster; None removes the description."""

    kind: Literal["describe"] = "describe"
    description: Text | None


class SetStatus(_OfCluster):
    """Whether a cluster is for the website: active, unusable (not a type at all) or hidden (not now)."""

    kind: Literal["status"] = "status"
    status: Status


class Review(_OfCluster):
    """Mark the present state of a cluster as reviewed."""

    kind: Literal["review"] = "review"


class Merge(_WithoutImages):
    """Merge these clusters into `into`, now and in later runs."""

    kind: Literal["merge"] = "merge"
    clusters: Annotated[tuple[ClusterId, ...], Field(min_length=1, max_length=1000)]
    into: ClusterId

    def clusters_touched(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys((self.into, *self.clusters)))


class Split(_OfCluster):
    """Split these images off a cluster into the new cluster `new_cluster`."""

    kind: Literal["split"] = "split"
    images: Images
    new_cluster: ClusterId
    name: Name | None = None

    def clusters_touched(self) -> tuple[str, ...]:
        return (self.cluster, self.new_cluster)

    def images_touched(self) -> tuple[str, ...]:
        return self.images


class Create(_OfImages):
    """Make these images a cluster of their own, with the id `new_cluster`, wherever they are now.

    `clusters` are the ones that the images come from. Storing the decision fills them in.
    """

    kind: Literal["create"] = "create"
    new_cluster: ClusterId
    name: Name | None = None
    clusters: tuple[ClusterId, ...] = ()

    def clusters_touched(self) -> tuple[str, ...]:
        return (self.new_cluster, *self.clusters)


class Move(_OfImages):
    """Move these images to a cluster; None leaves them unclustered.

    `clusters` are the ones that the images come from. Storing the decision fills them in.
    """

    kind: Literal["move"] = "move"
    to: ClusterId | None
    clusters: tuple[ClusterId, ...] = ()

    def clusters_touched(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys((*(() if self.to is None else (self.to,)), *self.clusters)))


class Exclude(_OfImages):
    """Exclude these images from clustering. `clusters` as in `Move`."""

    kind: Literal["exclude"] = "exclude"
    clusters: tuple[ClusterId, ...] = ()

    def clusters_touched(self) -> tuple[str, ...]:
        return self.clusters


class Include(_OfImages):
    """Include excluded images again."""

    kind: Literal["include"] = "include"


class ChooseRepresentative(_OfCluster):
    """Choose the representative of a cluster; None goes back to the computed one."""

    kind: Literal["representative"] = "representative"
    image: ContentHash | None

    def images_touched(self) -> tuple[str, ...]:
        return () if self.image is None else (self.image,)


class Tag(_OfImages):
    """Put a tag on images."""

    kind: Literal["tag"] = "tag"
    tag: TagName


class Untag(_OfImages):
    """Remove a tag from images."""

    kind: Literal["untag"] = "untag"
    tag: TagName


class Note(_OfCluster):
    """A remark in the history of a cluster."""

    kind: Literal["note"] = "note"
    text: Text


class Pair(_WithoutClusters):
    """Rate whether two images belong together."""

    kind: Literal["pair"] = "pair"
    a: ContentHash
    b: ContentHash
    same: bool

    def images_touched(self) -> tuple[str, ...]:
        return (self.a, self.b)


class KeepBoth(_OfImages):
    """Mark images as not duplicates of each other."""

    kind: Literal["keep_both"] = "keep_both"


class Granularity(_OfNeither):
    """How fine this category is clustered, from the next run on, instead of `labels.granularity` in the settings.

    None goes back to the settings.
    """

    kind: Literal["granularity"] = "granularity"
    value: GranularityValue | None


class Encoder(_OfNeither):
    """Which encoder this category is embedded with, from the next run on, instead of `encoder.spec` in the settings.

    None goes back to the settings.
    """

    kind: Literal["encoder"] = "encoder"
    spec: EncoderSpec | None


class WrongBox(_Decision):
    """Say that the box of an object is wrong, as is every later one there that overlaps it by half.

    `source` is the image of the object, `box` where it is. `clusters` as in `Move`.
    """

    kind: Literal["wrong_box"] = "wrong_box"
    image: ContentHash
    source: SourceHash
    box: Region
    clusters: tuple[ClusterId, ...] = ()

    def clusters_touched(self) -> tuple[str, ...]:
        return self.clusters

    def images_touched(self) -> tuple[str, ...]:
        return (self.image, self.source)


class AddBox(_WithoutClusters):
    """Draw the box of an object that was not found, or another box for one that was. The next run embeds it."""

    kind: Literal["add_box"] = "add_box"
    source: SourceHash
    box: Region
    label: TagName | None = None

    def images_touched(self) -> tuple[str, ...]:
        return (self.source,)


class SaveView(_OfNeither):
    """Keep a view of the page under a name, for everybody; None removes it.

    `address` is what follows the category in the page's address, such as `find?tag=wet&sort=date`.
    """

    kind: Literal["view"] = "view"
    name: ViewName
    address: ViewAddress | None


class Undo(_OfNeither):
    """Undo the event with this number. An undo can be undone."""

    kind: Literal["undo"] = "undo"
    event: Annotated[int, Field(ge=1)]


# The closed union. A `match` over kinds ends with `assert_never`, so a new kind fails type checking wherever it must be
# handled.
Decision = (
    Rename | Describe | SetStatus | Review | Merge | Split | Create | Move | Exclude | Include | ChooseRepresentative
    | Tag | Untag | Note | Pair | KeepBoth | WrongBox | AddBox | Granularity | Encoder | SaveView
    | Undo
)  # fmt: skip
NewCluster = Split | Create  # the kinds that make a cluster out of images
IMAGE_FIELDS = ("images", "image", "a", "b")  # the fields of any kind that hold content hashes
_ADAPTER: TypeAdapter[Decision] = TypeAdapter(Annotated[Decision, Field(discriminator="kind")])


def kinds_of(union: Any) -> tuple[str, ...]:
    """The names of the kinds in a union of decisions, as in stored events."""
    return tuple(member.model_fields["kind"].default for member in get_args(union))


KINDS = kinds_of(Decision)


def parse_decision(value: Any) -> Decision:
    """A decision from its JSON value. Raises pydantic's ValidationError."""
    return _ADAPTER.validate_python(value)
