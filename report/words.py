"""Numbers of things in words."""

from ipvae.report.numbers import whole


def number_of(n: int, thing: str) -> str:
    """Write `1 image`, `2 images`."""
    return f"{whole(n)} {thing}" if n == 1 else f"{whole(n)} {thing}s"
