"""What Dagster loads: it validates, says what everything is, and touches nothing at import."""

import json
import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import yaml

from pipeline.definitions import ASSET_MODULES, build_defs, defs
from pipeline.errors import SettingsError
from pipeline.settings import AutomationParams
from tests.assets.bench import set_aside_environment

ROOT = Path(__file__).parents[1]
LINEAGE = {
    "image_manifest": set(),
    "images": {"image_manifest"},
    "objects": {"images"},
    "embeddings": {"images", "objects"},
    "duplicates": {"images", "embeddings"},
    "reduced": {"images", "embeddings"},
    "labels": {"reduced", "duplicates"},
    "identities": {"labels"},
    "representatives": {"identities"},
    "similarity": {"images", "embeddings"},
    "published": {"representatives", "duplicates"},
    "tuning": {"reduced", "identities"},
}


@pytest.fixture(scope="module", autouse=True)
def instance() -> Iterable[dg.DagsterInstance]:
    """Dagster asks the instance entered last for stored state, even one of another test that is gone."""
    with dg.DagsterInstance.ephemeral() as own:
        yield own


@pytest.fixture(scope="module")
def graph() -> Any:
    return build_defs().resolve_asset_graph()


def test_the_definitions_can_be_loaded() -> None:
    dg.Definitions.validate_loadable(build_defs())


def test_every_column_of_every_table_is_described(graph: Any) -> None:
    tables = {key.to_user_string(): graph.get(key).metadata.get("dagster/column_schema")
              for key in graph.get_all_asset_keys()}  # fmt: skip
    missing = [f"{asset}.{column.name}" for asset, table in tables.items() if table is not None
               for column in table.columns if not column.description]  # fmt: skip
    assert missing == []


def test_the_assets_hang_together_as_the_design_says(graph: Any) -> None:
    found = {
        key.to_user_string(): {parent.to_user_string() for parent in graph.get(key).parent_keys}
        for key in graph.get_all_asset_keys()
    }
    assert found == LINEAGE


@pytest.mark.parametrize("name", list(LINEAGE))
def test_every_asset_says_what_it_is(graph: Any, name: str) -> None:
    node = graph.get(dg.AssetKey(name))
    assert node.description
    assert len(node.description) > 60
    assert node.owners == ["team:image-library"]
    assert 1 <= len(node.kinds) <= 3
    assert node.group_name == "image_types"
    assert node.code_version
    assert [tag for tag in node.tags if not tag.startswith("dagster/")]
    assert node.metadata["dagster/column_schema"].columns
    assert node.partitions_def == dg.DynamicPartitionsDefinition(name="category")


def test_every_asset_has_a_check_and_every_check_has_a_description(graph: Any) -> None:
    assert {key.asset_key.to_user_string() for key in graph.asset_check_keys} == set(LINEAGE)
    for key in graph.asset_check_keys:
        spec = graph.get_check_spec(key)
        assert spec.description, key
        assert spec.partitions_def is not None, key
    warns = [key.name for key in graph.asset_check_keys if not graph.get_check_spec(key).blocking]
    assert sorted(warns) == ["most_images_have_an_object", "no_cluster_holds_most_images"]


def test_the_op_that_loads_the_encoder_takes_turns_and_takes_many_categories(graph: Any) -> None:
    node = graph.get(dg.AssetKey("embeddings"))
    assert node.pools == {"gpu"}
    assert node.backfill_policy == dg.BackfillPolicy.single_run()
    assert graph.get(dg.AssetKey("images")).execution_set_asset_keys == {dg.AssetKey("images")}


def test_an_asset_and_its_module_share_a_name() -> None:
    names = {module.__name__ for module in ASSET_MODULES}
    assert names == {f"assets.{name.removeprefix('image_')}" for name in LINEAGE}


def test_importing_reads_no_settings_and_nothing_heavy(tmp_path: Path) -> None:
    heavy = ["torch", "open_clip", "timm", "faiss", "umap", "hdbscan", "numba", "openvino", "sklearn", "duckdb"]
    code = f"import sys, pipeline.definitions; print([name for name in {heavy!r} if name in sys.modules])"
    missing = {**os.environ, "IMAGE_CLUSTER_SETTINGS": str(tmp_path / "not-there.yaml")}
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=tmp_path, env=missing
    )
    assert found.stdout.strip() == "[]", found.stderr
    assert list(tmp_path.iterdir()) == []


def test_the_code_location_takes_cron_and_interval_from_the_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_aside_environment(monkeypatch)
    monkeypatch.chdir(tmp_path)
    Path("image-cluster.yaml").write_text(
        "automation: {nightly: '30 2 * * 1', timezone: Europe/Berlin, interval_seconds: 90}"
    )
    loaded = defs()
    schedule = loaded.resolve_schedule_def("nightly")
    assert (schedule.cron_schedule, schedule.execution_timezone) == ("30 2 * * 1", "Europe/Berlin")
    assert loaded.resolve_sensor_def("bucket_sensor").minimum_interval_seconds == 90


def test_settings_that_do_not_hold_fail_the_load_with_file_and_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_aside_environment(monkeypatch)
    monkeypatch.chdir(tmp_path)
    Path("image-cluster.yaml").write_text("labels:\n  min_cluster_size: 1\n")
    with pytest.raises(SettingsError, match=r"image-cluster\.yaml, line 2: labels\.min_cluster_size is 1"):
        defs()


def test_both_start_switched_on() -> None:
    made = build_defs(automation=AutomationParams())
    assert made.resolve_schedule_def("nightly").default_status is dg.DefaultScheduleStatus.RUNNING
    assert made.resolve_sensor_def("bucket_sensor").default_status is dg.DefaultSensorStatus.RUNNING


def test_dagster_yaml_is_valid_and_means_what_its_comments_say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "dagster.yaml").write_text((ROOT / "dagster.yaml").read_text())
    monkeypatch.chdir(tmp_path)
    with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
        pools = instance.event_log_storage.get_pool_config()
        assert (pools.default_pool_limit, str(pools.pool_granularity)) == (1, "PoolGranularity.OP")
        queue = instance.get_concurrency_config().run_queue_config
        assert queue is not None
        assert queue.max_concurrent_runs == 2
        assert instance.run_monitoring_enabled
        assert not instance.telemetry_enabled
        assert not instance.nux_enabled
        instance.add_dynamic_partitions("category", ["bollards"])
    assert {path.name for path in tmp_path.iterdir()} == {"dagster.yaml", ".dagster"}


def test_the_workspace_names_the_definitions() -> None:
    (entry,) = yaml.safe_load((ROOT / "workspace.yaml").read_text())["load_from"]
    assert entry["python_module"]["module_name"] == "pipeline.definitions"


def test_no_secret_of_the_bucket_resource_is_ever_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    from resources.bucket import BucketResource

    secret = "wJalrXUtnFEMI"
    resource = BucketResource(aws_access_key_id="AKIDEXAMPLE", aws_secret_access_key=secret, aws_session_token=secret)
    assert secret not in repr(resource) + str(resource.model_dump()) + json.dumps(resource.model_dump())
    assert "AKIDEXAMPLE" not in repr(resource)
