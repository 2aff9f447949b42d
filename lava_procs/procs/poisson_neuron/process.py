"""Poisson neurons as a Lava process."""

from dataclasses import fields

import numpy as np
from lava.magma.core.process.ports.ports import InPort
from lava.magma.core.process.process import LogConfig
from lava.magma.core.process.variable import Var

from ipvae.lava_procs.neuron_base import NeuronBase
from ipvae.lava_procs.schedule import Schedule, message_rows
from ipvae.network.description import DRAWN
from ipvae.network.layers import NOTHING, SUBTRACTED, PoissonLayer
from ipvae.network.rules import random_source
from ipvae.network.rules.arithmetic import CHANGE_MAX, FRAC_BITS
from ipvae.network.rules.poisson import LOG_RATE_MAX, LOG_RATE_MIN
from ipvae.network.traces.selection import LayerRecord

KEY_WORDS = 2


class PoissonNeuron(NeuronBase):
    """Neurons whose potential is a log-rate and whose spikes are Poisson counts.

    Implements, in integers (docs/spec/neurons/poisson.md), at every step::

        step 0 with memory:  u stays
        all other steps:     u = next_log_rate(u, z, drive, a_in)
        all steps:           z = min(count(u; key, neuron, step), 2**payload_bits - 1)

    A log-rate of 0 is one spike per step; an increase of `2**frac_bits` doubles the rate. Models:
    `fixed_pt` (bit-exact to the emulator) and `floating_pt` (the same update without rounding,
    counts from NumPy's Poisson sampler).

    Parameters
    ----------
    shape : (int,)
        Number of neurons.
    u_init : int or (K,) int, unit 2**-frac_bits octaves
        Log-rate at the start; without `memory`, the base to which each step's input is added.
    bias : int or (K,) int, same unit
        Constant input of each step; start value of the variable `drive`.
    self_weight : int or (K,) int, same unit
        Inhibition per own spike of the previous step.
    weight_exp : int
        The synaptic input in units of the log-rate is a_in * 2**weight_exp.
    sign : 1 or -1
        Sign of the synaptic input: added or subtracted.
    u_min, u_max, du_min, du_max : int, same unit
        Limits of the log-rate and of one update; the widest by default.
    payload_bits : int
        Counts saturate at 2**payload_bits - 1.
    frac_bits : int
        Fraction bits of the log-rate, 12 to 16.
    memory : bool
        True if an update starts from the last log-rate, False if from `u_init`.
    ceiling : bool
        True if log-rates near `u_max` are compressed.
    started : bool
        True if each image sends its own start log-rates, in place of `u_init`.
    seed, image : int
        Key of the random draws, as for an image in a run.
    key_layer : int
        Layer word of the keys of its neurons.
    schedule : Schedule, optional
        Process images one after another (`NeuronBase`): `image` then gives `drive` and key.
    record : LayerRecord, optional
        Recorded values, sent through `trace`; requires a schedule.
    replay : bool
        True to send recorded counts instead of drawn ones; requires a schedule.
    hosted : bool
        True if the host accesses the neurons through variables, as a board allows
        (docs/loihi2.md); CPU models do not support it.
    name, log_config : optional
        As for any Lava process.

    Ports
    -----
    a_in, s_out, trace : as for `NeuronBase`
    image : (frames K + 2,) drives and the image's two key words; with `started` (frames K + K + 2,)
        drives, start log-rates and key words
    draws : (rows, K) counts, received before the first row that uses them; only with `replay`,
        otherwise not connected and never read
    With `hosted` the last three ports are absent.

    Variables
    ---------
    u, z, drive : (K,) log-rate (24 bits), last counts (24), input of each step (22)
    step : (1,) steps since the start (24)
    image_key : (2,) key of the random draws (24)
    received, given : (K,) with `hosted`: a_in of the last row; with `replay`, next counts

    Raises
    ------
    DescriptionError
        If a value is outside its range.
    """

    def __init__(
        self,
        *,
        shape: tuple[int],
        u_init: int | np.ndarray = 0,
        bias: int | np.ndarray = 0,
        self_weight: int | np.ndarray = 0,
        weight_exp: int = 0,
        sign: int = SUBTRACTED,
        u_min: int | None = None,
        u_max: int | None = None,
        du_min: int = -CHANGE_MAX,
        du_max: int = CHANGE_MAX,
        payload_bits: int = 8,
        frac_bits: int = FRAC_BITS,
        memory: bool = True,
        ceiling: bool = False,
        started: bool = False,
        seed: int = 0,
        image: int = 0,
        key_layer: int = DRAWN,
        schedule: Schedule | None = None,
        record: LayerRecord | None = None,
        replay: bool = False,
        hosted: bool = False,
        name: str | None = None,
        log_config: LogConfig | None = None,
    ) -> None:
        (k,) = shape
        scale = 1 << (frac_bits - FRAC_BITS) if frac_bits >= FRAC_BITS else 1
        layer = PoissonLayer(
            weight=np.zeros(k, dtype=np.int16),  # the drive is an argument
            source=NOTHING,
            u_init=_values(u_init, k),
            bias=_values(bias, k),
            self_weight=_values(self_weight, k),
            weight_exp=weight_exp,
            sign=sign,
            u_min=LOG_RATE_MIN * scale if u_min is None else u_min,
            u_max=LOG_RATE_MAX * scale if u_max is None else u_max,
            du_min=du_min,
            du_max=du_max,
            payload_bits=payload_bits,
            frac_bits=frac_bits,
            memory=memory,
            ceiling=ceiling,
        )
        super().__init__(
            layer=layer,
            schedule=schedule,
            record=record,
            u_init=layer.u_init,
            drive=layer.bias,
            n_image=KEY_WORDS + (k if started else 0),
            hosted=hosted,
            name=name,
            log_config=log_config,
            replay=replay,
            started=started,
            key_layer=key_layer,
        )
        n_steps = 0 if schedule is None else schedule.n_steps
        if hosted:
            self.given = Var(shape=(k,), init=0)
        else:
            self.draws = InPort(shape=(message_rows(k, n_steps + 1), k))
        self.image_key = Var(
            shape=(KEY_WORDS,), init=np.array(random_source.image_key(seed, image))
        )

    @classmethod
    def of(
        cls,
        layer: PoissonLayer,
        schedule: Schedule,
        record: LayerRecord | None = None,
        replay: bool = False,
        hosted: bool = False,
        key_layer: int = DRAWN,
    ) -> "PoissonNeuron":
        """Make the neurons of a network's layer, which process images."""
        # not parameters of neurons
        given = {"weight", "weight_rec", "drive_exp", "source", "start"}
        numbers = {f.name: getattr(layer, f.name) for f in fields(layer) if f.name not in given}
        shape = (layer.n_neurons,)
        options = {"schedule": schedule, "record": record, "replay": replay, "hosted": hosted}
        options["started"] = layer.start is not None
        return cls(shape=shape, key_layer=key_layer, **options, **numbers)


def _values(value: int | np.ndarray, k: int) -> np.ndarray:
    """One integer for all neurons, or one for each: (K,) int32, if they are integers."""
    given = np.asarray(value)
    if given.dtype.kind in "iu" and np.abs(given.astype(np.int64)).max() < 2**31:
        given = given.astype(np.int32)
    return np.broadcast_to(given, (k,)) if given.ndim == 0 else given
