"""Training pairs made on a device, hundreds per minute, with the phases and the motion of `simulate_pair`, in torch.

Vessels, lesions, sliding and noise are simulated. A different grid for each image, thick slices, streaks and the bend
are not. A test compares the truth with that of `simulate_pair`.
"""

from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from hepareg.simulation.acquisition.noise import RISE_PER_MM
from hepareg.simulation.anatomy.anatomy import LIVER_TREES
from hepareg.simulation.anatomy.labels import Label
from hepareg.simulation.contrast.contrast_table import UNENHANCED_HU
from hepareg.simulation.contrast.phases import ContrastPhase, draw_phase
from hepareg.simulation.motion.motion import MotionSettings, draw_rigid
from hepareg.simulation.motion.sliding import EXACT_MM, ZONE_MM, ZONE_PER_MM
from hepareg.simulation.pairs.anatomy_bank import AnatomyBank
from hepareg.transforms.warp import sample_points

__all__ = ["DevicePairSettings", "DevicePairs", "simulate_on_device"]

AIR_HU = UNENHANCED_HU[Label.OUTSIDE][0]
"""Mean HU around the body. Voxels outside the grid have it too, for a scan is wider than this grid."""


@dataclass(frozen=True)
class DevicePairSettings:
    """Motion, phases and noise of the pairs.

    Parameters
    ----------
    motion
        As for `simulate_pair`, but ``bend_mm`` has no effect.
    moving_phases, fixed_phases
        Phases of the two images, drawn with equal probability.
    noise_hu
        Range of the noise's standard deviation, drawn for each image.
    noise_fall_per_mm
        Spatial frequency in 1/mm over which the power of the noise falls by a factor e.
    """

    motion: MotionSettings = field(default_factory=MotionSettings)
    moving_phases: tuple[ContrastPhase, ...] = (ContrastPhase.EARLY_ARTERIAL, ContrastPhase.LATE_ARTERIAL)
    fixed_phases: tuple[ContrastPhase, ...] = (ContrastPhase.PORTAL_VENOUS,)
    noise_hu: tuple[float, float] = (4.0, 20.0)
    noise_fall_per_mm: float = 0.22


@dataclass(frozen=True, eq=False)
class DevicePairs:
    """A batch of pairs on one grid.

    Parameters
    ----------
    moving, fixed
        (B, 1, I, J, K) float32 HU.
    moving_liver, fixed_liver
        (B, 1, I, J, K) bool masks of the liver in either image.
    moving_from_fixed
        (B, 4, 4) float64 truth of the liver, world mm.
    world_from_voxel
        (4, 4) float64, the grid of all images.
    """

    moving: Tensor
    fixed: Tensor
    moving_liver: Tensor
    fixed_liver: Tensor
    moving_from_fixed: Tensor
    world_from_voxel: Tensor


@torch.no_grad()
def simulate_on_device(
    bank: AnatomyBank, *, batch_size: int, settings: DevicePairSettings, rng: np.random.Generator
) -> DevicePairs:
    """Make a batch of pairs on the bank's device.

    Parameters
    ----------
    bank
        Anatomies, drawn with replacement.
    batch_size
        Number of pairs.
    settings
        Motion, phases and noise.
    rng
        Source of all random numbers, the seed of the device's noise among them: the same state gives the same batch
        on the same device.
    """
    device = bank.labels.device
    chosen = torch.as_tensor(rng.integers(len(bank), size=batch_size), device=device)
    noise = torch.Generator(device=device)
    noise.manual_seed(int(rng.integers(2**31)))
    part = _Part(bank, chosen)
    liver, body, zone_mm = _draw_motions(batch_size, settings.motion, part.liver_centres(), rng, device)
    moving_hu, fixed_hu = (
        _tables(batch_size, phases, rng, device) for phases in (settings.moving_phases, settings.fixed_phases)
    )
    levels = torch.as_tensor(rng.uniform(*settings.noise_hu, (2, batch_size, 1, 1, 1, 1)), device=device).float()
    moving, moving_liver = part.moved(moving_hu, liver, body, zone_mm)
    fixed = part.image(part.labels, fixed_hu)
    spacing_mm = float(bank.world_from_voxel[0, 0])
    for image, level in zip((moving, fixed), levels, strict=True):
        image += level * _noise(image.shape, spacing_mm, settings.noise_fall_per_mm, noise)
    return DevicePairs(moving, fixed, moving_liver, part.liver > 0, body @ liver, bank.world_from_voxel)


