"""Two encoders on a sample of one category: which agrees better with what people decided, and what a change would do.

What belongs here: joining sample, decisions and clusterings into one result. Not here: the sample
(`encoder_sample.py`), what decisions say (`curation/evidence.py`), the figures (`stages/tuning/agreement.py`).

Both encoders are clustered afresh with the settings of the category, on their bare vectors: a map that was learned from
ratings would have seen the pairs that it is judged by. Agreement is measured on `DRAWS` random parts of the sample, the
same for both, so that a difference can be told from chance.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import TypeAdapter, ValidationError

from pipeline.curation.evidence import Evidence, evidence
from pipeline.curation.outlook import Outlook
from pipeline.settings import ClusterParams
from pipeline.stages.embeddings.contract import Facts as EmbeddingFacts
from pipeline.stages.labels import clusterers as labelling
from pipeline.stages.labels.contract import NONE
from pipeline.stages.reduced.projection import reduce
from pipeline.stages.tuning.agreement import PairScore, named_agreement, pair_score
from pipeline.steps.decided import cluster_params
from pipeline.steps.encoder_outlook import ClusterChanges, cluster_changes
from pipeline.steps.encoder_sample import Embedded, draw_sample, embed_sample
from pipeline.steps.granularity import curated_then, decided_digest, group_members
from pipeline.steps.pairs import pairs_of
from pipeline.steps.project import Project
from pipeline.steps.reduced import reduction_as_used
from pipeline.storage.artifacts import digest
from pipeline.storage.files import write_atomically

CODE = 3  # increase when the same inputs give another result
DRAWS, SHARE = 5, 0.8  # random parts of the sample that agreement is measured on
CLEARLY = 0.01  # difference of agreement below which two encoders are alike
SEEN = 3  # images in the sample from which on a cluster is expected to be found again


@dataclass(frozen=True)
class Side:
    """The figures of one encoder.

    `agreement`: with people's clusters (or, `without_decisions`, with the present ones), the mean of the draws;
    `per_draw` each. `names_kept` of the `names` that are in the sample keep their cluster, as `ids_kept` of `ids`.
    `to_embed`: images of the category without a vector of this encoder; `seconds`: what embedding them would take, None
    if that is not known. `outlook`: what becomes of those clusters of today that are in the sample.
    """

    spec: str
    in_use: bool
    clusters: int
    unclustered: float
    agreement: float | None
    per_draw: list[float | None]
    corrections: PairScore
    ratings: PairScore
    ids: int
    ids_kept: int
    names: int
    names_kept: int
    names_lost: list[str]
    images_per_second: float | None
    to_embed: int
    seconds: float | None
    outlook: ClusterChanges = field(default_factory=ClusterChanges)


@dataclass(frozen=True)
class Comparison:
    """Two encoders on the same images. `better` is the spec of the one that agrees clearly better, None for neither.

    `decided`: images in clusters that people stand behind, of the `images` of the sample; `of`: the whole category.
    `at`: when they were compared, ISO 8601; `decided_on`: a digest of what people had decided.
    """

    category: str
    images: int
    of: int
    unreadable: int
    decided: int
    without_decisions: bool
    sides: list[Side]
    better: str | None
    at: str = field(default="", compare=False)
    decided_on: str = ""


_STORED: TypeAdapter[Comparison] = TypeAdapter(Comparison)


def compare(project: Project, slug: str, specs: tuple[str, str], *, sample: int, seed: int = 0) -> Comparison:
    """Compare two encoders. Stores vectors and a cache; changes no cluster. Raises `EncoderError`, `UnknownNameError`,
    `TooFewImagesError`, `MissingArtifactError` and what reading raises."""
    project.store.require(slug, "identities")
    found = _evidence(project, slug)
    hashes = draw_sample(project, slug, sample, seed, found.images)
    embedded = [embed_sample(project, slug, spec, hashes) for spec in specs]
    lost = embedded[0].lost | embedded[1].lost
    hashes = [content for content in hashes if content not in lost]
    params = cluster_params(project, slug)
    key = digest(hashes, [one.fingerprint for one in embedded], list(specs), seed, decided_digest(project, slug),
                 found.corrections, found.ratings, params.model_dump(), reduction_as_used(project).model_dump(),
                 project.settings.identities.model_dump(), len(lost), CODE)  # fmt: skip
    path = project.layout.encoder_comparison(slug, key)
    stored = _read(path)
    if stored is not None:
        made = replace(stored, sides=[_timed(side, one) for side, one in zip(stored.sides, embedded, strict=True)])
    else:
        made = _compare(project, slug, specs, hashes, found, embedded, seed, params)
    made = replace(made, at=project.now(), decided_on=decided_digest(project, slug))
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, json.dumps(asdict(made)).encode())
    write_atomically(project.layout.last_encoder_comparison(slug), key.encode())
    return made


def stored_comparison(project: Project, slug: str) -> Comparison | None:
    """The last comparison of a category; None if there is none, or it was made by another version."""
    last = project.layout.last_encoder_comparison(slug)
    return _read(project.layout.encoder_comparison(slug, last.read_text(encoding="utf-8"))) if last.exists() else None


def decided_since(project: Project, slug: str, found: Comparison) -> bool:
    """Whether clusters or names have changed since the comparison."""
    return found.decided_on != decided_digest(project, slug)


def _read(path: Path) -> Comparison | None:
    """A stored comparison; None if there is none, or it is damaged."""
    if not path.exists():
        return None
    try:
        return _STORED.validate_json(path.read_bytes())
    except ValidationError:
        return None


def _evidence(project: Project, slug: str) -> Evidence:
    ratings = [(pair.a, pair.b, pair.same) for pair in pairs_of(project, slug)]
    return evidence(project.curation.curated(slug), project.curation.checked(slug).events(slug), ratings)


def _compare(
    project: Project, slug: str, specs: tuple[str, str], hashes: list[str], found: Evidence,
    embedded: Sequence[Embedded], seed: int, params: ClusterParams,
) -> Comparison:  # fmt: skip
    today = project.curation.curated(slug)
    groups = found.groups or {
        image: cluster.id for cluster in today.clusters.values() for image in cluster.members
    }  # fmt: skip
    numbers = {cluster: number for number, cluster in enumerate(sorted(set(groups.values())))}
    decided = np.array([numbers[groups[content]] if content in groups else NONE for content in hashes])
    rng = np.random.default_rng(seed)
    draws = [np.sort(rng.choice(len(hashes), max(2, round(SHARE * len(hashes))), replace=False)) for _ in range(DRAWS)]
    work = _Work(project, slug, params, hashes, decided, draws, found)
    sides = [
        work.side(spec, one, (number, len(specs)))
        for number, (spec, one) in enumerate(zip(specs, embedded, strict=True))
    ]
    images = project.store.require(slug, "identities").provenance.rows["members"]
    return Comparison(
        category=project.category_of(slug), images=len(hashes), of=images,
        unreadable=len(embedded[0].lost | embedded[1].lost), decided=int((decided >= 0).sum()) if found.groups else 0,
        without_decisions=found.is_empty, sides=sides, better=better(sides),
    )  # fmt: skip


@dataclass(frozen=True)
class _Work:
    project: Project
    slug: str
    params: ClusterParams
    hashes: list[str]
    decided: np.ndarray  # int [n], the number of people's cluster, −1 for none
    draws: list[np.ndarray]
    found: Evidence

    def side(self, spec: str, embedded: Embedded, place: tuple[int, int]) -> Side:
        """The figures of one encoder; `place` is its number and how many there are, for the progress."""
        vectors = self.project.vectors(embedded.fingerprint).read(self.hashes).astype(np.float32)
        whole = self._clustered(vectors)
        per_draw: list[float | None] = []
        for number, rows in enumerate(self.draws):
            self.project.talk.progress("compare", place[0] * DRAWS + number, place[1] * DRAWS)
            per_draw.append(named_agreement(self._clustered(vectors[rows]), self.decided[rows]))
        self.project.talk.progress("compare", (place[0] + 1) * DRAWS, place[1] * DRAWS)
        known = [value for value in per_draw if value is not None]
        stored = self.project.store.require(self.slug, "embeddings").facts(EmbeddingFacts)
        side = Side(
            spec=spec, in_use=stored.spec == spec, clusters=int(whole.max()) + 1, unclustered=float((whole < 0).mean()),
            agreement=float(np.mean(known)) if known else None, per_draw=per_draw,
            corrections=pair_score(self.hashes, whole, vectors, self.found.corrections),
            ratings=pair_score(self.hashes, whole, vectors, self.found.ratings),
            **self._survival(whole, embedded.fingerprint),
            images_per_second=None, to_embed=0, seconds=None,
        )  # fmt: skip
        return _timed(side, embedded)

    def _clustered(self, vectors: np.ndarray) -> np.ndarray:
        points = reduce(vectors, reduction_as_used(self.project)).vectors
        return labelling.group(points, self.params).groups

    def _survival(self, groups: np.ndarray, fingerprint: str) -> dict[str, Any]:
        """What becomes of the clusters with `SEEN` images or more in the sample, by the rules of identity."""
        here = frozenset(self.hashes)
        then, _ = curated_then(self.project, self.slug, group_members(self.hashes, groups), here, fingerprint)
        outlook = Outlook(self.project.curation.curated(self.slug), then)
        seen = {cluster.id for cluster in outlook.today.clusters.values() if len(cluster.members & here) >= SEEN}
        names = {cluster: name for cluster, name in outlook.names.items() if cluster in seen}
        lost = sorted(name for cluster, name in names.items() if cluster not in outlook.kept)
        return {
            "ids": len(seen), "ids_kept": len(seen & outlook.kept), "names": len(names),
            "names_kept": len(names) - len(lost), "names_lost": lost,
            "outlook": cluster_changes(self.project, self.slug, outlook, here),
        }  # fmt: skip


def _timed(side: Side, embedded: Embedded) -> Side:
    """The side with the time that a change to its encoder would take, as of now."""
    rate, missing = embedded.images_per_second, embedded.missing
    seconds = 0.0 if not missing else missing / rate if rate else None
    return replace(side, images_per_second=rate, to_embed=missing, seconds=seconds)


def better(sides: Sequence[Side]) -> str | None:
    """The spec of the side that agrees better by `CLEARLY` in the mean and in every draw; None if neither does."""
    first, second = sides
    pairs = [(a, b) for a, b in zip(first.per_draw, second.per_draw, strict=True) if a is not None and b is not None]
    if not pairs or first.agreement is None or second.agreement is None:
        return None
    if first.agreement - second.agreement >= CLEARLY and all(a > b for a, b in pairs):
        return first.spec
    if second.agreement - first.agreement >= CLEARLY and all(b > a for a, b in pairs):
        return second.spec
    return None
