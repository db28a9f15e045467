"""The coarser level in clusters.json: parents and families say the same, and one cluster is no family."""

import re

import pytest

from pipeline.errors import PublishRefusedError
from pipeline.stages.published import schema
from tests.stages.published.library import built, cluster, images


def test_a_family_lists_its_clusters_and_counts_their_images_the_largest_family_first():
    made = built(
        cluster("c-1", *images(0, 2), family="f-small"),
        cluster("c-2", *images(10, 11), family="f-small"),
        cluster("c-3", *images(20, 25), family="f-large"),
        cluster("c-4", *images(30, 34), family="f-large"),
        cluster("c-5", *images(40, 41)),
    )
    schema.validate(made)
    assert made["families"] == [
        {"id": "f-large", "clusters": ["c-3", "c-4"], "size": 9},
        {"id": "f-small", "clusters": ["c-1", "c-2"], "size": 3},
    ]
    assert {each["id"]: each["parent"] for each in made["clusters"]} == {
        "c-1": "f-small", "c-2": "f-small", "c-3": "f-large", "c-4": "f-large", "c-5": None,
    }  # fmt: skip


def test_a_family_of_one_cluster_is_none_and_its_cluster_has_no_parent():
    made = built(
        cluster("c-1", *images(0, 2), family="f-pair"),
        cluster("c-2", *images(10, 12), family="f-pair"),
        cluster("c-3", *images(20, 22), family="f-alone"),
    )
    schema.validate(made)
    assert [each["id"] for each in made["families"]] == ["f-pair"]
    assert made["clusters"][2]["parent"] is None


def test_a_document_without_families_has_neither_of_the_fields():
    made = built(cluster("c-1", *images(0, 2), family="f-alone"), cluster("c-2", *images(10, 12)))
    assert "families" not in made
    assert all("parent" not in each for each in made["clusters"])


def test_families_that_contradict_the_clusters_are_refused_with_numbers():
    clusters = [cluster(f"c-{n}", *images(10 * n, 10 * n + 2), family="f-1") for n in range(3)]
    made = built(*clusters)
    made["families"][0]["size"] = 7
    with pytest.raises(PublishRefusedError, match="family f-1 says size 7, but its 3 clusters have 6 images"):
        schema.validate(made)
    made = built(*clusters)
    made["clusters"][0]["parent"] = None
    with pytest.raises(PublishRefusedError, match=re.escape("differ in 1 entries, first ('c-0', 'f-1')")):
        schema.validate(made)
