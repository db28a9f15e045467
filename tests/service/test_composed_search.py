"""Like this, but red; and without snow: over the API, with a small model that reads (random weights)."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from fastapi.testclient import TestClient

from pipeline.adapters.encoders.text import open_text_encoder
from pipeline.errors import ImageClusterError, UnknownNameError
from pipeline.service.app import create_app
from pipeline.service.options import Options
from pipeline.settings import Settings
from pipeline.steps.project import Project
from pipeline.steps.run import run
from pipeline.steps.search import Indexes, find_composed
from tests.adapters.test_text import reading_clip
from tests.steps.test_run import KINDS, add


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    for seed in range(12):
        add(tmp_path / "library", f"posts/{seed:03d}.png", list(KINDS)[seed % 3], seed)
    encoder = {"spec": reading_clip(tmp_path), "device": "cpu"}
    values = {"data_dir": tmp_path / "data", "source": {"url": str(tmp_path / "library")}, "encoder": encoder}
    made = Project(Settings.model_validate(values))
    run(made, ["posts"])
    yield made
    made.curation.close()


def test_words_are_added_to_an_image_and_others_are_taken_away(project: Project) -> None:
    spec = project.settings.encoder.spec
    red, snow = open_text_encoder(spec).encode(["red", "snow"])
    index = Indexes(project).all()[0]
    image = str(index.ids["image_id"][0])
    wanted = index.vector(index.rows[image]) + red - snow
    wanted /= np.linalg.norm(wanted)
    order = {name: float(wanted @ index.vector(row)) for name, row in index.rows.items()}
    with TestClient(create_app(project, Options()), base_url="http://127.0.0.1:8765") as client:
        body = {"image_id": image, "text": "red", "not_text": ["snow"], "top_k": 12}
        found = client.post("/api/v1/similarity/find", json=body)
        assert found.status_code == 200, found.text
        items = found.json()["items"]
        assert len(items) == 12
        assert {one["image"]["image_id"]: one["score"] for one in items} == pytest.approx(order, abs=2e-3)
        nothing = client.post("/api/v1/similarity/find", json={"text": "red", "not_text": ["red"]})
        assert (nothing.status_code, nothing.json()["type"].rpartition("/")[2]) == (422, "empty-query")
        assert client.post("/api/v1/similarity/find", json={"not_text": ["red"]}).status_code == 422
    rows = find_composed(project, image, text="red", unwanted=["snow"])
    assert {row["image_id"]: row["score"] for row in rows} == pytest.approx(order, abs=2e-3)
    with pytest.raises(ImageClusterError, match="take each other away"):
        find_composed(project, None, text="red", unwanted=["red"])
    with pytest.raises(UnknownNameError, match="--text"):
        find_composed(project, None, text=None, unwanted=["red"])
