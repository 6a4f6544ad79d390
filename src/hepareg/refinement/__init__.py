"""Instance optimisation: find the pose of one pair."""
