"""How fine a category is clustered: the choice in force, what another would change, and choosing one.

What belongs here: HTTP. Not here: comparing and choosing (`steps/granularity.py`, `steps/tune.py`), the same as a page
(`page/granularity.py`).
"""

from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Annotated, Any

from fastapi import APIRouter, Path
from pydantic import Field

from pipeline.curation.clusters import CuratedCluster
from pipeline.curation.outlook import Change
from pipeline.service.context import Service, Shared
from pipeline.service.models import RunShape, Shape
from pipeline.service.routes.common import Slug, category_of
from pipeline.service.routes.curation import Actor, EventShape, Why, event_shape
from pipeline.service.routes.runs import run_shape
from pipeline.stages.tuning.trials import same_setting
from pipeline.steps.granularity import Preview, choice, choose, decided_digest, faces, preview, sweep_is_current
from pipeline.steps.tune import stored_sweep

router = APIRouter(tags=["granularity"])
FACES = 6
MOST_STEPS = 60  # rows of a preview that are shown; the others are counted
Setting = Annotated[str, Path(max_length=20, description="A setting of the comparison, as `auto` or `0.6`.")]


class SettingShape(Shape):
    """What one setting gives, as of the comparison; shares are of the images."""

    setting: str
    granularity: float
    current: bool = Field(description="In force now.")
    best: bool = Field(description="Favoured by the figures.")
    clusters: int
    unclustered: float
    largest: float
    validity: float | None
    stability: float | None
    ids: int
    ids_kept: int
    names: int
    names_kept: int
    names_lost: list[str]


class ComparisonShape(Shape):
    """The stored comparison of settings, from coarse to fine."""

    at: str
    decided_since: bool = Field(description="Clusters or names have changed since; a preview has them as they are now.")
    best: str | None
    notes: list[str]
    settings: list[SettingShape]


class GranularityShape(Shape):
    """The granularity in force: that of a decision about this category, else that of the settings."""

    category: str
    value: str
    settings: str = Field(description="labels.granularity of the settings.")
    n_clusters: int | None = Field(description="labels.n_clusters of the settings, which only a decision overrides.")
    decided: EventShape | None
    pending: bool = Field(
        description="The clusters were computed with other settings; the next run computes them anew."
    )
    comparison: ComparisonShape | None = Field(description="None if there is none of the present images.")


class PreviewCluster(Shape):
    id: str
    name: str | None
    images: int
    shown: list[str] = Field(description="Content hashes of typical images.")


class PreviewStep(Shape):
    """Clusters of today and what becomes of them; two of them stand together if they share a fifth of the smaller."""

    change: Change
    before: list[PreviewCluster]
    after: list[PreviewCluster]


class PreviewShape(Shape):
    """The clusters that a setting would give beside today's, with people's decisions on both sides."""

    setting: str
    clusters: int
    clusters_now: int
    unclustered: int
    unclustered_now: int
    ids_kept: int
    names: int
    names_lost: list[str]
    same: int = Field(description="Clusters that stay as they are; they are not among the steps.")
    steps: list[PreviewStep] = Field(description=f"The largest first, at most {MOST_STEPS}.")
    more: int


class ChoiceRequest(Shape):
    value: str | None = Field(max_length=20, description="auto, coarse, fine or 0 to 1; null: as the settings say.")
    actor: Actor = "api"
    why: Why = None
    run: bool = Field(default=True, description="Also cluster and publish at once.")


class CompareRequest(Shape):
    runs: int = Field(
        default=5, ge=0, le=50, strict=True, description="Random subsamples to measure stability on; 0: not measured."
    )


class ChoiceMade(Shape):
    event: EventShape | None = Field(description="None if that value was in force already.")
    run: RunShape | None


