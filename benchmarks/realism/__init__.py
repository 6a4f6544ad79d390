"""How real the simulated images are: the same measurements on real and on simulated CT."""
