"""What a comparison of traces says: JSON data, and one line."""

from collections.abc import Mapping, Sequence

from ipvae.network.description import IntNetwork
from ipvae.network.trace import VARIABLES, Trace, compare


def verdict(
    network: IntNetwork,
    traces: list[Trace],
    samples: int,
    steps: int,
    seed: int,
    variables: Mapping[str, Sequence[str]] | None = None,
) -> dict:
    """Compare all traces with the first; JSON data.

    `compared_values` counts the values of one trace that were compared with those of every
    other backend: samples x (steps + 1) x variables x neurons, summed over layers. `variables`
    are those of each layer, all if not given.
    """
    if variables is None:
        variables = dict.fromkeys(network.layers, VARIABLES)
    comparisons = [compare(traces[0], other) for other in traces[1:]]
    differing = [c.first_divergence for c in comparisons if c.first_divergence]
    compared = min(c.compared_values for c in comparisons)
    values = sum(len(names) * network.layers[n].n_neurons for n, names in variables.items())
    complete = samples * (steps + 1) * values
    return {
        "bit_exact": not differing and compared == complete,
        "backends": [trace.backend for trace in traces],
        "variables": [f"{layer}/{name}" for layer, names in variables.items() for name in names],
        "samples": samples,
        "steps": steps,
        "seed": seed,
        "compared_values": compared,
        "first_divergence": differing[0] if differing else None,
    }


def describe(result: dict, note: str = "") -> str:
    """One line."""
    where = result["first_divergence"]
    if where is None:
        names = " = ".join(result["backends"])
        return (
            f"bit-exact: {names} in {result['compared_values']} values "
            f"({result['samples']} images, steps 0..{result['steps']}, "
            f"{', '.join(result['variables'])}{note}; counts up to {result['max_count']})"
        )
    return (
        f"NOT bit-exact: {where['backend']} first differs from {result['backends'][0]} at sample "
        f"{where['sample']}, step {where['step']}, layer {where['layer']}, variable "
        f"{where['variable']}, index {where['index']}: expected {where['expected']}, "
        f"found {where['found']}"
    )
