"""Networks as other descriptions of the same numbers."""
