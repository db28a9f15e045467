"""Checks of one category, whose lock the caller holds.

What belongs here: the checks and their results in words. Not here: reading files (`storage/integrity.py`,
`storage/leftovers.py`), the whole directory (`whole.py`).
"""

from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import polars as pl

from pipeline.errors import DamagedArtifactError, LostDecisionsError, MissingArtifactError
from pipeline.stages.contract import columns
from pipeline.stages.embeddings.contract import EMBEDDINGS_SCHEMA
from pipeline.stages.identities.contract import CLUSTERS_SCHEMA, LEDGER_SCHEMA, MEMBERS_SCHEMA
from pipeline.stages.images.contract import IMAGES_SCHEMA, Facts
from pipeline.stages.manifest.contract import MANIFEST_SCHEMA
from pipeline.steps.curation import Curation
from pipeline.steps.decision_guard import counted
from pipeline.steps.doctor.finding import REPAIR, RUN, Finding, are, many
from pipeline.steps.project import Project
from pipeline.steps.units import current_units
from pipeline.storage import integrity
from pipeline.storage import leftovers as left
from pipeline.storage.artifacts import Artifact
from pipeline.storage.contents import TO_BE_MADE
from pipeline.storage.healing import heal, pointer_is_gone, was_dropped
from pipeline.storage.history import History, read_history
from pipeline.storage.layout import published_set
from pipeline.storage.publications import linked_version, swing

NAMES = ("manifest", "images", "objects", "embeddings", "duplicates", "reduced", "labels", "identities",
         "representatives", "similarity", "tuning")  # fmt: skip
ALWAYS_MADE = ("manifest", "images", "embeddings")  # every category that was published or clustered has them
_LEDGER = columns(LEDGER_SCHEMA, "cluster_id", "alive", "members", "into")
_UNFINISHED = "a run was begun and not finished: the next one goes on from there"


def results(project: Project, slug: str) -> Iterator[Finding]:
    """Checks that every pointer leads to a version, and that its files are unchanged since they were written."""
    whole = files = 0
    for name in NAMES:
        mend = partial(heal, project.store, slug, name)
        try:
            artifact = project.store.current(slug, name)
        except DamagedArtifactError as error:
            yield _fault("results", slug, str(error).partition(". ")[0], mend)
            continue
        if artifact is None:
            if pointer_is_gone(project.store, slug, name) and (name == "identities" or _was_finished(project, slug)):
                yield _fault("results", slug, f"nothing says which version of {name} is current", mend)
            elif name in ALWAYS_MADE and _lacks(project, slug, name):
                yield _fault("results", slug, f"{name} is gone", mend)
            continue
        if fault := integrity.artifact_fault(artifact):
            yield _fault("results", slug, f"{name}: {fault}", mend)
            continue
        whole += 1
        files += len(artifact.provenance.digests) or len(artifact.provenance.rows)
    yield Finding("results", slug, "ok", f"{many(whole, 'result')} with {many(files, 'file')} {are(whole)} as written")


def _was_finished(project: Project, slug: str) -> bool:
    """Whether a run of this category reached its clusters. Before that, missing results are those of a stopped run."""
    pointer = project.layout.artifact(slug, "identities")
    return linked_version(project.layout.published, slug) is not None or pointer.exists()


def _lacks(project: Project, slug: str, name: str) -> bool:
    """Whether a result is gone that the category once had, and that was not dropped to be made again."""
    there = project.store.current(slug, name) is not None or was_dropped(project.store, slug, name)
    return not there and _was_finished(project, slug)


def ids(project: Project, slug: str) -> Iterator[Finding]:
    """Checks that the ledger of cluster ids is readable, and has each cluster alive exactly once."""
    stored = project.store.current(slug, "identities")
    if stored is None:
        yield Finding("ids", slug, "ok", "nothing is clustered yet")
        return
    ledger = stored.table("ledger", _LEDGER, list(_LEDGER))
    clusters = stored.table("clusters", CLUSTERS_SCHEMA, ["cluster_id"])["cluster_id"].to_list()
    members = stored.table("members", MEMBERS_SCHEMA, ["image_id", "cluster_id"])
    alive = ledger.filter("alive")["cluster_id"].to_list()
    faults = [
        f"{name} stands in it {count} times" for name, count in Counter(ledger["cluster_id"]).items() if count > 1
    ]
    if sorted(alive) != sorted(clusters):
        faults.append(f"it has {many(len(alive), 'living id')} for {many(len(clusters), 'cluster')}")
    if strangers := set(members["cluster_id"].drop_nulls()) - set(clusters):
        faults.append(f"images belong to {many(len(strangers), 'missing cluster')}")
    if members["image_id"].n_unique() != members.height:
        faults.append("an image belongs to two clusters")
    if faults:
        remedy = "bring categories/" + slug + "/identities back from a backup of the data directory"
        yield Finding("ids", slug, "fault", f"the ledger is wrong: {'; '.join(faults[:5])}", remedy)
        return
    text = f"{many(len(alive), 'living id')} and {many(ledger.height - len(alive), 'former one')}, each once"
    yield Finding("ids", slug, "ok", text)


