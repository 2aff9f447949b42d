"""Graphs of nodes in PyTorch: networks of ReLU activations read, spiking networks fine-tuned."""
