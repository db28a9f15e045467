"""What must hold of the kinds of decisions: each is known in every place that tells kinds apart."""

import ast
from pathlib import Path
from typing import get_args

import pytest

from pipeline.curation import decisions as d
from pipeline.curation.fold import ReadsMembers

ROOT = Path(__file__).parents[2]
NAMES = {member.__name__ for member in get_args(d.Decision)}


def matches() -> list[tuple[str, ast.Match]]:
    """Every `match` of the product that tells kinds of decisions apart, and where it stands."""
    return [
        (f"{path.relative_to(ROOT)}:{node.lineno}", node)
        for path in sorted((ROOT / "pipeline").rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Match) and tells_kinds_apart(node)
    ]


def tells_kinds_apart(node: ast.Match) -> bool:
    patterns = [part for case in node.cases for part in ast.walk(case.pattern) if isinstance(part, ast.MatchClass)]
    return any(isinstance(part.cls, ast.Attribute) and part.cls.attr in NAMES for part in patterns)


@pytest.mark.parametrize("node", [pytest.param(node, id=name) for name, node in matches()])
def test_every_match_over_decisions_fails_type_checking_for_a_kind_that_it_does_not_know(node: ast.Match) -> None:
    last = node.cases[-1]
    assert isinstance(last.pattern, ast.MatchAs)
    assert last.pattern.pattern is None
    assert "assert_never" in ast.unparse(last.body[0])


def test_the_matches_over_decisions_are_found() -> None:
    assert len(matches()) >= 4


def test_the_kinds_stand_in_stored_events_by_these_names() -> None:
    assert sorted(d.KINDS) == sorted((
        "rename", "describe", "status", "review", "merge", "split", "create", "move", "exclude", "include",
        "representative", "tag", "untag", "note", "pair", "keep_both",
        "wrong_box", "add_box", "granularity", "encoder", "view", "undo"))  # fmt: skip
    assert d.kinds_of(ReadsMembers) == ("rename", "review", "merge")


def test_the_fields_that_hold_images_are_known_by_their_names() -> None:
    pattern = '"pattern": "^[0-9A-Za-z_-]+$"'.replace('"', "'")
    fields = {
        name for member in get_args(d.Decision) for name, schema in member.model_json_schema()["properties"].items()
        if pattern in str(schema)
    }  # fmt: skip
    assert fields == set(d.IMAGE_FIELDS)


def test_the_documentation_says_of_every_kind_what_it_does() -> None:
    text = (
        (ROOT / "docs/curation.md")
        .read_text(encoding="utf-8")
        .replace("keep both", "keep_both")
        .replace("wrong box", "wrong_box")
        .replace("add box", "add_box")
    )
    table = [line.split("|")[1] for line in text.splitlines() if line.startswith("| ")]
    told = {word for cell in table for word in cell.replace(",", " ").split()}
    assert set(d.KINDS) <= told
