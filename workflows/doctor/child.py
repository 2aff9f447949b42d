"""Try parts of the toolchain, one after another, in a separate process.

`children.py` runs this module as a script, since a broken package may print, exit, crash or hang
on import. It imports only the standard library; each step writes one JSON line.
"""

import os
import sys

if __name__ == "__main__":  # modules in this folder must not shadow others
    sys.path[:] = [p for p in sys.path if os.path.abspath(p) != os.path.dirname(__file__)]

import importlib
import importlib.util
import json
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any


def imports(name: str) -> str:
    """Import a module and return its version, if any; Lava is repaired first."""
    if name.startswith("lava."):
        repairs = importlib.import_module("ipvae.lava_procs.lava_repairs")
        repairs.repair_netx() if name.startswith("lava.lib.dl.") else repairs.repair_lava()
    return str(getattr(importlib.import_module(name), "__version__", ""))


def numba_kernel(_: str) -> str:
    """Compile a kernel, and check the cache folder of the emulator's kernels."""
    numba = importlib.import_module("numba")
    if numba.njit(lambda a: a + 1)(1) != 2:
        raise RuntimeError("a compiled kernel gives a wrong sum")
    kernels = importlib.import_module("ipvae.emulator.simd.kernels")
    found = kernels.run_poisson.stats.cache_path
    folder = Path(found) if found else None
    try:
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=folder):
                return f"compiles; its cache {folder} can be written"
    except OSError:
        pass
    where = "no folder for its cache can be written"
    if folder is not None:
        where = f"its cache {folder} cannot be written"
    return f"compiles again at every start: {where}; name one with NUMBA_CACHE_DIR"


def torch_device(_: str) -> str:
    """Multiply NumPy's numbers on the CPU, and on a GPU if there is one."""
    torch, numpy = (importlib.import_module(name) for name in ("torch", "numpy"))
    devices = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]
    for device in devices:
        ones = torch.from_numpy(numpy.ones((2, 2), "f4")).to(device)
        if float((ones @ ones).sum()) != 8.0:
            raise RuntimeError(f"a product on {device} is wrong")
    gpu = torch.cuda.get_device_name(0) if "cuda" in devices else "no GPU, which is not needed"
    return f"computes on the CPU; {gpu}"


def loihi2(_: str) -> str:
    """Look for Intel's extension, without access to a board."""
    board = importlib.import_module("ipvae.lava_procs.board.find")
    missing = [n for n in (board.EXTENSION, *board.PARTS) if not board.has_module(n)]
    if missing:
        raise ModuleNotFoundError(f"no module {missing[0]}", name=missing[0])
    return "Intel's extension is installed; whether a board answers is seen by running on it"


def lava_step(_: str) -> str:
    """Run one image for one step on Lava and compare it with the emulator."""
    np = importlib.import_module("numpy")
    network = _small_network(np)
    image = network.test_images[:1]
    traces = [
        importlib.import_module(f"ipvae.{place}").run(network, image, 1, 0)
        for place in ("emulator.recording", "lava_procs.runner")
    ]
    for variable, expected in traces[0].samples[0]["1"].items():
        if not np.array_equal(traces[1].samples[0]["1"][variable], expected):
            raise RuntimeError(f"{variable} differs from the emulator's")
    return "one image and step: the emulator's bits"


def _small_network(np: Any) -> Any:
    description = importlib.import_module("ipvae.network.description")
    quantizing = importlib.import_module("ipvae.export.rounding.quantize")
    m, k = 4, 3
    trained = description.FloatNetwork(
        phi=np.eye(m, k), sigma=np.ones(m), step_size=0.1, bias=np.full(k, 0.1), u0=np.zeros(k)
    )
    pixels = description.InputFormat(0, 15, 1 / 15, (2, 2))
    images = quantizing.Images(np.full((1, m), 9, np.int16), np.array([-1], np.int16))
    return quantizing.quantize(trained, pixels, images, 8)


STEPS: dict[str, Callable[[str], str]] = {
    "import": imports,
    "numba": numba_kernel,
    "torch": torch_device,
    "loihi2": loihi2,
    "lava": lava_step,
}


def attempt(kind: str, name: str) -> dict:
    """Run one step; return its finding or its error. `missing` names a missing module."""
    try:
        return {"found": STEPS[kind](name)}
    except ModuleNotFoundError as error:
        text, missing = str(error), error.name
    except BaseException as error:  # a package may even raise SystemExit
        text, missing = f"{type(error).__name__}: {error}", None
    return {"error": " ".join(text.split())[:300], "missing": missing}


def main() -> None:
    """Read sys.path and steps, [kind, name] each, as JSON from stdin, and run them."""
    path, steps = json.load(sys.stdin)
    sys.path[:] = path
    answers = os.fdopen(os.dup(1), "w")
    quiet = os.open(os.devnull, os.O_WRONLY)
    os.dup2(quiet, 1)
    os.dup2(quiet, 2)
    warnings.simplefilter("ignore")
    for kind, name in steps:
        answers.write(json.dumps(attempt(kind, name)) + "\n")
        answers.flush()
    os._exit(0)  # clean-up by a package may take long, or hang


if __name__ == "__main__":
    main()
