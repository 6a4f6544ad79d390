"""Five steps of the real network in this process; started by torchrun, or alone with a joined batch."""

import sys
from pathlib import Path

import torch
from conftest import SHAPE, SMALL_NETWORK, SPACING_MM, ellipsoid_pair

from hepareg.data.sources import Sources
from hepareg.training.fit import fit
from hepareg.training.settings import TrainingSettings

folder, processes, precision = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
torch.set_num_threads(1)
pairs = [ellipsoid_pair(seed) for seed in range(8)]
settings = TrainingSettings.model_validate(
    {
        "data": {
            "region": {"shape_vox": SHAPE, "spacing_mm": SPACING_MM},
            "batch_size": 4 // processes,
            "pairs_per_epoch": 20,
        },
        "network": SMALL_NETWORK,
        "loss": {"similarity": {"mse": 1.0}},
        "optimiser": {"learning_rate": 1e-3},
        "run": {"epochs": 1, "device": "cpu", "threads": 1, "processes": processes, "precision": precision},
        "tracking": {"overlays": 0},
    }
)
result = fit(settings, sources=Sources(pairs.__getitem__, 6, lambda index: pairs[6 + index], 2), folder=folder)
assert result.steps == 5
