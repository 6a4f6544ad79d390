"""Pairs of images with a known answer, on the CPU and on a device."""
