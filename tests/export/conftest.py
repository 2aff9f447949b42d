"""Tests that hold results against PyTorch's own are left out where it is not installed."""

import importlib.util

collect_ignore = (
    [] if importlib.util.find_spec("torch") else ["test_iterative_vae.py", "test_torch_archive.py"]
)
