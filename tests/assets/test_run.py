"""The production job on a real folder: what it records, what it does a second time, and what a run may change."""

import json
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from tests.assets.bench import Bench, materializations, picture_bytes

ALL = {"image_manifest", "images", "objects", "embeddings", "reduced", "labels", "identities", "representatives",
       "similarity", "published", "duplicates"}  # fmt: skip


def test_one_run_makes_all_assets_and_passes_every_check(bench: Bench) -> None:
    result = bench.run("bollards")
    assert result.success
    made = materializations(result)
    assert set(made) == ALL
    assert made["published"]["images"] == 24
    assert made["published"]["clusters"] == 3
    assert Path(made["published"]["clusters_json"]).exists()
    assert made["embeddings"]["embedded"] == 24
    checks = result.get_asset_check_evaluations()
    assert len(checks) >= 12
    assert [check.check_name for check in checks if not check.passed] == []
    assert {check.partition for check in checks} == {"bollards"}


def test_nothing_new_reads_and_embeds_nothing_and_says_so(bench: Bench) -> None:
    first = bench.run("bollards")
    embedded = bench.encoder.encoded
    second = bench.run("bollards")
    made = materializations(second)
    assert second.success
    assert bench.encoder.encoded == embedded
    assert made["images"]["read"] == 0
    assert made["embeddings"]["state"] == "unchanged: nothing new, 24 reused"
    assert made["labels"]["why"].startswith("Nothing changed, so nothing was clustered. The last time: ")
    assert {name for name, values in made.items() if not values["state"].startswith("unchanged")} == set()
    assert versions(first) == versions(second)


def test_metadata_is_small_and_holds_figures_paths_and_a_contact_sheet(bench: Bench) -> None:
    made = materializations(bench.run("bollards"))
    for name, values in made.items():
        assert len(values) <= 20, name
        assert {"state", "seconds", "path"} <= set(values), name
        assert sum(len(str(value)) for value in values.values()) < 50_000, name
    assert made["reduced"]["effective"]["method"] == "pca"
    assert made["representatives"]["contact_sheet"].startswith("![3 clusters](data:image/webp;base64,")
    assert "| key | change |" in made["image_manifest"]["examples"]


def test_a_broken_file_is_a_row_with_a_reason_and_no_failure(bench: Bench) -> None:
    bench.put("bollards/de/de-999-800w.png", b"no picture at all")
    made = materializations(bench.run("bollards"))
    assert made["published"]["images"] == 25
    assert made["published"]["rejected"] == 1
    assert "de-999" in made["images"]["examples"]


def test_run_configuration_changes_one_knob_and_leaves_the_rest_to_the_settings(bench: Bench) -> None:
    bench.run("bollards")
    made = materializations(bench.run("bollards", config={"labels": {"config": {"method": "kmeans", "n_clusters": 4}}}))
    assert made["labels"]["effective"]["method"] == "kmeans"
    assert made["labels"]["groups"] == 4
    assert made["reduced"]["state"].startswith("unchanged")


def test_a_knob_out_of_bounds_fails_the_step_in_one_line(bench: Bench) -> None:
    result = bench.run("bollards", config={"reduced": {"config": {"n_components": 1}}})
    assert failure(result).startswith("run configuration: reduced.n_components is 1: Input should be greater than")
    assert "published" not in materializations(result)


def test_images_alone_are_read_without_an_encoder(bench: Bench) -> None:
    bench.register("bollards")
    definitions = bench.definitions()
    for selection in (["image_manifest"], ["images"]):
        result = dg.materialize(
            list(definitions.assets or []), selection=dg.AssetSelection.assets(*selection), partition_key="bollards",
            instance=bench.instance, resources={"project": bench.resource()},
        )  # fmt: skip
        assert set(materializations(result)) == set(selection)
    assert bench.encoder.encoded == 0


def test_many_categories_share_one_run_of_the_op_that_loads_the_encoder(bench: Bench) -> None:
    bench.add("follow-cars", range(100, 112))
    bench.register("bollards", "follow-cars")
    assets = list(bench.definitions().assets or [])
    for slug in ("bollards", "follow-cars"):
        dg.materialize(
            assets, selection=dg.AssetSelection.assets("image_manifest"), partition_key=slug, instance=bench.instance,
            resources={"project": bench.resource()},
        )  # fmt: skip
    tags = {"dagster/asset_partition_range_start": "bollards", "dagster/asset_partition_range_end": "follow-cars"}
    result = dg.materialize(
        assets, selection=dg.AssetSelection.assets("images", "embeddings"), instance=bench.instance, tags=tags,
        resources={"project": bench.resource()},
    )  # fmt: skip
    counts = {
        (made.asset_key.to_user_string(), made.partition): made.metadata["images"].value
        for event in result.get_asset_materialization_events()
        for made in [event.step_materialization_data.materialization]
        if "images" in made.metadata
    }
    assert counts == {("images", "bollards"): 24, ("images", "follow-cars"): 12}
    assert bench.encoder.encoded == 36


