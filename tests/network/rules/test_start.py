# pyright: reportOptionalMemberAccess=false, reportOptionalSubscript=false
"""Starts that depend on the image: values by hand, streams, every backend, what is refused."""

from dataclasses import replace

import numpy as np
import pytest

from ipvae.emulator import Emulator, recording
from ipvae.energy.counting.counts import network_drive_macs
from ipvae.errors import DescriptionError, InputError
from ipvae.network.io.network_file import write_network
from ipvae.network.layers import AffineStart
from ipvae.network.proof.bounds import bounds
from ipvae.network.rules.start import require_start, start_log_rates
from ipvae.network.rules.stream import frames
from ipvae.network.traces.trace import VARIABLES, compare

STEPS = 7


@pytest.fixture
def started(kinds, rng):
    """Function (name of a kind) -> that network, with a random start."""

    def make(name="recurrent", **parts):
        network = kinds.networks(4)[name]
        scale = 1 << network.layer.finer_bits
        k, m = network.n_neurons, network.n_pixels
        given = {
            "weight": rng.integers(-900, 901, (k, m)).astype(np.int16),
            "bias": rng.integers(-4000 * scale, 6000 * scale, k).astype(np.int32),
            "exponent": -2,
            "threshold": 500 * scale,
            "margin": 3000 * scale,
        }
        layer = replace(network.layer, start=AffineStart(**{**given, **parts}))
        return replace(network, layer=layer)

    return make


@pytest.mark.parametrize(
    ("threshold", "margin", "u_min", "expected"),
    [
        (0, 0, -9000, 2250),
        (3000, 8000, -9000, -5750),
        (3000, 8000, -4096, -4096),
        (2250, 9, -9, 2250),
    ],
)
def test_the_example_of_the_document(make_network, threshold, margin, u_min, expected):
    start = AffineStart(
        weight=np.array([[300, -200]], np.int16),
        bias=np.array([-40], np.int32),
        exponent=-5,
        threshold=threshold,
        margin=margin,
    )
    network = make_network(k=1, m=2, u_min=u_min, u_init=np.zeros(1, np.int32))
    pixels = replace(network.input, minimum=0, maximum=255)
    network = replace(
        network,
        input=pixels,
        layer=replace(network.layer, start=start),
        test_images=np.array([[255, 16]], np.int16),
        test_labels=np.zeros(1, np.int16),
    )
    assert start_log_rates(network, network.test_images).tolist() == [[expected]]
    assert next(Emulator(network).steps(network.test_images, 1, 0)).u.tolist() == [[expected]]
    assert network_drive_macs(network) == 4


@pytest.mark.parametrize("hold", [1, 3, 20])
def test_a_stream_starts_from_its_first_frame_on_every_backend(
    started, tmp_path, oracle, rng, hold
):
    for name in ("recurrent", "recurrent, 16 bits", "errors + 2 read-outs", "loop of three"):
        network = started(name)
        low, high = network.input.minimum, network.input.maximum
        shape = (3, frames(STEPS, hold), network.n_pixels)
        shown = rng.integers(low, high + 1, shape).astype(np.int16)
        found = recording.run(network, shown, STEPS, 3, hold=hold)
        first = found.stacked(network.code, "u")[:, 0]
        assert (first == start_log_rates(network, shown[:, 0])).all()
        assert len(np.unique(first, axis=0)) == 3
        write_network(tmp_path / "net.h5", network)
        expected = oracle.run(oracle.load(tmp_path / "net.h5"), shown.tolist(), STEPS, 3, hold=hold)
        for sample, wanted in zip(found.samples, expected, strict=True):
            for number, variables in wanted.items():
                for variable in VARIABLES:
                    assert sample[str(number)][variable].tolist() == variables[variable], name


@pytest.mark.lava
@pytest.mark.parametrize("hold", [None, 3])
def test_lava_starts_from_the_image(started, rng, hold):
    from ipvae.lava_procs.runner import run

    network = started("errors + 1 read-out")
    shape = (2, *([] if hold is None else [frames(STEPS, hold)]), network.n_pixels)
    shown = rng.integers(-128, 128, shape).astype(np.int16)
    expected = recording.run(network, shown, STEPS, 4, hold=hold)
    found = run(network, shown, STEPS, 4, hold=hold)
    assert compare(expected, found).first_divergence is None


def test_images_of_other_tiles_and_those_kept_have_their_own_start(started):
    network = started()
    shown = np.concatenate([network.test_images] * 40)
    whole = recording.run(network, shown, STEPS, 4)
    for size in (1, 7):
        emulator = Emulator(network, threads=2, tile=size)
        for row, step in enumerate(emulator.steps(shown, STEPS, 4)):
            assert (step.u == whole.stacked(network.code, "u")[:, row]).all()


def test_values_of_a_start_that_cannot_be_are_refused(started):
    network = started()
    start = network.layer.start
    k, m = start.weight.shape
    wrong = {
        "weight has dtype int64": {"weight": start.weight.astype(int)},
        "weight has shape": {"weight": start.weight[0]},
        "bias = 2097152 is outside": {"bias": np.full(k, 2**21, np.int32)},
        "exponent = 15 is outside": {"exponent": 15},
        "exponent = -25 is outside": {"exponent": -25},
        "threshold = 4194304 is outside": {"threshold": 2**22},
        "margin = -1 is outside": {"margin": -1},
        "margin = 4194304 is outside": {"margin": 2**22},
        f"bias asks for {k} neurons": {"weight": start.weight[1:]},
    }
    for message, parts in wrong.items():
        with pytest.raises(DescriptionError, match=message):
            replace(start, **parts)
    fewer = replace(start, weight=start.weight[1:], bias=start.bias[1:])
    with pytest.raises(DescriptionError, match=f"start has {k - 1} neurons"):
        replace(network.layer, start=fewer)
    narrow = replace(network.layer, start=replace(start, weight=start.weight[:, 1:]))
    with pytest.raises(DescriptionError, match=f"start: weight asks for {m - 1}"):
        replace(network, layer=narrow)
    with pytest.raises(DescriptionError, match="start without memory"):
        replace(network.layer, memory=False, self_weight=0 * network.layer.self_weight)


def test_a_run_without_the_start_it_needs_is_refused(started, kinds):
    network = started()
    u = start_log_rates(network, network.test_images)[0]
    require_start(network, u)
    for wrong in (None, u[1:], u.astype(float), u * 0 + network.layer.u_max + 1):
        with pytest.raises(InputError, match="start: "):
            require_start(network, wrong)
    with pytest.raises(InputError, match="must be omitted"):
        require_start(kinds.networks(4)["recurrent"], u)


@pytest.mark.parametrize("exponent", [-24, 14])
def test_bounds_hold_what_occurs(started, exponent):
    """The ends are reached by images of the extreme pixels, so no bound is too narrow or wide."""
    network = started(exponent=exponent, threshold=0, margin=12345)
    start, low, high = network.layer.start, network.input.minimum, network.input.maximum
    of = {b.variable: b for b in bounds(network)}
    w = start.weight.astype(object)
    most = max(sum(v * (high if v > 0 else low) for v in row) for row in w)
    least = min(sum(v * (low if v > 0 else high) for v in row) for row in w)
    assert (of["p0"].low, of["p0"].high) == (least, most)
    shifted = [p << exponent if exponent >= 0 else p >> -exponent for p in (least, most)]
    assert (of["q0"].low, of["q0"].high) == tuple(shifted)
    assert of["v0"].low <= shifted[0] + int(start.bias.max())
    assert of["v0"].low < of["q0 + startBias"].low or exponent == -24
    assert all(bound.holds for bound in of.values())