def counts(project: Project, slug: str) -> Iterator[Finding]:
    """Checks that every listed image was read, and is published in a cluster, unclustered or rejected with a reason."""
    manifest, images = (project.store.current(slug, name) for name in ("manifest", "images"))
    if manifest is None or images is None:
        yield Finding("counts", slug, "ok", _UNFINISHED if manifest else "nothing is read yet")
        return
    rows = images.table("images", IMAGES_SCHEMA, ["image_id", "key", "status"])
    listed = manifest.table("manifest", MANIFEST_SCHEMA, ["image_id", "change"]).filter(pl.col("change") != "removed")
    newer, faults = False, list[str]()
    if set(listed["image_id"]) != set(rows["image_id"]):
        newer = _not_before(project, manifest, images)
        if not newer:
            faults.append(f"{many(listed.height, 'image')} listed, but {rows.height:,} accounted for")
    version = linked_version(project.layout.published, slug)
    if version is not None and not integrity.set_fault(project.layout.published, slug, version, History()):
        made_at, keys = integrity.published_keys(project.layout.published, slug, version)
        if sorted(keys) != rows["key"].sort().to_list():
            later = images.provenance.created_at >= made_at or _clock_went_back(project, slug)
            newer |= later
            if not later:
                faults.append(f"{many(rows.height, 'image')} read, but {len(keys):,} published")
    if faults:
        yield _fault("counts", slug, "; ".join(faults), partial(heal, project.store, slug, "images"))
        return
    ok = rows.filter(pl.col("status") == "ok").height
    text = f"{many(rows.height, 'image')} = {ok:,} usable + {rows.height - ok:,} set aside"
    if newer:
        waiting = read_history(project.layout.published, slug).candidate
        text += f"; {f'{waiting.version} waits to be accepted' if waiting else _UNFINISHED}"
    yield Finding("counts", slug, "ok", text)


def vectors(project: Project, slug: str) -> Iterator[Finding]:
    """Checks that every part has vectors of length 1 and consistent hashes, and every usable image a vector."""
    parts = integrity.vector_parts(project.layout, slug)
    for part in parts:
        if fault := integrity.vector_part_fault(part):
            yield _fault("vectors", slug, fault, partial(_drop_part, part))
    stored = project.store.current(slug, "embeddings")
    if stored is None:
        yield from _no_embeddings(project, slug)
        return
    table = stored.table("embeddings", EMBEDDINGS_SCHEMA)
    fingerprint = str(table["fingerprint"][0]) if table.height else ""
    embedded = integrity.embedded_hashes(project.layout, fingerprint) if fingerprint else set[str]()
    mend = partial(heal, project.store, slug, "embeddings")
    if fault := integrity.encoder_fault(project.layout, fingerprint) if fingerprint else "":
        yield _fault("vectors", slug, fault, partial(_drop_encoder, project, slug, fingerprint))
        return
    images = current_units(project.store, slug)
    if images is not None and _not_before(project, stored, images):
        rows = images.table("images", IMAGES_SCHEMA, ["content_hash", "status"]).filter(pl.col("status") == "ok")
        if unlisted := set(rows["content_hash"]) - set(table["content_hash"]):
            yield _fault("vectors", slug, f"{many(len(unlisted), 'usable image')} not listed as embedded", mend)
            return
    if lacking := set(table["content_hash"]) - embedded:
        yield _fault("vectors", slug, f"{len(lacking):,} of {many(table.height, 'image')} without a vector", mend)
        return
    yield Finding("vectors", slug, "ok", f"{many(table.height, 'image')} with a vector, in {many(len(parts), 'part')}")


def _no_embeddings(project: Project, slug: str) -> Iterator[Finding]:
    if _lacks(project, slug, "embeddings"):
        mend = partial(heal, project.store, slug, "embeddings")
        yield _fault("vectors", slug, "nothing tells which images are embedded", mend)
    elif was_dropped(project.store, slug, "embeddings"):
        yield Finding("vectors", slug, "ok", "the next run embeds again what has no vector")
    else:
        yield Finding("vectors", slug, "ok", "nothing is embedded yet")


def contents(project: Project, slug: str) -> Iterator[Finding]:
    """Checks that the parts of resolved contents are all there, readable, and as they were written."""
    parts = integrity.content_parts(project.layout, slug)
    faults = {part: fault for part in parts if (fault := integrity.content_part_fault(part))}
    stored = project.store.current(slug, "images")
    recorded = stored.facts(Facts).contents if stored is not None else {}
    awaited = {name for name, digest in recorded.items() if digest == TO_BE_MADE}
    for part in project.contents.lost(slug, {name: recorded[name] for name in recorded.keys() - awaited}):
        faults.setdefault(part, f"{part} is {'not as it was written' if part.exists() else 'gone'}")
    for part, fault in sorted(faults.items()):
        yield _fault("contents", slug, fault, partial(_drop_content, project, slug, part))
    if not faults:
        text = f"{many(len(parts), 'part')}, readable and as written"
        yield Finding("contents", slug, "ok", text + (f"; the next run makes {len(awaited)} again" if awaited else ""))


