"""Errors of networks and backends under their old path; deprecated: `ipvae.errors` has them."""

from ipvae.moved import moved

_SAME = (
    *("BackendError", "DescriptionError", "FormatError", "HungBackendError", "InputError"),
    *("QuantizationError", "UnprovedOverflowError"),
)

__getattr__ = moved(
    __name__,
    {
        **{name: (f"ipvae.errors:{name}", f"ipvae.errors.{name}") for name in _SAME},
        "ToolchainError": ("ipvae.errors:IpvaeError", "ipvae.IpvaeError"),
    },
)
