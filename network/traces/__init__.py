"""Recorded runs: traces, selection, replay, observers, totals and activity."""
