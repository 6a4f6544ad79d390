"""One adapter per tool: it takes files, returns a matrix and uses the tool as the tool's documentation says.

Each adapter module has ``NAME``; ``version()``, None if the tool is not installed; and ``find(inputs)``, which
returns moving_from_fixed (4, 4) in RAS mm, rigid to the tool's rounding, and measures its registration as the stage
``call`` of ``inputs.clock``. `benchmarks.peers.run` calls one of them in a process of its own.
"""

ADAPTERS = ("start", "antspy", "elastix", "sitk", "greedy", "robreg", "aladin")
"""Modules of this package that are adapters, in the order of the tables."""

REFERENCE = "antspy"
"""The tool by whose seconds and memory those of the others are divided."""
