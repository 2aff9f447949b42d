"""Outputs of workflows: rule of overwriting, atomic files, printable names."""
