"""Contrast phases: HU of every tissue in every phase, and images made from them."""
