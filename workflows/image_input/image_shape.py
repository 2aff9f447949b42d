"""Height and width of flat images, from the arguments of a caller."""

import math

from ipvae.errors import InputError

MAX_TEXT = 40
"""Maximum number of characters of 'HEIGHTxWIDTH'."""

ShapeLike = tuple[int, int] | str | None
"""Height and width, 'HEIGHTxWIDTH', or None."""


def read_shape(given: ShapeLike, name: str = "image_shape") -> tuple[int, int] | None:
    """Return the given height and width, or None; `name` is the argument's.

    Raises
    ------
    InputError
        If they are not two whole numbers above 0.
    """
    return None if given is None else _parsed(given, "", name)


def shape_of(given: ShapeLike, n_pixels: int) -> tuple[int, int]:
    """Return height and width of images of `n_pixels`: as given, else a square or one row.

    Raises
    ------
    InputError
        If their product differs from `n_pixels`.
    """
    if given is None:
        side = math.isqrt(n_pixels)
        return (side, side) if side * side == n_pixels else (1, n_pixels)
    allowed = f" with a product of {n_pixels}"
    height, width = _parsed(given, allowed)
    if height * width != n_pixels:
        raise _wrong(_text(given), allowed)
    return height, width


def _parsed(
    given: tuple[int, int] | str, allowed: str, name: str = "image_shape"
) -> tuple[int, int]:
    text = _text(given)
    height, _, width = text.partition("x")
    if not (height.isdecimal() and width.isdecimal() and len(text) <= MAX_TEXT):
        raise _wrong(text, allowed, name)
    if int(height) * int(width) == 0:
        raise _wrong(text, allowed, name)
    return int(height), int(width)


def _text(given: tuple[int, int] | str) -> str:
    return given if isinstance(given, str) else "x".join(map(str, given))


def _wrong(text: str, allowed: str, name: str = "image_shape") -> InputError:
    return InputError(f"{name}: found '{text[:MAX_TEXT]}', allowed HEIGHTxWIDTH{allowed}")
