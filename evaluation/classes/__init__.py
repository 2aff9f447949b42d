"""Figures of merit fitted on labelled codes."""
