"""Conventions of each simulator for a step of a NIR neuron, which NIR itself leaves open.

Sources: snnTorch 1.0.0 (`export_nir`, `_neurons`), Norse 1.1.0 (`utils/export_nir`, `functional`),
sinabs 3.1.3 (`nir`, `layers/functional/lif`), SpikingJelly 2.0.0 (`nir_exchange`, `neuron`),
Rockpool 3.1.0 (`nn/modules/torch`), Lava 0.10.0 (`proc/lif/models`).
"""

from dataclasses import dataclass, replace

from ipvae.errors import InputError

ZERO, SUBTRACT, NONE = "zero", "subtract", "none"
RESETS = (ZERO, SUBTRACT, NONE)
TORCH = "torch"
"""Origin of a network of ReLU activations (`ipvae.import_torch`): it has no time."""
MANY = 2**15
"""Spikes of a neuron in one step where a tool sets no limit."""


@dataclass(frozen=True)
class Convention:
    """Convention of a simulator.

    Attributes
    ----------
    origin : str
    dt : float or None
        Time of a step in the unit of the graph's time constants; None: the graph does not need it
        or lets it be derived.
    reset : 'zero' (to the reset potential), 'subtract' or 'none'
    reset_delay : bool
        True if a spike's reset happens in the next step, after the decay.
    reaches : bool
        True if a potential equal to the threshold spikes.
    most : int
        Most spikes of a neuron in a step.
    norm_input : bool or None
        True if the input is multiplied by 1 - exp(-1 / tau) (sinabs); None: of LIF but not of LI.
    begins : 'zero', 'reset' or 'leak'
        Potential before the first step: 0, the reset potential or the leak potential.
    early_bias : bool
        True if the bias of a feedback path acts in the first step, before any spike.
    """

    origin: str
    dt: float | None = None
    reset: str = ZERO
    reset_delay: bool = False
    reaches: bool = False
    most: int = 1
    norm_input: bool | None = None
    begins: str = ZERO
    early_bias: bool = False


ORIGINS: dict[str, Convention] = {
    "nir": Convention("nir"),
    "snntorch": Convention("snntorch", 1e-4, SUBTRACT, reset_delay=True, early_bias=True),
    "norse": Convention("norse", 1e-3, begins="leak"),
    "sinabs": Convention("sinabs", 1.0, SUBTRACT, reaches=True, most=MANY),
    "spikingjelly": Convention("spikingjelly", 1e-4, reaches=True, begins="reset"),
    "rockpool": Convention("rockpool", None, SUBTRACT, reaches=True, most=MANY),
    "lava-dl": Convention("lava-dl", 1.0),
    TORCH: Convention(TORCH),
}
"""Each tool's defaults, which NIR does not record."""
KEYS = {
    "dt": "a number above 0",
    "reset": "zero, subtract or none",
    "reset_delay": "yes or no",
    "reaches": "yes or no",
    "spikes": "one, or the most in a step",
    "norm_input": "yes or no",
}
FLAGS = {"yes": True, "no": False}


def convention_of(text: str) -> Convention:
    """Return the convention of a tool, with changes: 'snntorch' or 'snntorch,reset=zero'.

    Raises
    ------
    InputError
        For an unknown tool, key or value.
    """
    name, *changes = (part.strip() for part in text.split(","))
    if name not in ORIGINS:
        raise InputError(
            f"origin: found '{name}', allowed {', '.join(ORIGINS)}, with changes such as "
            "'snntorch,reset=zero'"
        )
    found = ORIGINS[name]
    for change in changes:
        key, _, value = (part.strip() for part in change.partition("="))
        if key not in KEYS:
            raise InputError(f"origin: found key '{key}', allowed {', '.join(KEYS)}")
        found = _changed(found, key, value)
    return found


def _changed(found: Convention, key: str, value: str) -> Convention:
    if key == "reset" and value in RESETS:
        return replace(found, reset=value)
    if key in ("reset_delay", "reaches", "norm_input") and value in FLAGS:
        return replace(found, **{key: FLAGS[value]})
    if key == "spikes" and (value == "one" or (value.isdigit() and 1 <= int(value) <= MANY)):
        return replace(found, most=1 if value == "one" else int(value))
    if key == "dt" and _positive(value):
        return replace(found, dt=float(value))
    raise InputError(f"origin: found {key}={value}, allowed {KEYS[key]}")


def _positive(text: str) -> bool:
    try:
        return 0 < float(text) < float("inf")
    except ValueError:
        return False
