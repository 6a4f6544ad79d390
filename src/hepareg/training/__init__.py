"""Training of registration networks with Lightning: module, checkpoints, tracking. Needs the extra ``train``."""
