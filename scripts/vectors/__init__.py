"""What docs/vectors/ holds, one file a table; scripts/make_vectors.py writes them."""
