"""Trained model -> float network -> integer network."""
