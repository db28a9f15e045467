"""Places inside the source that we publish to. They are no categories.

What belongs here: asking the bucket. Not here: what published files look like (`storage/publications.py`), the data
directory among the photos (`adapters/folder_entries.py`).
"""

from pipeline.stages.manifest.keys import is_hidden
from pipeline.steps.project import Project
from pipeline.storage.publications import is_outlet


def holds_only_published(project: Project, folder: str) -> bool:
    """Whether a top folder of the source holds published sets and nothing else; gives a notice if it does.

    Stops at the first other file, so it costs one page of a listing for most folders. Ask it only of folders that are
    no category yet.
    """
    names = project.settings.source.skip_names
    below = (entry.key.removeprefix(f"{folder}/") for page in project.bucket.pages(f"{folder}/") for entry in page)
    found = is_outlet(below, lambda key: is_hidden(key, names))
    if found:
        project.tell_once(f"Skipped in {project.bucket.url}: {folder} holds what image-cluster published.")
    return found
