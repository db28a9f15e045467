"""Which sets of a category were published when, what waits to be accepted, and what each outlet has.

What belongs here: the record of one category, `published/.history/SLUG.json`, and naming versions. Not here: the sets
themselves (`publications.py`) and deciding what is published (`steps/publish.py`).

The link `published/SLUG` says what readers see; this record tells how that came to be. A process that is killed between
swinging the link and writing the record leaves a link that the record does not know: reading heals that.
"""

import json
import re
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from pipeline.errors import NewerSchemaError
from pipeline.stages.published.document import content_digest
from pipeline.storage.files import read_json, write_atomically
from pipeline.storage.layout import DOCUMENT, published_record, published_set, published_sets
from pipeline.storage.publications import linked_version

HISTORY_VERSION = 1
_REMOVE = (
    "What readers see is not touched. Bring the record back from a backup of the data directory, or remove it: the set "
    "that readers see is then taken up again, without those before it."
)
DIGEST_LETTERS = 12  # of the SHA-256 of what a set says, in its version's name

Event = Literal["published", "accepted", "rolled back"]


@dataclass(frozen=True)
class Publication:
    """One time that a set became what readers see. `at` is an RFC 3339 time in UTC."""

    version: str
    at: str
    event: Event
    digest: str
    headline: str = ""
    summary: dict[str, int] = field(default_factory=dict[str, int])

    @property
    def number(self) -> int:
        return number_of(self.version)


@dataclass(frozen=True)
class Candidate:
    """A complete set that waits for a person, with what speaks against it: rule, text and figures of each concern."""

    version: str
    at: str
    digest: str
    headline: str
    summary: dict[str, int]
    concerns: list[dict[str, Any]]

    @property
    def number(self) -> int:
        return number_of(self.version)


@dataclass(frozen=True)
class Known:
    """The decisions that a result was made from: how many events, their digest, and the identity of their database."""

    events: int
    digest: str
    database: str | None
    at: str

    def same(self, other: "Known | None") -> bool:
        """Whether they say the same but for the time."""
        return other is not None and replace(other, at=self.at) == self


@dataclass(frozen=True)
class Loss:
    """One time that a person said to go on without decisions that were there before: how many, and how many were."""

    at: str
    before: int
    found: int


@dataclass
class History:
    """The record of one category. `publications` come oldest first; the last one is what readers see.

    `held` is set by a rollback: until a person accepts a result, every new one waits. `outlets` says which version each
    outlet was last given, by its address without secrets. `decisions` are those of the last result that was made, None
    in a record from before they were kept; `losses` are those that people accepted.
    """

    publications: list[Publication] = field(default_factory=list[Publication])
    candidate: Candidate | None = None
    held: str | None = None
    outlets: dict[str, str] = field(default_factory=dict[str, str])
    decisions: Known | None = None
    losses: list[Loss] = field(default_factory=list[Loss])

    @property
    def current(self) -> Publication | None:
        return self.publications[-1] if self.publications else None

    def next_version(self, digest: str) -> str:
        """The name of the next set: a number that was never used, and the digest of what it says."""
        used = [one.number for one in self.publications] + ([self.candidate.number] if self.candidate else [])
        return f"{max(used, default=0) + 1:06d}-{digest[:DIGEST_LETTERS]}"

    def versions(self) -> list[str]:
        """Every version that was published, the one that was published most recently last."""
        newest_first = dict.fromkeys(one.version for one in reversed(self.publications))
        return [*newest_first][::-1]


def number_of(version: str) -> int:
    """The number in a version's name; 0 where it has none."""
    found = re.match(r"([0-9]{6,})-", version)
    return int(found[1]) if found else 0


def read_history(root: Path, slug: str) -> History:
    """The record of a category, empty before its first publication.

    Raises `NewerSchemaError` when a newer version of this program wrote it.
    """
    path = published_record(root, slug)
    history = _parse(read_json(path, _REMOVE), path) if path.exists() else History()
    sets = published_sets(root, slug)
    history.publications = [one for one in history.publications if (sets / one.version).exists()]
    if history.candidate is not None and not (sets / history.candidate.version).exists():
        history.candidate = None
    linked = linked_version(root, slug)
    if linked is not None and (history.current is None or history.current.version != linked):
        history.publications.append(_found(root / slug, linked))
        if history.candidate is not None and history.candidate.version == linked:
            history.candidate, history.held = None, None
    return history


def read_known(root: Path, slug: str) -> Known | None:
    """The decisions that the last result of a category was made from; None where no record tells."""
    try:
        values = json.loads(published_record(root, slug).read_bytes())["decisions"]
        return Known(**values) if values else None
    except (OSError, ValueError, KeyError, TypeError):  # before the first, from before they were kept, or damaged
        return None


def write_history(root: Path, slug: str, history: History) -> None:
    """Store the record in one step."""
    values = {"schemaVersion": HISTORY_VERSION, **asdict(history)}
    write_atomically(published_record(root, slug), json.dumps(values, indent=1, ensure_ascii=False).encode() + b"\n")


def read_document(root: Path, slug: str, version: str) -> dict[str, Any]:
    """clusters.json of a set that is kept."""
    return json.loads((published_set(root, slug, version) / DOCUMENT).read_bytes())


def _parse(values: dict[str, Any], path: Path) -> History:
    if values["schemaVersion"] > HISTORY_VERSION:
        raise NewerSchemaError(
            f"{path} has schema version {values['schemaVersion']}; this program reads up to {HISTORY_VERSION}. "
            "Upgrade image-cluster."
        )
    waiting, decisions = values["candidate"], values.get("decisions")
    return History(
        publications=[Publication(**one) for one in values["publications"]],
        candidate=Candidate(**waiting) if waiting else None,
        held=values["held"],
        outlets=dict(values["outlets"]),
        decisions=Known(**decisions) if decisions else None,
        losses=[Loss(**one) for one in values.get("losses", [])],
    )


def _found(folder: Path, version: str) -> Publication:
    """What a set tells of itself."""
    document = json.loads((folder / "clusters.json").read_bytes())
    return Publication(
        version, document["generatedAt"], "published", content_digest(document), "", dict(document["summary"])
    )
