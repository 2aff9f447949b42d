"""The seal: a SHA-256 of the whole file in its first 512 bytes (HDF5's user block).

It is verified before HDF5's parser reads the file. A damaged file is therefore rejected by a
comparison of bytes and never reaches code that trusts its contents.
"""

import hashlib
from pathlib import Path

from ipvae.errors import FormatError

SIZE = 512
_MAGIC = b"ipvae-loihi network\n"


def _seal(digest: str) -> bytes:
    return (_MAGIC + b"sha256:" + digest.encode("ascii") + b"\n").ljust(SIZE, b"\0")


def _digest(path: Path) -> str:
    sha = hashlib.sha256()
    with path.open("rb") as f:
        f.seek(SIZE)
        while block := f.read(1 << 20):
            sha.update(block)
    return sha.hexdigest()


def write_seal(path: Path) -> str:
    """Fill the first 512 bytes, which must be reserved; return the digest."""
    digest = _digest(path)
    with path.open("r+b") as f:
        f.write(_seal(digest))
    return digest


def check_seal(path: Path) -> str:
    """Return the digest of a sealed file that is unchanged since it was written.

    Raises
    ------
    FormatError
        If it is not sealed by ipvae, damaged, or cannot be read.
    """
    try:
        with path.open("rb") as f:
            head = f.read(SIZE)
        if not head.startswith(_MAGIC):
            raise FormatError(
                f"{path}: not an ipvae network file (found no '{_MAGIC.decode().strip()}' at its "
                "start); make one with ipvae.quantize"
            )
        digest = _digest(path)
        if head != _seal(digest):
            raise FormatError(
                f"{path}: damaged (its contents do not match its SHA-256 seal); "
                "copy it again or export it again"
            )
    except OSError as error:
        raise FormatError(f"{path}: cannot be read ({error.strerror}); check the path") from error
    return digest
