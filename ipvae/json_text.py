"""JSON from files that may be damaged or hostile."""

import json
from typing import Any

MAX_DIGITS = 100
"""Longest integer in a JSON file; Python needs quadratic time for it or refuses it."""


def parse_json(text: bytes | str) -> Any:
    """Parse JSON from a file that may be damaged or hostile.

    Raises
    ------
    ValueError
        If it is not JSON, is nested too deeply, or has an integer of more than MAX_DIGITS digits.
    """
    try:
        return json.loads(text, parse_int=_integer)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def _integer(digits: str) -> int:
    if len(digits) > MAX_DIGITS:
        raise ValueError(f"it holds an integer of {len(digits)} digits")
    return int(digits)
