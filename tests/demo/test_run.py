"""What a demo says when it is done."""

from pathlib import Path

import pytest

from pipeline.demo.run import next_steps


def test_the_end_of_a_demo_says_how_to_look_at_what_that_demo_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert next_steps(Path("data/demo.yaml")).endswith("image-cluster serve --open")  # `dev` needs a checkout
    told = next_steps(Path("data-objects-object/demo.yaml"))
    assert told.endswith("image-cluster serve --open --settings data-objects-object/demo.yaml")
    both = next_steps(Path("data-objects-object/demo.yaml"), {"whole pictures": Path("data-objects-image/demo.yaml")})
    last = both.splitlines()[-1]
    assert last.startswith("The same as whole pictures: ")
    assert last.endswith("image-cluster serve --open --settings data-objects-image/demo.yaml")
    (tmp_path / "workspace.yaml").touch()
    assert next_steps(Path("data/demo.yaml")).endswith("image-cluster dev")