def published(project: Project, slug: str) -> Iterator[Finding]:
    """Checks that the set that readers see, and all kept ones, are complete and unchanged."""
    root = project.layout.published
    history = read_history(root, slug)
    linked = linked_version(root, slug)
    faults = {version: fault for version in history.versions()
              if (fault := integrity.set_fault(root, slug, version, history))}  # fmt: skip
    for version, fault in faults.items():
        yield _fault("published", slug, fault, partial(_withdraw, root, slug, version, history))
    if linked is None and history.current is not None:
        mend = partial(_show, root, slug, history.current.version)
        yield _fault("published", slug, f"readers see nothing: {root / slug} leads nowhere", mend)
    elif not faults:
        kept = len(history.versions())
        yield Finding("published", slug, "ok", f"{linked} is complete, {kept} kept" if linked else "nothing yet")


def leftovers(project: Project, slug: str) -> Iterator[Finding]:
    """Checks for files that stopped processes left behind."""
    paths = left.of_category(project.layout, slug, read_history(project.layout.published, slug))
    if not paths:
        yield Finding("leftovers", slug, "ok", "none")
        return
    text = f"{many(len(paths), 'file')} of a stopped process, the first {paths[0]}"
    yield Finding("leftovers", slug, "fault", text, REPAIR, partial(_sweep, paths))


def decisions(project: Project, slug: str) -> Iterator[Finding]:
    """Checks that no decision behind a publication is missing, and that all decisions replay."""
    curation = Curation(project, read_only=True)
    try:
        events = curation.checked(slug).events(slug)
        if [event.number for event in events] != list(range(1, len(events) + 1)):
            remedy = "image-cluster restore latest"
            yield Finding("decisions", slug, "fault", f"the numbers of {counted(len(events))} have gaps", remedy)
            return
        waiting = len(curation.curated(slug).waiting)
    except LostDecisionsError as error:
        text, _, remedy = str(error).partition("\n")
        yield Finding("decisions", slug, "fault", text, remedy)
    except MissingArtifactError:
        yield Finding("decisions", slug, "ok", "nothing is read yet")
    else:
        yield Finding("decisions", slug, "ok", f"{counted(len(events))}, replayed; {waiting} waiting")
    finally:
        curation.close()


def _fault(check: str, slug: str, text: str, mend: "partial[str]") -> Finding:
    return Finding(check, slug, "fault", text, f"{REPAIR}, then {RUN}", mend)


def _not_before(project: Project, artifact: Artifact, other: Artifact) -> bool:
    """Whether an artefact was written at the same time as another or later."""
    first, second = artifact.provenance, other.provenance
    if first.order and second.order:
        return first.order >= second.order
    return first.created_at >= second.created_at or _clock_went_back(project, artifact.slug)


def _clock_went_back(project: Project, slug: str) -> bool:
    """Whether the times of the results contradict the order in which they were written."""
    times = [record.created_at for record in project.store.records(slug) if record.order and record.created_at]
    return times != sorted(times)


def _drop_part(part: Path) -> str:
    integrity.remove_part(part)
    return "the part was removed; the next run embeds its images again"


def _drop_encoder(project: Project, slug: str, fingerprint: str) -> str:
    integrity.encoder_file(project.layout, fingerprint).unlink(missing_ok=True)
    heal(project.store, slug, "embeddings")
    return "the next run writes it again"


def _drop_content(project: Project, slug: str, part: Path) -> str:
    part.unlink(missing_ok=True)
    stored = project.store.current(slug, "images")
    if stored is not None and (recorded := stored.facts(Facts).contents):
        named = {**recorded, f"{slug}/{part.name}": TO_BE_MADE}
        project.store.update_facts(stored, Facts(contents=named))
    return "the next run reads its images again, to know them by their pixels"


def _sweep(paths: list[Path]) -> str:
    return f"{left.remove(paths):,} removed"


def _show(root: Path, slug: str, version: str) -> str:
    swing(root, slug, version)
    return f"readers see {version} again"


def _withdraw(root: Path, slug: str, version: str, history: History) -> str:
    """Remove a damaged set. If readers see it, show them the newest undamaged one before it."""
    shown = linked_version(root, slug) == version
    left.remove([published_set(root, slug, version)])
    whole = [
        kept for kept in history.versions() if kept != version and not integrity.set_fault(root, slug, kept, history)
    ]
    if not shown:
        return "the set was removed"
    if not whole:
        left.remove([root / slug])
        return "the set was removed, and there is none before it: readers see nothing until the next run"
    swing(root, slug, whole[-1])
    return f"the set was removed; readers see {whole[-1]} until the next run"
