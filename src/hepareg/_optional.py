"""Import of packages of an optional extra, with an error that names the extra to install."""

from importlib import import_module
from types import ModuleType

from hepareg.errors import MissingExtraError

__all__ = ["require"]


def require(module: str, *, extra: str) -> ModuleType:
    """Return an imported module, or raise an error that names the extra to install.

    Raises
    ------
    MissingExtraError
        If ``module`` cannot be imported.
    """
    try:
        return import_module(module)
    except ImportError as error:
        raise MissingExtraError(
            f"this needs the package {module.partition('.')[0]!r}, which is not installed: "
            f"pip install 'hepareg[{extra}]'"
        ) from error
