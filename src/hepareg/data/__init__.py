"""From files or a simulator to batches: pairs, splits, caches, augmentation. Needs the extra ``train``."""
