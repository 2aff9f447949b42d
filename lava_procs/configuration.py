"""Selection of process models for a Lava network on the CPU simulator."""

from typing import Any

from ipvae.errors import InputError

EVENT_DRIVEN, STOCK = "event-driven", "stock"
DENSE_MODELS = (EVENT_DRIVEN, STOCK)


def configuration(dense: str = EVENT_DRIVEN, tag: str = "fixed_pt") -> Any:
    """Return Lava's run configuration for its CPU simulator.

    Parameters
    ----------
    dense : 'event-driven' or 'stock'
        Model of Lava's Dense: ipvae's, which is bit-exact to Lava's and faster, or Lava's own.
    tag : 'fixed_pt' or 'floating_pt'
        Tag of the models of all other processes; 'floating_pt' uses Lava's own Dense.

    Returns
    -------
    Loihi2SimCfg

    Raises
    ------
    InputError
        If the model of Dense is unknown.
    """
    from lava.magma.core.run_configs import Loihi2SimCfg
    from lava.proc.dense.process import Dense

    from ipvae.lava_procs.models.event_driven import PyDenseEventDriven

    if dense not in DENSE_MODELS:
        raise InputError(f"model of Dense: found '{dense}', allowed {', '.join(DENSE_MODELS)}")
    ours: Any = {Dense: PyDenseEventDriven} if dense == EVENT_DRIVEN and tag == "fixed_pt" else {}
    return Loihi2SimCfg(select_tag=tag, exception_proc_model_map=ours)
