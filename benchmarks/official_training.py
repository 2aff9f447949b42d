"""Drive the authors' trainer, from a checkout that the user has: one epoch for each line on stdin.

Run by training.py. Needs what their code imports (IPython, pandas, seaborn, ...); of
scikit-learn-intelex, which speeds up their analyses only, an empty stand-in will do.
"""

import sys
import time
import types


def main() -> None:
    """Build their trainer, then answer each line with the seconds of an epoch."""
    checkout = sys.argv[1]
    threads, epochs, batch, steps, latents = map(int, sys.argv[2:])
    sys.path.insert(0, checkout)
    stand_in = types.ModuleType("sklearnex")
    stand_in.patch_sklearn = lambda *_, **__: None  # type: ignore[attr-defined]
    sys.modules.setdefault("sklearnex", stand_in)

    import torch

    torch.set_num_threads(threads)
    import base.train_base  # noqa: F401  (their modules import each other: this one goes first)
    from main.model import IPVAE  # isort: skip
    from main.config import ConfigPoisVAE, ConfigTrain  # isort: skip
    from main.train import Trainer  # isort: skip

    model = ConfigPoisVAE(
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
    training = ConfigTrain(
        lr=0.003, epochs=epochs, batch_size=batch, grad_clip=3000, chkpt_freq=epochs
    )
    trainer = Trainer(IPVAE(model), training, device="cpu")
    print("bench ready", flush=True)
    for epoch, _ in enumerate(sys.stdin):
        start = time.perf_counter()
        trainer.iteration(epoch)
        print(f"bench {time.perf_counter() - start}", flush=True)


if __name__ == "__main__":
    main()
