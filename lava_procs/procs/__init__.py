"""Lava processes, one folder each: Lava imports every file that lies beside a process."""

from ipvae.lava_procs.lava_repairs import repair_lava

repair_lava()
