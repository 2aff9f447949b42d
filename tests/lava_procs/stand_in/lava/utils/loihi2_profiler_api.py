"""Stand-in for the profiler of Intel's extension: its numbers are constants."""

import numpy as np


class Loihi2HWProfiler:
    """Has the probes and attributes that public scripts use."""

    def __init__(self, run_cfg):
        self.run_cfg = run_cfg

    def execution_time_probe(self, num_steps):
        self.execution_time = np.full(num_steps, 3e-6)
        self.spiking_time = np.full(num_steps, 2e-6)
        self.host_time = np.full(num_steps, 1e-6)

    def energy_probe(self, num_steps):
        self.power, self.static_power, self.dynamic_power = 0.25, 0.21, 0.04
        self.energy = 0.25 * num_steps * 3e-6
        self.num_alloc_chips = 1
