"""What a wrong word on the command line was probably meant as.

What belongs here: the sentence that names the command or the option to type instead. Not here: finding that a word is
wrong (`process.py`), names of clusters, images and categories (`steps/`).
"""

import difflib
from collections.abc import Iterator, Sequence
from pathlib import Path

import click

from pipeline.console import PROGRAM

MOST = 3  # proposals

# Words that people bring from other programs, and what does that here.
MEANT = {
    "add": "run",
    "app": "serve",
    "categories": "clusters list",
    "dedupe": "duplicates",
    "delete": "clusters exclude",
    "find": "search",
    "gui": "serve",
    "import": "clusters adopt",
    "index": "run",
    "info": "clusters list",
    "ingest": "run",
    "init": "settings",
    "launch": "serve",
    "list": "clusters list",
    "ls": "clusters list",
    "open": "serve",
    "remove": "clusters exclude",
    "scan": "run",
    "stats": "clusters list",
    "status": "clusters list",
    "sync": "run",
    "ui": "serve",
    "update": "run",
    "verify": "doctor",
    "view": "serve",
    "web": "serve",
}


def commands_of(group: click.Group, before: str = "") -> Iterator[tuple[str, click.Command]]:
    """Every command below a group, with what is typed after the program: `run`, `clusters rename`."""
    for name, command in group.commands.items():
        yield f"{before}{name}", command
        if isinstance(command, click.Group):
            yield from commands_of(command, f"{before}{name} ")


def command_text(root: click.Group, typed: Sequence[str]) -> str:
    """What to say about a command that does not exist; `typed`: the groups before it, and the word itself."""
    *groups, word = typed
    paths = [path for path, _ in commands_of(root)]
    here = [path for path in paths if path.split()[:-1] == groups]
    last_words = {path: path.split()[-1] for path in paths}
    same = [path for path in paths if last_words[path] == word]
    alike = difflib.get_close_matches(word, [last_words[path] for path in here], n=MOST, cutoff=0.7)
    near = [" ".join((*groups, name)) for name in alike]
    meant = [MEANT[like] for like in difflib.get_close_matches(word, MEANT, 1, 0.8)]
    elsewhere = [path for path in paths if last_words[path] in difflib.get_close_matches(word, last_words.values(), 1)]
    found = near or (meant if set(meant) & set(same) else [*meant, *same]) or elsewhere
    begin = f"There is no command {' '.join(typed)!r}."
    if not found:
        return f"{begin} All commands: {' '.join((PROGRAM, *groups))} --help."
    return f"{begin} Did you mean: {' or '.join(f'{PROGRAM} {path}' for path in dict.fromkeys(found[:MOST]))}?"


def stray_word_text(root: click.Group, typed: Sequence[str], command: click.Command, word: str) -> str | None:
    """What to say about a word after a command that takes none; None if nothing better than click's text is known."""
    group = root.commands.get(f"{typed[-1]}s") if len(typed) == 1 else None
    if isinstance(group, click.Group):  # `cluster list`
        names = difflib.get_close_matches(word, group.commands, 1, 0.6)
        if names:
            return f"Did you mean: {PROGRAM} {group.name} {names[0]}?"
    chosen = [parameter.opts[0] for parameter in command.params
              if isinstance(parameter.type, click.Choice) and word in parameter.type.choices]  # fmt: skip
    if chosen:
        return f"{' '.join(typed)} takes no word {word!r}. Did you mean: {chosen[0]} {word}?"
    options = _options(command)
    for option, fits in (("--out", Path(word).is_dir()), ("--category", True), ("--out", True)):
        if option in options and fits:
            what = "data directory" if option == "--out" else "category"
            return f"{' '.join(typed)} takes no word {word!r}. To name a {what}: {option} {word}"
    return None


def option_text(root: click.Group, groups: Sequence[str], typed: Sequence[str], option: str) -> str | None:
    """What to say about an option before the command that it belongs to; None if no command has it.

    `typed`: all words after the groups.
    """
    commands = {path: command for path, command in commands_of(root)
                if path.split()[: len(groups)] == list(groups) and option in _options(command)}  # fmt: skip
    if not commands:
        return None
    wanted = [path for path in commands if set(path.split()[len(groups) :]) <= set(typed)]
    example = max(wanted, key=len, default=next(iter(commands)))
    return f"{option} stands after the command, as in: {PROGRAM} {example} {option} …"


def _options(command: click.Command) -> set[str]:
    return {option for parameter in command.params for option in parameter.opts}
