"""The publishing history of a category: publications, the waiting candidate, and the version at each outlet.

What belongs here: the record of one category, `published/.history/SLUG.json`, and naming versions. Not here: the sets
themselves (`publications.py`), deciding what to publish (`steps/publish.py`).

The link `published/SLUG` decides what readers see; this record is its history. If a process is killed after moving the
link and before writing the record, the next read adds the missing publication.
"""

import json
import re
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from pipeline.errors import DamagedFileError, NewerSchemaError
from pipeline.stages.published.canonical import content_digest
from pipeline.storage.files import read_json, write_atomically
from pipeline.storage.layout import DOCUMENT, published_record, published_set, published_sets
from pipeline.storage.publications import linked_version

HISTORY_VERSION = 1
_REMOVE = (
    "What readers see is not touched. Bring the record back from a backup of the data directory, or remove it: the set "
    "that readers see is then taken up again, without those before it."
)
_REPAIR_SET = "Bring the folder back from a backup of the data directory, or remove it: the next run publishes again."
DIGEST_LETTERS = 12  # letters of the content's SHA-256 in the name of a version

Event = Literal["published", "accepted", "rolled back"]


@dataclass(frozen=True)
class Publication:
    """One publication of a set to readers. `at` is an RFC 3339 time in UTC."""

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
    """A complete set that waits for a person. Each concern has a rule, a text and figures."""

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
class DecisionRecord:
    """The decisions behind a result: number of events, their digest, and the identity of their database."""

    events: int
    digest: str
    database: str | None
    at: str

    def same(self, other: "DecisionRecord | None") -> bool:
        """Whether both records are equal except for the time."""
        return other is not None and replace(other, at=self.at) == self


@dataclass(frozen=True)
class Loss:
    """One loss of decisions that a person accepted: number of events before, and number found."""

    at: str
    before: int
    found: int


@dataclass
class History:
    """The record of one category. `publications` come oldest first; readers see the last one.

    `held` is set by a rollback: every new result waits until a person accepts one. `outlets` maps the address of each
    outlet, without secrets, to its last version. `decisions` are those of the last result, None in older records.
    `losses` are those that people accepted. `files`: version of a kept set → digest of each of its files; empty for
    sets from before digests were recorded.
    """

    publications: list[Publication] = field(default_factory=list[Publication])
    candidate: Candidate | None = None
    held: str | None = None
    outlets: dict[str, str] = field(default_factory=dict[str, str])
    decisions: DecisionRecord | None = None
    losses: list[Loss] = field(default_factory=list[Loss])
    files: dict[str, dict[str, str]] = field(default_factory=dict[str, "dict[str, str]"])

    @property
    def current(self) -> Publication | None:
        return self.publications[-1] if self.publications else None

    def next_version(self, digest: str) -> str:
        """The name of the next set: a new number, and the digest of the content."""
        used = [publication.number for publication in self.publications] + (
            [self.candidate.number] if self.candidate else []
        )
        return f"{max(used, default=0) + 1:06d}-{digest[:DIGEST_LETTERS]}"

    def versions(self) -> list[str]:
        """Every published version, the most recently published last."""
        newest_first = dict.fromkeys(publication.version for publication in reversed(self.publications))
        return [*newest_first][::-1]


def number_of(version: str) -> int:
    """The number in a version's name; 0 if it has none."""
    match = re.match(r"([0-9]{6,})-", version)
    return int(match[1]) if match else 0


def read_history(root: Path, slug: str) -> History:
    """The record of a category, empty before its first publication.

    Raises `NewerSchemaError` when a newer version of this program wrote it, and `DamagedFileError`.
    """
    path = published_record(root, slug)
    try:
        history = _parse(read_json(path, _REMOVE), path) if path.exists() else History()
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise DamagedFileError(f"{path} is damaged: {error!r}. {_REMOVE}") from error
    sets = published_sets(root, slug)
    history.publications = [
        publication for publication in history.publications if (sets / publication.version).exists()
    ]
    if history.candidate is not None and not (sets / history.candidate.version).exists():
        history.candidate = None
    linked = linked_version(root, slug)
    if linked is not None and (history.current is None or history.current.version != linked):
        history.publications.append(publication_of_set(root / slug, linked))
        if history.candidate is not None and history.candidate.version == linked:
            history.candidate, history.held = None, None
    return history


def read_decisions(root: Path, slug: str) -> DecisionRecord | None:
    """The decisions behind the last result of a category; None if there is no record of them."""
    try:
        values = json.loads(published_record(root, slug).read_bytes())["decisions"]
        return DecisionRecord(**values) if values else None
    except (OSError, ValueError, KeyError, TypeError):  # no record yet, an older one, or a damaged one
        return None


def write_history(root: Path, slug: str, history: History) -> None:
    """Store the record in one step."""
    kept = {*history.versions(), *([history.candidate.version] if history.candidate else [])}
    history.files = {version: digests for version, digests in history.files.items() if version in kept}
    values = {"schemaVersion": HISTORY_VERSION, **asdict(history)}
    write_atomically(published_record(root, slug), json.dumps(values, indent=1, ensure_ascii=False).encode() + b"\n")


def read_document(root: Path, slug: str, version: str) -> dict[str, Any]:
    """clusters.json of a kept set."""
    return json.loads((published_set(root, slug, version) / DOCUMENT).read_bytes())


def _parse(values: dict[str, Any], path: Path) -> History:
    if values["schemaVersion"] > HISTORY_VERSION:
        raise NewerSchemaError(
            f"{path} has schema version {values['schemaVersion']}; this program reads up to {HISTORY_VERSION}. "
            "Upgrade image-cluster."
        )
    waiting, decisions = values["candidate"], values.get("decisions")
    return History(
        publications=[Publication(**publication) for publication in values["publications"]],
        candidate=Candidate(**waiting) if waiting else None,
        held=values["held"],
        outlets=dict(values["outlets"]),
        decisions=DecisionRecord(**decisions) if decisions else None,
        losses=[Loss(**loss) for loss in values.get("losses", [])],
        files=dict(values.get("files", {})),
    )


def publication_of_set(folder: Path, version: str) -> Publication:
    """A publication built from the document of a set, for one that the record lacks. Raises `DamagedFileError`."""
    document = read_json(folder / DOCUMENT, _REPAIR_SET)
    try:
        return Publication(
            version, document["generatedAt"], "published", content_digest(document), "", dict(document["summary"])
        )
    except (KeyError, TypeError, ValueError) as error:
        raise DamagedFileError(f"{folder / DOCUMENT} is damaged: {error!r}. {_REPAIR_SET}") from error
