"""Numbers of things in words."""


def number_of(n: int, thing: str) -> str:
    """Write `1 image`, `2 images`."""
    return f"{n:,} {thing}" if n == 1 else f"{n:,} {thing}s"
