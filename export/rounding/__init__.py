"""Rounding of real values to integers: scales, error compensation, bias correction."""
