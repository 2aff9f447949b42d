"""Outputs of workflows: what they may take the place of, atomic files, printable names."""
