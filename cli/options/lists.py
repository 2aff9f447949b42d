"""Comma-separated lists of numbers in options."""

from ipvae.errors import InputError


def parse_steps(text: str) -> list[int]:
    """Parse '16,64,1000' to an increasing list of steps."""
    parts = [part.strip() for part in text.split(",")]
    if not all(_is_step(part) for part in parts):
        raise InputError(f"--steps: found '{text}', allowed positive numbers such as 16,64,1000")
    return sorted({int(part) for part in parts})


def _is_step(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 10 and int(text) > 0


def parse_numbers(option: str, text: str, allowed: str) -> list[float]:
    """Parse '0,15,90'; raise InputError, with what is allowed, if an entry is not a number."""
    try:
        return [float(part) for part in text.split(",")]
    except ValueError as error:
        raise InputError(f"{option}: found '{text}', allowed {allowed}") from error