@router.get("/categories/{category}/granularity")
def get_granularity(service: Shared, category: Slug) -> GranularityShape:
    """The granularity in force, and the stored comparison of others."""
    slug = category_of(service, category).slug
    now = choice(service.project, slug)
    decided = None if now.event is None else event_shape(service, slug, now.event)
    return GranularityShape(
        category=service.project.category_of(slug), value=now.value, settings=now.settings, n_clusters=now.n_clusters,
        decided=decided, pending=now.pending, comparison=comparison(service, slug, now.value),
    )  # fmt: skip


@router.get("/categories/{category}/granularity/{setting}")
def preview_granularity(service: Shared, category: Slug, setting: Setting) -> PreviewShape:
    """What a setting of the comparison would change. Changes nothing."""
    slug = category_of(service, category).slug
    return preview_shape(service, slug, preview(service.project, slug, setting))


@router.post("/categories/{category}/granularity/compare", status_code=202)
def compare(service: Shared, category: Slug, body: CompareRequest) -> RunShape:
    """Start a run that compares settings, as `image-cluster tune`. Reads no image and changes no cluster."""
    snapshot = category_of(service, category)
    further = {"runs": body.runs}
    run = service.runs.launch_comparison(
        "tuning", snapshot.base.category, snapshot.slug, service.project.settings, further
    )
    return run_shape(run)


@router.post("/categories/{category}/granularity", status_code=201)
def choose_granularity(service: Shared, category: Slug, body: ChoiceRequest) -> ChoiceMade:
    """Choose a granularity for this category: stores a decision, which can be undone, and clusters again."""
    snapshot = category_of(service, category)
    slug, project = snapshot.slug, service.project
    service.decisions()
    event = choose(project, slug, body.value, actor=body.actor, why=body.why)
    run = None
    if body.run and (event is not None or choice(project, slug).pending):
        run = run_shape(service.runs.launch(snapshot.base.category, slug, {}, project.settings, kind="clustering"))
    service.library.forget(slug)
    return ChoiceMade(event=None if event is None else event_shape(service, slug, event), run=run)


def comparison(service: Service, slug: str, value: str) -> ComparisonShape | None:
    """The stored comparison, if it is of the present images; `value` is the setting in force."""
    project = service.project
    stored = project.store.current(slug, "tuning")
    if stored is None or not sweep_is_current(project, slug):
        return None
    sweep = stored_sweep(project, slug)
    rows = [
        SettingShape(**asdict(replace(trial, current=same_setting(trial.setting, value)))) for trial in sweep.trials
    ]
    return ComparisonShape(
        at=stored.provenance.created_at, decided_since=sweep.facts.decided != decided_digest(project, slug),
        best=sweep.facts.best, notes=sweep.facts.notes, settings=rows,
    )  # fmt: skip


def preview_shape(service: Service, slug: str, seen: Preview) -> PreviewShape:
    """A preview with typical images of the clusters that would change."""
    outlook = seen.outlook
    changed = [step for step in outlook.steps if step.change != "same"]
    shown = changed[:MOST_STEPS]
    today, then = outlook.today.clusters, outlook.then.clusters
    clusters = [today[name] for step in shown for name in step.before]
    clusters += [then[name] for step in shown for name in step.after]
    faces_of = faces(service.project, slug, (cluster.members for cluster in clusters), FACES)

    def cards(clusters: Sequence[CuratedCluster]) -> list[dict[str, Any]]:
        return [{"id": cluster.id, "name": cluster.name, "images": seen.size(cluster.members),
                 "shown": faces_of[cluster.members]} for cluster in clusters]  # fmt: skip

    steps = [
        PreviewStep.model_validate({"change": step.change, "before": cards([today[name] for name in step.before]),
                                    "after": cards([then[name] for name in step.after])})
        for step in shown
    ]  # fmt: skip
    return PreviewShape(
        setting=seen.setting, clusters=len(then), clusters_now=len(today),
        unclustered=seen.size(outlook.then.unclustered), unclustered_now=seen.size(outlook.today.unclustered),
        ids_kept=len(outlook.kept), names=len(outlook.names), names_lost=list(outlook.lost),
        same=len(outlook.steps) - len(changed), steps=steps, more=len(changed) - len(shown),
    )  # fmt: skip
