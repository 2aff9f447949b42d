"""Status line of reports, and numbers with nouns in singular or plural."""

from ipvae.report.numbers import whole

STATUS = "No Loihi 2 was measured: counts come from the emulator, energies are modelled."
"""First line of every report and comparison."""


def number_of(n: int, thing: str) -> str:
    """Return text such as `1 image` or `2 images`."""
    return f"{whole(n)} {thing}" if n == 1 else f"{whole(n)} {thing}s"
