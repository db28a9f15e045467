"""The command as a process: signals, closed and failing outputs, exit codes.

What belongs here: what surrounds every command. Not here: options (`common.py`), what a command does (`steps/`).
"""

import errno
import os
import select
import signal
import sys
import threading
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any, NoReturn

import click

from pipeline.console import PROGRAM, as_started, own_command, tell
from pipeline.errors import ImageClusterError
from pipeline.runtime.ending import BY_SIGNAL, ENDING, end_at_once

COMPLETE = "_IMAGE_CLUSTER_COMPLETE"  # asks for the completion of a shell instead of running a command
LOG = "image_cluster.log"  # where click's context keeps a log that is not text
STOPPED = "\nStopped. Finished work is kept; the same command continues from there."


class StoppedBySignalError(KeyboardInterrupt):
    """A signal asked this process to end. Cleaned up after in the same way as Ctrl-C."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.number = number


class Group(click.Group):
    """Turns expected failures into one clear message and an exit code: 0 done, 1 failed, 2 wrong usage.

    128 + n if signal n ended it, as with other programs: 130 for Ctrl-C, 143 for SIGTERM, 141 if the reader of its
    output went away.
    """

    def __init__(self, *args: Any, sections: Mapping[str, Sequence[str]] | None = None, **extra: Any) -> None:
        """`sections`: heading → the names of commands, for the help; without, all stand below one in the alphabet."""
        super().__init__(*args, **extra)
        self.sections = sections

    def format_help(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        _name_as_started(self)
        super().format_help(ctx, formatter)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The commands with the whole first sentence of each; click would cut it at the width of the terminal."""
        sections = self.sections or {"Commands": self.list_commands(ctx)}
        width = max(len(name) for names in sections.values() for name in names)  # the same column in each section
        for heading, names in sections.items():
            commands = [command for name in names if (command := self.get_command(ctx, name)) and not command.hidden]
            with formatter.section(heading):
                formatter.write_dl(
                    [(str(command.name).ljust(width), command.get_short_help_str(limit=1000)) for command in commands]
                )

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click's, but a wrong word is told with the command that was probably meant."""
        word, root, groups = args[0], _root_group(ctx), _groups(ctx)
        command = self.get_command(ctx, word)
        if ctx.resilient_parsing or word.startswith("-"):
            return super().resolve_command(ctx, args)
        if command is None:
            from pipeline.commands.wrong_words import command_text

            raise click.UsageError(command_text(root, [*groups, word]), ctx)
        takes_words = isinstance(command, click.Group) or any(
            isinstance(parameter, click.Argument) for parameter in command.params
        )
        if not takes_words and len(args) > 1 and not args[1].startswith("-"):
            from pipeline.commands.wrong_words import stray_word_text

            text = stray_word_text(root, [*groups, word], command, args[1])
            if text is not None:
                raise click.UsageError(text, ctx)
        _name_as_started(command)
        return super().resolve_command(ctx, args)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """As click's, but an option that stands before its command is told where to stand."""
        typed = list(args)
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            from pipeline.commands.wrong_words import option_text

            text = option_text(_root_group(ctx), _groups(ctx), typed, error.option_name)
            if text is None:
                raise
            raise click.UsageError(as_started(text), ctx) from None

    def main(self, *args: Any, prog_name: str | None = None, **extra: Any) -> Any:
        prepare_outputs()
        try:
            # a shell looks completions up by the last part of what was typed
            name = PROGRAM if COMPLETE in os.environ else own_command()
            return super().main(*args, prog_name=prog_name or name, complete_var=COMPLETE, **extra)
        except OSError as error:  # of the help text, which is printed before any command is invoked
            sys.exit(_tell(error))

    def invoke(self, ctx: click.Context) -> Any:
        try:
            with ending_signals():
                return super().invoke(ctx)
        except click.UsageError as error:
            text = error.format_message()
            if as_started(text) == text:
                raise
            raise click.UsageError(as_started(text), error.ctx) from None
        except ImageClusterError as error:
            say(f"Error: {error}")
            ctx.exit(error.exit_code)
        except OSError as error:
            ctx.exit(_tell(error))
        except KeyboardInterrupt as error:
            number = error.number if isinstance(error, StoppedBySignalError) else signal.SIGINT
            with suppress(OSError):  # with SIGHUP the terminal is gone
                say(STOPPED)
            ctx.exit(BY_SIGNAL + number)


def _name_as_started(command: click.Command) -> None:
    """Let the examples in a command's help be typed as they stand."""
    command.help = as_started(command.help or "") or None


def _root_group(context: click.Context) -> click.Group:
    command = context.find_root().command
    return command if isinstance(command, click.Group) else click.Group()


def _groups(context: click.Context) -> list[str]:
    """The names of the groups that were typed after the program."""
    names: list[str] = []
    while context.parent is not None:
        names.insert(0, str(context.command.name))
        context = context.parent
    return names


def say(text: str) -> None:
    """Say on stderr why a command ends, in the format of its log."""
    context = click.get_current_context(silent=True)
    log = context.find_root().meta.get(LOG) if context is not None else None
    if log is None:
        tell(text, err=True)
    else:
        log.error(text.strip().removeprefix("Error: "))


def prepare_outputs() -> None:
    """Let output go nowhere where it was closed, and let no character of a file name stop it.

    With a closed descriptor the next file that is opened would get its number, and everything that is printed.
    """
    for name, descriptor in (("stdout", 1), ("stderr", 2)):
        stream = getattr(sys, name)
        if stream is None:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            if nowhere != descriptor:
                os.dup2(nowhere, descriptor)
                os.close(nowhere)
            setattr(sys, name, os.fdopen(descriptor, "w", encoding="utf-8"))
        elif hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


@contextmanager
def ending_signals() -> Generator[None]:
    """SIGTERM and SIGHUP end a command as Ctrl-C does: what it works on is put away, and one line says so.

    Not where the signal is ignored (`nohup`), has a handler already, or outside of the main thread.
    """
    taken: dict[int, Any] = {}
    if threading.current_thread() is threading.main_thread():
        before = {number: signal.getsignal(number) for number in ENDING}
        taken = {number: handler for number, handler in before.items() if handler in (signal.SIG_DFL, end_at_once)}
    for number in taken:
        signal.signal(number, signal.default_int_handler if number == signal.SIGINT else _stop)
    try:
        yield
    finally:
        for number, handler in taken.items():
            signal.signal(number, handler)


def _stop(number: int, _frame: FrameType | None) -> NoReturn:
    raise StoppedBySignalError(number)


def _tell(error: OSError) -> int:
    """One line for what the operating system refused, and the exit code."""
    if error.errno == errno.EPIPE and _nobody_reads():  # `| head` has read enough: nothing went wrong
        with suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # else the interpreter complains when it flushes
        return BY_SIGNAL + getattr(signal, "SIGPIPE", 13)
    from pipeline.storage.full_disk import trouble_text

    with suppress(OSError):
        say(f"Error: {trouble_text(error)}")
    return 1


def _nobody_reads() -> bool:
    """Whether stdout is a pipe whose other end was closed, and not some other pipe broke."""
    if not hasattr(select, "poll"):
        return True
    poll = select.poll()
    poll.register(1, 0)
    return any(event & select.POLLERR for _, event in poll.poll(0))
