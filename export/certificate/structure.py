"""Structure of each layout: what a layer receives, and the parameters that it does not use."""

from typing import Any

from ipvae.export.certificate.checks import PASSED, Checks
from ipvae.network.description import IntNetwork
from ipvae.network.layers import GradedLayer
from ipvae.network.schedule import AnyLayer

UNUSED = 0
AVERAGING = 5
"""Logarithm to base 2 of the window of a classifier's input, in steps."""
GRADED = {"leak": 0, "threshold": 0, "activation": "linear"}
RECURRENT = {"source": 1, "sign": -1, "memory": True, "ceiling": False}
CODE_OF_ERRORS = {"source": 1, "sign": 1, "memory": True, "ceiling": False, "drive_exp": UNUSED}
ERRORS = {"source": 2, "sign": -1, "unit": 1.0, **GRADED}
ENCODED = {"memory": False, "ceiling": True, "frac_bits": 16}
LINEAR = {**ENCODED, "source": 0, "sign": -1, "weight_exp": UNUSED}
MLP = {**ENCODED, "source": 1, "sign": 1}
HIDDEN = {"source": 0, "sign": -1, "weight_exp": UNUSED, "leak": 0, "threshold": 0}
SPARSE = {"source": 1, "sign": -1, "activation": "linear"}


def certify_structure(checks: Checks, network: IntNetwork, layout: str) -> bool:
    """Check what connects the layers before the read-outs, by layout; return whether all passed.

    Parameters
    ----------
    layout : 'recurrent', 'error-units', 'feed-forward' or 'lca'
    """
    first = len(checks.found)
    hidden: dict[str, Any] | None = None
    if layout == "feed-forward":
        hidden, code = (
            ({**HIDDEN, "activation": "swish"}, MLP) if network.hidden else (None, LINEAR)
        )
    elif layout == "error-units":
        hidden, code = ERRORS, CODE_OF_ERRORS
    else:
        code = SPARSE if layout == "lca" else RECURRENT
    expected = [code] if hidden is None else [hidden, code]
    rule = "the layers of the layout"
    checks.equal("layers before the code", rule, len(network.hidden), len(expected) - 1)
    layers = (*network.hidden, network.layer)
    for number, (layer, values) in enumerate(zip(layers, expected, strict=False), start=1):
        require_parameters(checks, str(number), layer, values)
    return all(check.status == PASSED for check in checks.found[first:])


def require_decoder(checks: Checks, name: str, layer: GradedLayer, network: IntNetwork) -> None:
    """Check the connection and the unused parameters of a decoder read-out."""
    values = {"source": int(network.code), "sign": 1, "drive_exp": UNUSED, **GRADED}
    require_parameters(checks, name, layer, values)


def require_classes(checks: Checks, name: str, layer: GradedLayer, network: IntNetwork) -> None:
    """Check the connection and the running mean of a read-out of classes."""
    values = {"source": int(network.code), "sign": 1, "drive_exp": UNUSED, **GRADED}
    require_parameters(checks, name, layer, {**values, "leak": AVERAGING})


def require_parameters(
    checks: Checks, name: str, layer: AnyLayer, expected: dict[str, Any]
) -> None:
    """Compare single parameters of a layer."""
    given = {"weight": layer.weight is not None, "weight_rec": layer.weight_rec is not None}
    needed = {
        "weight": expected.get("drive_exp") != UNUSED,
        "weight_rec": expected["source"] != 0,
    }
    wrong = [
        f"{key} is {'present' if given[key] else 'absent'}"
        for key in given
        if given[key] != needed[key]
    ]
    wrong += [
        f"{key} is {found}, must be {value}"
        for key, value in expected.items()
        if (found := getattr(layer, key, None)) != value
    ]
    rule = "the connections and constants of the layout"
    checks.holds(f"layer {name}: structure", rule, "; ".join(wrong), len(expected))
