"""Lava processes, one folder each: Lava imports every file that lies beside a process."""
