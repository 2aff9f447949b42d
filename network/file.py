"""Network files under their old path; deprecated. The public API reads and writes them."""

from ipvae.moved import moved

__getattr__ = moved(
    __name__,
    {
        "read_network": ("ipvae.network.io.network_file:read_network", "ipvae.load_network(path)"),
        "write_network": ("ipvae.network.io.network_file:write_network", "network.save(path)"),
        "checksum": (
            "ipvae.network.io.network_file:checksum",
            "ipvae.network.io.network_file.checksum",
        ),
    },
)
