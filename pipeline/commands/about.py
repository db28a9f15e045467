"""Which category a command is about, and which cluster a name means.

What belongs here: finding the category by `--category`, or by the ids, names and keys that the command names. Not here:
a command (`clusters.py`, `deciding.py`).
"""

from collections.abc import Callable, Sequence
from functools import partial, wraps
from typing import TYPE_CHECKING, Any

import click

from pipeline.commands.common import options, where_options, with_project

if TYPE_CHECKING:
    from pipeline.steps.live_library import Access
    from pipeline.steps.project import Project

about_options = options(
    click.option("--category", help="The category; optional where ids, names or keys say which one is meant."),
    where_options,
)
# the parameters in which commands name clusters and images
_CLUSTERS, _IMAGES_OF = ("cluster", "names", "into", "others"), ("images", "image")


def with_slug(function: Callable[..., Any], access: "Access" = "read") -> Callable[..., Any]:
    """Pass the slug of the category that the command is about; `access` as in `with_project`."""

    @wraps(function)
    def wrapper(*, project: "Project", category: str | None, **given: Any) -> Any:
        return function(project=project, slug=_slug(project, category, given), **given)

    return with_project(access)(wrapper)


def _slug(project: "Project", category: str | None, given: dict[str, Any]) -> str:
    from pipeline.steps.library_view import which_category
    from pipeline.steps.library_view.listing import only_category

    slugs = which_category.all_categories(project, category)
    if len(slugs) == 1:
        return slugs[0]
    if clusters := _named(given, _CLUSTERS):
        return which_category.category_of_clusters(project, slugs, clusters)
    if images := _named(given, _IMAGES_OF):
        return which_category.category_of_images(project, slugs, images)
    if "number" in given:
        return which_category.category_of_event(project, slugs, given["number"])
    return only_category(project, category)


def _named(given: dict[str, Any], parameters: Sequence[str]) -> list[str]:
    values = [given[name] for name in parameters if given.get(name)]
    return [name for value in values for name in ([value] if isinstance(value, str) else value)]


with_slug_to_decide = partial(with_slug, access="decide")


def with_slugs(function: Callable[..., Any]) -> Callable[..., Any]:
    """Pass the slugs that the command is about: the named category, else all of them."""

    @wraps(function)
    def wrapper(*, project: "Project", category: str | None, **given: Any) -> Any:
        from pipeline.steps.library_view.which_category import all_categories

        if _named(given, _CLUSTERS):
            return function(project=project, slugs=[_slug(project, category, given)], **given)
        return function(project=project, slugs=all_categories(project, category), **given)

    return with_project("read")(wrapper)


def rows_of_all(
    slugs: list[str], rows_of: "Callable[[str], list[dict[str, Any]]]", *, several: bool | None = None
) -> list[dict[str, Any]]:
    """The rows of each category, with the category in front where there are (or, with `several`, were) several."""
    if not (len(slugs) > 1 if several is None else several):
        return rows_of(slugs[0])
    return [{"category": slug, **row} for slug in slugs for row in rows_of(slug)]


def clustered_only(project: "Project", slugs: list[str]) -> list[str]:
    """Those of several categories that were clustered; a notice names the others. One category is returned as it is."""
    lacking = [slug for slug in slugs if project.store.current(slug, "representatives") is None]
    if len(slugs) == len(lacking) or not lacking:
        return slugs
    names = ", ".join(map(project.category_of, lacking))
    project.talk.notice(f"Not clustered yet, so not shown: {names}. `image-cluster run` does it.")
    return [slug for slug in slugs if slug not in lacking]


def cluster_id(project: "Project", slug: str, cluster: str) -> str:
    """The id of a cluster given by id or name. Raises `UnknownNameError` with the nearest ids."""

    return project.curation.cluster(slug, cluster).id
