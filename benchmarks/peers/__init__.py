"""One adapter per tool: it takes files, returns a `RigidTransform` and uses the tool as the tool's documentation says.

Each adapter module has ``NAME``, ``missing() -> str | None`` (the reason why the tool cannot run here),
``version() -> str`` and ``find(inputs) -> Found``. `benchmarks.peers.run` calls one of them in a process of its own.
"""

ADAPTERS = ("start", "antspy", "elastix", "sitk", "greedy", "robreg", "aladin")
"""Modules of this package that are adapters, in the order of the tables."""

REFERENCE = "antspy"
"""The tool by whose seconds and memory those of the others are divided."""
