"""Arguments of the library become options in what the command line says."""

import doctest

import pytest

from ipvae.cli import arguments


def test_the_examples_hold():
    assert doctest.testmod(arguments).attempted == 5
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
        ("train one with ipvae.train_model.", "train one with ipvae train."),
        ("next: ipvae.make_report('a (1).h5')", "next: ipvae report 'a (1).h5' --out DIR"),
        ("ipvae.verify_trace('n.h5', trace='t.h5')", "ipvae verify n.h5 --trace t.h5"),
        ("ipvae.run(network, steps=4).save(f)", "ipvae.run(network, --steps 4).save(f)"),
        ("what ipvae.load_network returns", "what ipvae.load_network returns"),
    ],
)
def test_only_arguments_are_changed(library, commands):
    assert arguments.with_options(library) == commands
