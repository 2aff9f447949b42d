"""All ways through the kernels give the same bits as a run step by step."""

from dataclasses import replace

import numpy as np
import pytest

from ipvae.emulator import Emulator, layout
from ipvae.emulator.recording import run
from ipvae.emulator.simd import messages
from ipvae.network.description import IntNetwork
from ipvae.network.layers import GradedLayer, PoissonLayer
from ipvae.network.traces.trace import VARIABLES, compare, read_trace, write_trace

STEPS, SEED = 7, 5


def images_of(network, n):
    return np.resize(network.test_images, (n, network.n_pixels))


def rows_of(emulator, images, **options):
    """Every variable of every layer, by row."""
    return [
        {(name, v): getattr(step, v) for name, step in row.items() for v in VARIABLES}
        for row in emulator.rows(images, STEPS, SEED, **options)
    ]


def assert_same_rows(expected, found):
    for t, (a, b) in enumerate(zip(expected, found, strict=True)):
        for name in a:
            np.testing.assert_array_equal(a[name], b[name], f"row {t}, {name}")


def expected_rows(stepwise, network, images):
    trace = stepwise.run(network, images, STEPS, SEED)
    return [
        {(n, v): trace.stacked(n, v)[:, t] for n in network.layers for v in VARIABLES}
        for t in range(STEPS + 1)
    ]


def test_tiles_and_threads_do_not_matter(network_kind, kinds, stepwise):
    network = kinds.networks(3)[network_kind]
    images = images_of(network, 9)
    expected = expected_rows(stepwise, network, images)
    for threads, tile in ((1, 64), (1, 4), (3, 2), (2, 1)):
        assert_same_rows(expected, rows_of(Emulator(network, threads, tile), images))


@pytest.mark.parametrize(
    "name", ["recurrent", "errors, 16 bits + 2 read-outs", "lca", "two hidden"]
)
def test_lists_and_whole_products_agree(monkeypatch, kinds, stepwise, name):
    """A processor with matrix registers takes whole products in busy rows, else lists."""
    network = kinds.networks(7)[name]
    images = images_of(network, 70)
    expected = expected_rows(stepwise, network, images)
    assert_same_rows(expected, rows_of(Emulator(network), images))
    monkeypatch.setattr(layout.amx, "available", lambda: False)
    assert_same_rows(expected, rows_of(Emulator(network), images))


def test_layers_wider_than_a_cached_part_and_counts_beyond_a_byte(make_network, stepwise):
    """Lists in three parts, and counts that take several entries of a list."""
    rng = np.random.default_rng(4)
    k = 2 * 4 * layout.CACHED_QUADS + 37
    network = make_network(
        k=k,
        m=5,
        n_images=3,
        weight_rec=rng.integers(-1, 2, (k, k)).astype(np.int8),
        u_min=-30000,
        u_max=32768,
        u_init=rng.choice([-30000, 0, 9000, 32768], k).astype(np.int32),
        payload_bits=10,
    )
    expected = expected_rows(stepwise, network, network.test_images)
    assert max(row["1", "z"].max() for row in expected) > 255
    for tile in (1, 64):
        assert_same_rows(expected, rows_of(Emulator(network, 1, tile), network.test_images))


def errors_network(rng, z_most, shift, pixels=600, k=130):
    """Error units of which most send something, and a code that receives them."""
    from ipvae.network.description import InputFormat

    errors = GradedLayer(
        weight=rng.integers(1, 2000, pixels).astype(np.int16),
        weight_rec=rng.integers(-128, 128, (pixels, k)).astype(np.int8),
        bias=rng.integers(-9, 10, pixels).astype(np.int32),
        drive_exp=0,
        source=2,
        z_min=-z_most,
        z_max=z_most,
        shift=shift,
    )
    code = PoissonLayer(
        weight_rec=(rng.random((k, pixels)) < 0.2).astype(np.int8),
        weight_exp=-4,
        sign=1,
        source=1,
        bias=np.zeros(k, np.int32),
        self_weight=rng.integers(0, 999, k).astype(np.int32),
        u_init=np.full(k, 3000, np.int32),
        u_min=-20000,
        u_max=20000,
        du_min=-5000,
        du_max=5000,
        payload_bits=6,
    )
    return IntNetwork(
        input=InputFormat(-128, 127, 1 / 128, (1, pixels)),
        layer=code,
        decoder=np.zeros((pixels, k), np.float32),
        test_images=rng.integers(-128, 128, (3, pixels)).astype(np.int16),
        test_labels=np.zeros(3, np.int16),
        hidden=(errors,),
    )


@pytest.mark.parametrize(
    ("z_most", "shift", "kind"),
    [(2**13, 0, messages.SHORTS), (2**15 - 1, 1, messages.SHORTS), (2**15, 0, messages.WIDE)],
)
def test_dense_signed_messages_of_any_width(rng, stepwise, z_most, shift, kind):
    network = errors_network(rng, z_most, shift)
    assert layout.new_messages(layout.parts(network)[1], 1).kind == kind
    expected = expected_rows(stepwise, network, network.test_images)
    z = expected[-1]["1", "z"]
    assert (z != 0).mean() > 0.9 and z.min() < 0 < z.max()
    assert_same_rows(expected, rows_of(Emulator(network, 1), network.test_images))


def test_a_wide_message_reaches_its_limit(rng, stepwise):
    network = errors_network(rng, 2**15, 0)
    large = replace(network.hidden[0], bias=np.full(600, 2**20, np.int32))
    network = replace(network, hidden=(large,))
    expected = expected_rows(stepwise, network, network.test_images)
    assert (expected[-1]["1", "z"] == 2**15).all()
    assert_same_rows(expected, rows_of(Emulator(network, 1), network.test_images))


def test_a_trace_written_and_read_is_the_run(tmp_path, make_network):
    network = make_network()
    trace = run(network, network.test_images, STEPS, SEED)
    write_trace(tmp_path / "t.h5", trace)
    assert compare(trace, read_trace(tmp_path / "t.h5")).first_divergence is None
