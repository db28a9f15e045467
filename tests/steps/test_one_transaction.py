"""Decisions that belong together are stored together: a failure at any statement in between stores none of them."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from pipeline.curation import decisions as d
from pipeline.curation.decisions import Decision
from pipeline.steps.curation import Curation
from tests.steps.named_library import published_library
from tests.steps.test_run import Bench

Together = Callable[[str, str], Sequence[Decision]]
KINDS: dict[str, Together] = {
    "name, description and status": lambda cluster, _: [
        d.Rename(cluster=cluster, name="New"), d.Describe(cluster=cluster, description="text"),
        d.SetStatus(cluster=cluster, status="hidden"),
    ],
    "a tag on all and a note": lambda cluster, image: [
        d.Tag(images=(image,), tag="one"), d.Tag(images=(image,), tag="two"), d.Note(cluster=cluster, text="all"),
    ],
    "a split and its name": lambda cluster, image: [
        d.Split(cluster=cluster, images=(image,), new_cluster="c-new00001"),
        d.Rename(cluster="c-new00001", name="Split off"),
    ],
}  # fmt: skip


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return published_library(Path(tmp_path_factory.mktemp("named")))


class StopError(Exception):
    """What ends the work in between."""


class Failing:
    """Ends the n-th statement of a store."""

    def __init__(self, curation: Curation) -> None:
        self.seen, self.at = 0, -1
        event.listen(curation.store.engine, "before_cursor_execute", self._look)

    def _look(self, *_: Any) -> None:
        self.seen += 1
        if self.seen == self.at:
            raise StopError


@pytest.mark.parametrize("kind", KINDS)
def test_a_failure_at_any_statement_stores_nothing(bench: Bench, kind: str) -> None:
    curation = bench.project().curation
    cluster, found = next(iter(curation.curated("posts").clusters.items()))
    together: Mapping[str, Sequence[Decision]] = {"posts": KINDS[kind](cluster, min(found.members))}
    before = [repr(one) for one in curation.log.events("posts")]
    failing = Failing(curation)
    for at in range(1, 200):
        failing.seen, failing.at = 0, at
        try:
            curation.decide_all(together, actor="ann")
        except StopError:
            assert [repr(one) for one in bench.project().curation.log.events("posts")] == before, at
        else:
            break
    assert at > 3 * len(together["posts"])
    after = [repr(one) for one in bench.project().curation.log.events("posts")]
    assert len(after) == len(before) + len(together["posts"])
    curation.close()
