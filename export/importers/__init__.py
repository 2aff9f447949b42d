"""Models from elsewhere: PyTorch checkpoints, arrays, NIR."""
