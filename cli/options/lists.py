"""Lists of numbers with commas between them, as options take them."""

from ipvae.errors import InputError


def parse_steps(text: str) -> list[int]:
    """Rising list of steps from '16,64,1000'."""
    parts = [part.strip() for part in text.split(",")]
    if not all(_is_step(part) for part in parts):
        raise InputError(f"--steps: found '{text}', allowed positive numbers such as 16,64,1000")
    return sorted({int(part) for part in parts})


def _is_step(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 10 and int(text) > 0


def parse_numbers(option: str, text: str, allowed: str) -> list[float]:
    """Numbers from '0,15,90'; raise InputError, saying what is allowed, for what is none."""
    try:
        return [float(part) for part in text.split(",")]
    except ValueError as error:
        raise InputError(f"{option}: found '{text}', allowed {allowed}") from error
