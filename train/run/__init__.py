"""Training runs: loop, schedule, checkpoints, resume, processes."""
