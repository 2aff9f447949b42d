"""Calibration on training images: ranges, float baseline, losses."""
