"""Entry point of the command `hepareg`: builds the parser, runs one command, turns errors into one line."""

import argparse
import atexit
import errno
import os
import signal
import sys
import threading
from collections.abc import Iterable, Sequence
from importlib import import_module
from typing import NoReturn

from hepareg import __version__
from hepareg.cli.library_warnings import quiet_libraries

__all__ = ["build_parser", "end_process", "main", "run_and_end"]

COMMANDS = (
    "register", "info", "apply", "compare", "rigidify", "preprocess", "simulate", "demo", "train", "evaluate", "export",
)  # fmt: skip
"""Modules of this package; each has SUMMARY, add_arguments(parser) and run(arguments) -> exit code.

Their slow imports stand inside functions, so that `hepareg --help` answers at once.
"""

EXIT_ERROR = 2
EXIT_BROKEN_PIPE = 141
"""The exit code of a shell for a program that ends because nobody reads its output (128 + SIGPIPE)."""


class _Parser(argparse.ArgumentParser):
    """A parser that reports an error in one line, as every other error is reported."""

    def error(self, message: str) -> NoReturn:
        """Print the fault of the arguments and the command that shows the help; exit with code 2."""
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

    0: done; 2: wrong input, named in one line on stderr; 3: a registration was rejected;
    130: interrupted; 141: the reader of the output has ended.
    """
    arguments = build_parser().parse_args(argv)
    try:
        if arguments.command != "train":  # Lightning handles the signals of a training
            _tidy_up_when_terminated()
        with quiet_libraries(debug=arguments.debug or arguments.command == "train"):
            return int(arguments.run(arguments))
    except KeyboardInterrupt:
        print(f"hepareg: interrupted; {arguments.when_interrupted}", file=sys.stderr)
        return 130
    except BrokenPipeError:  # the reader of the output, such as `head`, has ended
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_BROKEN_PIPE
    except Exception as error:
        if arguments.debug:
            raise
        known = _message(error, arguments)
        text = known or f"internal error ({type(error).__name__}: {error})"
        print(f"hepareg: error: {' '.join(text.split())}{_listed(getattr(error, 'listing', ''))}", file=sys.stderr)
        if known is None:
            print("hepareg: this should not happen; run again with --debug and report it", file=sys.stderr)
        return EXIT_ERROR


def _message(error: Exception, arguments: argparse.Namespace) -> str | None:
    """Return the line to print for an expected error, or None for an internal one."""
    from hepareg.errors import HeparegError

    if isinstance(error, HeparegError):
        return str(error) + _flags(error.options, arguments)
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return "a disk is full: the output's, or the one that stdout is redirected to; free some space and run again"
    return None


def _listed(listing: str) -> str:
    """Return an error's listing as text to print after the message: a line each on a terminal, else joined by ``;``."""
    lines = listing.splitlines()
    if not lines:
        return ""
    return "".join(f"\n  {line}" for line in lines) if sys.stderr.isatty() else f": {'; '.join(lines)}"


def _flags(options: Iterable[str], arguments: argparse.Namespace) -> str:
    """Return in parentheses the flags that would fix an error; empty if the command has none of them."""
    flags = [f"--{name.replace('_', '-')}" for name in options if name in arguments]
    return f" ({', '.join(flags)})" if flags else ""


def _tidy_up_when_terminated() -> None:
    """Make the signal SIGTERM (a batch system's stop) remove half-written output, as Ctrl-C does.

    A handler that somebody has installed before is kept.
    """
    if threading.current_thread() is threading.main_thread() and signal.getsignal(signal.SIGTERM) == signal.SIG_DFL:
        signal.signal(signal.SIGTERM, signal.default_int_handler)


def run_and_end() -> NoReturn:
    """Run one command and end the process: the entry point of ``hepareg`` and of ``python -m hepareg``."""
    from hepareg.workflows.threads import spin_briefly

    spin_briefly()
    end_process(main())


def end_process(status: int) -> NoReturn:
    """End the process as `sys.exit` does, but without destroying the modules, which takes half a second for torch.

    Exit functions run and streams are flushed. While another thread is running, this is `sys.exit`.
    """
    if threading.active_count() > 1:
        sys.exit(status)
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None:  # None if the calling process has closed it
                stream.flush()
        except (OSError, ValueError):  # a pipe that nobody reads any more
            status = status or 1
    os._exit(status)
