"""Measured time and energy: profiler logs and processor counters."""
