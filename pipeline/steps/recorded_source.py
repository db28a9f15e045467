"""The source of the last run, where a later command or Dagster is not told another one.

What belongs here: applying the record to settings, and refusing a run that reads the same source in another way. Not
here: the file (`storage/source_record.py`).
"""

from pathlib import Path
from typing import Any

from pipeline.errors import SettingsError
from pipeline.settings import Settings
from pipeline.steps.each import some
from pipeline.steps.project import Project
from pipeline.storage.categories import read_slugs
from pipeline.storage.layout import Layout
from pipeline.storage.source_record import SourceRecord, read_source, record_of


def take_recorded(values: dict[str, Any], *, url_given: bool, categories_given: bool) -> None:
    """Put the recorded source into `values`, a dump of `Settings`, where no other one was given.

    The same source is read in the same way as before, as one library or a category per folder, unless the caller or the
    settings file says how.
    """
    recorded = read_source(Layout(Path(values["data_dir"])))
    if recorded is None:
        return
    source = values["source"]
    if not url_given:
        source["url"] = recorded.url
    if not categories_given and _same(source["url"], recorded):
        source["categories"] = recorded.categories


def with_recorded_source(settings: Settings) -> Settings:
    """Settings as a file has them, with the recorded source where the file names none."""
    written = settings.source.model_fields_set
    if {"url", "categories"} <= written or read_source(Layout(settings.data_dir)) is None:
        return settings
    values = settings.model_dump()
    take_recorded(values, url_given="url" in written, categories_given="categories" in written)
    return Settings.model_validate(values)


def require_same_way(project: Project) -> None:
    """Raise `SettingsError` if the data directory holds this source as one library and this run would read it as a
    category per folder, or the other way round: every category of before would count as empty."""
    source, before = project.settings.source, read_source(project.layout)
    if before is None or not _same(source.url, before):
        return
    clustered = project.store.slugs_with("identities")
    if not clustered or (before.categories == "single") == (source.categories == "single"):
        return
    slugs = read_slugs(project.layout)
    names = some(sorted(slugs.get(slug, slug) for slug in clustered))
    data = project.settings.data_dir
    ways = ("one library of all folders", "a category for each top folder")
    was, reads = ways if before.categories == "single" else reversed(ways)
    raise SettingsError(
        f"{data} holds {source.url} as {was} ({names}). This run would read it as {reads}, and what is there would "
        f"count as empty. Give it a data directory of its own: --out {data}-2. If nothing in {data} was named or "
        "decided yet, you can delete it instead and run again."
    )


def _same(url: str, recorded: SourceRecord) -> bool:
    return record_of(url, recorded.categories).url.rstrip("/") == recorded.url.rstrip("/")
