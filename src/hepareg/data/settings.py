"""Settings of the training data."""

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from hepareg.networks.input_region import RegionSettings

__all__ = ["AugmentationSettings", "DataSettings", "SimulatedSettings"]


class _Settings(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class AugmentationSettings(_Settings):
    """Random poses and intensities of training pairs.

    A random pose moves the start, and the network has to undo the pose together with the true motion. In
    this way a known truth stays exact and no image is resampled twice.
    """

    max_translation_mm: float = Field(default=8.0, ge=0, description="largest shift of the start, uniform in a ball")
    max_rotation_deg: float = Field(
        default=6.0, ge=0, le=90, description="largest rotation of the start about the region"
    )
    intensity_gain: float = Field(default=0.1, ge=0, lt=1, description="contrast of each phase times 1 +- up to this")
    intensity_offset_hu: float = Field(default=15.0, ge=0, description="brightness of each phase +- up to this")
    enhancement_hu: float = Field(
        default=30.0, ge=0, description="liver of each phase made brighter or darker by up to this"
    )
    noise_hu: float = Field(
        default=15.0, ge=0, description="largest standard deviation of the noise that is added to each phase"
    )


class SimulatedSettings(_Settings):
    """Simulated pairs, each of another anatomy and with a known truth."""

    num_anatomies: int | None = Field(
        default=200, ge=1, description="number of training anatomies; none: a new one for each pair"
    )
    num_validation: int = Field(default=16, ge=1, description="number of validation anatomies, never used for training")
    spacing_mm: float = Field(default=4.0, gt=0, description="voxel size of the simulated phases")
    vessel_density: float = Field(default=0.3, gt=0, le=1, description="share of the simulator's vessel branches")
    max_translation_mm: float = Field(default=25.0, ge=0, description="largest motion of the liver in the body")
    max_rotation_deg: float = Field(default=8.0, ge=0, le=180, description="largest rotation of the liver in the body")
    mask_error_mm: float = Field(
        default=1.0, ge=0, description="largest error of the masks' boundary, root mean square"
    )


class DataSettings(_Settings):
    """Source of the pairs, crop, split, cache and batches."""

    source: Literal["simulated", "manifest"] = "simulated"
    manifest: Path | None = Field(default=None, description="CSV or JSON list of pairs; only with source: manifest")
    geometry: Literal["sform", "qform"] | None = Field(
        default=None, description="of NIfTI files: geometry to use if the header's two disagree; none: an error"
    )
    simulated: SimulatedSettings = SimulatedSettings()
    region: RegionSettings = RegionSettings()
    margin_mm: float = Field(default=30.0, ge=0, description="width of the moving image kept around the region")
    crop_extent_mm: float = Field(
        default=300.0, gt=0, description="of files: length kept from the liver's top downwards"
    )
    crop_slices: int | None = Field(
        default=None, ge=1, description="of files: slices kept from the liver's top downwards; none: crop_extent_mm"
    )
    augmentation: AugmentationSettings = AugmentationSettings()
    cache: Path | None = Field(default=None, description="folder for prepared pairs; none: a folder beside the run")
    validation_fraction: float = Field(
        default=0.2, gt=0, lt=1, description="share of patients, if the manifest has no split"
    )
    validation_bias_mm: float = Field(
        default=3.0, ge=0, description="length of the shift of the validation start, in a random direction"
    )
    pairs_per_epoch: int | None = Field(default=None, ge=1, description="none: every training pair once")
    batch_size: int = Field(default=1, ge=1, description="pairs per process and step")
    prepare_processes: int = Field(default=1, ge=1, description="processes that prepare pairs before the first epoch")
    num_workers: int = Field(default=0, ge=0, description="processes that load pairs")

    @model_validator(mode="after")
    def _manifest_where_needed(self) -> "DataSettings":
        if (self.source == "manifest") != (self.manifest is not None):
            raise ValueError("expected a path in data.manifest with data.source=manifest, and none otherwise")
        if self.source == "simulated" and self.simulated.num_anatomies is None and self.pairs_per_epoch is None:
            raise ValueError("expected data.pairs_per_epoch if data.simulated.num_anatomies is none (endless)")
        return self
