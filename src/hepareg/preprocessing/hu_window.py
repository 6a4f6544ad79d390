"""The range of Hounsfield units that matters."""

from dataclasses import dataclass

import numpy as np

from hepareg.errors import SettingsError
from hepareg.volume import Volume

__all__ = ["HuWindow"]


@dataclass(frozen=True)
class HuWindow:
    """A window of HU: values outside are set to its ends.

    Parameters
    ----------
    low_hu, high_hu
        Ends of the window.

    Raises
    ------
    SettingsError
        If the ends are not finite or not in order.
    """

    low_hu: float
    high_hu: float

    def __post_init__(self) -> None:
        if not (np.isfinite([self.low_hu, self.high_hu]).all() and self.low_hu < self.high_hu):
            raise SettingsError(f"expected a HU window as LOW HIGH with LOW < HIGH, got {self.low_hu} {self.high_hu}")

    def clip(self, volume: Volume) -> Volume:
        """Return the volume in HU and in its own type, clipped to the window.

        Clipped values cannot be brought back; the rest stays as it is.
        """
        return volume.with_data(np.clip(volume.data, self.low_hu, self.high_hu).astype(volume.data.dtype, copy=False))

    def scale(self, volume: Volume) -> Volume:
        """Return the volume as float32 in [0, 1]: the window's ends become 0 and 1."""
        clipped = np.clip(volume.data, self.low_hu, self.high_hu).astype(np.float32)
        clipped -= np.float32(self.low_hu)
        clipped /= np.float32(self.high_hu - self.low_hu)
        return volume.with_data(clipped)

    def unscale(self, volume: Volume) -> Volume:
        """Return HU (float32) from values in [0, 1]: the inverse of `scale` for what lay inside the window."""
        data = volume.data.astype(np.float32) * np.float32(self.high_hu - self.low_hu) + np.float32(self.low_hu)
        return volume.with_data(data)
