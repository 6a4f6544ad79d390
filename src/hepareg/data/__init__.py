"""Training data, from files or from the simulator: pairs, splits, caches, augmentation. Needs the extra ``train``."""
