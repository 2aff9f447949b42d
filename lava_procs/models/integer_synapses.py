"""Models of Lava's synapses for integer messages from an external pipe.

Lava declares the input of Dense, DelayDense and Sparse as boolean. An external pipe takes the type
of the port that it feeds and would convert every message to boolean.
"""

# Lava declares ports by assigning a LavaPyType to them.
# pyright: reportAssignmentType=false, reportAttributeAccessIssue=false
# pyright: reportOptionalMemberAccess=false

from typing import Any

import numpy as np
from lava.magma.core.decorator import implements, requires, tag
from lava.magma.core.model.py.ports import PyInPort
from lava.magma.core.model.py.type import LavaPyType
from lava.magma.core.resources import CPU
from lava.magma.core.sync.protocols.loihi_protocol import LoihiProtocol
from lava.proc.conv.models import PyConvModelFixed
from lava.proc.conv.process import Conv
from lava.proc.dense.models import AbstractPyDenseModelBitAcc, PyDelayDenseModelBitAcc
from lava.proc.dense.process import DelayDense, Dense
from lava.proc.sparse.models import AbstractPySparseModelBitAcc
from lava.proc.sparse.process import Sparse

from ipvae.lava_procs.models.event_driven import PyDenseEventDriven


@implements(proc=Dense, protocol=LoihiProtocol)
@requires(CPU)
@tag("bit_accurate_loihi", "fixed_pt")
class PyIntegerDense(PyDenseEventDriven):
    """Event-driven model with integer input."""

    s_in: PyInPort = LavaPyType(PyInPort.VEC_DENSE, np.int32, precision=24)


@implements(proc=Dense, protocol=LoihiProtocol)
@requires(CPU)
@tag("bit_accurate_loihi", "fixed_pt")
class PyIntegerDenseStock(AbstractPyDenseModelBitAcc):
    """Lava's own model with integer input."""

    s_in: PyInPort = LavaPyType(PyInPort.VEC_DENSE, np.int32, precision=24)


@implements(proc=DelayDense, protocol=LoihiProtocol)
@requires(CPU)
@tag("bit_accurate_loihi", "fixed_pt")
class PyIntegerDelayDense(PyDelayDenseModelBitAcc):
    """Lava's own model with integer input."""

    s_in: PyInPort = LavaPyType(PyInPort.VEC_DENSE, np.int32, precision=24)


@implements(proc=Sparse, protocol=LoihiProtocol)
@requires(CPU)
@tag("bit_accurate_loihi", "fixed_pt")
class PyIntegerSparse(AbstractPySparseModelBitAcc):
    """Lava's own model with integer input."""

    s_in: PyInPort = LavaPyType(PyInPort.VEC_DENSE, np.int32, precision=24)


@implements(proc=Conv, protocol=LoihiProtocol)
@requires(CPU)
@tag("fixed_pt")
class PyFastConv(PyConvModelFixed):
    """Lava's model of a convolution, with one matrix product instead of a loop over channels.

    Both compute in float64, in which sums of 8-bit weights times 24-bit messages are exact.
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
        if self._kernel is None:  # (groups, kernel and its channels, output channels of a group)
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
