"""The course of a training: loop, schedule, checkpoints, resume, processes."""
