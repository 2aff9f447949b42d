"""Dense inference of the same network, in int8 and float32, on a CPU and on GPUs."""

from dataclasses import dataclass

from ipvae.energy.counting.workload import Workload
from ipvae.energy.models.row import PICO, EnergyRow, TimeRow

DRAWN_UPDATE = (9, 51)
GRADED_UPDATE = (1, 11)
"""Multiplications and other operations of a neuron update (docs/spec/neuron_cost.md); a
Poisson neuron also draws, at a rate below 1."""
INSTRUCTION_PJ = 70.0
DRAM_PJ_PER_BYTE = 2600.0 / 8
"""Upper end of the published 1.3 to 2.6 nJ for 64 bits."""
HOROWITZ = (
    "Horowitz, Computing's energy problem, ISSCC 2014, figure 1.1.9: rough costs at 45 nm and 0.9 V"
)
A100_W = 400.0
A100_BYTES_PER_S = 1555e9
A100 = (
    "NVIDIA A100 datasheet, 2020, SXM 40 GB: 400 W, 1,555 GB/s, dense peaks 624e12 int8 operations "
    "and 19.5e12 float32 operations per second (a product and its sum are two)"
)
JETSON_W = (7.0, 15.0)
"""Smallest and largest power mode of the module."""
JETSON_BYTES_PER_S = 68e9
JETSON = (
    "NVIDIA Jetson Orin Nano Series Modules data sheet, DS-11105-001, module of 8 GB: power modes "
    "of 7 W to 15 W, 128 bits of LPDDR5 at 68 GB/s, dense peak 20e12 int8 operations per second; "
    "1,024 CUDA cores at 625 MHz at most: 1.28e12 float32 operations per second (a product and its "
    "sum are two)"
)
DEGNAN = (
    "Degnan, Marr, Hasler, IEEE Trans. VLSI 24(1):58-66, 2015, as KerasSpiking reads it "
    "(keras_spiking/model_energy.py)"
)


@dataclass(frozen=True)
class Precision:
    """Constants of a number format.

    Attributes
    ----------
    name : str
    n_bytes : int
        Bytes of a weight.
    mac_pj : float
        Energy of a multiply-accumulate (HOROWITZ): int8 0.2 + int32 0.1; float32 3.7 + 0.9.
    multiply_pj, add_pj : float
        Energies of 32-bit operations on the neuron state, in the same number kind (HOROWITZ).
    a100_ops, jetson_ops : float
        Operations per second (A100, JETSON).
    """

    name: str
    n_bytes: int
    mac_pj: float
    multiply_pj: float
    add_pj: float
    a100_ops: float
    jetson_ops: float


INT8 = Precision("int8", 1, 0.2 + 0.1, 3.1, 0.1, 624e12, 20e12)
FLOAT32 = Precision("float32", 4, 3.7 + 0.9, 3.7, 0.9, 19.5e12, 2 * 1024 * 625e6)
PRECISIONS = (INT8, FLOAT32)

MAC_NJ = {"Intel i7-4960X": 8.6, "NVIDIA GTX Titan Black": 0.3}
"""Energy of a float32 multiply-accumulate (DEGNAN)."""


@dataclass(frozen=True)
class Dense:
    """Dense operations of one image.

    Attributes
    ----------
    drive, loop, readout : float
        Multiply-accumulates: M K of the drive; every weight at every row at which its layer
        receives input; M K of one reconstruction.
    multiplications, others : float
        Multiplications and other operations of all neuron updates.
    decoded : bool
        Whether a decoder on the host reconstructs the image.
    """

    drive: float
    loop: float
    readout: float
    multiplications: float
    others: float
    decoded: bool = True

    @property
    def macs(self) -> float:
        """Multiply-accumulates of drive, loop and read-out."""
        return self.drive + self.loop + self.readout

    @property
    def operations_text(self) -> str:
        """Breakdown of the operations, as text."""
        updates = self.multiplications + self.others
        if not self.decoded:
            return (
                f"{self.loop:,.0f} products of the synapses (every weight at every step, padding "
                f"included), {self.drive:,.0f} of the input transform; {updates:,.0f} operations "
                "of neuron updates"
            )
        return (
            f"{self.drive:,.0f} products of the drive, {self.loop:,.0f} of the loop (every weight "
            f"at every step), {self.readout:,.0f} of the reconstruction; "
            f"{updates:,.0f} operations of neuron updates and draws "
            "at rates below 1"
        )


def dense_work(work: Workload, code: str | None = None, pixels: int = 0) -> Dense:
    """Operations of the same inference without skipping zeros.

    Parameters
    ----------
    work : Workload
    code : str or None
        Name of the decoded layer; None without a decoder.
    pixels : int
        Number of pixels, M.
    """
    updates = [
        (
            layer.shape.neurons * layer.rows,
            layer.update or (DRAWN_UPDATE if layer.shape.draws else GRADED_UPDATE),
        )
        for layer in work.layers
    ]
    return Dense(
        drive=work.counts.drive_macs,
        loop=float(sum(layer.products for layer in work.layers)),
        readout=float(
            sum(la.shape.neurons * pixels for la in work.layers if la.shape.name == code)
        ),
        multiplications=float(sum(n * each[0] for n, each in updates)),
        others=float(sum(n * each[1] for n, each in updates)),
        decoded=code is not None,
    )


