"""Importers of external models: PyTorch checkpoints, arrays, NIR."""
