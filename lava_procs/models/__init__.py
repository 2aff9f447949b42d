"""Process models for Lava's CPU simulator that several processes share."""