def dense_baselines(dense: Dense) -> tuple[list[EnergyRow], list[TimeRow]]:
    """Energy and time of one image, for each published constant.

    Parameters
    ----------
    dense : Dense

    Returns
    -------
    list of EnergyRow, list of TimeRow
        Dynamic energy of a CPU's arithmetic; total energy of whole GPUs and of a whole CPU.
    """
    gpu = [gpu(dense, precision) for gpu in (_jetson, _a100) for precision in PRECISIONS]
    rows = [
        *(_arithmetic(dense, precision) for precision in PRECISIONS),
        *(energy for energy, _ in gpu),
        *(_keras_spiking(dense, chip, mac_nj) for chip, mac_nj in MAC_NJ.items()),
    ]
    return rows, [time for _, time in gpu]


def _arithmetic(dense: Dense, precision: Precision) -> EnergyRow:
    low = (
        dense.macs * precision.mac_pj
        + dense.multiplications * precision.multiply_pj
        + dense.others * precision.add_pj
    )
    instructions = dense.macs + dense.multiplications + dense.others
    high = low + instructions * INSTRUCTION_PJ + dense.macs * precision.n_bytes * DRAM_PJ_PER_BYTE
    return EnergyRow(
        f"dense {precision.name}",
        "modelled",
        "dynamic",
        "CPU, 45 nm",
        low * PICO,
        high * PICO,
        HOROWITZ,
        (
            dense.operations_text,
            "low: arithmetic alone, operands in registers, instructions shared by so wide a "
            "vector that they cost nothing; no memory traffic",
            "high: an instruction of 70 pJ for each operation, each weight from DRAM at each use; "
            "caches lie between (64 bits: 10 pJ from 8 KB, 100 pJ from 1 MB)",
            "left out: static power, other traffic, exponentials",
        ),
    )


def _a100(dense: Dense, precision: Precision) -> tuple[EnergyRow, TimeRow]:
    updates_s = (dense.multiplications + dense.others) / FLOAT32.a100_ops
    low_s = 2 * dense.macs / precision.a100_ops + updates_s
    high_s = max(low_s, dense.macs * precision.n_bytes / A100_BYTES_PER_S)
    model, chip = f"dense {precision.name}", "NVIDIA A100"
    assumed = (
        dense.operations_text,
        "400 W all the time",
        "low: peak rate of arithmetic, which only large batches come near",
        "high: one image at a time, each weight from memory at each use at peak bandwidth, "
        "nothing kept in the 40 MB cache",
        "left out: launches of kernels, the host",
    )
    low_j, high_j = A100_W * low_s, A100_W * high_s
    return (
        EnergyRow(model, "modelled", "total", chip, low_j, high_j, A100, assumed),
        TimeRow(model, "modelled", chip, low_s, high_s, A100, assumed),
    )


def _jetson(dense: Dense, precision: Precision) -> tuple[EnergyRow, TimeRow]:
    """Edge baseline (Jetson) at batch size 1."""
    updates_s = (dense.multiplications + dense.others) / FLOAT32.jetson_ops
    low_s = 2 * dense.macs / precision.jetson_ops + updates_s
    high_s = max(low_s, dense.macs * precision.n_bytes / JETSON_BYTES_PER_S)
    model, chip = f"dense {precision.name}", "NVIDIA Jetson Orin Nano"
    assumed = (
        dense.operations_text,
        "one image at a time (batch 1); the whole module; data-sheet figures, not a measurement",
        "low: 7 W at the peak rate of arithmetic, which only the 15 W mode has; weights stay on "
        "the chip",
        "high: 15 W, each weight from memory at each use at peak bandwidth",
        "left out: launches of kernels (several for each step), the carrier board",
    )
    low_j, high_j = JETSON_W[0] * low_s, JETSON_W[1] * high_s
    return (
        EnergyRow(model, "modelled", "total", chip, low_j, high_j, JETSON, assumed),
        TimeRow(model, "modelled", chip, low_s, high_s, JETSON, assumed),
    )


def _keras_spiking(dense: Dense, chip: str, mac_nj: float) -> EnergyRow:
    joules = (dense.macs + dense.multiplications) * mac_nj * 1e-9
    assumed = (
        dense.operations_text,
        f"{mac_nj} nJ per product and its sum, from performance per watt of the whole chip under "
        "full load, large batches",
        "left out: operations that are not multiplications, transfers, the host",
    )
    return EnergyRow("dense float32", "modelled", "total", chip, joules, joules, DEGNAN, assumed)
