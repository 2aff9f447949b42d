"""Record of how a network was made, as JSON in its file: data, not used when running."""

import json
import math
from typing import Any

from ipvae.errors import DescriptionError

PROVENANCE_BYTES = 2**20
PROVENANCE_DEPTH = 64


def json_text(data: dict) -> bytes:
    """Serialize provenance as JSON, or raise DescriptionError."""
    try:
        text = json.dumps(data, sort_keys=True, allow_nan=False).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise DescriptionError(f"provenance: is not JSON data ({error})") from error
    try:
        _require_shallow(data)
    except ValueError as error:
        raise DescriptionError(f"provenance: {error}") from error
    if len(text) > PROVENANCE_BYTES:
        raise DescriptionError(
            f"provenance: {len(text)} bytes of JSON, allowed are up to {PROVENANCE_BYTES}"
        )
    return text


def json_data(text: bytes) -> Any:
    """Parse JSON strictly by RFC 8259: no NaN, no infinity, not even as 1e999."""

    def finite(number: str) -> float:
        if not math.isfinite(float(number)):
            raise ValueError(f"/ipvae/provenance holds {number}, which is not JSON")
        return float(number)

    data = json.loads(text.decode(), parse_constant=finite, parse_float=finite)
    _require_shallow(data)
    return data


def _require_shallow(data: Any) -> None:
    """Reject nesting deeper than PROVENANCE_DEPTH, since programs read it recursively."""
    level = [data]
    for _ in range(PROVENANCE_DEPTH):
        level = [
            item
            for value in level
            if isinstance(value, (dict, list))
            for item in (value.values() if isinstance(value, dict) else value)
        ]
    if any(isinstance(value, (dict, list)) for value in level):
        raise ValueError(f"/ipvae/provenance is nested more than {PROVENANCE_DEPTH} deep")
