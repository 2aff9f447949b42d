"""Atomic writing of `ipvae.files`, under the names that it had before."""

from ipvae.files import atomic_path as replacing
from ipvae.files import atomic_write_all as write_together
from ipvae.files import require_writable_file, require_writable_folder

__all__ = ["replacing", "require_writable_file", "require_writable_folder", "write_together"]
