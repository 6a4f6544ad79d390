"""Every exception that hepareg raises on purpose.

::

    HeparegError
    ├── InputError (ValueError)            what the user gave cannot be used
    │   ├── FileFormatError                unreadable, truncated or of an unknown format
    │   ├── ImageError                     voxels or header of an image are not what registration needs
    │   ├── MaskError                      a mask is empty, of another grid, or ambiguous
    │   ├── TransformError                 a matrix is singular, sheared, mirrored or not rigid
    │   ├── PairError                      two images do not belong together
    │   └── SettingsError                  an option or setting is unknown or out of range
    ├── OutputError (OSError)              a result cannot be written
    ├── DeviceError (RuntimeError)         the device asked for is not there
    ├── TrainingError (RuntimeError)       a training run cannot go on
    ├── MissingExtraError (ImportError)    an optional extra is not installed
    └── RigidityError (ArithmeticError)    a result failed its rigidity certificate and is not written

Messages are one line: what was expected, what came, what to do.
"""

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
    """Base of all errors that hepareg raises on purpose; its text is meant for people."""


class InputError(HeparegError, ValueError):
    """What the user gave cannot be used."""


class FileFormatError(InputError):
    """A file is unreadable, truncated or of an unknown format."""


class ImageError(InputError):
    """The voxels or the header of an image are not what registration needs."""


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
    """The device asked for is not there."""


class TrainingError(HeparegError, RuntimeError):
    """A training run cannot go on; its last checkpoint is whole."""


class MissingExtraError(HeparegError, ImportError):
    """An optional extra is not installed."""


class RigidityError(HeparegError, ArithmeticError):
    """A result failed its rigidity certificate and is not written."""
