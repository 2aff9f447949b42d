"""An event-driven model of Lava's own Dense for the CPU simulator, bit-exact to the stock one.

The stock model multiplies its whole matrix by each message. This one adds the columns of
the inputs that are not zero: a tenth of the work at a tenth of the activity. A run
configuration selects it for Dense (`ipvae.lava_procs.configuration`); networks stay as they are.
"""

# Lava declares ports and variables by assigning a LavaPyType to them.
# pyright: reportOptionalMemberAccess=false, reportAttributeAccessIssue=false

import numpy as np
from lava.magma.core.decorator import implements, requires, tag
from lava.magma.core.resources import CPU
from lava.magma.core.sync.protocols.loihi_protocol import LoihiProtocol
from lava.proc.dense.models import AbstractPyDenseModelBitAcc
from lava.proc.dense.process import Dense
from lava.utils.weightutils import clip_weights, determine_sign_mode, truncate_weights

EXACT_IN_FLOAT32 = 2**24
"""Integers up to this size, and sums of them in any order, are exact in float32."""


WHOLE_ABOVE = 7
"""If more than one input in so many is active, the product with all columns is faster."""


@implements(proc=Dense, protocol=LoihiProtocol)
@requires(CPU)
@tag("bit_accurate_loihi", "fixed_pt")
class PyDenseEventDriven(AbstractPyDenseModelBitAcc):
    """Send what was accumulated, receive, accumulate the columns of nonzero inputs.

    Weights are clipped and truncated by Lava's own functions, as in the stock model. Sums are
    taken in float32 where a bound shows that none exceeds 2**24, else in int32, which wraps as
    the stock model does.
    """

    def run_spk(self) -> None:
        """Run one step of the chip."""
        if not self.weights_set:
            self._take_weights()
        self.a_out.send(self.a_buff)
        received = np.asarray(self.s_in.recv())
        if not self._graded:
            received = received.astype(bool)
        self.a_buff = self._shifted(self.accumulated(received))

    def _take_weights(self) -> None:
        """Bring the weights to the grid, once."""
        bits = self.proc_params.get("num_weight_bits", 8)
        sign_mode = self.proc_params.get("sign_mode") or determine_sign_mode(self.weights)
        self.weights = truncate_weights(
            clip_weights(self.weights, sign_mode, num_bits=8), sign_mode, bits
        )
        self.weight_exp = self.proc_params.get("weight_exp", 0)
        self._graded = self.num_message_bits.item() > 0
        self._columns = np.ascontiguousarray(self.weights.T, dtype=np.float32)
        self._reach = int(np.abs(self.weights.astype(np.int64)).max(initial=0))
        self.weights_set = True

    def accumulated(self, received: np.ndarray) -> np.ndarray:
        """Weights times a message: (n_in,) int or bool -> (n_out,) int32."""
        active = received.nonzero()[0]
        values = received[active].astype(np.int64)
        if self._reach * int(np.abs(values).sum()) > EXACT_IN_FLOAT32:
            return self.weights[:, active] @ values.astype(np.int32)
        if WHOLE_ABOVE * len(active) > len(received):
            sums = received.astype(np.float32) @ self._columns
        else:
            sums = values.astype(np.float32) @ self._columns[active]
        return sums.astype(np.int32)

    def _shifted(self, sums: np.ndarray) -> np.ndarray:
        if self.weight_exp > 0:
            return np.left_shift(sums, self.weight_exp)
        return np.right_shift(sums, -self.weight_exp)
