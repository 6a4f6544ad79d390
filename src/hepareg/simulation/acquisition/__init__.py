"""Scanner: grid, slices, noise, streaks, and the masks drawn on its images."""
