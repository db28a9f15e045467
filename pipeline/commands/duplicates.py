"""`image-cluster duplicates`: which images are the same picture, which one to keep and why.

What belongs here: the command. Not here: finding duplicates (`stages/duplicates/groups.py`), the document
(`stages/published/duplicates.py`).
"""

from typing import TYPE_CHECKING

import click

from pipeline.commands.common import console_of, only_slug, where_options, with_project

if TYPE_CHECKING:
    from pipeline.steps.project import Project


@click.command()
@click.argument("category", required=False)
@click.option(
    "--level",
    "levels",
    multiple=True,
    type=click.Choice(["exact", "near", "similar"]),
    help="Only this level; may be repeated. [exact and near]",
)
@where_options
@with_project("write", needs_library=True)
def duplicates(project: "Project", category: str | None, levels: tuple[str, ...], as_json: bool) -> None:
    """List copies of the same picture, the image to keep first, and why. Deletes nothing.

    exact: the same bytes or pixels. near: perceptual hash and embedding agree. similar: only the embedding agrees;
    these are not called duplicates, and none of them is proposed for removal. CATEGORY may be left out if there is
    only one.

    \b
    Examples:
      image-cluster duplicates bollards
      image-cluster duplicates bollards --level near --json | jq .summary
      image-cluster duplicates bollards | awk -F'\\t' '$3 == "no" {print $4}'
    """
    from pipeline.console import many, print_json, print_rows
    from pipeline.steps.duplicates import duplicates_document

    slug = only_slug(project, category)
    counts = _search(project, slug)
    document = duplicates_document(project, slug, levels or ("exact", "near"))
    console_of(project).close()
    project.talk.notice(
        f"{many(counts['images'], 'image')}: {counts['exact_images']:,} in {many(counts['exact_groups'], 'group')} "
        f"of exact copies, {counts['near_images']:,} in {many(counts['near_groups'], 'group')} of near copies, "
        f"{counts['similar_images']:,} in {many(counts['similar_groups'], 'group')} of only similar images. "
        f"{counts['proposed_to_go']:,} could be removed, {counts['bytes_saved'] / 1e6:,.1f} MB. Nothing was deleted."
    )
    if as_json:
        print_json(document)
        return
    print_rows([
        {"group": group["id"], "level": group["level"], "kept": "yes" if image["kept"] else "no", "key": image["key"],
         "pixels": f"{image['width']}x{image['height']}", "bytes": image["bytes"],
         "hamming": "" if image["hamming"] is None else image["hamming"], "distance": f"{image['distance']:.3f}",
         "reason": image["reason"]}
        for group in document["groups"] for image in group["images"]
    ])  # fmt: skip


def _search(project: "Project", slug: str) -> dict[str, int]:
    """The counts of a search; where nothing can be written, those of the last one."""
    from pipeline.steps.duplicates import duplicates as search
    from pipeline.steps.duplicates import stored_counts
    from pipeline.storage.full_disk import is_refused

    try:
        return search(project, slug).counts
    except OSError as error:
        if not is_refused(error) or (counts := stored_counts(project, slug)) is None:
            raise
        project.talk.notice(f"{project.settings.data_dir} cannot be written, so these are the copies of the last run.")
        return counts
