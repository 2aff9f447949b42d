"""Figures of the HTML report, one per file."""
