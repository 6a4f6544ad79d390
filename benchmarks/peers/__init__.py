"""One adapter per tool: files in, our transform type out, the tool used as its own documentation recommends.

Every adapter module has ``NAME``, ``missing() -> str | None`` (why the tool cannot run here),
``version() -> str`` and ``find(inputs) -> Found``. `benchmarks.peers.run` calls one of them in a
process of its own.
"""

ADAPTERS = ("start", "antspy", "elastix", "sitk", "greedy", "robreg", "aladin", "fireants")
"""Modules of this package that are adapters, in the order of the tables."""

REFERENCE = "antspy"
"""The tool that ratios refer to."""
