"""All paths below the data directory. No other module knows one.

What belongs here: paths and the data directory's schema version. Not here: reading or writing what lies there
(`categories.py`, `artifacts.py`, `vectors.py`, `thumbnails.py`, `publications.py`).

    data/
      image-cluster.json                             schema version of the directory
      categories.json                                slug → category
      renames.json                                   slug of a category that goes on under another name → that slug
      pairs.csv                                      rated pairs, where the settings name no other file
      categories/SLUG/ARTIFACT/current.json          which version is current, and how it came to be
      categories/SLUG/ARTIFACT/VERSION/TABLE.parquet
      categories/SLUG/.lock                          locked by the process that works on the category
      categories/SLUG/images/decoding                what is being decoded; only during a run
      categories/SLUG/images/undecodable.json        files whose decoder crashed or never ended
      categories/SLUG/images/journal/PART.parquet    rows of an unfinished run
      vectors/FINGERPRINT/SLUG/PART.{npy,parquet}
      vectors/FINGERPRINT/names-DIGEST.parquet       objects whose vector is stored under another name
      thumbnails/AB/HASH
      contents/SLUG/PART.parquet                     the image behind each byte content
      cache/detections/FINGERPRINT/SLUG/PART.parquet the boxes that a detector found in each image
      curation.sqlite3                               decisions of people; no run can compute them again
      decisions.json                                 category → time of its first decision
      published/SLUG -> .versions/SLUG/VERSION
      published/.history/SLUG.json                   publications, and the candidate that waits
      backups/decisions/COPY.{sqlite3,json}          copies of the decisions, made with every publication
      service/                                       runs and uploads of the service
      copied.json                                    which copy in a bucket this directory was last equal to
      copying/                                       files on their way, only while the directory is copied
      .working-copy.lock                             locked by who works in a copy of a library in a bucket
      originals/                                     target of `image-cluster download`
      cache/                                         may be deleted at any time
"""

import json
import os
from dataclasses import dataclass
from pathlib import Path

from pipeline.errors import DataDirectoryError, NewerSchemaError
from pipeline.storage.files import read_json, write_atomically

SCHEMA_VERSION = 1
REMEDY = "Bring it back from a backup of the data directory, or remove it: the next run writes it anew."
MARKER = "image-cluster.json"
TABLE_SUFFIX = ".parquet"
NAMES_MARK = "-"  # between the fingerprint of vectors and the digest of their names
# files of a published set that the program reads
DOCUMENT, PAGE, CHANGES = "clusters.json", "clusters.html", "changes.json"
CURATION = "curation.sqlite3"
# what a service writes without a run: lost thumbnails, the mark that something was decided, the slug of a new category,
# the source; each run writes them again
MADE_AGAIN = frozenset({"thumbnails", "decisions.json", "categories.json", "source.json"})
WORKING_COPY_LOCK = ".working-copy.lock"
# All names that this program uses at the top of a data directory; they are never read as a source.
OWN_NAMES = frozenset(
    {
        MARKER, "categories.json", "renames.json", "pairs.csv", "decisions.json", "source.json", "categories",
        "vectors", "thumbnails", "contents", "published", "cache", "service", "originals", "backups", "copied.json",
        "copying", WORKING_COPY_LOCK,
        CURATION, f"{CURATION}-wal", f"{CURATION}-shm", f"{CURATION}-journal",
    }
)  # fmt: skip


