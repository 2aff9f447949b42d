# pyright: reportMissingImports=false, reportArgumentType=false
"""Write the committed cases in data/ with each tool that is installed: python write_cases.py."""

import gzip
import importlib.metadata
import sys
from pathlib import Path

import numpy as np
import tools

DATA = Path(__file__).parent / "data"


def main(names) -> None:
    import nir

    for name in names or tools.CASES:
        package, origin, make = tools.CASES[name]
        try:
            version = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            print(f"{name}: {package} is not installed")
            continue
        graph, x, out = make()
        plain = DATA / f"{name}.nir"
        nir.write(plain, graph)
        (DATA / f"{name}.nir.gz").write_bytes(gzip.compress(plain.read_bytes(), 9, mtime=0))
        plain.unlink()
        np.savez_compressed(
            DATA / f"{name}.npz",
            inputs=np.packbits(x.astype(bool)),
            shape=x.shape,
            outputs=out,
            origin=origin,
            version=f"{package} {version}",
        )
        print(
            name, x.shape, out.shape, "mean", out.mean(), (DATA / f"{name}.nir.gz").stat().st_size
        )


if __name__ == "__main__":
    main(sys.argv[1:])
