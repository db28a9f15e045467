"""The asset `tuning`: a table, a picture and a report for a person who chooses; never part of the nightly job."""

from pathlib import Path

import dagster as dg
import pytest

from pipeline.automation import REFRESH
from pipeline.definitions import build_defs
from tests.assets.bench import QUIET, Bench, materializations


def test_the_nightly_job_leaves_it_out() -> None:
    with dg.DagsterInstance.ephemeral():  # Dagster asks the instance entered last, even one of another test
        graph = build_defs().resolve_asset_graph()
        assert dg.AssetKey("tuning") in graph.get_all_asset_keys()
        assert REFRESH.selection is not None
        assert dg.AssetKey("tuning") not in REFRESH.selection.resolve(graph)


@pytest.mark.slow
def test_materializing_it_shows_the_table_and_the_curves(tmp_path: Path) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        bench = Bench(tmp_path, instance, labels={"method": "community"}, reduced={"method": "none"})
        bench.add("bollards", range(18))
        assert bench.run("bollards").success
        job = dg.define_asset_job("tune", selection=dg.AssetSelection.assets("tuning"))
        definitions = dg.Definitions.merge(bench.definitions(), dg.Definitions(jobs=[job]))
        done = definitions.resolve_job_def("tune").execute_in_process(
            instance=instance, partition_key="bollards", raise_on_error=False,
            run_config={**QUIET, "ops": {"tuning": {"config": {"runs": 1}}}},
        )  # fmt: skip
        assert done.success
        shown = materializations(done)["tuning"]
        [check] = done.get_asset_check_evaluations()
    assert "| setting | clusters |" in shown["settings"]
    assert "now" in shown["settings"]
    assert "data:image/svg+xml;base64," in shown["curves"]
    assert shown["current"] == "auto"
    assert Path(shown["report_file"]).is_file()
    assert check.passed
