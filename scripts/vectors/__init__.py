"""Contents of docs/vectors/, one module per table; scripts/make_vectors.py writes them."""
