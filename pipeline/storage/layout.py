"""Where everything lies below the data directory. The one place that knows a path.

What belongs here: paths and the data directory's schema version. Not here: reading or writing tables (`artifacts.py`,
`vectors.py`, `thumbnails.py`, `publications.py`).

    data/
      image-cluster.json                             schema version of the directory
      categories.json                                slug → category
      renames.json                                   slug of a category that goes on under another name → that slug
      pairs.csv                                      rated pairs, where the settings name no other file
      categories/SLUG/ARTIFACT/current.json          which version is current, and how it came to be
      categories/SLUG/ARTIFACT/VERSION/TABLE.parquet
      categories/SLUG/.lock                          held by the one process that works on the category
      categories/SLUG/images/journal/PART.parquet    rows of a run that has not finished
      vectors/FINGERPRINT/SLUG/PART.{npy,parquet}
      thumbnails/AB/HASH
      contents/SLUG/PART.parquet                     which bytes show which image
      curation.sqlite3                               what people decided; the one thing that no run can make again
      published/SLUG -> .versions/SLUG/VERSION
      published/.history/SLUG.json                   what was published when, and what waits to be accepted
      backups/decisions/COPY.{sqlite3,json}          copies of what people decided, made when something is published
      service/                                       runs and uploads of the service
      originals/                                     where `image-cluster download` puts what the bucket holds
      cache/                                         may be deleted at any time
"""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

from pipeline.errors import NewerSchemaError
from pipeline.storage.files import read_json, write_atomically

SCHEMA_VERSION = 1
_REMOVE = "Bring it back from a backup of the data directory, or remove it: the next run writes it anew."
MARKER = "image-cluster.json"
TABLE_SUFFIX = ".parquet"
# files of a published set that are read again
DOCUMENT, PAGE, CHANGES = "clusters.json", "clusters.html", "changes.json"
# All that this program puts at the top of a data directory: none of it is ever read as a source.
OWN_NAMES = frozenset(
    {
        MARKER, "categories.json", "renames.json", "pairs.csv", "categories", "vectors", "thumbnails", "contents",
        "published", "cache", "service", "originals", "backups", "curation.sqlite3",
        "curation.sqlite3-wal", "curation.sqlite3-shm", "curation.sqlite3-journal",
    }
)  # fmt: skip


def model_cache(layout: "Layout") -> Path | None:
    """Where models lie that were converted for this machine: one folder per user, shared by all data directories.

    `IMAGE_CLUSTER_CACHE` names another. Where it cannot be written, the data directory's own cache, if it is there.
    """
    import platformdirs

    named = os.environ.get("IMAGE_CLUSTER_CACHE")
    shared = Path(named).expanduser() if named else platformdirs.user_cache_path("image-cluster")
    try:
        shared.mkdir(parents=True, exist_ok=True)
        if os.access(shared, os.W_OK):
            return shared
    except OSError:
        pass  # a home that cannot be written, as in many containers
    return layout.cache if layout.cache.exists() else None


