"""Lava processes, one folder each, since Lava imports every file in the folder of a process."""

from ipvae.lava_procs.lava_repairs import repair_lava

repair_lava()
