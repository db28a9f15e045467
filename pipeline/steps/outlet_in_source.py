"""Places inside the source that we publish or export to. They are no categories.

What belongs here: asking the bucket. Not here: what published and exported files look like (`storage/publications.py`,
`file_places.py`), the data directory among the photos (`adapters/folder_entries.py`).
"""

from pipeline.stages.manifest.keys import is_hidden
from pipeline.steps.file_places import METADATA, METADATA_COLUMNS
from pipeline.steps.project import Project
from pipeline.storage.publications import is_outlet


def is_ours(project: Project, folder: str) -> bool:
    """Whether a top folder of the source holds only what this program published, or an export; gives a notice if so.

    Ask it only of folders that are no category yet.
    """
    return _holds_only_published(project, folder) or _is_export(project, folder)


def _is_export(project: Project, folder: str) -> bool:
    head, key = ",".join(METADATA_COLUMNS).encode(), f"{folder}/{METADATA}"
    there = project.bucket.head(key)
    if there is None or there.size <= len(head):
        return False
    found = project.bucket.read_part(key, 0, len(head)) == head
    if found:
        project.tell_once(
            f"Skipped in {project.bucket.url}: {folder} holds an export of image-cluster. To read it as a category, "
            f"remove {key}."
        )
    return found


def _holds_only_published(project: Project, folder: str) -> bool:
    """Whether a top folder of the source holds published sets and nothing else; gives a notice if it does.

    Stops at the first other file, so it costs one page of a listing for most folders.
    """
    names = project.settings.source.skip_names
    below = (entry.key.removeprefix(f"{folder}/") for page in project.bucket.pages(f"{folder}/") for entry in page)
    found = is_outlet(below, lambda key: is_hidden(key, names))
    if found:
        project.tell_once(f"Skipped in {project.bucket.url}: {folder} holds a publication of image-cluster.")
    return found
