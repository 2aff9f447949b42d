"""Real numbers to integers: scales, rounding with error compensation, bias correction."""
