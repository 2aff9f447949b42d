"""Exporters, one for each kind of trained model."""
