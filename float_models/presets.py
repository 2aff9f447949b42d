"""Settings of the presets, by name of their data set."""

from typing import Any

# digits: 6,000 optimiser steps; held-out R2 .87 at 71 % zeros after 64 updates. A second thread
# does not accelerate small matrices. patches: see models/patches/README.md. mnist: 7,500 optimiser
# steps, two shards; models/mnist/README.md has the further training.
PRESETS: dict[str, dict[str, Any]] = {
    "digits": {
        "latents": 64,
        "steps": 16,
        "beta": 24.0,
        "epochs": 400,
        "batch_size": 100,
        "learning_rate": 0.008,
        "threads": 1,
    },
    "patches": {
        "latents": 512,
        "steps": 64,
        "first_steps": 16,
        "beta": 24.0,
        "kl": "exact",
        "epochs": 60,
        "batch_size": 200,
        "learning_rate": 0.003,
        "dictionary_rate": 0.3,
        "step_size": 0.1,
        "grad_clip": 300.0,
        "relaxation": "eat-cubic",
        "temperature_start": 0.3,
        "temperature_end": 0.1,
        "clamp_start": 4.0,
        "ramp_fraction": 0.2,
    },
    "mnist": {"latents": 512, "steps": 16, "beta": 8.0, "epochs": 25, "batch_size": 200},
}
