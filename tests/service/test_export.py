"""Exports over HTTP."""

import io
import zipfile
from pathlib import Path

import polars as pl

from tests.service.site import Site, problem


def test_a_table_of_a_cluster_is_sent_as_a_file_in_each_format(site: Site) -> None:
    with site.serve() as client:
        cluster = client.clusters()[0]["id"]
        images = set(client.ids(cluster=cluster))
        address = "/categories/bollards/export"
        csv = client.get(address, params={"cluster": cluster})
        assert csv.headers["content-disposition"] == f'attachment; filename="bollards-{cluster}.csv"'
        assert set(pl.read_csv(io.BytesIO(csv.content))["image_id"]) == images
        rows = client.get(address, params={"cluster": cluster, "format": "json"}).json()
        assert {row["image_id"] for row in rows} == images
        parquet = client.get(address, params={"cluster": cluster, "format": "parquet"}).content
        assert set(pl.read_parquet(io.BytesIO(parquet))["image_id"]) == images


def test_a_zip_has_the_originals_in_a_folder_per_cluster(site: Site) -> None:
    with site.serve() as client:
        cluster = client.clusters()[0]["id"]
        client.patch(f"/clusters/{cluster}", json={"name": "Red: wet"}).raise_for_status()
        sent = client.get("/categories/bollards/export", params={"format": "zip", "cluster": "Red: wet"})
        assert sent.headers["content-disposition"] == 'attachment; filename="bollards-red-wet.zip"'
        with zipfile.ZipFile(io.BytesIO(sent.content)) as archive:
            table = pl.read_csv(io.BytesIO(archive.read("metadata.csv")))
            assert set(table["label"]) == {"Red: wet"}
            for name, key in table.select("file_name", "key").iter_rows():
                assert name.startswith("Red_ wet/")
                assert archive.read(name) == (site.library / key).read_bytes()


def test_sidecars_of_named_and_tagged_images_are_sent_as_a_zip_that_the_import_reads(site: Site) -> None:
    with site.serve() as client:
        cluster = client.clusters()[0]["id"]
        client.patch(f"/clusters/{cluster}", json={"name": "Red: wet"}).raise_for_status()
        sent = client.get("/categories/bollards/export", params={"format": "xmp"})
        assert sent.headers["content-disposition"] == 'attachment; filename="bollards.xmp.zip"'
        with zipfile.ZipFile(io.BytesIO(sent.content)) as archive:
            names = archive.namelist()
            assert b"Red: wet" in archive.read(names[0])
        keys = {client.get(f"/images/{one}").json()["key"] for one in client.ids(cluster=cluster)}
        assert set(names) == {f"{key}.xmp" for key in keys}
        none = client.get("/categories/bollards/export", params={"format": "xmp", "state": "unclustered"})
        with zipfile.ZipFile(io.BytesIO(none.content)) as archive:
            assert archive.namelist() == []


def test_a_source_that_does_not_answer_is_an_error_and_no_empty_file(site: Site, tmp_path: Path) -> None:
    site.library.rename(tmp_path / "away")
    with site.serve() as client:
        assert client.get("/categories/bollards/export", params={"format": "zip"}).status_code >= 500


def test_what_is_not_there_is_refused_with_what_there_is(site: Site) -> None:
    with site.serve() as client:
        problem(client.get("/categories/bollards/export", params={"cluster": "Blue"}), 404)
        problem(client.get("/categories/bollards/export", params={"tag": "night"}), 404)
        problem(client.get("/categories/bollards/export", params={"format": "exe"}), 422)