@dataclass(frozen=True)
class Layout:
    """Paths below one data directory."""

    root: Path

    @property
    def marker(self) -> Path:
        return self.root / MARKER

    @property
    def slugs(self) -> Path:
        return self.root / "categories.json"

    @property
    def renames(self) -> Path:
        return self.root / "renames.json"

    @property
    def pairs(self) -> Path:
        return self.root / "pairs.csv"

    @property
    def cache(self) -> Path:
        return self.root / "cache"

    @property
    def thumbnails(self) -> Path:
        return self.root / "thumbnails"

    @property
    def contents(self) -> Path:
        return self.root / "contents"

    @property
    def published(self) -> Path:
        return self.root / "published"

    @property
    def curation(self) -> Path:
        return self.root / "curation.sqlite3"

    @property
    def copies(self) -> Path:
        """Copies of the decisions, made with every publication."""
        return self.root / "backups" / "decisions"

    def replaced(self, at: str) -> Path:
        """Where the decisions go that a copy takes the place of; `at` is the moment, ISO 8601."""
        return self.copies / f"replaced-{at.replace('-', '').replace(':', '')}.sqlite3"

    @property
    def originals(self) -> Path:
        return self.root / "originals"

    @property
    def service_database(self) -> Path:
        return self.root / "service" / "service.sqlite3"

    @property
    def service_runs(self) -> Path:
        return self.root / "service" / "runs"

    @property
    def encoder_fingerprints(self) -> Path:
        return self.cache / "encoder-fingerprints.json"

    @property
    def neighbours(self) -> Path:
        return self.cache / "neighbours"

    @property
    def compiled(self) -> Path:
        return self.cache / "numba"

    def last_published(self, slug: str) -> Path:
        """What the last result was made of; a cache."""
        return self.cache / "published" / f"{slug}.json"

    def lock(self, slug: str) -> Path:
        return self.root / "categories" / slug / ".lock"

    def artifact(self, slug: str, name: str) -> Path:
        return self.root / "categories" / slug / name

    def journal(self, slug: str) -> Path:
        return self.artifact(slug, "images") / "journal"

    def journal_settings(self, slug: str) -> Path:
        """Digest of the settings that the journal was written for."""
        return self.journal(slug) / "settings.digest"

    def vectors(self, fingerprint: str) -> Path:
        return self.root / "vectors" / fingerprint


def published_sets(published: Path, slug: str) -> Path:
    """The folder of all sets of a category, the one that readers see among them."""
    return published / ".versions" / slug


def published_set(published: Path, slug: str, version: str) -> Path:
    return published_sets(published, slug) / version


def published_record(published: Path, slug: str) -> Path:
    """What was published when."""
    return published / ".history" / f"{slug}.json"


@dataclass(frozen=True)
class Rename:
    """A category that goes on under another name: the name that it had, the slug that it has now, and since when."""

    category: str
    to: str
    at: str


def open_layout(root: Path) -> Layout:
    """The layout of a data directory, which is made when it does not exist.

    Raises `NewerSchemaError` when a newer version of this program wrote it.
    """
    layout = Layout(root)
    if layout.marker.exists():
        found = int(read_json(layout.marker, _REMOVE).get("schemaVersion", 0))
        if found > SCHEMA_VERSION:
            raise NewerSchemaError(
                f"{root} was written in schema version {found}; this program reads up to version {SCHEMA_VERSION}. "
                "Upgrade image-cluster, or name another data directory with --out."
            )
    else:
        root.mkdir(parents=True, exist_ok=True)
        write_atomically(layout.marker, json.dumps({"schemaVersion": SCHEMA_VERSION}).encode() + b"\n")
    return layout


def read_slugs(layout: Layout) -> dict[str, str]:
    """The stored map of slug → category; empty before the first manifest."""
    if not layout.slugs.exists():
        return {}
    return {str(slug): str(name) for slug, name in read_json(layout.slugs, _REMOVE).items()}


def write_slugs(layout: Layout, slugs: dict[str, str]) -> None:
    """Store the map of slug → category; a no-op when it is unchanged."""
    if slugs != read_slugs(layout):
        write_atomically(layout.slugs, json.dumps(slugs, indent=2, ensure_ascii=False, sort_keys=True).encode() + b"\n")


def read_renames(layout: Layout) -> dict[str, Rename]:
    """The categories that go on under another name, by the slug that they had."""
    if not layout.renames.exists():
        return {}
    stored: dict[str, dict[str, str]] = read_json(layout.renames, _REMOVE)
    return {slug: Rename(**values) for slug, values in stored.items()}


def write_renames(layout: Layout, renames: dict[str, Rename]) -> None:
    """Store which categories go on under another name."""
    values = {slug: asdict(rename) for slug, rename in renames.items()}
    write_atomically(layout.renames, json.dumps(values, indent=2, ensure_ascii=False, sort_keys=True).encode() + b"\n")


def goes_on_as(layout: Layout, slug: str) -> str | None:
    """The slug under which a renamed category goes on; None for one that was not renamed or that came back."""
    renames, known = read_renames(layout), read_slugs(layout)
    seen: set[str] = set()
    while slug not in known and slug in renames and slug not in seen:
        seen.add(slug)
        slug = renames[slug].to
    return slug if seen and slug in known else None
