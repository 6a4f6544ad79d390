"""Every exception that hepareg raises on purpose.

::

    HeparegError
    ├── InputError (ValueError)            a file, an image or a setting from the user cannot be used
    │   ├── FileFormatError                a file is unreadable, truncated or of an unknown format
    │   ├── ImageError                     voxels or header of an image are unfit for registration
    │   ├── MaskError                      a mask is empty, of another grid, or ambiguous
    │   ├── TransformError                 a matrix is singular, sheared, mirrored or not rigid
    │   ├── PairError                      two images do not belong together
    │   └── SettingsError                  an option or setting is unknown or out of range
    ├── OutputError (OSError)              a result cannot be written
    ├── DeviceError (RuntimeError)         the requested device is not there
    ├── TrainingError (RuntimeError)       a training run cannot go on
    ├── MissingExtraError (ImportError)    an optional extra is not installed
    └── RigidityError (ArithmeticError)    a result failed its rigidity certificate and is not written

A message is one line of three parts: expected, got, remedy.
"""

from collections.abc import Iterable

__all__ = [
    "DeviceError",
    "FileFormatError",
    "HeparegError",
    "ImageError",
    "InputError",
    "MaskError",
    "MissingExtraError",
    "OutputError",
    "PairError",
    "RigidityError",
    "SettingsError",
    "TrainingError",
    "TransformError",
]


class HeparegError(Exception):
    """Base of all errors that hepareg raises on purpose; their text is meant for people.

    Parameters
    ----------
    message
        One line in words of the library: no flag of a command.
    options
        Names of the settings that are the remedy, such as ``mask_label``. The command line appends those that
        the command has, as flags (``--mask-label``); a program can read them from the attribute.
    listing
        Lines to choose from, such as the series of a folder with their descriptions. They may hold free text of a
        file: the command line prints them behind the message, and they are written nowhere.
    """

    def __init__(self, message: str, *, options: Iterable[str] = (), listing: str = "") -> None:
        super().__init__(message)
        self.options = tuple(options)
        self.listing = listing


class InputError(HeparegError, ValueError):
    """A file, an image or a setting from the user cannot be used."""


class FileFormatError(InputError):
    """A file is unreadable, truncated or of an unknown format."""


class ImageError(InputError):
    """The voxels or the header of an image are unfit for registration."""


class MaskError(InputError):
    """A mask is empty, lies on another grid, or is ambiguous."""


class TransformError(InputError):
    """A matrix is singular, sheared, mirrored or not rigid."""


class PairError(InputError):
    """Two images do not belong together."""


class SettingsError(InputError):
    """An option or setting is unknown or out of range."""


class OutputError(HeparegError, OSError):
    """A result cannot be written."""


class DeviceError(HeparegError, RuntimeError):
    """The requested device is not there."""


class TrainingError(HeparegError, RuntimeError):
    """A training run cannot go on; its last checkpoint is whole."""


class MissingExtraError(HeparegError, ImportError):
    """An optional extra is not installed."""


class RigidityError(HeparegError, ArithmeticError):
    """A result failed its rigidity certificate and is not written."""
