"""Provenance at the limits of its size and depth, and invalid JSON."""

import json
from typing import Any

import pytest

from ipvae.errors import DescriptionError
from ipvae.network.provenance import json_data, json_text


def nested(depth, leaf=1) -> Any:
    """Lists and objects in turn, `depth` of them, the outermost an object."""
    data = leaf
    for level in range(depth):
        data = {"a": data} if (depth - level) % 2 else [data]
    return data


@pytest.mark.parametrize("leaf", [1, "text", None])
def test_data_may_be_nested_64_deep(leaf):
    deepest = nested(64, leaf)
    assert json_data(json_text(deepest)) == deepest
    with pytest.raises(DescriptionError, match="nested more than 64 deep"):
        json_text(nested(65, leaf))
    with pytest.raises(ValueError, match="nested more than 64 deep"):
        json_data(json.dumps(nested(65, leaf)).encode())


def test_text_may_have_a_mebibyte():
    frame = len(json_text({"a": ""}))
    assert len(json_text({"a": "x" * (2**20 - frame)})) == 2**20
    with pytest.raises(DescriptionError, match="1048577 bytes of JSON, allowed are up to 1048576"):
        json_text({"a": "x" * (2**20 - frame + 1)})


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "-1e999"])
def test_numbers_that_json_has_not_are_refused(number):
    with pytest.raises(ValueError, match="which is not JSON"):
        json_data(f'{{"a": [{number}]}}'.encode())


@pytest.mark.parametrize("value", [float("nan"), float("inf"), {1}, b"x"])
def test_what_is_no_json_is_not_written(value):
    with pytest.raises(DescriptionError, match="provenance: is not JSON data"):
        json_text({"a": value})


def test_keys_are_written_in_order():
    assert json_text({"b": 1, "a": [1.5, True]}) == b'{"a": [1.5, true], "b": 1}'
