"""Settings say what is wrong, where, and which word was meant."""

from pathlib import Path

import pytest

from pipeline.errors import SettingsError
from pipeline.settings import FILE_VARIABLE, Settings, load_settings, parse_settings
from pipeline.settings_text import settings_text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("labels:\n  min_cluster_sise: 3\n", r"x.yaml, line 2: .*min_cluster_sise. Did you mean min_cluster_size\?"),
        ("labels:\n  min_cluster_size: 1\n", "line 2: labels.min_cluster_size is 1: .*greater than or equal to 2"),
        ("data_dir: d\nlabel: {}\n", r"line 2: there is no setting label. Did you mean labels\?"),
        ("published:\n  outlets:\n    - urll: x\n", r"line 3: .*urll. Did you mean url\?"),
        ("reduced: {method: tsne}\n", "line 1: reduced.method is 'tsne'.*umap"),
        ("source: {variant: big}\n", "line 1: source.variant is 'big'"),
        ("a: [\n", "x.yaml is not valid YAML"),
        ("- a\n", "must hold names and values"),
    ],
)
def test_a_mistake_is_named_with_its_line_and_the_nearest_right_word(text: str, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        parse_settings(text, "x.yaml")


def test_an_empty_file_and_empty_sections_mean_the_defaults() -> None:
    assert parse_settings("") == parse_settings("labels:\nreduced:\n") == Settings()


def test_the_commented_file_says_exactly_the_defaults_and_names_every_knob() -> None:
    text = settings_text()
    assert parse_settings(text) == Settings()
    for section in Settings.model_fields:
        assert f"\n{section}:" in text


def test_the_settings_file_in_the_docs_is_the_one_that_the_command_prints() -> None:
    written = Path(__file__).parents[1] / "docs" / "image-cluster.yaml"
    assert written.read_text(encoding="utf-8") == settings_text(), (
        "write it: image-cluster settings > docs/image-cluster.yaml"
    )


def test_every_knob_has_a_description() -> None:
    for section in Settings.model_fields.values():
        for name, knob in getattr(section.annotation, "model_fields", {}).items():
            assert knob.description, f"{section.annotation}.{name} says nothing"


def test_a_file_that_was_asked_for_and_is_not_there_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(SettingsError, match="There is no settings file"):
        load_settings(tmp_path / "none.yaml")
    monkeypatch.setenv(FILE_VARIABLE, str(tmp_path / "none.yaml"))
    with pytest.raises(SettingsError, match="There is no settings file"):
        load_settings()


def test_without_any_file_the_defaults_hold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(FILE_VARIABLE, raising=False)
    assert load_settings() == Settings()


@pytest.mark.parametrize(
    ("written", "told"),
    [
        (b"\xff\xfes\x00", "is not UTF-8 text: byte 0 is 0xff"),
        (b"source: {url: a}\nsource: {url: b}\n", "line 2: source stands in line 1 already"),
        (b"source:\n  url: a\n  url: b\n", "line 3: source.url stands in line 2 already"),
        (b"source:\n\turl: a\n", "is not valid YAML"),
    ],
)
def test_a_settings_file_that_cannot_be_meant_so_is_told_in_one_line(written: bytes, told: str, tmp_path: Path) -> None:
    file = tmp_path / "s.yaml"
    file.write_bytes(written)
    with pytest.raises(SettingsError, match=told) as raised:
        load_settings(file)
    assert "\n" not in str(raised.value)
