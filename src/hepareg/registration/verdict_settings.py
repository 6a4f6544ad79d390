"""Limits of the verdict, each in one place; ``docs/verdict.md`` lists them and the origin of each."""

from dataclasses import dataclass

__all__ = ["VerdictSettings"]


@dataclass(frozen=True)
class VerdictSettings:
    """Limits and factors of the verdict; ``_mm`` and ``_ml`` in a name are its unit, the others are shares and ratios.

    Parameters
    ----------
    accept_mm, accept_p95_mm
        Largest expected mean, and largest expected 95th percentile, of the error that may be accepted.
    reject_mm
        A larger expected mean error is rejected.
    aligned_mm
        The result says that the images were aligned before if it moves the liver by no more than this, or by no more
        than the expected error.
    floor_mm
        Part of the expected error that every result has.
    uncertainty_factor
        Expected error per mm of `pose_uncertainty_mm`.
    voxel_bias_per_mm
        Expected bias of interpolation in mm: this number times `voxel_mm` squared. All blocks of the liver share it.
    shared_voxel_bias
        If both directions were searched, this share of the bias is expected in both alike; the rest is measured by
        `directions_error_mm`.
    doubtful_mask_mm, disordered_slices_mm
        Expected error if a mask may be of something else than the liver, and if slices of an image are out of order.
    p95_of_mean
        95th percentile over the liver of the distance between two rigid poses, as a multiple of the mean distance.
    max_left_p95_mm
        A liver of which the best rigid fit leaves more than this, at the 95th percentile, is said to bend and goes to
        review.
    min_explained_share
        A result that explains a smaller share of the local variance of the fixed image goes to review.
    explained_share_tolerance
        A result may explain this much less than the pose from which the search began.
    min_basin_depth, reject_basin_depth
        A result with a smaller `basin_depth` (advantage over wrong poses nearby) goes to review, and one below the
        second limit is rejected.
    confirming_dice
        If both masks are given and their Dice after registration is at least this, the masks confirm the result. Then
        the two `_confirmed` limits replace `min_basin_depth` and `reject_basin_depth`.
    min_basin_depth_confirmed, reject_basin_depth_confirmed
        Limits of `basin_depth` if the masks confirm the result: in very noisy images the advantage is small even for
        the right pose.
    min_rival_gap
        A result with a smaller `rival_gap` (advantage over the best other optimum) goes to review.
    min_overlap_share, reject_overlap_share
        A smaller share of the liver inside the other image goes to review; one below the second limit is rejected.
    min_dice
        Masks with a smaller Dice after registration go to review.
    max_inverse_consistency_mm
        A result goes to review if one solver step with the images exchanged moves the liver by more than this.
    min_liver_ml
        A mask of a smaller volume goes to review: whole livers are larger.
    min_soft_tissue_share
        A mask with a smaller share of soft tissue goes to review.
    max_slice_order_ratio
        An image with a larger `slice_order_ratio` goes to review: its slices are shuffled or repeated.
    max_slice_gap
        An image with a larger `slice_gap` goes to review: slices are missing, or the patient breathed.
    max_liver_ml
        A mask of a larger volume goes to review.
    min_mask_homogeneity, reject_mask_homogeneity
        A mask with a smaller `mask_homogeneity` goes to review; one below the second limit is rejected.
    max_surface_shift_mm
        A result goes to review if the masks' surfaces in a part of the liver lie farther apart than this on average.
    max_stretch_share
        A result goes to review if the liver is stretched or compressed by a larger share of its length.
    max_slab_shift_mm
        A result goes to review if slabs of the liver are shifted by more than this, as a root mean square.
    max_exchanged_contrast_hu
        It is noted that the phases may be exchanged if the largest vessel stands out from the liver by this much more
        in the fixed image than in the moving one.
    flatness_floor_mm
        `flatness_mm` of a well determined pose: coarse voxels alone cause as much. Only what exceeds it is expected as
        error.
    max_flatness_mm
        A result with a larger `flatness_mm` goes to review.
    """

    accept_mm: float = 1.5
    accept_p95_mm: float = 3.0
    reject_mm: float = 6.0
    aligned_mm: float = 0.5
    floor_mm: float = 0.05
    uncertainty_factor: float = 1.0
    voxel_bias_per_mm: float = 0.018
    shared_voxel_bias: float = 0.5
    doubtful_mask_mm: float = 5.0
    disordered_slices_mm: float = 5.0
    p95_of_mean: float = 1.5
    max_left_p95_mm: float = 1.5
    min_explained_share: float = 0.25
    explained_share_tolerance: float = 0.005
    min_basin_depth: float = 0.25
    reject_basin_depth: float = 0.05
    confirming_dice: float = 0.95
    min_basin_depth_confirmed: float = 0.06
    reject_basin_depth_confirmed: float = 0.012
    min_rival_gap: float = 0.05
    min_overlap_share: float = 0.5
    reject_overlap_share: float = 0.2
    min_dice: float = 0.8
    max_inverse_consistency_mm: float = 2.5
    min_liver_ml: float = 450.0
    min_soft_tissue_share: float = 0.85
    max_slice_order_ratio: float = 1.5
    max_slice_gap: float = 2.6
    max_liver_ml: float = 3500.0
    min_mask_homogeneity: float = 0.7
    reject_mask_homogeneity: float = 0.4
    max_surface_shift_mm: float = 2.0
    max_stretch_share: float = 0.028
    max_slab_shift_mm: float = 1.3
    flatness_floor_mm: float = 0.75
    max_flatness_mm: float = 1.0
    max_exchanged_contrast_hu: float = 150.0
