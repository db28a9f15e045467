"""The decisions that people make, as small validated values, and the events that record them.

What belongs here: one class per kind of decision, the clusters and images that each touches, and the event around it.
Not here: the effect of a decision (`replay.py`), storing events (`storage/curation/`), whether ids exist (`checks.py`).

Decisions about images name content hashes, so they survive renaming, moving and copying files.
"""

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, get_args

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, TypeAdapter

from pipeline.settings import GRANULARITY
from pipeline.stages.objects.boxes import Box, fault, rounded

NAME_LENGTH = 120
TEXT_LENGTH = 4000
TAG_LENGTH = 60
IMAGES_AT_ONCE = 100_000
_TURNS = "\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"


def one_line(text: str) -> str:
    """`text` without control characters and extra blanks. Raises ValueError if nothing is left."""
    clean = " ".join("".join(" " if _unseen(sign) else sign for sign in text).split())
    if not clean:
        raise ValueError("is empty")
    return clean


def several_lines(text: str) -> str:
    """`text` with plain line ends and without control characters. Raises ValueError if nothing is left."""
    lines = text.replace("\r\n", "\n").split("\n")
    clean = "\n".join("".join(" " if _unseen(sign) else sign for sign in line).rstrip() for line in lines).strip()
    if not clean:
        raise ValueError("is empty")
    return clean


def _unseen(sign: str) -> bool:
    """Whether a character must not be in a name: control characters, lone surrogates, changes of writing direction."""
    return unicodedata.category(sign) in ("Cc", "Cs", "Zl", "Zp") or sign in _TURNS


Name = Annotated[str, AfterValidator(one_line), Field(max_length=NAME_LENGTH)]
Text = Annotated[str, AfterValidator(several_lines), Field(max_length=TEXT_LENGTH)]
TagName = Annotated[str, AfterValidator(one_line), Field(max_length=TAG_LENGTH)]
ClusterId = Annotated[str, Field(min_length=1, max_length=80, pattern=r"^[A-Za-z0-9._-]+$")]
ContentHash = Annotated[str, Field(min_length=1, max_length=128, pattern=r"^[0-9A-Za-z_-]+$")]
# of a whole image, also where the objects in it are clustered and it is no image of the library itself
SourceHash = Annotated[str, Field(min_length=1, max_length=128, pattern=r"^[0-9a-f]+$")]
Images = Annotated[tuple[ContentHash, ...], Field(min_length=1, max_length=IMAGES_AT_ONCE)]
Status = Literal["active", "unusable", "hidden"]
ViewName = Annotated[str, AfterValidator(one_line), Field(max_length=TAG_LENGTH)]
# never another site: only what follows a category
ViewAddress = Annotated[
    str, Field(max_length=2000, pattern=r"^([a-z]+(/[A-Za-z0-9._-]+)?)?(\?[A-Za-z0-9._~!$'()*+,;:@/?%&=-]*)?$")
]


def _region(values: tuple[float, float, float, float]) -> tuple[float, float, float, float]:
    box = Box(*values)
    if problem := fault(box):
        raise ValueError(f"is no region of an image: {problem}")
    x, y, w, h = rounded(box)
    return x, y, w, h


# left, top, width and height as shares of the upright image
Region = Annotated[tuple[float, float, float, float], AfterValidator(_region)]
GranularityValue = Annotated[str, Field(pattern=GRANULARITY, max_length=20)]


