"""Networks of ReLU activations as integer networks of sigma-delta neurons."""