class _Part:
    """The anatomies of a batch, chosen from a bank."""

    def __init__(self, bank: AnatomyBank, chosen: Tensor) -> None:
        self.labels, self.behind = bank.labels[chosen].long(), bank.behind[chosen].long()
        self.vessels, self.liver = bank.vessels[chosen], bank.liver[chosen]
        self.liver_distance, self.wall_distance = (
            d[chosen].float() for d in (bank.liver_distance_mm, bank.wall_distance_mm)
        )
        self.world_from_voxel = bank.world_from_voxel

    def liver_centres(self) -> Tensor:
        """Return the (B, 3) float64 centroids of the livers in world mm."""
        weight = self.liver[:, 0].double()
        total = weight.sum(dim=(1, 2, 3))
        voxels = []
        for axis in range(3):
            along = torch.arange(weight.shape[1 + axis], device=weight.device, dtype=torch.float64)
            others = tuple(1 + a for a in range(3) if a != axis)
            voxels.append((weight.sum(dim=others) * along).sum(dim=1) / total)
        return torch.stack(voxels, dim=1) * self.world_from_voxel[0, 0] + self.world_from_voxel[:3, 3]

    def image(self, labels: Tensor, table: Tensor, *, vessels: bool = True) -> Tensor:
        """Return the image of labels and vessels in HU, edges softened over a voxel: (B, 1, I, J, K)."""
        batch = torch.arange(len(labels), device=labels.device)[:, None, None, None, None]
        hu = table[batch, labels]
        if vessels:
            for n, label in enumerate(LIVER_TREES):
                share = self.vessels[:, n : n + 1].float() / 255
                hu = hu + share * (table[:, int(label)][:, None, None, None, None] - hu)
        return _soften(hu)

    def moved(self, table: Tensor, liver: Tensor, body: Tensor, zone_mm: Tensor) -> tuple[Tensor, Tensor]:
        """Return the moving image in HU and its liver mask, both (B, 1, I, J, K)."""
        y = _lattice(self.labels.shape[2:], self.world_from_voxel, len(self.labels))
        z = _apply(torch.linalg.inv(body), y)
        q = _apply(torch.linalg.inv(liver), z)
        near = (self._at(self.liver_distance, q, padding="border") - EXACT_MM).clamp(min=0)
        wall = self._at(self.wall_distance, z, padding="border")
        weight = _smooth(1 - near / zone_mm) * _smooth(wall / (wall + near).clamp(min=1e-6))
        weight = torch.where(near > 0, weight, 1.0)
        x = z + weight[:, 0, ..., None] * (q - z)
        image = self._at(self.image(self.labels, table), x, padding=AIR_HU)
        moved = self._at(self.liver.float(), q, padding=0.0) > 0.5
        second = torch.where(weight < 1, self._at(self.liver.float(), x, padding=0.0), 0.0)
        behind = self._at(self.image(self.behind, table, vessels=False), x, padding=AIR_HU)
        return image + second * (behind - image), moved

    def _at(self, volume: Tensor, points: Tensor, *, padding: float | str) -> Tensor:
        flat = points.reshape(len(points), -1, 3)
        taken = sample_points(volume, flat, world_from_voxel=self.world_from_voxel, padding=padding).image  # type: ignore[arg-type]
        return taken.reshape(len(points), volume.shape[1], *points.shape[1:4])


