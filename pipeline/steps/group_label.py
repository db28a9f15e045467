"""What the groups of a category are called, from the settings or from the groups themselves.

What belongs here: reading the groups. Not here: choosing the word (`stages/published/group_words.py`).
"""

from collections.abc import Mapping
from typing import Any

from pipeline.stages.contract import columns
from pipeline.stages.images.contract import IMAGES_SCHEMA
from pipeline.stages.published.group_words import group_word
from pipeline.steps.project import Project

_GROUPS = columns(IMAGES_SCHEMA, "group")


def group_label(project: Project, slug: str) -> str:
    """Country, folder, or the word in `source.group_label`."""
    stored = project.store.current(slug, "images")
    groups: list[str] = (
        [] if stored is None else stored.table("images", _GROUPS, ["group"])["group"].unique().drop_nulls().to_list()
    )
    return group_word(groups, slug, project.category_of(slug), project.settings.source.group_label)


def label_in_news(project: Project, slug: str, changes: Mapping[str, Any]) -> str:
    """The same for the groups in the document `changes.json`. Opens no table, as a night with nothing new must not."""
    groups = {group for entry in changes["clusters"] for group in entry["countriesGained"] + entry["countriesLost"]}
    return group_word(groups, slug, project.category_of(slug), project.settings.source.group_label)
