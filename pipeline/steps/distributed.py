"""The outcomes of workers as if this process had made them.

What belongs here: what only the driver can decide, because it alone sees all images in their order: which known image a
file shows, what is embedded already, and what a worker could not do. Not here: workers (`adapters/executors/`), storing
(`ingest_pass.py`).
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import polars as pl

from pipeline.stages.embeddings.stream import Outcome
from pipeline.stages.images.decode import ImageInfo
from pipeline.stages.images.identity import KnownImages
from pipeline.steps.embedded import encoder_fingerprint
from pipeline.steps.project import Project
from pipeline.storage.layout import Layout, model_cache

if TYPE_CHECKING:
    from pipeline.adapters.executors.ray_pool import RayPool

Here = Callable[[list[str]], Iterator[Outcome[str]]]


def workers_of(project: Project, *, embed: bool) -> "RayPool":
    """The workers of `execution.ray`, started at the first use and kept for all categories of this process."""
    place = (project.settings.encoder.spec, embed)
    if place not in project.workers:
        from pipeline.adapters.executors.ray_pool import RayPool
        from pipeline.adapters.executors.worker import WorkerSetup, folder_of

        settings, source = project.settings, project.settings.source
        if (folder := folder_of(source.url)) is not None:
            source = source.model_copy(update={"url": str(folder.resolve())})
        setup = WorkerSetup(
            source, settings.images, settings.encoder, embed=embed,
            threads=max(1, int(settings.execution.ray.cpus_per_worker)),
            cache=model_cache(Layout(settings.data_dir)),
        )  # fmt: skip
        project.talk.notice(f"Starting workers on {settings.execution.ray.address or 'this machine'} …")
        project.workers[place] = RayPool(
            setup, settings.execution.ray, fingerprint=encoder_fingerprint(project) if embed else "",
            notice=project.talk.notice,
        )  # fmt: skip
    return project.workers[place]


def outcomes_of_workers(
    pool: "RayPool",
    keys: list[str],
    *,
    contents: pl.DataFrame,
    with_vector: set[str],
    images: KnownImages,
    is_known: Callable[[str], bool],
    here: Here,
    apart: Here,
    keys_per_task: int,
) -> Iterator[Outcome[str]]:
    """One outcome per key, in order, equal to what `stream` yields in this process.

    `contents` are the stored resolutions, `is_known` as `skip` of `stream`. `here` does some keys in this process:
    those that a worker could not read, since the source may look different from there, and those whose thumbnail is
    gone. `apart` does too, but decodes in a process of its own: a file of a task that lost its worker again and again
    may be what the workers died of. Raises what a worker raised.
    """
    pool.start_category(contents, frozenset(with_vector))
    seen: set[str] = set()
    tasks = (keys[start : start + keys_per_task] for start in range(0, len(keys), keys_per_task))
    for part, result in pool.results(tasks):
        if result is None:
            for outcome in apart(part):
                _note(outcome, seen)
                yield outcome
            continue
        again = list(_doubtful(result.outcomes, is_known, seen))
        done_here = iter(here(again)) if again else iter(())
        doubtful = set(again)
        for outcome in result.outcomes:
            if outcome.token in doubtful:
                done = next(done_here)
                _note(done, seen)
                yield done
            else:
                yield _resolved(outcome, images, is_known, seen)
        if result.failure is not None:
            raise result.failure


def _doubtful(outcomes: list[Outcome[str]], is_known: Callable[[str], bool], seen: set[str]) -> Iterator[str]:
    """The keys that are to be done here."""
    made: set[str] = set()
    for outcome in outcomes:
        if outcome.digest is None:
            yield outcome.token
            continue
        if outcome.vector is not None:
            made.add(outcome.digest)
        stored = outcome.vector_known and outcome.digest not in made and outcome.digest not in seen
        if isinstance(outcome.image, ImageInfo) and stored and not is_known(outcome.image.content_hash):
            yield outcome.token


def _note(outcome: Outcome[str], seen: set[str]) -> None:
    if outcome.digest is not None and isinstance(outcome.image, ImageInfo):
        seen.add(outcome.digest)


def _resolved(
    outcome: Outcome[str], images: KnownImages, is_known: Callable[[str], bool], seen: set[str]
) -> Outcome[str]:
    """The outcome with the image that its file shows; without what an earlier one carried or is stored."""
    image, digest = outcome.image, outcome.digest
    if not isinstance(image, ImageInfo) or digest is None:
        return outcome
    if digest in seen:  # another worker had a copy
        name = images.of_bytes(digest)
        return replace(outcome, image=replace(image, content_hash=name), thumbnail=None, vector=None, vector_known=True)
    seen.add(digest)
    if image.pixel_hash is None:
        return outcome
    name = images.resolve(outcome.token, digest, image.pixel_hash, outcome.thumbnail)
    if name == image.content_hash:
        return outcome
    known = is_known(name)
    return replace(
        outcome, image=replace(image, content_hash=name), vector=None if known else outcome.vector,
        vector_known=known or outcome.vector_known,
    )  # fmt: skip


def facts_of_workers(project: Project, seconds: float, *, embed: bool) -> dict[str, float]:
    """What the workers did for a category that took `seconds`: their number, tasks that lost theirs, and the share of
    their time at work. Nothing if this process did all."""
    if project.settings.execution.engine == "local":
        return {}
    pool = workers_of(project, embed=embed)
    share = pool.work.seconds / max(seconds * pool.size, 1e-9)
    return {"workers": pool.size, "tasks": pool.work.tasks, "tasks_lost": pool.work.lost,
            "workers_busy": round(min(share, 1.0), 3)}  # fmt: skip
