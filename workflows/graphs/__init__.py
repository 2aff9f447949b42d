"""Spiking networks of other tools: import, float run, integers, and what they change."""
