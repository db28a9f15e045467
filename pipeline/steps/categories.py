"""The categories of a source, their slugs, and which of them a command works on.

What belongs here: naming categories and choosing among them. Not here: the images of one (`manifest.py`), a renamed
category (`renamed.py`).
"""

from collections.abc import Iterable, Mapping

from pipeline.curation.addressing import choose_category
from pipeline.errors import UnknownNameError
from pipeline.stages.manifest.bucket_manifest import entry_category
from pipeline.stages.manifest.keys import ROOT_CATEGORY, SINGLE_CATEGORY, category_of_folder, slug_map, sort_of
from pipeline.steps.each import some
from pipeline.steps.listing import bucket_entries
from pipeline.steps.outlet_in_source import is_ours
from pipeline.steps.project import Project
from pipeline.storage.categories import read_renames, read_slugs, write_slugs
from pipeline.storage.layout import Layout


def categories(project: Project) -> dict[str, str]:
    """Slug → category of everything that the bucket holds or once held. Stores it, so that slugs never change."""
    slugs = slugs_with(project.layout, category_names(project))
    write_slugs(project.layout, slugs)
    return slugs


def slugs_with(layout: Layout, names: Iterable[str]) -> dict[str, str]:
    """The stored slugs and those of further categories; stores nothing.

    The slug of a renamed category stays reserved, in case the old folder comes back.
    """
    stored, wanted = read_slugs(layout), set(names)
    before = {slug: rename.category for slug, rename in read_renames(layout).items()}
    slugs = slug_map([*stored.values(), *wanted], {**before, **stored})
    return {slug: name for slug, name in slugs.items() if slug in stored or name in wanted}


def category_names(project: Project) -> list[str]:
    """The categories that the bucket holds now; stores nothing."""
    source = project.settings.source
    if source.categories == "single":
        return [SINGLE_CATEGORY]
    if isinstance(source.categories, list):
        return [name.strip("/") for name in source.categories]
    entries = bucket_entries(project)
    if entries is None:
        return _folders(project)
    return sorted({name for entry in entries if (name := entry_category(entry, source.categories)) is not None})


def select_categories(project: Project, wanted: Iterable[str]) -> list[str]:
    """Slugs to work on: all, or the named ones.

    Categories that were never clustered come first, so that a renamed folder is recognised before its old name is
    emptied. Raises `UnknownNameError` listing the categories, and `AmbiguousNameError`.
    """
    slugs = categories(project)
    names = list(wanted)
    if not names:
        slugs = _named_by_settings(project, slugs)
        clustered = set(project.store.slugs_with("identities"))
        return sorted(slugs, key=lambda slug: (slug in clustered and slug not in read_renames(project.layout), slug))
    chosen: list[str] = []
    for name in names:
        slug = choose_category(name, slugs)
        if slug is None:
            available = ", ".join(sorted(slugs.values())) or "none: the source holds no folder"
            raise UnknownNameError(f"There is no category {name!r} in {project.bucket.url}. There are: {available}.")
        chosen.append(slug)
    return chosen


def _named_by_settings(project: Project, slugs: Mapping[str, str]) -> Mapping[str, str]:
    """`slugs` without categories that the settings no longer name; those were read before and are left as they are."""
    wanted = project.settings.source.categories
    if wanted == "all":
        return slugs
    named = set(category_names(project))
    others = sorted(name for name in slugs.values() if name not in named)
    if others:
        project.tell_once(f"Not among source.categories, so left as published: {some(others)}.")
    return {slug: name for slug, name in slugs.items() if name in named}


def _folders(project: Project) -> list[str]:
    """The categories of a listed source: one per top folder, and one for images outside any folder."""
    known = set(read_slugs(Layout(project.settings.data_dir)).values())  # Project.layout would make the directory
    folders = [
        category
        for name in project.bucket.folders()
        if (category := category_of_folder(name)) in known or not is_ours(project, name)
    ]
    names = project.settings.source.skip_names
    top = (entry for page in project.bucket.pages(recursive=False) for entry in page)
    has_images = any(sort_of(entry.key, entry.size, names) == "image" for entry in top if not entry.trouble)
    return [*folders, ROOT_CATEGORY] if has_images else folders
