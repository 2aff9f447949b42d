"""Evaluating and comparing need no torch, Lava, scikit-learn or matplotlib for numbers alone."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

REFUSING = """
import sys

REFUSED = ("torch", "lava", "sklearn", "matplotlib")

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in REFUSED:
            raise ImportError(f"{name} is refused by the test")

sys.meta_path.insert(0, Refuse())
import numpy as np
import ipvae
from ipvae.export.importers.arrays import to_parameters
from ipvae.float_models.checkpoint import Checkpoint
from ipvae.float_models.data import DataInfo
from ipvae.network.description import FloatNetwork

rng = np.random.default_rng(0)
images = rng.integers(0, 256, (9, 4, 4))
parts = {"step_size": 0.1, "bias": np.full(8, 0.1), "u0": np.full(8, -1.0)}
network = FloatNetwork(phi=rng.normal(0, 0.3, (16, 8)), sigma=np.ones(16), **parts)
model = Checkpoint(to_parameters(network), None, DataInfo("arrays", 255, (4, 4), 0))
net = ipvae.quantize(model, images, most_loss=9.0).network
for one in (model, net):
    found = ipvae.evaluate(
        one, images, steps=(1, 4), seeds=(0, 1), sparsity=True, changes=("invert",)
    )
    assert len(found.curve) == 2 and found.to_json() and repr(found)
assert ipvae.evaluate(net, images, steps=99, stop="r2").figures["stop"]["budget"] == 99
compared = ipvae.compare([model, net], images, steps=(1, 4), lca=[model], dense=[net])
assert len(compared.models) == 4 and compared.to_json() and compared.shown()
try:
    found.plot()
except ipvae.IpvaeError as error:
    assert "matplotlib cannot be imported" in str(error)
else:
    raise AssertionError("a picture was drawn")
assert not set(REFUSED) & set(sys.modules)
"""


def test_numbers_need_none_of_them():
    done = subprocess.run(
        [sys.executable, "-c", REFUSING],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
