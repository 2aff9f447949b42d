"""Deprecated module path of the errors of training; use `ipvae.errors`."""

from ipvae.moved import moved

_SAME = (
    *("CheckpointError", "ConfigError", "DataError", "DivergenceError", "StoppedError"),
    *("TeamError", "TrainingError"),
)

__getattr__ = moved(
    __name__, {name: (f"ipvae.errors:{name}", f"ipvae.errors.{name}") for name in _SAME}
)