def _draw_motions(
    batch: int, settings: MotionSettings, centres: Tensor, rng: np.random.Generator, device: torch.device
) -> tuple[Tensor, Tensor, Tensor]:
    """Return (B, 4, 4) float64 motions of liver and body and the (B, 1, 1, 1, 1) width of the sliding zone in mm."""
    livers, bodies, zones = [], [], []
    for centre in centres.cpu().numpy():
        liver, body = draw_rigid(settings, centre_mm=centre, rng=rng)
        livers.append(liver.matrix)
        bodies.append(body.matrix)
        zones.append(ZONE_MM + ZONE_PER_MM * float(np.linalg.norm(liver.translation_at(centre))))
    stack = (torch.as_tensor(np.array(m), device=device) for m in (livers, bodies))
    zone = torch.as_tensor(zones, device=device).float().reshape(-1, 1, 1, 1, 1)
    return *stack, zone  # type: ignore[return-value]


def _tables(batch: int, phases: tuple[ContrastPhase, ...], rng: np.random.Generator, device: torch.device) -> Tensor:
    """Return (B, 32) float32 HU by label; patient and phase are drawn for each row."""
    table = np.zeros((batch, 32), dtype=np.float32)
    for row in table:
        for label, value in draw_phase(phases[rng.integers(len(phases))], rng=rng).values.items():
            row[int(label)] = value
    return torch.as_tensor(table, device=device)


def _lattice(shape: torch.Size, world_from_voxel: Tensor, batch: int) -> Tensor:
    """Return the world mm of all voxel centres, (B, I, J, K, 3) float32."""
    axes = [torch.arange(n, device=world_from_voxel.device, dtype=torch.float32) for n in shape]
    voxels = torch.stack(torch.meshgrid(*axes, indexing="ij"), dim=-1)
    world = voxels * world_from_voxel[0, 0].float() + world_from_voxel[:3, 3].float()
    return world.expand(batch, *world.shape)


def _apply(matrix: Tensor, points: Tensor) -> Tensor:
    """Map (B, I, J, K, 3) points by (B, 4, 4) matrices."""
    flat = points.reshape(len(points), -1, 3)
    moved = torch.baddbmm(matrix[:, None, :3, 3].float(), flat, matrix[:, :3, :3].float().transpose(1, 2))
    return moved.reshape(points.shape)


def _smooth(x: Tensor) -> Tensor:
    t = x.clamp(0, 1)
    return t * t * (3 - 2 * t)


def _soften(image: Tensor) -> Tensor:
    """Return the image averaged over its next neighbours along each axis, weights 1, 6, 1: partial volume at edges."""
    for axis in (2, 3, 4):
        before = torch.cat([image.narrow(axis, 0, 1), image.narrow(axis, 0, image.shape[axis] - 1)], dim=axis)
        after = torch.cat([image.narrow(axis, 1, image.shape[axis] - 1), image.narrow(axis, -1, 1)], dim=axis)
        image = 0.75 * image + 0.125 * (before + after)
    return image


def _noise(shape: torch.Size, spacing_mm: float, fall_per_mm: float, generator: torch.Generator) -> Tensor:
    """Return noise of unit standard deviation with the in-plane spectrum of `hepareg.simulation.acquisition.noise`."""
    device = generator.device
    f2 = (
        torch.fft.fftfreq(shape[2], spacing_mm, device=device)[:, None] ** 2
        + torch.fft.rfftfreq(shape[3], spacing_mm, device=device)[None] ** 2
    )
    power = (1 - torch.exp(-f2 / RISE_PER_MM**2)) * torch.exp(-f2.sqrt() / fall_per_mm)
    white = torch.randn(shape, generator=generator, device=device)
    spectrum = torch.fft.rfft2(white, dim=(2, 3)) * power.sqrt()[:, :, None]
    noise = torch.fft.irfft2(spectrum, s=shape[2:4], dim=(2, 3))
    return noise / noise.std(dim=(2, 3, 4), keepdim=True)