class _Decision(BaseModel):
    """Base of all decisions.

    Each kind has two methods, `clusters_touched` and `images_touched`: the clusters and content hashes whose history
    contains the decision. The base does not define them, so that a kind without them fails type checking.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)


class _OfCluster(_Decision):
    cluster: ClusterId

    def clusters_touched(self) -> tuple[str, ...]:
        return (self.cluster,)

    def images_touched(self) -> tuple[str, ...]:
        return ()


class _OfImages(_Decision):
    images: Images

    def clusters_touched(self) -> tuple[str, ...]:
        return ()

    def images_touched(self) -> tuple[str, ...]:
        return self.images


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


class Merge(_Decision):
    """Merge these clusters into `into`, now and in later runs."""

    kind: Literal["merge"] = "merge"
    clusters: Annotated[tuple[ClusterId, ...], Field(min_length=1, max_length=1000)]
    into: ClusterId

    def clusters_touched(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys((self.into, *self.clusters)))

    def images_touched(self) -> tuple[str, ...]:
        return ()


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


class Pair(_Decision):
    """Rate whether two images belong together."""

    kind: Literal["pair"] = "pair"
    a: ContentHash
    b: ContentHash
    same: bool

    def clusters_touched(self) -> tuple[str, ...]:
        return ()

    def images_touched(self) -> tuple[str, ...]:
        return (self.a, self.b)


class KeepBoth(_OfImages):
    """Mark images as not duplicates of each other."""

    kind: Literal["keep_both"] = "keep_both"


class Granularity(_Decision):
    """How fine this category is clustered, from the next run on, instead of `labels.granularity` in the settings.

    None goes back to the settings.
    """

    kind: Literal["granularity"] = "granularity"
    value: GranularityValue | None

    def clusters_touched(self) -> tuple[str, ...]:
        return ()

    def images_touched(self) -> tuple[str, ...]:
        return ()


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


class AddBox(_Decision):
    """Draw the box of an object that was not found, or another box for one that was. The next run embeds it."""

    kind: Literal["add_box"] = "add_box"
    source: SourceHash
    box: Region
    label: TagName | None = None

    def clusters_touched(self) -> tuple[str, ...]:
        return ()

    def images_touched(self) -> tuple[str, ...]:
        return (self.source,)


class SaveView(_Decision):
    """Keep a view of the page under a name, for everybody; None removes it.

    `address` is what follows the category in the page's address, such as `find?tag=wet&sort=date`.
    """

    kind: Literal["view"] = "view"
    name: ViewName
    address: ViewAddress | None

    def clusters_touched(self) -> tuple[str, ...]:
        return ()

    def images_touched(self) -> tuple[str, ...]:
        return ()


class Undo(_Decision):
    """Undo the event with this number. An undo can be undone."""

    kind: Literal["undo"] = "undo"
    event: Annotated[int, Field(ge=1)]

    def clusters_touched(self) -> tuple[str, ...]:
        return ()

    def images_touched(self) -> tuple[str, ...]:
        return ()


# The closed union. A `match` over kinds ends with `assert_never`, so a new kind fails type checking wherever it must be
# handled.
Decision = (
    Rename | Describe | SetStatus | Review | Merge | Split | Create | Move | Exclude | Include | ChooseRepresentative
    | Tag | Untag | Note | Pair | KeepBoth | WrongBox | AddBox | Granularity | SaveView | Undo
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


@dataclass(frozen=True)
class ClusterState:
    """A cluster at the time of a decision; `members` are content hashes."""

    name: str | None
    status: str
    members: frozenset[str]
    description: str | None = None


@dataclass(frozen=True)
class Event:
    """One recorded decision. `number` counts from 1 within its category, without gaps.

    `state` holds the touched clusters as they were just before the event.
    """

    number: int
    at: str
    actor: str
    decision: Decision
    why: str | None = None
    state: Mapping[str, ClusterState] = field(default_factory=dict[str, ClusterState])


def saved_views(events: Sequence[Event]) -> dict[str, Event]:
    """Name → the event that saved it, of the views that are kept; by name."""
    views: dict[str, Event] = {}
    for event in active_events(events):
        if isinstance(event.decision, SaveView):
            views.pop(event.decision.name, None)
            if event.decision.address is not None:
                views[event.decision.name] = event
    return dict(sorted(views.items(), key=lambda view: view[0].casefold()))


def active_events(events: Sequence[Event]) -> list[Event]:
    """The events in force, in their order: without undone events and without undos.

    If an undo is undone, its event is in force again.
    """
    undone: set[int] = set()
    for event in reversed(events):
        if isinstance(event.decision, Undo) and event.number not in undone:
            undone.add(event.decision.event)
    return [event for event in events if event.number not in undone and not isinstance(event.decision, Undo)]


def is_undone(events: Sequence[Event], number: int) -> bool:
    """Whether the event with this number is undone."""
    undone: set[int] = set()
    for event in reversed(events):
        if isinstance(event.decision, Undo) and event.number not in undone:
            undone.add(event.decision.event)
    return number in undone
