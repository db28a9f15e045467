"""The parts of a self-contained page: what it may load, and how texts and pictures get into it."""

import base64
import hashlib
from pathlib import Path

import pytest

from pipeline.stages.published import html


@pytest.mark.parametrize(
    ("start", "kind"),
    [(b"\xff\xd8\xff\xe0", "jpeg"), (b"\x89PNG\r\n\x1a\n", "png"), (b"GIF89a", "gif"), (b"RIFF\0\0\0\0WEBP", "webp")],
)
def test_the_format_of_a_thumbnail_is_read_from_its_bytes(start: bytes, kind: str):
    assert html.data_uri(start) == f"data:image/{kind};base64,{base64.b64encode(start).decode()}"


def test_bytes_of_an_unknown_format_are_not_shown():
    assert html.data_uri(b"<svg onload=alert(1)>") is None
    assert html.data_uri(b"") is None
    assert html.data_uri(None) is None


def test_only_the_given_style_and_script_are_allowed():
    policy = html.content_policy("p{}", "go()")
    style, script = (base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in ("p{}", "go()"))
    assert f"style-src 'sha256-{style}'; script-src 'sha256-{script}'; base-uri 'none'" in policy
    assert "script-src" not in html.content_policy("p{}")
    assert html.content_policy("p{}").startswith("default-src 'none'")


def test_a_time_is_shown_in_utc_to_the_minute():
    assert html.readable_time("2026-05-01T12:34:56+02:00") == "01 May 2026, 10:34 UTC".removeprefix("0")


@pytest.mark.parametrize("package", ["pipeline.stages.published", "pipeline.stages.tuning"])
def test_the_files_of_a_page_lie_beside_its_module(package: str):
    folder = Path(*package.split("."))
    assert html.asset(package, "page.css").startswith((folder / "page.css").read_text(encoding="utf-8")[:20])
    assert html.template(package).name == "page.html.j2"
