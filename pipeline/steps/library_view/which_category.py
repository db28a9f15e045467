"""Which category a command is about, from the clusters, images or event that it names.

What belongs here: asking every category. Not here: looking up names in one category (`listing.py`,
`steps/curation.py`).
"""

from collections.abc import Callable, Sequence

from pipeline.curation.events import active_events
from pipeline.errors import AmbiguousNameError, DecisionError, ImageClusterError, MissingArtifactError, UnknownNameError
from pipeline.steps.library_view.listing import content_hashes
from pipeline.steps.project import Project
from pipeline.storage.categories import read_slugs

MOST_HINTS = 3


def all_categories(project: Project, wanted: str | None = None) -> list[str]:
    """The slug of the wanted category, else those of all. Raises `MissingArtifactError` if nothing is stored."""
    if wanted is not None:
        return [project.slug_of(wanted)]
    slugs = sorted(read_slugs(project.layout))
    if not slugs:
        raise MissingArtifactError(
            f"There is nothing in {project.settings.data_dir} yet. Run `image-cluster run SOURCE` first."
        )
    return slugs


def category_of_clusters(project: Project, slugs: Sequence[str], names: Sequence[str]) -> str:
    """The only one of these categories with a cluster of each of these ids or names.

    Raises `UnknownNameError` if none has them, `AmbiguousNameError` if several do.
    """

    def look(slug: str) -> None:
        for name in names:
            project.curation.cluster(slug, name)

    return _only(slugs, f"cluster {', '.join(map(repr, names))}", look)


def category_of_images(project: Project, slugs: Sequence[str], names: Sequence[str]) -> str:
    """The only one of these categories that holds these images, each given by key, id or hash. Raises as above."""
    return _only(slugs, f"image {names[0]!r}", lambda slug: content_hashes(project, slug, names))


def category_of_event(project: Project, slugs: Sequence[str], number: int | None) -> str:
    """The category of the event with that number, by default of the last decision in force.

    Raises as above, and `DecisionError` if there is nothing to undo.
    """
    if number is None:
        last = {slug: events[-1].at for slug in slugs if (events := active_events(project.curation.log.events(slug)))}
        if not last:
            raise DecisionError(f"There is no decision to undo in any of the {len(slugs)} categories.")
        return max(last, key=lambda slug: last[slug])
    having = [slug for slug in slugs if project.curation.log.last(slug) >= number]
    if len(having) == 1:
        return having[0]
    if not having:
        raise UnknownNameError(f"There is no event {number} in any of the {len(slugs)} categories.")
    raise _ambiguous(f"event {number}", having)


def _only(slugs: Sequence[str], what: str, look: Callable[[str], object]) -> str:
    having: list[str] = []
    unknown: list[ImageClusterError] = []
    for slug in slugs:
        try:
            look(slug)
        except AmbiguousNameError:
            having.append(slug)
        except (UnknownNameError, MissingArtifactError) as error:
            unknown.append(error)
        else:
            having.append(slug)
    if len(having) > 1:
        raise _ambiguous(what, having)
    if having:
        return having[0]
    if len(unknown) == 1:
        raise unknown[0]
    hints = "\n".join(f"  {error}" for error in unknown[:MOST_HINTS])
    raise UnknownNameError(f"There is no {what} in any of the {len(slugs)} categories.\n{hints}")


def _ambiguous(what: str, slugs: Sequence[str]) -> AmbiguousNameError:
    text = f"There is {what} in {len(slugs)} categories. Choose one with --category: {', '.join(slugs)}."
    return AmbiguousNameError(text, candidates=tuple(slugs))
