"""Poisson neurons as a Lava process."""

import numpy as np
from lava.magma.core.process.ports.ports import InPort, OutPort
from lava.magma.core.process.process import AbstractProcess, LogConfig
from lava.magma.core.process.variable import Var

CHUNK_BYTES = 2**20
"""Largest message of a trace: shared memory does not grow with the number of steps."""


def trace_rows(n_neurons: int, n_steps: int) -> int:
    """Steps in one message of the trace: all of an image, or as many as fit."""
    return max(1, min(n_steps + 1, CHUNK_BYTES // (3 * 4 * n_neurons)))


class PoissonNeuron(AbstractProcess):
    """Neurons whose potential is a log-rate and whose spikes are Poisson counts.

    Realizes, in integers, at the steps t = 0 .. n_steps of each image
    (docs/arithmetic.md, sections 3 to 5)::

        t = 0:  drive, key = image.recv();  u = u_init;  z = 0
        t > 0:  d = clip(drive - scale_input(a_in) - self_inhibition(z), du_min, du_max)
                u = clip(u + d, u_min, u_max)
        all t:  z = min(count(u; key, neuron, t), 2**payload_bits - 1);  s_out.send(z)

    With `replay`, z is received from `draws` in place of being drawn.
    After step n_steps the next image begins: a reset without rebuilding.

    Parameters
    ----------
    u_init : (K,) int, Q11.12 octaves
        Log-rate at reset.
    self_weight : (K,) int, Q11.12 octaves
        Self-inhibition per own count.
    weight_exp : int
        a_in * 2**weight_exp is in 1/4096 octave.
    u_min, u_max, du_min, du_max : int, Q11.12 octaves
        Limits of the log-rate and of one update.
    payload_bits : int
        Width of a count.
    n_steps : int
        Updates of each image (T).
    frac_bits : int
        Fraction bits of the log-rate.
    layer : int
        Number of the layer, part of the random key.
    replay : bool
        Whether recorded counts are sent in place of drawn ones.
    name, log_config : optional
        As for every Lava process.

    Ports
    -----
    a_in : (K,) accumulated input
    s_out : (K,) counts
    image : (K + 2,) drive and the image's two key words, received at an image's first step
    trace : (rows, 3, K) a_in, u and z of `trace_rows` steps; an image's last message may
        end in rows that mean nothing
    draws : (rows, K) counts of the same steps as a message of `trace`, received before the
        first of them; only with `replay`, else connected to nothing and never asked
    """

    _runtime = None  # Lava's __del__ asks for it even if __init__ has raised

    def __init__(
        self,
        *,
        u_init: np.ndarray,
        self_weight: np.ndarray,
        weight_exp: int,
        u_min: int,
        u_max: int,
        du_min: int,
        du_max: int,
        payload_bits: int,
        n_steps: int,
        frac_bits: int = 12,
        layer: int = 1,
        replay: bool = False,
        name: str | None = None,
        log_config: LogConfig | None = None,
    ) -> None:
        u_init, self_weight = np.asarray(u_init), np.asarray(self_weight)
        if u_init.ndim != 1 or self_weight.shape != u_init.shape:
            raise ValueError(
                f"PoissonNeuron: u_init has shape {u_init.shape} and self_weight "
                f"{self_weight.shape}, allowed are two vectors of one length"
            )
        super().__init__(
            weight_exp=weight_exp,
            u_min=u_min,
            u_max=u_max,
            du_min=du_min,
            du_max=du_max,
            count_max=2**payload_bits - 1,
            n_steps=n_steps,
            frac_bits=frac_bits,
            layer=layer,
            replay=replay,
            name=name,
            log_config=log_config,
        )
        k = len(u_init)
        self.a_in = InPort(shape=(k,))
        self.s_out = OutPort(shape=(k,))
        self.image = InPort(shape=(k + 2,))
        self.trace = OutPort(shape=(trace_rows(k, n_steps), 3, k))
        self.draws = InPort(shape=(trace_rows(k, n_steps), k))
        self.u_init = Var(shape=(k,), init=u_init)
        self.self_weight = Var(shape=(k,), init=self_weight)
        self.u = Var(shape=(k,), init=u_init)
        self.z = Var(shape=(k,), init=0)
        self.drive = Var(shape=(k,), init=0)
        self.image_key = Var(shape=(2,), init=0)
        self.step = Var(shape=(1,), init=0)
