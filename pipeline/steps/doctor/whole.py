"""Checks of a data directory as a whole: its marker, the database of decisions and its copies, thumbnails, leftovers.

What belongs here: the checks and their results in words. Not here: one category (`category.py`), reading files
(`storage/integrity.py`, `storage/leftovers.py`).
"""

import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from pipeline.errors import DamagedArtifactError, DamagedFileError
from pipeline.stages.embeddings.contract import EMBEDDINGS_SCHEMA
from pipeline.stages.images.contract import IMAGES_SCHEMA
from pipeline.stages.objects.contract import KNOWN_SCHEMA
from pipeline.steps.curation import Curation
from pipeline.steps.decision_guard import counted, ways_on
from pipeline.steps.doctor.finding import REPAIR, RUN, Finding, are, many
from pipeline.steps.project import Project
from pipeline.steps.units import current_units
from pipeline.storage import integrity
from pipeline.storage import leftovers as left
from pipeline.storage.categories import read_renames, read_slugs
from pipeline.storage.curation import copies, marker
from pipeline.storage.healing import heal
from pipeline.storage.layout import Layout, open_layout
from pipeline.storage.thumbnails import is_whole

DECODED = 1000  # thumbnails that one check decodes


def directory(root: Path) -> Finding:
    """Checks that the files at the top are readable. Raises `NewerSchemaError`."""
    layout = Layout(root)
    if not layout.marker.exists():
        return Finding("directory", "", "fault", f"{layout.marker} is gone", f"{REPAIR}, or the next run, writes it",
                       partial(_write_marker, root))  # fmt: skip
    try:
        open_layout(root)
        slugs, renames = read_slugs(layout), read_renames(layout)
    except DamagedFileError as error:
        text, _, remedy = str(error).partition(". ")
        return Finding("directory", "", "fault", text, remedy)
    if strangers := integrity.unlisted_categories(layout, {*slugs, *renames}):
        lacking = many(len(strangers), "stored category", "stored categories")
        text = f"{layout.slugs} lacks {lacking}: {', '.join(strangers[:5])}"
        return Finding("directory", "", "fault", text, f"{RUN} writes it anew")
    renamed = f", {len(renames)} renamed" if renames else ""
    return Finding("directory", "", "ok", f"{root} holds {many(len(slugs), 'category', 'categories')}{renamed}")


def database(project: Project, _: str) -> Iterator[Finding]:
    """Checks the database of decisions and its copies. Raises what opening it raises."""
    curation = Curation(project, read_only=True)
    try:
        events = sum(curation.log.counts().values())
        marker.decided(project.layout)  # raises if it is damaged
        lost = [] if events else [slug for slug in read_slugs(project.layout) if curation.guard.had_decisions(slug)]
        place = curation.guard.place
    finally:
        curation.close()
    if lost:
        text = f"{place} is gone or empty, and decisions were made about {', '.join(lost[:5])}"
        yield Finding("decisions", "", "fault", text, ways_on(project))
    else:
        yield Finding("decisions", "", "ok", f"the database is sound and holds {counted(events)}")
    kept = copies.newest_first(project.layout.copies)
    damaged = [copy.file for copy in kept if not copies.is_good(copy)]
    for file in damaged:
        yield Finding("copies", "", "fault", f"{file} is not as it was written or gone",
                      f"remove {file.with_suffix('.json')}, then: image-cluster backup")  # fmt: skip
    if not damaged:
        yield Finding("copies", "", "ok", f"{many(len(kept), 'copy', 'copies')} of the decisions {are(len(kept))} good")


def thumbnails(project: Project, _: str) -> Iterator[Finding]:
    """Checks that every usable image has a complete thumbnail, and every thumbnail an image."""
    wanted = {slug: _usable(project, slug) for slug in read_slugs(project.layout)}
    needed = set[str]().union(*wanted.values())
    stored = list(project.thumbnails.stored())
    cut = [path for path in stored if not is_whole(path.name, path.read_bytes())]
    sample = sorted(needed)[:: -(-len(needed) // DECODED) or 1]
    drawn = [path for path in stored if path.name in {*sample} and path not in cut]
    cut += [path for path in drawn if not integrity.decodes(path)]
    lacking = (needed - {path.name for path in stored}) | (needed & {path.name for path in cut})
    if cut or lacking:
        slugs = [slug for slug, hashes in wanted.items() if hashes & lacking]
        text = f"{many(len(lacking), 'image')} without a whole thumbnail, {many(len(cut), 'damaged thumbnail')}"
        mend = partial(_drop_and_recompute, project, slugs, cut)
        yield Finding("thumbnails", "", "fault", text, f"{REPAIR}, then {RUN}", mend)
    expected = needed | _hashes_that_may_return(project)
    orphans = [path for path in stored if path.name not in expected and left.is_old(path, time.time())]
    if orphans:
        yield Finding("thumbnails", "", "fault", f"{len(orphans):,} of no image", REPAIR, partial(_sweep, orphans))
    elif not cut and not lacking:
        yield Finding("thumbnails", "", "ok", f"{many(len(needed), 'image')} with one; {len(drawn):,} decoded")


def leftovers(project: Project, _: str) -> Iterator[Finding]:
    """Checks for files outside the categories that processes left behind at least an hour ago."""
    paths = left.shared(project.layout, time.time())
    if paths:
        text = f"{many(len(paths), 'file')} of a stopped process, the first {paths[0]}"
        yield Finding("leftovers", "", "fault", text, REPAIR, partial(_sweep, paths))
    else:
        yield Finding("leftovers", "", "ok", "none")


def _usable(project: Project, slug: str) -> set[str]:
    try:
        stored = [project.store.current(slug, "images"), current_units(project.store, slug)]
        columns = ["content_hash", "status"]
        tables = [one.table("images", IMAGES_SCHEMA, columns) for one in stored if one is not None]
    except DamagedArtifactError:  # reported for that category
        return set()
    return {value for table in tables for value in table.filter(table["status"] == "ok")["content_hash"]}


def _hashes_that_may_return(project: Project) -> set[str]:
    """Hashes of images that may come back: their vectors are kept, or an unfinished run has read them."""
    hashes = set[str]()
    for slug in read_slugs(project.layout):
        hashes |= integrity.journal_hashes(project.layout, slug)
        try:
            stored = project.store.current(slug, "embeddings")
            table = stored.table("embeddings", EMBEDDINGS_SCHEMA) if stored is not None else None
            found = project.store.current(slug, "objects")
            known = found.table("known", KNOWN_SCHEMA, ["image_hash", "content_hash"]) if found is not None else None
        except DamagedArtifactError:
            continue
        if known is not None:
            hashes |= {*known["image_hash"], *known["content_hash"]}
        for fingerprint in set(table["fingerprint"]) if table is not None else ():
            hashes |= integrity.embedded_hashes(project.layout, fingerprint)
    return hashes


def _write_marker(root: Path) -> str:
    open_layout(root)
    return "it was written"


def _drop_and_recompute(project: Project, slugs: list[str], cut: list[Path]) -> str:
    left.remove(cut)
    for slug in slugs:
        heal(project.store, slug, "images")
        if project.store.current(slug, "objects") is not None:
            heal(project.store, slug, "embeddings")  # so that crops without a thumbnail are cut again
    return f"the next run reads the images of {', '.join(slugs) or 'no category'} again and makes them"


def _sweep(paths: list[Path]) -> str:
    return f"{left.remove(paths):,} removed"