def test_in_a_run_of_several_partitions_one_that_fails_leaves_the_others_recorded(bench: Bench) -> None:
    bench.add("follow-cars", range(100, 112))
    for seed in range(3):
        bench.put(f"cars/de/de-{seed:03d}-800w.png", b"no picture")
    bench.register("bollards", "cars", "follow-cars")
    assets = list(bench.definitions().assets or [])
    for slug in ("bollards", "cars", "follow-cars"):
        dg.materialize(
            assets, selection=dg.AssetSelection.assets("image_manifest"), partition_key=slug, instance=bench.instance,
            resources={"project": bench.resource()},
        )  # fmt: skip
    tags = {"dagster/asset_partition_range_start": "bollards", "dagster/asset_partition_range_end": "follow-cars"}
    result = dg.materialize(
        assets, selection=dg.AssetSelection.assets("images", "embeddings"), instance=bench.instance, tags=tags,
        resources={"project": bench.resource()}, raise_on_error=False,
    )  # fmt: skip
    assert not result.success
    assert "1 of 3 categories failed" in failure(result)
    assert "cars: None of the 3 images of cars could be used" in failure(result)
    for name in ("images", "embeddings"):
        made = bench.instance.get_materialized_partitions(dg.AssetKey(name))
        assert made == {"bollards", "follow-cars"}
    assert bench.encoder.encoded == 36


def test_a_source_that_is_not_there_fails_at_once_in_one_line(bench: Bench) -> None:
    bench.run("bollards")
    bench.write_settings(source={"url": str(bench.library / "elsewhere")})
    result = bench.run("bollards")
    text = failure(result)
    assert "elsewhere" in text
    assert "\n" not in text
    assert "image_manifest" not in materializations(result)
    assert [event for event in result.all_events if event.event_type_value == "STEP_UP_FOR_RETRY"] == []


def test_a_category_that_was_emptied_publishes_the_removal(bench: Bench) -> None:
    bench.run("bollards")
    for key in bench.keys("bollards"):
        (bench.library / key).unlink()
    bench.write_settings(published={"guard": {"enabled": False}})  # with it a person is asked first
    result = bench.run("bollards")
    assert result.success
    assert materializations(result)["published"]["images"] == 0


def test_a_renamed_folder_goes_on_as_another_partition_with_the_same_clusters(bench: Bench) -> None:
    first = bench.run("bollards")
    ids = cluster_ids(materializations(first))
    (bench.library / "bollards").rename(bench.library / "posts")
    second = bench.run("posts")
    assert second.success
    assert cluster_ids(materializations(second)) == ids
    assert "goes on as posts" in failure(bench.run("bollards"))


def cluster_ids(made: dict[str, dict[str, Any]]) -> set[str]:
    return {one["id"] for one in json.loads(Path(made["published"]["clusters_json"]).read_bytes())["clusters"]}


@pytest.mark.parametrize("category", ["Straßen & Wege", "v1.2"])
def test_a_category_of_any_name_is_a_partition_by_its_slug(bench: Bench, category: str) -> None:
    bench.add(category, range(50, 62))
    bench.register("bollards")
    slug = next(slug for slug, name in known(bench).items() if name == category)
    assert bench.run(slug).success
    assert not set(slug) & set("/.& ß")


def known(bench: Bench) -> dict[str, str]:
    from pipeline.storage.categories import read_slugs

    return read_slugs(bench.project().layout)


def failure(result: dg.ExecuteInProcessResult) -> str:
    (event,) = [event for event in result.all_events if event.is_step_failure]
    data = event.step_failure_data.user_failure_data
    assert data is not None
    assert event.step_failure_data.error is not None
    assert event.step_failure_data.error.cause is None
    return str(data.description)


def versions(result: dg.ExecuteInProcessResult) -> dict[str, str]:
    return {
        made.asset_key.to_user_string(): (made.tags or {})["dagster/data_version"]
        for event in result.get_asset_materialization_events()
        for made in [event.step_materialization_data.materialization]
    }


def test_pictures_of_the_bench_differ() -> None:
    assert len({picture_bytes(seed) for seed in range(12)}) == 12


def retries(result: dg.ExecuteInProcessResult) -> int:
    return sum(event.event_type_value == "STEP_UP_FOR_RETRY" for event in result.all_events)


def test_a_bucket_that_does_not_answer_is_asked_four_times_and_then_told_in_one_line(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.register("bollards")
    nobody = "http://127.0.0.1:9"  # the discard port: refused at once
    bench.write_settings(source={"url": "s3://images", "endpoint_url": nobody, "timeout_seconds": 2})
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s3cr3t")
    monkeypatch.setattr("assets.common.FIRST_WAIT", 0.0)
    result = bench.run("bollards")
    assert retries(result) == 3
    assert failure(result).endswith("Tried 4 times.")
    assert "\n" not in failure(result)
    assert not any("s3cr3t" in str(event) for event in result.all_events)


def test_a_bug_is_not_tried_again(bench: Bench) -> None:
    def broken(_: object) -> None:
        raise ZeroDivisionError

    bench.encoder.before = broken
    result = bench.run("bollards")
    assert not result.success
    assert retries(result) == 0
