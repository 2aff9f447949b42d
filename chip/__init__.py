"""Loihi 2 as a target: limits, memory of a core, placement, plan and check."""
