"""Arguments of the library become options in what the command line says."""

import doctest

import pytest

from ipvae.cli import arguments


def test_the_examples_hold():
    assert doctest.testmod(arguments).attempted == 4
    assert doctest.testmod(arguments).failed == 0


@pytest.mark.parametrize(
    ("library", "commands"),
    [
        ("images and data_dir: give one of them", "--images and --data-dir: give one of them"),
        ("readouts=classes: needs labels=", "--readout classes: needs --labels"),
        (
            "layout=error-units: not with inference=lca",
            "--layout error-units: not with --inference lca",
        ),
        ("check out=.", "check --out."),
        ("pass overwrite=True", "pass --overwrite"),
        ("backend 'lava': it died", "backend 'lava': it died"),
        ("net.h5: steps = 3, found x=4", "net.h5: steps = 3, found x=4"),
        ("nothing to change", "nothing to change"),
    ],
)
def test_only_arguments_are_changed(library, commands):
    assert arguments.with_options(library) == commands
