"""Steps between a file and a registration or a training run: checks, masks, crop, resampling and HU window.

No step changes the world position of a structure.
"""

from hepareg.preprocessing.hu_window import HuWindow
from hepareg.preprocessing.liver_crop import CropRegion, LiverCrop
from hepareg.preprocessing.resampling import resample_to_spacing

__all__ = ["CropRegion", "HuWindow", "LiverCrop", "resample_to_spacing"]
