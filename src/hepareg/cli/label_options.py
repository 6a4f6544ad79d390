"""Options of commands that take masks: which label or segment is the liver."""

import argparse

__all__ = ["add_label_option", "add_label_options", "add_segment_option"]


def add_label_options(parser: argparse.ArgumentParser) -> None:
    """Declare the label of both masks, and of each."""
    add_label_option(parser)
    for side in ("moving", "fixed"):
        parser.add_argument(
            f"--{side}-mask-label", type=_label, metavar="L", help=f"the same option for the {side} mask alone"
        )


def add_label_option(parser: argparse.ArgumentParser) -> None:
    """Declare the label of every mask of the command."""
    parser.add_argument(
        "--mask-label",
        type=_label,
        metavar="L",
        help="number or name of the label or segment (default: the one called liver, or the only one without a name)",
    )


def add_segment_option(parser: argparse.ArgumentParser) -> None:
    """Declare the segment that a command takes of an input that holds several, of whatever organ."""
    parser.add_argument(
        "--label",
        "--mask-label",
        dest="mask_label",
        type=_label,
        metavar="L",
        help="number or name of the one segment or label to take (default: a label map whole, the only segment)",
    )


def _label(text: str) -> int | str:
    """Return digits as a number and anything else as a name."""
    text = text.strip()
    if not text:
        raise argparse.ArgumentTypeError("expected a number or a name, got nothing")
    return int(text) if text.isdecimal() else text
