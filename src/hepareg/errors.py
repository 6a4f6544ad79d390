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
    ├── DeviceError (RuntimeError)         the requested device is missing
    ├── TrainingError (RuntimeError)       a training run cannot continue
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
    """Base of all errors that hepareg raises on purpose; the text of each is meant for people.

    Parameters
    ----------
    message
        One line in the library's words, without flags of the command line.
    options
        Names of the settings that are the remedy, such as ``mask_label``. The command line appends those that
        the command has, as flags (``--mask-label``); a program can read them from the attribute.
    listing
        Lines to choose from, such as the series of a folder with their descriptions. They may hold names of files or
        text of a header, and so names of patients. Only the command line uses them, and prints them on stderr after the
        message. No report, table or log that hepareg writes contains them.
    """

    def __init__(self, message: str, *, options: Iterable[str] = (), listing: str = "") -> None:
        super().__init__(message)
        self.options = tuple(options)
        self.listing = listing


class InputError(HeparegError, ValueError):
    """Error of a file, an image or a setting from the user that cannot be used."""


class FileFormatError(InputError):
    """Error of a file that is unreadable, truncated or of an unknown format."""


class ImageError(InputError):
    """Error of an image whose voxels or header are unfit for registration."""


class MaskError(InputError):
    """Error of a mask that is empty, lies on another grid, or is ambiguous."""


class TransformError(InputError):
    """Error of a matrix that is singular, sheared, mirrored or not rigid, or of a displacement without an inverse."""


class PairError(InputError):
    """Error of two images that do not belong together."""


class SettingsError(InputError):
    """Error of an option or setting that is unknown or out of range."""


class OutputError(HeparegError, OSError):
    """Error of a result that cannot be written."""


class DeviceError(HeparegError, RuntimeError):
    """Error of a requested device that is missing."""


class TrainingError(HeparegError, RuntimeError):
    """Error of a training run that cannot continue; the run's last checkpoint is complete."""


class MissingExtraError(HeparegError, ImportError):
    """Error of an optional extra that is not installed."""


class RigidityError(HeparegError, ArithmeticError):
    """Error of a result that failed its rigidity certificate and is not written."""
