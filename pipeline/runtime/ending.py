"""A signal that arrives before a command has begun, or after it has ended: there is nothing to clean up.

What belongs here: ending at once in one line. Not here: ending a command that works on something
(`commands/process.py`).

Loading the program takes some tenths of a second. On Ctrl-C, Python would print a traceback meanwhile. This module
imports little, because nothing can be done about that before it is loaded.
"""

import os
import signal

BY_SIGNAL = 128  # exit code of a process that a signal ended, as shells count: this plus the signal's number
ENDING = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))


def end_at_once(number: int, _frame: object) -> None:
    """Say in one line that the program was stopped, and end it without any cleaning up."""
    try:  # noqa: SIM105  # contextlib takes longer to load than all else here
        os.write(2, b"\nStopped.\n")
    except OSError:
        pass  # the terminal is gone
    os._exit(BY_SIGNAL + number)


def end_early() -> None:
    """Let each signal that asks a program to end do so at once, except one that is ignored (`nohup`)."""
    for number in ENDING:
        if signal.getsignal(number) in (signal.SIG_DFL, signal.default_int_handler):
            signal.signal(number, end_at_once)
