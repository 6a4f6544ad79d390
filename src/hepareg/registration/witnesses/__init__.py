"""Witnesses: evidence about both images, masks and the pose that the robust weights of the fit do not silence."""
