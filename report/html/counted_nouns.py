"""Numbers of things in words."""

from ipvae.report.numbers import whole

STATUS = "No Loihi 2 was measured: counts come from the emulator, energies are modelled."
"""What every report and comparison begins with."""


def number_of(n: int, thing: str) -> str:
    """Write `1 image`, `2 images`."""
    return f"{whole(n)} {thing}" if n == 1 else f"{whole(n)} {thing}s"
