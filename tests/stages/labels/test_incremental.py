"""A new image joins its kind or stays unclustered, and a full clustering comes when much has changed."""

from collections.abc import Sequence

import numpy as np
import pytest

from pipeline.settings import ClusterParams
from pipeline.stages.labels.contract import Base
from pipeline.stages.labels.incremental import NONE, Members, Placement, decide, place, ranges

DAY = "2026-11-01T03:00:00Z"
BASE = Base(at=DAY, images=100, made_of="made")


def kind(seed: int, count: int, *, width: float = 0.3, draw: int = 0) -> np.ndarray:
    """Points around a direction of their own, float32 [count, 64], of length 1."""
    centre = np.random.default_rng(seed).normal(size=64)
    points = centre / np.linalg.norm(centre) + np.random.default_rng([seed, draw]).normal(
        scale=width / 8, size=(count, 64)
    )
    return (points / np.linalg.norm(points, axis=1, keepdims=True)).astype(np.float32)


KINDS = [kind(seed, 20) for seed in range(5)]
LIBRARY, GROUPS = np.concatenate(KINDS), np.repeat(np.arange(5), 20)


def members(kinds: Sequence[np.ndarray], probability: float = 0.8) -> list[Members]:
    return [Members(group, vectors, np.full(len(vectors), probability)) for group, vectors in enumerate(kinds)]


def placed(vectors: np.ndarray, newcomers: np.ndarray | None = None) -> Placement:
    return place(vectors, members(KINDS), ranges(LIBRARY, GROUPS), newcomers)


def test_an_image_of_a_known_kind_joins_it() -> None:
    for seed in range(5):
        found = placed(kind(seed, 1, draw=1))
        assert found.groups.tolist() == [seed]
        assert found.outlier_score[0] < 0.5 < found.probability[0]


def test_an_image_of_no_kind_stays_unclustered() -> None:
    strangers = np.concatenate([kind(100 + seed, 1) for seed in range(8)])
    found = placed(strangers)
    assert found.groups.tolist() == [NONE] * 8
    assert (found.probability == 0).all()
    assert (found.outlier_score >= 0.5).all()


def test_an_image_on_the_rim_of_a_tight_kind_stays_unclustered() -> None:
    rim = kind(0, 1, width=1.5, draw=2)
    assert placed(rim).groups.tolist() == [NONE]


def test_newcomers_that_lie_together_are_not_divided_among_the_kinds_there_are() -> None:
    # near enough to kind 0 to join it one by one, but nearer to each other
    shifted = KINDS[0].mean(axis=0) + 0.35 * kind(50, 1)[0]
    together = shifted + np.random.default_rng(1).normal(scale=0.2 / 8, size=(8, 64))
    together = (together / np.linalg.norm(together, axis=1, keepdims=True)).astype(np.float32)
    alone = [int(placed(one[None]).groups[0]) for one in together]
    assert alone.count(0) >= 6
    assert placed(together).groups.tolist() == [NONE] * 8
    assert placed(together[:1], together[1:]).groups.tolist() == [NONE]


def test_a_copy_of_a_member_joins_it_and_copies_break_nothing() -> None:
    assert placed(KINDS[3][:1]).groups.tolist() == [3]
    copies = np.repeat(KINDS[0][:1], 6, axis=0)
    fitted = ranges(np.concatenate([copies, KINDS[1]]), np.repeat([0, 1], [6, 20]))
    found = place(copies[:1], members([copies, KINDS[1]]), fitted)
    assert found.groups.tolist() == [0]


def test_the_order_of_groups_and_of_images_makes_no_difference() -> None:
    new = np.concatenate([kind(seed, 3, draw=3) for seed in range(6)])
    found = placed(new)
    turned = place(new[::-1], reversed(members(KINDS)), ranges(LIBRARY, GROUPS))
    assert turned.groups[::-1].tolist() == found.groups.tolist()


def test_a_placed_image_is_as_sure_of_its_group_as_the_members_that_it_resembles() -> None:
    fitted = ranges(LIBRARY, GROUPS)
    for probability in (0.2, 0.9):
        found = place(kind(2, 1, draw=1), members(KINDS, probability), fitted)
        assert found.groups.tolist() == [2]
        assert found.probability.tolist() == pytest.approx([probability])
    centre, rim = kind(2, 1, draw=1), KINDS[2].copy()
    near = np.argsort(-(rim @ centre[0]))
    sure = np.where(np.isin(np.arange(20), near[:5]), 0.6, 0.1)
    mixed = [Members(2, rim, sure), *(one for one in members(KINDS) if one.group != 2)]
    assert place(centre, mixed, fitted).probability.tolist() == pytest.approx([0.6])


def test_where_nothing_is_clustered_nobody_is_placed() -> None:
    nothing = np.full(100, NONE)
    assert place(KINDS[0][:2], [], ranges(LIBRARY, nothing)).groups.tolist() == [NONE, NONE]
    assert place(np.empty((0, 64), np.float32), members(KINDS), ranges(LIBRARY, GROUPS)).groups.tolist() == []


def test_cost_is_new_images_times_those_that_they_are_compared_with() -> None:
    assert placed(KINDS[0][:3]).compared == 3 * (100 + 3)


@pytest.mark.parametrize(
    ("added", "removed", "knobs", "now", "reason"),
    [
        (5, 5, {}, DAY, "few"),
        (20, 0, {}, DAY, "few"),
        (15, 6, {}, DAY, "share"),
        (0, 21, {}, DAY, "share"),
        (21, 0, {"recluster": "never"}, DAY, "never"),
        (0, 0, {"recluster": "always"}, DAY, "asked"),
        (1, 0, {"recluster_share": 0}, DAY, "share"),
        (1, 0, {}, "2026-11-08T03:00:00Z", "schedule"),
        (1, 0, {}, "2026-11-08T02:59:59Z", "few"),
        (0, 0, {}, "2027-11-08T03:00:00Z", "few"),
        (1, 0, {"recluster_days": None}, "2027-11-08T03:00:00Z", "few"),
    ],
)
def test_when_a_full_clustering_is_due(
    added: int, removed: int, knobs: dict[str, object], now: str, reason: str
) -> None:
    found = decide(BASE, added, removed, ClusterParams.model_validate(knobs), made_of="made", now=now)
    assert found.reason == reason
    assert found.full == (reason in {"share", "asked", "schedule"})
    assert found.mode == ("full" if found.full else "incremental")


def test_without_a_base_or_with_another_setting_it_is_always_full() -> None:
    never = ClusterParams(recluster="never")
    assert decide(None, 0, 0, never, made_of="made", now=DAY).reason == "first"
    assert decide(BASE, 0, 0, never, made_of="other", now=DAY).reason == "settings"


def test_what_is_said_of_an_image_depends_on_the_groups_around_it_alone() -> None:
    new = np.concatenate([kind(seed, 4, draw=6) for seed in range(5)])
    everything, fitted = placed(new), ranges(LIBRARY, GROUPS)
    for seed in range(5):
        part = slice(4 * seed, 4 * seed + 4)
        own = place(new[part], members(KINDS)[seed : seed + 1], fitted, np.delete(new, part, axis=0))
        assert own.groups.tolist() == everything.groups[part].tolist()
        assert own.outlier_score.tolist() == pytest.approx(everything.outlier_score[part].tolist(), abs=1e-6)
        assert own.probability.tolist() == pytest.approx(everything.probability[part].tolist())
