"""Sub-process model of the network; and a faster model of Lava's Conv."""

# Lava declares variables by assigning a LavaPyType to them.
# pyright: reportAttributeAccessIssue=false, reportOptionalMemberAccess=false

from typing import Any

import numpy as np
from lava.lib.dl.netx.blocks.models import AbstractPyBlockModel
from lava.magma.core.decorator import implements, requires, tag
from lava.magma.core.resources import CPU
from lava.magma.core.sync.protocols.loihi_protocol import LoihiProtocol
from lava.proc.conv.models import PyConvModelFixed
from lava.proc.conv.process import Conv

from ipvae.lava_procs.procs.netx_network.process import NetxNetwork


@implements(proc=NetxNetwork, protocol=LoihiProtocol)
class PyNetxNetworkModel(AbstractPyBlockModel):
    """The layers inside are built by netx; Lava matches the exact type, so it needs its own."""


@implements(proc=Conv, protocol=LoihiProtocol)
@requires(CPU)
@tag("fixed_pt")
class PyFastConv(PyConvModelFixed):
    """Lava's model of a convolution, with one matrix product in place of a loop over channels.

    Both compute in float64, where the sums of weights of 8 and messages of 24 bits are exact.
    """

    def __init__(self, proc_params) -> None:
        super().__init__(proc_params)
        self._kernel = None

    def run_spk(self) -> None:
        """Run one step of the chip."""
        self.a_out.send(self.a_buf)
        received = self.s_in.recv()
        if self.num_message_bits.item() == 0:
            received = received.astype(bool)
        self.a_buf = self.clamp_precision(self._convolve(received).astype(self.weight.dtype))

    def _convolve(self, received: np.ndarray) -> np.ndarray:
        """Convolve (W, H, C) with the kernel."""
        groups = int(self.groups[0])
        if self._kernel is None:  # (groups, kernel and its channels, channels out of a group)
            flipped = self.weight[:, ::-1, ::-1].transpose(0, 3, 1, 2).astype(np.float64)
            by_group = flipped.reshape(groups, len(flipped) // groups, -1)
            self._kernel = np.ascontiguousarray(by_group.transpose(0, 2, 1))
        (sx, sy), (dx, dy) = self.stride.tolist(), self.dilation.tolist()
        (px, py), (kx, ky) = self.padding.tolist(), self.kernel_size.tolist()
        padded = np.pad(received.astype(np.float64), ((px, px), (py, py), (0, 0)))
        span = dx * (kx - 1) + 1, dy * (ky - 1) + 1
        windows: Any = np.lib.stride_tricks.sliding_window_view
        seen = windows(padded, span, axis=(0, 1))
        seen = seen[::sx, ::sy, :, ::dx, ::dy]  # (W out, H out, C, kernel W, kernel H)
        width, height, channels = seen.shape[:3]
        per_group = channels // groups
        products = [
            seen[:, :, g * per_group : (g + 1) * per_group].reshape(width * height, -1) @ kernel
            for g, kernel in enumerate(self._kernel)
        ]
        return np.concatenate(products, axis=1).reshape(width, height, -1)
