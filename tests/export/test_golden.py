"""Exports equal golden.json, integer by integer; golden.py makes it."""

import importlib.util
import inspect
import json
from pathlib import Path

import pytest

from ipvae.export.exporters.error_units import error_units
from ipvae.export.exporters.feedforward import amortized
from ipvae.export.exporters.lca import lca_network
from ipvae.export.exporters.readouts import with_classes, with_decoder
from ipvae.export.rounding.quantize import quantize

HERE = Path(__file__).resolve().parent
SPEC = importlib.util.spec_from_file_location("golden_exports", HERE / "golden.py")
assert SPEC is not None and SPEC.loader is not None
golden = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(golden)
STORED = json.loads(golden.FILE.read_text())


@pytest.mark.parametrize("bits", golden.BITS)
@pytest.mark.parametrize("kind", golden.KINDS)
def test_integers_are_the_golden_ones(kind, bits):
    found, stored = golden.exported(kind, bits), STORED[f"{kind} {bits}"]
    assert list(found) == list(stored)
    for layer, parts in stored.items():
        fitted = golden.FITTED.get(kind, ())
        for name, value in parts.items():
            if name in fitted:
                assert found[layer][name] == pytest.approx(value, rel=1e-3, abs=2)
            else:
                assert found[layer][name] == value, (layer, name)


def test_every_export_is_there_and_no_other():
    assert list(STORED) == [f"{kind} {bits}" for kind in golden.KINDS for bits in golden.BITS]


@pytest.mark.parametrize(
    "exporter", [quantize, error_units, amortized, lca_network, with_decoder, with_classes]
)
def test_weights_have_eight_bits_unless_fewer_are_asked_for(exporter):
    assert inspect.signature(exporter).parameters["weight_bits"].default == 8


@pytest.mark.long
@pytest.mark.parametrize(("module", "name", "values"), golden.CONSTANTS)
def test_a_changed_inner_constant_changes_an_export(module, name, values):
    found = golden.everything()
    for value in values:
        with golden.changed(module, name, value):
            assert golden.differs(found), value
    assert not golden.differs(found)
