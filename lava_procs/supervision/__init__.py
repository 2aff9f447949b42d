"""Supervision of running Lava networks: compile, watchdog, heartbeats, child processes."""
