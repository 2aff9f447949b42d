"""Translation of argument names in the library's messages to command-line options."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from ipvae.errors import IpvaeError

OPTIONS = {
    "backend": "--backend",
    "backends": "--backends",
    "beta": "--beta",
    "certificate": "--certificate",
    "clamp": "--clamp",
    "command": "--impl",
    "config": "--config",
    "contrast": "--contrast",
    "cores": "--cores",
    "data_dir": "--data-dir",
    "dense": "--dense",
    "device": "--device",
    "dimensionality": "--dimensionality",
    "draws_file": "--record-draws",
    "epochs": "--epochs",
    "folder": "--out",
    "frame_steps": "--hold",
    "image_shape": "--image-shape",
    "images": "--images",
    "inference": "--inference",
    "init_from": "--init-from",
    "inner_iterations": "--inner-iterations",
    "integers": "--integers",
    "json": "--json",
    "labels": "--labels",
    "latents": "--latents",
    "layers": "--layers",
    "layout": "--layout",
    "lca": "--lca",
    "learning_rate": "--learning-rate",
    "levels": "--levels",
    "measured": "--measured",
    "most_loss": "--most-loss",
    "neighbours": "--neighbours",
    "neurons": "--neurons",
    "noise": "--noise",
    "out": "--out",
    "overwrite": "--overwrite",
    "pictures": "--pictures",
    "pixel_max": "--pixel-max",
    "pixel_min": "--pixel-min",
    "pixel_scale": "--pixel-scale",
    "plan": "--plan",
    "preset": "--preset",
    "probe": "--probe",
    "probe_images": "--probe-images",
    "profile_file": "--profile",
    "readouts": "--readout",
    "refit_decoder": "--refit-decoder",
    "replay_draws": "--replay-draws",
    "resume": "--resume",
    "rotate": "--rotate",
    "salt": "--salt",
    "samples": "--samples",
    "sanafe": "--sanafe",
    "scheduler": "--scheduler",
    "seed": "--seed",
    "seeds": "--seeds",
    "shift": "--shift",
    "sparsity": "--sparsity",
    "step_time": "--step-time",
    "steps": "--steps",
    "stop": "--stop",
    "target": "--target",
    "tensorboard": "--tensorboard",
    "test_images": "--test-images",
    "threads": "--threads",
    "threshold": "--threshold",
    "timeout": "--timeout",
    "tolerance": "--tolerance",
    "trace": "--trace",
    "trace_file": "--trace",
    "verify": "--verify",
    "weight_bits": "--weight-bits",
}
"""Option of each argument that a message of the library may name."""

_NAMED = re.compile(r"\b(\w+)=(True\b)?(?=(?P<value>[\w./-]*))")


@contextmanager
def naming(more: Mapping[str, str]) -> Iterator[None]:
    """Translate further arguments to options in the messages of errors raised in this context."""
    try:
        yield
    except IpvaeError as error:
        error.args = (with_options(str(error), more),)
        raise


def with_options(message: str, options: Mapping[str, str] = OPTIONS) -> str:
    """Return a message in which options replace arguments.

    An argument appears alone before the first colon ('samples: found 20, ...'), or anywhere
    as 'samples=', 'samples=20' or, for a flag, 'overwrite=True'.

    >>> with_options("samples: found 9, allowed up to 5; give more with data_dir=")
    '--samples: found 9, allowed up to 5; give more with --data-dir'
    >>> with_options("images of samples=2 with frame_steps=3: found 4")
    'images of --samples 2 with --hold 3: found 4'
    >>> with_options("try step_size=0.1", {"step_size": "--set step_size="})
    'try --set step_size=0.1'
    >>> with_options("fit the decoder (refit_decoder=True), or use more weight_bits=")
    'fit the decoder (--refit-decoder), or use more --weight-bits'
    """
    head, colon, rest = message.partition(":")
    names = head.split(" and ")
    if colon and all(name in options for name in names):
        head = " and ".join(options[name].rstrip("=") for name in names)
    return options_named(head + colon + rest, options)


def options_named(text: str, options: Mapping[str, str] = OPTIONS) -> str:
    """Return text in which options replace 'samples=' or 'overwrite=True'."""

    def option(match: re.Match) -> str:
        name = match.group(1)
        if name not in options:
            return match.group(0)
        value = match.group("value").strip(".")  # without the full stop of a sentence
        return options[name] + (" " if value and not options[name].endswith("=") else "")

    return _NAMED.sub(option, text)
