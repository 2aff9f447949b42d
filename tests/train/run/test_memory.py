"""What a long unrolling costs in memory."""

import subprocess
import sys

import pytest

# getrusage would do on any system, but gives at least what the process had that started this one.
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc/self/status")

CODE = """
import torch
torch.set_num_threads(1)
import numpy as np
from ipvae.float_models.config import preset_config
from ipvae.train.run.fit import new_optimiser, optimise
from ipvae.train.fused.gradient import TrainContext
from ipvae.train.models.trainable_ipvae import IPVAE
from ipvae.train.fused.parallel import workers
from ipvae.train.run.schedule import settings_at

config = preset_config("mnist", steps=128, batch_size=100, first_steps=0, threads=1)
model = IPVAE(784, 512)
x = torch.from_numpy(np.random.default_rng(0).random((100, 784), dtype=np.float32))
with workers(1) as for_each:
    means = TrainContext(for_each)
    for i in range(2):
        optimise(model, new_optimiser(model, config), x, config=config,
                 now=settings_at(config, 1.0), iteration=i, total=2, means=means)
status = open("/proc/self/status").read()
print(int(status.split("VmHWM:")[1].split()[0]) * 1024)
"""


def test_128_steps_of_100_images_fit_into_one_and_a_half_gigabytes():
    done = subprocess.run(
        [sys.executable, "-c", CODE], capture_output=True, text=True, timeout=300, check=True
    )
    assert int(done.stdout) < 1.5e9  # 0.98e9 on an AMD EPYC
