"""What a run costs: counts from traces, and cost models with cited constants."""
