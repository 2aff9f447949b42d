"""Messages of input neurons, computed on the host bit for bit as Lava's LIF and Delta do."""

import numpy as np

from ipvae.network.kinds import CubaNeuron, DeltaNeuron
from ipvae.network.kinds.cuba import DECAY_BITS, DECAY_UNITY, STATE_LIMIT, STATE_SHIFT
from ipvae.network.kinds.sigma_delta import MESSAGE_FRACTION, STATE_FRACTION
from ipvae.network.network import Input, Network


def sent_messages(network: Network, frames: np.ndarray, n_rows: int) -> np.ndarray:
    """Return what the input of a network sends for one sample; see `messages`.

    An input whose pixels only make drives sends nothing.
    """
    if network.input.neuron is None and not network.sends_input:
        return np.zeros((n_rows, network.input.size), np.int32)
    return messages(network.input, frames, n_rows)


def messages(entry: Input, frames: np.ndarray, n_steps: int) -> np.ndarray:
    """Messages of one sample.

    Parameters
    ----------
    entry : Input
    frames : (1 or n_steps, n_inputs) int
    n_steps : int

    Returns
    -------
    (n_steps, n_inputs) int32
    """
    if isinstance(entry.neuron, CubaNeuron):
        return _cuba(entry.neuron, frames, n_steps)
    if isinstance(entry.neuron, DeltaNeuron):
        return _delta(entry.neuron, frames, n_steps)
    return np.broadcast_to(frames, (n_steps, frames.shape[1])).astype(np.int32)


def _cuba(neuron: CubaNeuron, frames: np.ndarray, n_steps: int) -> np.ndarray:
    """Spikes of Lava's LIF (`PyLifModelBitAcc`) whose bias is the image and whose a_in is 0.

    v = clip(toward zero(v (4096 - vDecay) / 4096) + 64 image); spike and v = 0 if v > 64 vThMant.
    """
    sent = np.empty((n_steps, frames.shape[1]), dtype=np.int32)
    v = np.zeros(frames.shape[1], dtype=np.int64)
    for t in range(n_steps):
        decayed = v * (DECAY_UNITY - neuron.voltage_decay)
        decayed = np.sign(decayed) * (np.abs(decayed) >> DECAY_BITS)
        bias = frames[t % len(frames)].astype(np.int64) << STATE_SHIFT
        v = np.clip(decayed + bias, 1 - STATE_LIMIT, STATE_LIMIT - 1)
        sent[t] = v > (neuron.threshold << STATE_SHIFT)
        v[sent[t] != 0] = 0
    return sent


def _delta(neuron: DeltaNeuron, frames: np.ndarray, n_steps: int) -> np.ndarray:
    """Changes of the image that Lava's Delta (`PyDeltaModelFixed`) sends.

    With image and vThMant shifted left by 12: delta = image - previous image + residue. The neuron
    sends delta >> 6 if |delta| >= vThMant, else nothing, and delta becomes the residue.
    """
    sent = np.zeros((n_steps, frames.shape[1]), dtype=np.int32)
    before, residue = np.zeros((2, frames.shape[1]), dtype=np.int64)
    for t in range(n_steps):
        image = frames[t % len(frames)].astype(np.int64) << STATE_FRACTION
        delta = image - before + residue
        passes = np.abs(delta) >= neuron.threshold << STATE_FRACTION
        sent[t] = np.where(passes, delta, 0) >> (STATE_FRACTION - MESSAGE_FRACTION)
        residue, before = np.where(passes, 0, delta), image
    return sent
