"""Translation of the library's messages: its functions to commands, arguments to options."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from ipvae.errors import IpvaeError

_SAME_NAME = """
backend backends beta certificate clamp config contrast cores data_dir dense device dimensionality
epochs every image_shape image_size images inference inhibition_scale init_from inner_iterations
integers json labels latents layers layout lca learning_rate levels measured most_loss motion
neighbours neurons noise out overwrite pictures pixel_max pixel_min pixel_scale plan preset probe
probe_images refit_decoder replay_draws resume rotate salt samples sanafe scheduler seed seeds shift
size sparsity step_scale step_time steps stop target tensorboard test_images threads threshold
timeout tolerance trace variables verify weight_bits
"""
_OTHER_NAME = {
    "command": "--impl",
    "draws_file": "--record-draws",
    "folder": "--out",
    "frame_steps": "--hold",
    "origin": "--from",
    "profile_file": "--profile",
    "readouts": "--readout",
    "trace_file": "--trace",
}
OPTIONS = {name: f"--{name.replace('_', '-')}" for name in _SAME_NAME.split()} | _OTHER_NAME
"""Option of each argument that a message of the library may name."""

_COMMANDS = {
    "describe": "info",
    "make_report": "report",
    "quantize": "export",
    "save_nir": "export",
}
_COMMANDS |= {"import_model": "import", "train_model": "train", "verify_trace": "verify"}
_COMMANDS |= {name: name for name in ("certify", "check", "compare", "diff", "doctor", "evaluate")}
_COMMANDS |= {"run": "run", "verify": "verify"}
"""Command that does what a public function does."""
_OUTPUTS = {"import": "--out RUN", "report": "--out DIR", "export": "--out NET.h5"}
_CALL = re.compile(r"\bipvae\.(\w+)(?:\(((?:'[^']*'|[^()'])*)\))?(?!\.?[\w(])")
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
    >>> with_options("a model; make a network of it: ipvae.quantize('RUN', images='a.npy')")
    'a model; make a network of it: ipvae export RUN --images a.npy --out NET.h5'
    """
    head, colon, rest = message.partition(":")
    names = head.split(" and ")
    if colon and all(name in options for name in names):
        head = " and ".join(options[name].rstrip("=") for name in names)
    return options_named(head + colon + rest, options)


def options_named(text: str, options: Mapping[str, str] = OPTIONS) -> str:
    """Return text with commands in place of functions, options of 'samples=' or 'resume=True'."""

    def option(match: re.Match) -> str:
        name = match.group(1)
        if name not in options:
            return match.group(0)
        value = match.group("value").strip(".")  # without the full stop of a sentence
        return options[name] + (" " if value and not options[name].endswith("=") else "")

    return _NAMED.sub(option, _CALL.sub(_command, text))


def _command(match: re.Match) -> str:
    """Return the command of a function, with its arguments and its output where they are given."""
    name, given = match.groups()
    if name not in _COMMANDS:
        return match.group(0)
    words = ["ipvae", _COMMANDS[name]]
    if given:
        plain = re.sub(r"'([\w./-]+)'", r"\1", given)  # a shell needs no quotation marks here
        words += [*plain.split(", "), _OUTPUTS.get(words[1], "")]
    return " ".join(filter(None, words))
