"""Acquisition of an image: grid, slices, noise, streaks, and the error of its liver mask."""
