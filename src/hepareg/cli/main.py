"""Entry point of the command `hepareg`: builds the parser, runs one command, turns errors into one line."""

import argparse
import atexit
import errno
import os
import signal
import sys
import threading
from collections.abc import Sequence
from importlib import import_module
from typing import NoReturn

from hepareg import __version__

__all__ = ["build_parser", "end_process", "main", "run_and_end"]

COMMANDS = (
    "register", "apply", "compare", "rigidify", "preprocess", "simulate", "demo", "train", "evaluate", "export",
)  # fmt: skip
"""Modules of this package; each has SUMMARY, add_arguments(parser) and run(arguments) -> exit code.

They import nothing heavy at the top, so that `hepareg --help` answers at once.
"""

EXIT_ERROR = 2


class _Parser(argparse.ArgumentParser):
    """A parser whose errors are one line, as all others of this command."""

    def error(self, message: str) -> NoReturn:
        """Print what is wrong with the arguments and where help is; exit code 2."""
        self.exit(EXIT_ERROR, f"hepareg: error: {message}; see {self.prog} --help\n")


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command line."""
    parser = _Parser(
        prog="hepareg",
        description="Rigid alignment of the phases of a contrast-enhanced liver CT. "
        "Research use only, not a medical device.",
    )
    parser.add_argument("--version", action="version", version=f"hepareg {__version__}")
    subparsers = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name in COMMANDS:
        module = import_module(f"hepareg.cli.{name}")
        command = subparsers.add_parser(name, help=module.SUMMARY, description=module.SUMMARY)
        command.add_argument("--debug", action="store_true", help="show the traceback of an error")
        module.add_arguments(command)
        kept = getattr(module, "WHEN_INTERRUPTED", "nothing was written")
        command.set_defaults(run=module.run, when_interrupted=kept)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code.

    0: done; 2: wrong input, one line on stderr says which; 3: a registration was rejected;
    130: interrupted.
    """
    arguments = build_parser().parse_args(argv)
    try:
        if arguments.command != "train":  # where Lightning takes care of it
            _tidy_up_when_terminated()
        return int(arguments.run(arguments))
    except KeyboardInterrupt:
        print(f"hepareg: interrupted; {arguments.when_interrupted}", file=sys.stderr)
        return 130
    except Exception as error:
        if arguments.debug:
            raise
        known = _in_words(error)
        text = known or f"internal error ({type(error).__name__}: {error})"
        print(f"hepareg: error: {' '.join(text.split())}", file=sys.stderr)
        if known is None:
            print("hepareg: this should not happen; run again with --debug and report it", file=sys.stderr)
        return EXIT_ERROR


def _in_words(error: Exception) -> str | None:
    """Return what to tell the user of an error that is expected, or None."""
    from hepareg.errors import HeparegError

    if isinstance(error, HeparegError):
        return str(error)
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return (
            "a disk is full, the output's or that of what the terminal's output goes to; free some space and run again"
        )
    return None


def _tidy_up_when_terminated() -> None:
    """Let a termination, as by a batch system, remove what is half-written, as an interruption from the keyboard does.

    Whoever handles the signal otherwise keeps it.
    """
    if threading.current_thread() is threading.main_thread() and signal.getsignal(signal.SIGTERM) == signal.SIG_DFL:
        signal.signal(signal.SIGTERM, signal.default_int_handler)


def run_and_end() -> NoReturn:
    """Run one command as a process of its own: what the script ``hepareg`` and ``python -m hepareg`` call."""
    from hepareg.workflows.threads import spin_briefly

    spin_briefly()
    end_process(main())


def end_process(status: int) -> NoReturn:
    """End the process as `sys.exit` does, less the destruction of modules: torch's takes half a second.

    Exit functions are run and streams are flushed. Where another thread is still at work, the end is the usual one.
    """
    if threading.active_count() > 1:
        sys.exit(status)
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None:  # closed by whoever called
                stream.flush()
        except (OSError, ValueError):  # a pipe that nobody reads any more
            status = status or 1
    os._exit(status)
