"""In Dagster: a result that is held back fails its check with the figures, and a job lets it through."""

import json
import logging
from typing import Any

import dagster as dg
import pytest

from pipeline.curation import decisions as d
from pipeline.dagster_run import failures_of
from pipeline.storage.history import Candidate, read_history
from tests.assets.bench import QUIET, Bench, materializations

CHECK = "nothing_waits_for_a_person"


def kmeans(clusters: int) -> dict[str, Any]:
    return {"labels": {"method": "kmeans", "n_clusters": clusters}}


def clusters_published(bench: Bench) -> int:
    import json

    return json.loads((bench.data / "published" / "bollards" / "clusters.json").read_bytes())["summary"]["clusters"]


def waiting(bench: Bench) -> Candidate:
    found = read_history(bench.data / "published", "bollards").candidate
    assert found is not None
    return found


def accept(bench: Bench, **config: str) -> dg.ExecuteInProcessResult:
    job = bench.definitions().resolve_job_def("accept_candidate")
    return job.execute_in_process(
        instance=bench.instance, raise_on_error=False, run_config={**QUIET, "ops": {"accept": {"config": config}}}
    )


@pytest.fixture
def held(bench: Bench) -> Bench:
    bench.write_settings(**kmeans(8))
    assert bench.run("bollards").success
    bench.write_settings(**kmeans(2))
    return bench


def test_the_check_fails_with_the_figures_and_what_is_published_stays(held: Bench) -> None:
    result = held.run("bollards")
    assert not result.success
    (failed,) = [check for check in result.get_asset_check_evaluations() if check.check_name == CHECK]
    assert not failed.passed
    figures = {name: value.value for name, value in failed.metadata.items()}
    assert (figures["clusters_before"], figures["clusters_after"], figures["limit"]) == (8, 2, 0.5)
    assert "the clusters would fall from 8 to 2" in str(failed.description)
    assert clusters_published(held) == 8
    made = materializations(result)["published"]
    assert made["candidate"] == waiting(held).version
    assert made["headline"].startswith("Not published: the clusters would fall")


def test_the_job_publishes_the_candidate_and_the_partition_says_so(held: Bench) -> None:
    held.run("bollards")
    version = waiting(held).version
    done = accept(held, category="bollards", candidate=version)
    assert done.success
    assert clusters_published(held) == 2
    (event,) = [one for one in done.all_events if one.is_step_materialization]
    materialization = event.step_materialization_data.materialization
    assert (materialization.asset_key.to_user_string(), materialization.partition) == ("published", "bollards")
    assert materialization.metadata["version"].value == version
    assert accept(held, category="bollards", candidate=version).success  # twice is once
    again = held.run("bollards")
    assert again.success
    assert all(check.passed for check in again.get_asset_check_evaluations() if check.check_name == CHECK)


def test_the_job_fails_in_one_line_for_a_candidate_that_is_not_there(held: Bench) -> None:
    done = accept(held, category="bollards", candidate="77")
    (failure,) = [event for event in done.all_events if event.is_step_failure]
    said = failure.step_failure_data.user_failure_data
    assert said is not None
    assert said.description == "There is no candidate 77 of bollards. Nothing is waiting."


def test_a_run_without_the_decisions_of_the_last_publication_fails_in_one_clear_text(bench: Bench) -> None:
    assert bench.run("bollards").success
    curation = bench.resource().open(logging.getLogger(__name__)).curation
    cluster = min(curation.curated("bollards").clusters)
    curation.decide("bollards", d.Rename(cluster=cluster, name="White"), actor="ann")
    curation.close()
    assert bench.run("bollards").success
    (bench.data / "curation.sqlite3").unlink()
    result = bench.run("bollards")
    assert not result.success
    said = failures_of(result)
    assert len(set(said)) == 1
    assert "Decisions about bollards are missing: it was published from 1 decision" in said[0]
    assert "image-cluster restore latest" in said[0]
    document = json.loads((bench.data / "published" / "bollards" / "clusters.json").read_bytes())
    assert {one["name"] for one in document["clusters"]} >= {"White"}
