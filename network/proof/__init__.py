"""Proof of ranges: intervals of every variable and intermediate value."""