def model_cache(layout: "Layout") -> Path | None:
    """The folder of converted models: one per user, shared by all data directories.

    `IMAGE_CLUSTER_CACHE` names another one. If it cannot be written, the cache of the data directory, if that exists.
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
    def source(self) -> Path:
        """Which source the images come from, for commands that are not told."""
        return self.root / "source.json"

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
        return self.root / CURATION

    @property
    def decided(self) -> Path:
        """Which categories have decisions, beside their database."""
        return self.root / "decisions.json"

    @property
    def copies(self) -> Path:
        """Copies of the decisions, made with every publication."""
        return self.root / "backups" / "decisions"

    def replaced(self, at: str) -> Path:
        """Where decisions are kept aside that a restore replaced; `at` is its time, ISO 8601."""
        return self.copies / f"replaced-{at.replace('-', '').replace(':', '')}.sqlite3"

    @property
    def copied(self) -> Path:
        """Which copy in a bucket this directory was last equal to."""
        return self.root / "copied.json"

    @property
    def copied_digests(self) -> Path:
        """The digests of the files that were listed last, by size and time; a cache."""
        return self.cache / "copied-digests.json"

    @property
    def copying(self) -> Path:
        """Files on their way in or out of this directory."""
        return self.root / "copying"

    @property
    def working_copy_lock(self) -> Path:
        """Locked by the process that works in this directory as the copy of a library in a bucket."""
        return self.root / WORKING_COPY_LOCK

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
    def model_fingerprints(self) -> Path:
        """The fingerprints of encoders and detectors by what they depend on."""
        return self.cache / "encoder-fingerprints.json"

    def word_vectors(self, digest: str) -> Path:
        """The vectors of a list of words by one encoder."""
        return self.cache / "words" / f"{digest}.npz"

    @property
    def embedding_rates(self) -> Path:
        """Images per second by encoder, with reading and decoding, as last seen."""
        return self.cache / "embedding-rates.json"

    def encoder_comparison(self, slug: str, digest: str) -> Path:
        """The figures of a comparison of two encoders."""
        return self.cache / "encoder-comparisons" / f"{slug}-{digest}.json"

    def last_encoder_comparison(self, slug: str) -> Path:
        """Which comparison of two encoders was the last one of a category."""
        return self.cache / "encoder-comparisons" / f"{slug}.last"

    def detections(self, fingerprint: str) -> Path:
        """What a detector with this fingerprint found."""
        return self.cache / "detections" / fingerprint

    @property
    def neighbours(self) -> Path:
        return self.cache / "neighbours"

    def compared_vectors(self, fingerprint: str) -> Path:
        """Which files of vectors were found to be as they were written; a cache."""
        return self.cache / "compared" / f"{fingerprint}.json"

    @property
    def compiled(self) -> Path:
        return self.cache / "numba"

    def last_published(self, slug: str) -> Path:
        """The summary of the last result and a digest of its inputs; a cache."""
        return self.cache / "published" / f"{slug}.json"

    def lock(self, slug: str) -> Path:
        return self.root / "categories" / slug / ".lock"

    def artifact(self, slug: str, name: str) -> Path:
        return self.root / "categories" / slug / name

    def journal(self, slug: str) -> Path:
        return self.artifact(slug, "images") / "journal"

    def journal_settings(self, slug: str) -> Path:
        """The digest of the settings of the journal."""
        return self.journal(slug) / "settings.digest"

    def cameras(self, slug: str) -> Path:
        """The camera of each image that names one."""
        return self.artifact(slug, "images") / "cameras"

    def decoding(self, slug: str) -> Path:
        """What is being decoded now, for a process that dies of it."""
        return self.artifact(slug, "images") / "decoding"

    def undecodable(self, slug: str) -> Path:
        """Files that a process died of."""
        return self.artifact(slug, "images") / "undecodable.json"

    def vectors(self, fingerprint: str) -> Path:
        """The folder of vectors; a fingerprint may end with the digest of their `vector_names`."""
        return self.root / "vectors" / fingerprint.partition(NAMES_MARK)[0]

    def vector_names(self, fingerprint: str) -> Path | None:
        """The table of names of a fingerprint that has one."""
        _, mark, digest = fingerprint.partition(NAMES_MARK)
        return self.vectors(fingerprint) / f"names-{digest}{TABLE_SUFFIX}" if mark else None


def published_sets(published: Path, slug: str) -> Path:
    """The folder of all sets of a category, including the one that readers see."""
    return published / ".versions" / slug


def published_set(published: Path, slug: str, version: str) -> Path:
    return published_sets(published, slug) / version


def published_record(published: Path, slug: str) -> Path:
    """The publishing history of a category."""
    return published / ".history" / f"{slug}.json"


def open_layout(root: Path) -> Layout:
    """The layout of a data directory; creates it if it does not exist.

    Raises `NewerSchemaError` when a newer version of this program wrote it, `DataDirectoryError` if it is no folder.
    """
    layout = Layout(root)
    if os.path.lexists(root) and not root.is_dir():
        what = f"is a link to {root.readlink()}, which is no folder" if root.is_symlink() else "is no folder"
        raise DataDirectoryError(f"{root} {what}. Name another data directory with --out, or make the folder.")
    if layout.marker.exists():
        version = int(read_json(layout.marker, REMEDY).get("schemaVersion", 0))
        if version > SCHEMA_VERSION:
            raise NewerSchemaError(
                f"{root} was written in schema version {version}; this program reads up to version {SCHEMA_VERSION}. "
                "Upgrade image-cluster, or name another data directory with --out."
            )
    else:
        root.mkdir(parents=True, exist_ok=True)
        write_atomically(layout.marker, json.dumps({"schemaVersion": SCHEMA_VERSION}).encode() + b"\n")
    return layout
