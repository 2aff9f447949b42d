"""Process models for Lava's CPU simulator, shared by several processes."""
