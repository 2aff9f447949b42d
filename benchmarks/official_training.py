"""Authors' trainer, from a user's checkout: trains one epoch for each line on stdin.

training.py runs this script. It needs the imports of the authors' code (IPython, pandas, seaborn,
...). For scikit-learn-intelex, which only accelerates their analyses, an empty module suffices.
"""

import importlib
import sys
import time
import types
from pathlib import Path

import numpy as np

NAMES = {
    "layer.phi.weight": "phi",
    "layer.u_init.0": "u0",
    "layer.log_bias": "log_bias",
    "layer.log_lr.0": "log_lr",
    "layer.dec_log_sigma": "log_sigma_raw",
}


def main() -> None:
    """Build the trainer, then answer each line with the seconds of an epoch."""
    if len(sys.argv) != 7:
        sys.exit(__doc__)
    checkout = sys.argv[1]
    threads, epochs, batch, steps, latents = map(int, sys.argv[2:])
    sys.path.insert(0, checkout)
    stand_in = types.ModuleType("sklearnex")
    stand_in.patch_sklearn = lambda *_, **__: None  # type: ignore[attr-defined]
    sys.modules.setdefault("sklearnex", stand_in)

    import torch

    torch.set_num_threads(threads)
    importlib.import_module("base.train_base")  # first, because of circular imports
    models = importlib.import_module("main.model")
    configs = importlib.import_module("main.config")
    trainers = importlib.import_module("main.train")
    model = configs.ConfigPoisVAE(
        dataset="MNIST",
        t_train=steps,
        beta_outer=float(steps) / 2,
        n_latents=latents,
        init_scale=1e-4,
        clamp_u=10.0,
        clamp_du=10.0,
        clamp_prior=-4,
        base_dir="runs",
    )
    training = configs.ConfigTrain(
        lr=0.003, epochs=epochs, batch_size=batch, grad_clip=3000, chkpt_freq=epochs, temp_stop=0.05
    )
    trainer = trainers.Trainer(models.IPVAE(model), training, device="cpu")
    start = Path("start.npz")
    if start.exists():
        weights = trainer.model.state_dict()
        with np.load(start) as found, torch.no_grad():
            for theirs, ours in NAMES.items():
                weights[theirs].copy_(torch.from_numpy(found[ours]).reshape(weights[theirs].shape))
    print("bench ready", flush=True)
    for epoch, _ in enumerate(sys.stdin):
        start = time.perf_counter()
        trainer.iteration(epoch)
        print(f"bench {time.perf_counter() - start}", flush=True)


if __name__ == "__main__":
    main()
