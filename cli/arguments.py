"""Names of the library's arguments in its messages, turned into options of the command line."""

import re

OPTIONS = {
    "backend": "--backend",
    "backends": "--backends",
    "contrast": "--contrast",
    "cores": "--cores",
    "data_dir": "--data-dir",
    "dense": "--dense",
    "dimensionality": "--dimensionality",
    "inference": "--inference",
    "layout": "--layout",
    "most_loss": "--most-loss",
    "overwrite": "--overwrite",
    "preset": "--preset",
    "refit_decoder": "--refit-decoder",
    "readouts": "--readout",
    "threshold": "--threshold",
    "weight_bits": "--weight-bits",
    "frame_steps": "--hold",
    "images": "--images",
    "labels": "--labels",
    "layers": "--layers",
    "lca": "--lca",
    "neighbours": "--neighbours",
    "neurons": "--neurons",
    "noise": "--noise",
    "pictures": "--pictures",
    "probe": "--probe",
    "probe_images": "--probe-images",
    "replay_draws": "--replay-draws",
    "rotate": "--rotate",
    "salt": "--salt",
    "samples": "--samples",
    "sanafe": "--sanafe",
    "scheduler": "--scheduler",
    "seed": "--seed",
    "seeds": "--seeds",
    "shift": "--shift",
    "sparsity": "--sparsity",
    "steps": "--steps",
    "stop": "--stop",
    "target": "--target",
    "timeout": "--timeout",
    "tolerance": "--tolerance",
    "trace": "--trace",
}
"""Argument -> option, where a message of the library may name it."""

_NAMED = re.compile(r"\b(\w+)=(True\b)?(?=(?P<value>[\w./-]*))")


def with_options(message: str) -> str:
    """Return a message with options in the place of arguments.

    An argument is named alone before the first colon ('samples: found 20, ...'), or anywhere
    as 'samples=', 'samples=20' or, where it is a flag, 'overwrite=True'.

    >>> with_options("samples: found 9, allowed up to 5; give more with data_dir=")
    '--samples: found 9, allowed up to 5; give more with --data-dir'
    >>> with_options("images of samples=2 with frame_steps=3: found 4")
    'images of --samples 2 with --hold 3: found 4'
    >>> with_options("fit the decoder (refit_decoder=True), or use more weight_bits=")
    'fit the decoder (--refit-decoder), or use more --weight-bits'
    """
    head, colon, rest = message.partition(":")
    names = head.split(" and ")
    if colon and all(name in OPTIONS for name in names):
        head = " and ".join(OPTIONS[name] for name in names)
    return options_named(head + colon + rest)


def options_named(text: str) -> str:
    """Return text with options where it names arguments as 'samples=' or 'overwrite=True'."""
    return _NAMED.sub(_option, text)


def _option(match: re.Match) -> str:
    name = match.group(1)
    if name not in OPTIONS:
        return match.group(0)
    return OPTIONS[name] + (" " if match.group("value") else "")
