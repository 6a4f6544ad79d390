"""A window of Hounsfield units: clipping and scaling to [0, 1]."""

from dataclasses import dataclass

import numpy as np

from hepareg.errors import SettingsError
from hepareg.volume import Volume

__all__ = ["HuWindow"]


@dataclass(frozen=True)
class HuWindow:
    """A window of Hounsfield units, to whose ends all values outside are clipped.

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
        """Return the volume clipped to the window, in HU and in its own dtype."""
        return volume.with_data(np.clip(volume.data, self.low_hu, self.high_hu).astype(volume.data.dtype, copy=False))

    def scale(self, volume: Volume) -> Volume:
        """Return the volume clipped and scaled so that the window's ends become 0 and 1, float32."""
        clipped = np.clip(volume.data, self.low_hu, self.high_hu).astype(np.float32)
        clipped -= np.float32(self.low_hu)
        clipped /= np.float32(self.high_hu - self.low_hu)
        return volume.with_data(clipped)
