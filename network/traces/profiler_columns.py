"""Column names of Lava's profiler for Loihi 2, shared by writers and readers of its logs.

The names are the attributes that public programs read from `lava.utils.loihi2_profiler`
(Loihi2ExecutionTime, Loihi2Power, Loihi2Activity, Loihi2Memory, Loihi2Spike) and from
`lava.utils.profiler` (Loihi2HWProfiler). Units are as those programs print them
(lava-dl, tutorials/lava/lib/dl/netx/pilotnet_*/benchmark.ipynb). The profiler is not public.
"""

from dataclasses import dataclass

ONE, SERIES, CORES = "run", "series", "cores"
"""Extent of a column: one value for the run, for each step or sample, or for each core."""


@dataclass(frozen=True)
class Column:
    """One column.

    Attributes
    ----------
    unit : str
    of : 'run', 'series' or 'cores'
    signed : bool
        Whether it may be negative: differences, and power rails that read near zero.
    whole : bool
        Whether it contains integers only.
    """

    unit: str
    of: str
    signed: bool = False
    whole: bool = False


STEPS, CHIP, CORE = "num_steps", "chip_idx", "core_idx"
TIME, TIMES = "avg_time_per_step", "execution_time_per_step"

COLUMNS: dict[str, Column] = {
    STEPS: Column("chip steps", ONE, whole=True),
    "num_alloc_chips": Column("chips", ONE, whole=True),
    TIME: Column("us", ONE),
    TIMES: Column("us", SERIES),
    "management_time_per_step": Column("us", SERIES),
    "host_time_per_step": Column("us", SERIES),
    "spiking_time_per_step": Column("us", SERIES),
    "total_power": Column("W", SERIES),
    "vdd_power": Column("W", SERIES, signed=True),
    "vddm_power": Column("W", SERIES, signed=True),
    "vddio_power": Column("W", SERIES, signed=True),
    "static_total_power": Column("W", ONE),
    "static_vdd_power": Column("W", ONE, signed=True),
    "static_vddm_power": Column("W", ONE, signed=True),
    "static_vddio_power": Column("W", ONE, signed=True),
    "power": Column("W", SERIES),
    "static_power": Column("W", ONE),
    "dynamic_power": Column("W", SERIES, signed=True),
    "energy": Column("J", ONE),
    "static_energy": Column("J", ONE),
    "dynamic_energy": Column("J", ONE, signed=True),
    "execution_time": Column("as logged", SERIES),
    "host_time": Column("as logged", SERIES),
    "learning_time": Column("as logged", SERIES),
    "management_time": Column("as logged", SERIES),
    "pre_lrn_mgtm_time": Column("as logged", SERIES),
    "spiking_time": Column("as logged", SERIES),
    CHIP: Column("index", CORES, whole=True),
    CORE: Column("index", CORES, whole=True),
    "syn_ops": Column("synaptic operations", CORES, whole=True),
    "dendrite_updates": Column("neuron updates", CORES, whole=True),
    "axon_out": Column("messages", CORES, whole=True),
    "spikes_in": Column("messages", CORES, whole=True),
    "spike_axon_in": Column("as logged", CORES),
    "total_mpds": Column("part of a core's memory", CORES),
    "num_remote_spikes": Column("as logged", CORES),
    "num_local_spikes": Column("as logged", CORES),
}
"""By name. Counts of the activity probe are totals of a run of `num_steps` chip steps."""
