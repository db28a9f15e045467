"""Checks fail when they should: each test spoils one thing that is stored, and asks."""

import json

import dagster as dg
import numpy as np
import polars as pl
import pytest

from tests.assets.bench import Bench, materializations, spoil, spoil_vectors, table


@pytest.fixture
def done(bench: Bench) -> Bench:
    assert bench.run("bollards").success
    return bench


def test_an_image_in_two_clusters_is_seen(done: Bench) -> None:
    def twice(frame: pl.DataFrame) -> pl.DataFrame:
        first = frame.drop_nulls("cluster_id").head(1)
        other = frame.filter(pl.col("cluster_id") != first["cluster_id"][0])["cluster_id"][0]
        return pl.concat([frame, first.with_columns(cluster_id=pl.lit(other))])

    spoil(table(done, "identities", "members"), twice)
    found = done.checks("identities", "bollards")
    assert not found["every_image_is_in_at_most_one_cluster"].passed
    assert found["every_image_is_in_at_most_one_cluster"].metadata["twice"].value == 1
    assert not found["sizes_are_those_of_the_members"].passed


def test_one_cluster_that_holds_most_images_is_a_warning_with_the_figures(done: Bench) -> None:
    done.write_settings(published={"max_cluster_share": 0.2})
    found = done.checks("identities", "bollards")["no_cluster_holds_most_images"]
    assert not found.passed
    assert found.severity is dg.AssetCheckSeverity.WARN
    assert found.metadata["limit"].value == 0.2
    assert done.run("bollards").success


@pytest.mark.parametrize(("value", "figure"), [(2.0, "not_unit"), (float("nan"), "not_finite")])
def test_a_vector_that_is_not_of_unit_length_or_not_a_number_stops_what_follows(
    done: Bench, value: float, figure: str
) -> None:
    def change(vectors: np.ndarray) -> np.ndarray:
        vectors[3] = value
        return vectors

    spoil_vectors(done, "bollards", change)
    result = done.run("bollards")
    (found,) = [check for check in result.get_asset_check_evaluations() if not check.passed]
    assert found.check_name == "vectors_are_finite_and_of_unit_length"
    assert found.metadata[figure].value == 1
    assert not {"reduced", "published"} & set(materializations(result))


def test_an_image_without_a_row_is_seen(done: Bench) -> None:
    spoil(table(done, "images", "images"), lambda frame: frame.head(frame.height - 1))
    found = done.checks("images", "bollards")["every_image_has_a_row"]
    assert not found.passed
    assert found.metadata["without_row"].value == 1
    assert not done.checks("published", "bollards")["every_image_is_in_the_document"].passed
    assert not done.checks("similarity", "bollards")["every_usable_image_can_be_found"].passed
    assert not done.checks("reduced", "bollards")["every_usable_image_has_a_place"].passed


def test_a_vector_that_is_missing_is_seen(done: Bench) -> None:
    spoil(table(done, "embeddings", "embeddings"), lambda frame: frame.tail(frame.height - 1))
    found = done.checks("embeddings", "bollards")["every_usable_image_has_a_vector"]
    assert not found.passed
    assert found.metadata["without_vector"].value == 1


def test_an_image_that_labelling_lost_is_seen(done: Bench) -> None:
    spoil(table(done, "labels", "labels"), lambda frame: frame.tail(frame.height - 2))
    assert done.checks("labels", "bollards")["no_image_is_lost"].metadata["lost"].value == 2


def test_a_cluster_without_a_typical_image_is_seen(done: Bench) -> None:
    spoil(table(done, "representatives", "members"), lambda frame: frame.filter(pl.col("rank") > 0))
    assert not done.checks("representatives", "bollards")["every_cluster_has_representatives"].passed


def test_an_object_that_is_in_no_column_of_the_count_is_seen(done: Bench) -> None:
    pointer = done.data / "categories" / "bollards" / "manifest" / "current.json"
    values = json.loads(pointer.read_text())
    values["facts"]["objects"] += 1
    pointer.write_text(json.dumps(values))
    assert not done.checks("image_manifest", "bollards")["every_object_is_accounted_for"].passed


def test_a_published_document_that_does_not_add_up_is_seen(done: Bench) -> None:
    path = done.data / "published" / "bollards" / "clusters.json"
    document = json.loads(path.read_text())
    document["summary"]["clustered"] += 1
    path.write_text(json.dumps(document))
    found = done.checks("published", "bollards")["what_readers_get_is_valid"]
    assert not found.passed
    assert "summary.clustered" in str(found.description)
    path.unlink()
    assert not done.checks("published", "bollards")["what_readers_get_is_valid"].passed


def test_a_check_of_several_categories_names_the_one_that_fails(done: Bench) -> None:
    done.add("follow-cars", range(100, 112))
    done.register("follow-cars")
    assert done.run("follow-cars").success
    spoil_vectors(done, "follow-cars", lambda vectors: 2 * vectors)
    definitions = done.definitions()
    result = dg.materialize(
        [*(definitions.assets or []), *(definitions.asset_checks or [])],
        selection=dg.AssetSelection.assets("images", "embeddings"),
        instance=done.instance,
        tags={"dagster/asset_partition_range_start": "bollards", "dagster/asset_partition_range_end": "follow-cars"},
        resources={"project": done.resource()},
        raise_on_error=False,
    )
    (found,) = [check for check in result.get_asset_check_evaluations() if not check.passed]
    assert found.check_name == "vectors_are_finite_and_of_unit_length"
    assert str(found.description) == "follow-cars: 12 vectors: 0 not finite, 12 not of unit length"
    assert (found.metadata["categories"].value, found.metadata["failed"].value) == (2, 1)
