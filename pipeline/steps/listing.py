"""What a source says exists: its listing, or its manifest.json.

What belongs here: reading both, a page at a time, and the digest of a listing. Not here: which categories there are
(`categories.py`), making a manifest of it (`manifest.py`), the format of manifest.json
(`stages/manifest/bucket_manifest.py`).
"""

import hashlib
from collections.abc import Iterator

from pipeline.adapters.folder_bucket import FolderBucket
from pipeline.errors import SettingsError
from pipeline.stages.manifest.bucket import ObjectInfo
from pipeline.stages.manifest.bucket_manifest import MANIFEST_KEY, Entry
from pipeline.stages.manifest.keys import folder_of
from pipeline.steps.project import Project
from pipeline.storage.artifacts import digest

LISTING_CODE = 5  # increase when the same listing gives another manifest
LISTED_IN_MEMORY = 200_000  # objects kept until their digest is compared; a longer listing is read twice


class Listing:
    """The objects of one category, and a digest of objects, category and settings.

    `doubted`: what follows the last key is asked for once more, because nothing tells whether the server left it out.
    """

    def __init__(self, project: Project, category: str, *, doubted: bool = False) -> None:
        doubted = doubted and not isinstance(project.bucket, FolderBucket)  # a disk leaves nothing out
        self._project, self._category, self._doubted = project, category, doubted
        self._pages: list[list[ObjectInfo]] | None = []
        knobs = project.settings.source.model_dump(include={"categories", "patterns", "variant", "skip_names"})
        hasher = hashlib.blake2b(digest(LISTING_CODE, category, knobs, project.bucket.url).encode(), digest_size=16)
        count = 0
        for page in _pages(project, category, doubted):
            lines = [f"{key}\0{etag}\0{size}\0{at.timestamp()}\0{trouble}" for key, etag, size, at, trouble in page]
            hasher.update("\n".join(["", *lines]).encode("utf-8", "surrogatepass"))
            count += len(page)
            self._pages = [*self._pages, page] if self._pages is not None and count <= LISTED_IN_MEMORY else None
        self.digest = hasher.hexdigest()

    def objects(self) -> Iterator[ObjectInfo]:
        """The objects again, from memory if they fit."""
        for page in _pages(self._project, self._category, self._doubted) if self._pages is None else self._pages:
            yield from page


def list_objects(project: Project, category: str) -> Iterator[ObjectInfo]:
    """The objects of one category, in the order of the listing; gives a notice of what could not be read."""
    for page in _pages(project, category, doubted=False):
        yield from page


def _pages(project: Project, category: str, doubted: bool) -> Iterator[list[ObjectInfo]]:
    """The listing of one category, a page at a time; gives a notice of what could not be read."""
    for page in _to_the_end(project, category) if doubted else _listed(project, category, after=None):
        for info in page:
            if info.trouble:
                project.tell_once(
                    f"{info.key or 'All'} of {project.bucket.url} is not looked at: {info.trouble}. "
                    "What is known of it stays."
                )
        yield page


def _listed(project: Project, category: str, after: str | None) -> Iterator[list[ObjectInfo]]:
    source = project.settings.source
    folder = folder_of(category, source.categories)
    if folder is not None:
        return project.bucket.pages(f"{folder}/", after=after)
    return project.bucket.pages(recursive=source.categories == "single", after=after)


def _to_the_end(project: Project, category: str) -> Iterator[list[ObjectInfo]]:
    """The listing, and again what follows its last key, until nothing does."""
    last: str | None = None
    while True:
        before = last
        for page in _listed(project, category, after=last):
            yield page
            last = max(info.key for info in page)
        if last == before:
            return


def bucket_entries(project: Project) -> list[Entry] | None:
    """Entries of the bucket's manifest.json, or None if the bucket is listed instead."""
    wanted = project.settings.source.manifest
    if wanted == "ignore":
        return None
    manifest_object = project.bucket.head(MANIFEST_KEY)
    if manifest_object is None:
        if wanted == "require":
            raise SettingsError(
                f"source.manifest is require, but {project.bucket.url} holds no {MANIFEST_KEY}. "
                "Upload one, or set source.manifest to auto."
            )
        return None
    return project.bucket_entries(manifest_object.etag)
