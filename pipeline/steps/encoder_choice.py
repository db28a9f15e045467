"""The encoder of one category: the one in force, choosing another, and a project that works with it.

What belongs here: the decision `encoder`, and opening a data directory with any encoder. Not here: comparing two
(`encoder_comparison.py`), what is known of each (`encoders.py`), embedding (`ingest.py`).

The settings file is never changed: as with granularity, the choice is a decision about one category, so that it has an
author, a place in the history and an undo. The vectors of every encoder stay, so going back embeds nothing.
"""

import copy
import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from pipeline.curation import decisions as d
from pipeline.curation.events import Event
from pipeline.errors import DecisionError, UnknownNameError
from pipeline.stages.embeddings.contract import Facts
from pipeline.steps.decided import encoder_event, encoder_spec
from pipeline.steps.project import Project


@dataclass(frozen=True)
class EncoderChoice:
    """The encoder in force for a category: its `spec`.

    `settings`: the spec of the settings. `event`: the decision behind `spec`, None if it is that of the settings.
    `embedded`: the spec that made the stored vectors, None before the first run. `pending`: the next run embeds with
    another encoder than `embedded`.
    """

    spec: str
    settings: str
    event: Event | None
    embedded: str | None

    @property
    def pending(self) -> bool:
        return self.embedded is not None and self.embedded != self.spec


def encoder_choice(project: Project, slug: str) -> EncoderChoice:
    """The encoder in force for a category."""
    return EncoderChoice(
        encoder_spec(project, slug), project.settings.encoder.spec, encoder_event(project, slug),
        embedded_spec(project, slug),
    )  # fmt: skip


def choose_encoder(
    project: Project, slug: str, spec: str | None, *, actor: str, why: str | None = None
) -> Event | None:
    """Decide the encoder of a category, from the next run on; None goes back to the settings.

    Returns None if that is in force already. Raises `DecisionError` for an encoder that is not here.
    """
    event = encoder_event(project, slug)
    now = event.decision.spec if event is not None and isinstance(event.decision, d.Encoder) else None
    if spec == now:
        return None
    if spec is not None:
        require_here(project, slug, spec)
    return project.curation.decide(slug, d.Encoder(spec=spec), actor=actor, why=why)


def encoders_here(project: Project, slug: str) -> list[str]:
    """The specs that a person may choose without fetching anything: recommended ones whose weights are here, and what
    this data directory was embedded with."""
    from pipeline.adapters.encoders.shortlist import SHORTLIST

    used = list(measured_rates(project))
    known = [choice.spec for choice in SHORTLIST] + [project.settings.encoder.spec, embedded_spec(project, slug), *used]
    return [spec for spec in dict.fromkeys(known) if spec is not None and _is_here(spec, used)]


def measured_rates(project: Project) -> dict[str, float]:
    """Spec → images per second, of every encoder that this data directory was embedded with."""
    path = project.layout.embedding_rates
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def require_here(project: Project, slug: str, spec: str) -> None:
    """Raise `DecisionError` unless the spec is one of `encoders_here`: no request fetches a model or names a file."""
    here = encoders_here(project, slug)
    if spec not in here:
        raise DecisionError(
            f"The encoder {spec!r} is not here. Here are: {', '.join(here)}. To bring another one, compare it once on "
            f"the command line: image-cluster encoders compare {project.settings.encoder.spec} SPEC{project.where}"
        )


def _is_here(spec: str, used: Iterable[str]) -> bool:
    from pipeline.adapters.encoders.shortlist import weights_here  # brings numpy, which listing clusters does not need

    try:
        here = weights_here(spec)
    except UnknownNameError:  # used by a version that knew further families
        return False
    return here or (here is None and spec in used)


def embedded_spec(project: Project, slug: str) -> str | None:
    """The spec that made the stored vectors of a category; None if there are none."""
    stored = project.store.current(slug, "embeddings")
    return None if stored is None else stored.facts(Facts).spec


def with_encoder(project: Project, spec: str) -> Project:
    """The same data directory, bucket and decisions with another encoder; `project` itself if that has this encoder.

    Loaded encoders are shared between both.
    """
    if spec == project.settings.encoder.spec:
        return project
    other = copy.copy(project)
    encoder = project.settings.encoder.model_copy(update={"spec": spec})
    other.settings = project.settings.model_copy(update={"encoder": encoder})
    return other


def for_category(project: Project, slug: str) -> Project:
    """The project with the encoder in force for a category."""
    return with_encoder(project, encoder_spec(project, slug))


def for_search(project: Project, slugs: Iterable[str]) -> Project:
    """The project with the encoder that made the vectors of these categories.

    Vectors of two encoders cannot be compared. If the categories have different ones, the encoder of the settings wins
    if one of them has it, else the most frequent one. An encoder given to the command (`--encoder`) always wins.
    """
    specs = Counter(spec for slug in slugs if (spec := embedded_spec(project, slug)) is not None)
    if project.encoder_given or not specs or project.settings.encoder.spec in specs:
        return project
    return with_encoder(project, specs.most_common(1)[0][0])
