"""Cost of a run: operation counts from traces, and cost models with cited constants."""
