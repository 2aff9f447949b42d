"""Errors of networks and backends, under the path that they had before `ipvae.errors`."""

from ipvae.errors import (
    BackendError,
    DescriptionError,
    FormatError,
    HungBackendError,
    InputError,
    IpvaeError,
    QuantizationError,
    UnprovedOverflowError,
)

ToolchainError = IpvaeError

__all__ = [
    "BackendError",
    "DescriptionError",
    "FormatError",
    "HungBackendError",
    "InputError",
    "QuantizationError",
    "ToolchainError",
    "UnprovedOverflowError",
]
