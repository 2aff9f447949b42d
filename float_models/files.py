"""Atomic writing of `ipvae.files`, under the name that it had before."""

from ipvae.files import atomic_write as write_whole

__all__ = ["write_whole"]
