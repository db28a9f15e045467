"""The decisions that people make, as small validated values, and the events that record them.

What belongs here: one class per kind of decision, what each touches, and the event around it. Not here: what a decision
does to the clusters (`replay.py`), where events are stored (`storage/curation/`), whether the ids exist
(`checks.py`).

Decisions about images name content hashes, so a rename, a move or a copy of the file keeps them.
"""

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, get_args

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, TypeAdapter

NAME_LENGTH = 120
TEXT_LENGTH = 4000
TAG_LENGTH = 60
IMAGES_AT_ONCE = 100_000
_TURNS = "\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"


def one_line(text: str) -> str:
    """`text` without control characters and needless blanks. Raises ValueError when nothing is left."""
    clean = " ".join("".join(" " if _unseen(sign) else sign for sign in text).split())
    if not clean:
        raise ValueError("is empty")
    return clean


def several_lines(text: str) -> str:
    """`text` with plain line ends and without control characters. Raises ValueError when nothing is left."""
    lines = text.replace("\r\n", "\n").split("\n")
    clean = "\n".join("".join(" " if _unseen(sign) else sign for sign in line).rstrip() for line in lines).strip()
    if not clean:
        raise ValueError("is empty")
    return clean


def _unseen(sign: str) -> bool:
    """Control characters, lone surrogates, and what turns the direction of writing: none belongs in a name."""
    return unicodedata.category(sign) in ("Cc", "Cs", "Zl", "Zp") or sign in _TURNS


Name = Annotated[str, AfterValidator(one_line), Field(max_length=NAME_LENGTH)]
Text = Annotated[str, AfterValidator(several_lines), Field(max_length=TEXT_LENGTH)]
TagName = Annotated[str, AfterValidator(one_line), Field(max_length=TAG_LENGTH)]
ClusterId = Annotated[str, Field(min_length=1, max_length=80, pattern=r"^[A-Za-z0-9._-]+$")]
ContentHash = Annotated[str, Field(min_length=1, max_length=128, pattern=r"^[0-9A-Za-z_-]+$")]
Images = Annotated[tuple[ContentHash, ...], Field(min_length=1, max_length=IMAGES_AT_ONCE)]
Status = Literal["active", "unusable", "hidden"]


class _Decision(BaseModel):
    """Base of all decisions.

    Each kind has two methods: `clusters_touched`, the clusters whose history it belongs to, and `images_touched`, the
    content hashes whose history it belongs to. Neither stands here, so that a kind without them fails type checking.
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
    """Give a cluster a name; None takes the name away."""

    kind: Literal["rename"] = "rename"
    name: Name | None


class Describe(_OfCluster):
    """Say what a cluster shows; None takes the description away."""

    kind: Literal["describe"] = "describe"
    description: Text | None


class SetStatus(_OfCluster):
    """Whether a cluster is for the website: active, unusable (not a type at all) or hidden (not now)."""

    kind: Literal["status"] = "status"
    status: Status


class Review(_OfCluster):
    """The cluster has been looked at as it is now."""

    kind: Literal["review"] = "review"


class Merge(_Decision):
    """These clusters are one: from now on all of them are `into`."""

    kind: Literal["merge"] = "merge"
    clusters: Annotated[tuple[ClusterId, ...], Field(min_length=1, max_length=1000)]
    into: ClusterId

    def clusters_touched(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys((self.into, *self.clusters)))

    def images_touched(self) -> tuple[str, ...]:
        return ()


class Split(_OfCluster):
    """These images of a cluster are a cluster of their own, with the id `new_cluster`."""

    kind: Literal["split"] = "split"
    images: Images
    new_cluster: ClusterId
    name: Name | None = None

    def clusters_touched(self) -> tuple[str, ...]:
        return (self.cluster, self.new_cluster)

    def images_touched(self) -> tuple[str, ...]:
        return self.images


class Move(_OfImages):
    """These images belong to that cluster; None: to none."""

    kind: Literal["move"] = "move"
    to: ClusterId | None

    def clusters_touched(self) -> tuple[str, ...]:
        return () if self.to is None else (self.to,)


class Exclude(_OfImages):
    """Leave these images out before clustering."""

    kind: Literal["exclude"] = "exclude"


class Include(_OfImages):
    """Include excluded images again."""

    kind: Literal["include"] = "include"


class ChooseRepresentative(_OfCluster):
    """This image stands for the cluster; None: the computed one does."""

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
    """Two images belong together, or do not: what ratings teach."""

    kind: Literal["pair"] = "pair"
    a: ContentHash
    b: ContentHash
    same: bool

    def clusters_touched(self) -> tuple[str, ...]:
        return ()

    def images_touched(self) -> tuple[str, ...]:
        return (self.a, self.b)


class KeepBoth(_OfImages):
    """These images are no duplicates of each other."""

    kind: Literal["keep_both"] = "keep_both"


class Undo(_Decision):
    """Take back the event of that number. An undo can be undone."""

    kind: Literal["undo"] = "undo"
    event: Annotated[int, Field(ge=1)]

    def clusters_touched(self) -> tuple[str, ...]:
        return ()

    def images_touched(self) -> tuple[str, ...]:
        return ()


# The closed union. Whoever tells kinds apart ends its `match` with `assert_never`: a new kind then fails type checking
# in every place that has to know it.
Decision = (
    Rename | Describe | SetStatus | Review | Merge | Split | Move | Exclude | Include | ChooseRepresentative | Tag
    | Untag | Note | Pair | KeepBoth | Undo
)  # fmt: skip
IMAGE_FIELDS = ("images", "image", "a", "b")  # of any kind: those that hold content hashes
_ADAPTER: TypeAdapter[Decision] = TypeAdapter(Annotated[Decision, Field(discriminator="kind")])


def kinds_of(union: Any) -> tuple[str, ...]:
    """The names of the kinds in a union of decisions, as they stand in stored events."""
    return tuple(member.model_fields["kind"].default for member in get_args(union))


KINDS = kinds_of(Decision)


def parse_decision(value: Any) -> Decision:
    """A decision from its JSON value. Raises pydantic's ValidationError."""
    return _ADAPTER.validate_python(value)


@dataclass(frozen=True)
class ClusterState:
    """A cluster at the moment of a decision; `members` are content hashes."""

    name: str | None
    status: str
    members: frozenset[str]
    description: str | None = None


@dataclass(frozen=True)
class Event:
    """One decision as it was made. `number` counts from 1 within its category, without gaps.

    `state` holds the clusters that it touched as they were just before it.
    """

    number: int
    at: str
    actor: str
    decision: Decision
    why: str | None = None
    state: Mapping[str, ClusterState] = field(default_factory=dict[str, ClusterState])


def active_events(events: Sequence[Event]) -> list[Event]:
    """The events that hold, in their order: no undone one, and no undo.

    Of an undo of an undo the first event holds again.
    """
    undone: set[int] = set()
    for event in reversed(events):
        if isinstance(event.decision, Undo) and event.number not in undone:
            undone.add(event.decision.event)
    return [event for event in events if event.number not in undone and not isinstance(event.decision, Undo)]


def is_undone(events: Sequence[Event], number: int) -> bool:
    """Whether the event of that number is taken back."""
    undone: set[int] = set()
    for event in reversed(events):
        if isinstance(event.decision, Undo) and event.number not in undone:
            undone.add(event.decision.event)
    return number in undone
