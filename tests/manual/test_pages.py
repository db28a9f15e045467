"""The pages of the documentation: all can be reached, and every link, command, target and setting in them exists."""

import re
import shlex
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import click
import pytest

from pipeline.cli import main
from pipeline.errors import UnknownNameError
from pipeline.manual.pages import chapters, file_of, folder, names, text_of, titles
from pipeline.manual.render import ROOT, address, anchor_of, render
from pipeline.manual.search import find
from pipeline.settings import Settings

CHECKOUT = Path(__file__).parents[2]
TEXTS = {name: text_of(name) for name in names()} | {"README": (CHECKOUT / "README.md").read_text(encoding="utf-8")}
TARGETS = set(re.findall(r"^([a-z-]+):", (CHECKOUT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
ENDS = {"|", ">", ">>", "<", "&&", ";", "&", "||"}


def code(text: str) -> Iterator[str]:
    """The lines of code of a page: fenced, indented and inline."""
    for block in re.findall(r"^```.*?\n(.*?)^```", text, re.DOTALL | re.MULTILINE):
        yield from block.splitlines()
    yield from re.findall(r"^ {4}(?=\S)(.*)$", text, re.MULTILINE)
    yield from re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE))


def commands(text: str) -> Iterator[list[str]]:
    """The arguments of each call of `image-cluster`."""
    for line in code(text):
        for match in re.finditer(r"(?:^|[\s(/`\"])image-cluster (?=[a-z-])([^`]*)", line):
            lexer = shlex.shlex(
                match[1].replace("$(", " ; ").replace(")", " ; "), posix=True, punctuation_chars="|&;<>"
            )
            lexer.whitespace_split, lexer.commenters = True, "#"
            words: list[str] = []
            try:
                for word in lexer:
                    if word in ENDS:
                        break
                    words.append(word)
            except ValueError:  # a quotation that the cut left open
                continue
            if "[OPTIONS]" not in words:  # a line of usage
                yield words


CALLS = sorted({(name, " ".join(map(shlex.quote, words))) for name, text in TEXTS.items() for words in commands(text)})


@pytest.mark.parametrize(("page", "call"), CALLS)
def test_the_command_exists_and_takes_these_arguments(page: str, call: str) -> None:
    command, words = main, shlex.split(call)
    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        found = command.commands.get(words[0])
        assert found is not None, f"{page}: image-cluster {call} is no command"
        command, words = found, words[1:]
    if "…" in words or "--help" in words or isinstance(command, click.Group):
        return
    values, extra, _ = command.make_parser(click.Context(command)).parse_args(words)
    assert not extra, f"{page}: image-cluster {call}: {extra} is too much"
    for one in command.params:
        assert not (isinstance(one, click.Argument) and words and one.required and not values.get(one.name or "")), call


def test_commands_were_found() -> None:
    assert len(CALLS) > 100


@pytest.mark.parametrize("page", TEXTS)
def test_targets_modules_and_settings_exist(page: str) -> None:
    lines = list(code(TEXTS[page]))
    targets = {name for line in lines for name in re.findall(r"^(?:\.venv/bin/)?make ([a-z-]+)", line)}
    assert targets <= TARGETS
    modules = {name for line in lines for name in re.findall(r"python -m (tests\.[\w.]+)", line)}
    assert {name for name in modules if find_spec(name) is None} == set()
    sections = {name: getattr(Settings(), name) for name in Settings.model_fields if name != "data_dir"}
    named = {pair for line in lines for pair in re.findall(rf"^({'|'.join(sections)})\.([a-z_]+)(?=$|[:.])", line)}
    named -= {("data", "yaml"), ("objects", "yaml")}  # a file of YOLO's, and one that the reader writes
    assert {f"{part}.{name}" for part, name in named if not hasattr(sections[part], name)} == set()


@pytest.mark.parametrize("page", names())
def test_every_link_of_the_page_leads_somewhere(page: str) -> None:
    html = render(page).html
    for goal in re.findall(r'(?:href|src)="([^"]*)"', html):
        if re.match(r"https?://", goal):
            continue
        path, _, anchor = goal.partition("#")
        assert not path or path.startswith(ROOT), f"{goal} leads out of the documentation"
        name = path.removeprefix(ROOT).strip("/") or ("index" if path else page)
        if name in names():
            assert not anchor or anchor in [one.anchor for one in render(name).sections], f"no {anchor} in {name}"
        else:
            assert file_of(name) is not None, f"there is no {goal}"


def test_every_page_is_in_the_navigation_or_a_record_of_a_decision() -> None:
    others = set(names()) - set(titles())
    assert all(re.fullmatch(r"decisions/\d{4}-.*", name) for name in others), others
    assert all((folder() / f"{name}.md").is_file() for name in titles())
    listed = render("decisions/index").html
    assert all(address(name) in listed for name in others)


def test_the_navigation_is_short() -> None:
    assert len(chapters()) <= 5
    assert max(len(chapter.pages) for chapter in chapters()) <= 12


def test_every_link_of_the_readme_leads_to_a_file() -> None:
    for goal in re.findall(r"\]\(([^)]+)\)", TEXTS["README"]):
        if "://" in goal:
            continue
        path, _, anchor = goal.partition("#")
        assert (CHECKOUT / path).exists(), goal
        if anchor:
            name = path.removeprefix("docs/").removesuffix(".md")
            assert anchor in [one.anchor for one in render(name).sections], goal


def test_an_unknown_page_names_those_that_there_are() -> None:
    with pytest.raises(UnknownNameError, match="troubleshooting"):
        text_of("../pyproject")


@pytest.mark.parametrize("name", ["../README.md", "/etc/passwd", "images/../../README.md", "images", "a\0b", ""])
def test_no_name_leads_out_of_the_folder(name: str) -> None:
    assert file_of(name) is None


def test_an_anchor_is_the_words_of_its_heading() -> None:
    assert anchor_of("What `auto` means, and why") == "what-auto-means-and-why"


def test_words_are_found_where_all_of_them_stand_headings_first() -> None:
    found = find("rollback history")
    assert found[0].url == "/help/publishing#history-and-rollback"
    assert "rolled-back" in find("rolled-back result does not come back")[0].excerpt.lower()
    assert find("zzzzzz") == find("  ") == []
