# pyright: reportArgumentType=false
"""Convolutional models beside their networks and LCA, on whole images."""

import numpy as np
import pytest

import ipvae
from ipvae.float_models.convolutional.geometry import Canvas

CANVAS = Canvas((1, 16, 14), 12, 4, 2)
SIZE = (21, 13)
STEPS = (64, 128)


@pytest.fixture(scope="module")
def model(maps):
    return maps.checkpoint(CANVAS)


@pytest.fixture(scope="module")
def found(model, maps):
    train = maps.pixels(CANVAS.image, 12)
    network = ipvae.quantize(model, train, image_size=SIZE, most_loss=1).network
    sparse = ipvae.quantize(
        model, train, image_size=SIZE, inference="lca", threshold=0.3, most_loss=1
    ).network
    subjects = {"float": model, "integers": network, "sparse integers": sparse}
    images = maps.pixels((1, *SIZE), 8, seed=7)[:, 0]
    return ipvae.compare(subjects, images, steps=STEPS, lca={"float": model}, threshold=0.3)


def test_float_and_integers_agree_in_quality_and_operations(found):
    """Means over 8 images after the first burst: the two sides draw different numbers."""
    for real, whole in zip(found["float"].curve, found["integers"].curve, strict=True):
        assert whole["r2"] == pytest.approx(real["r2"], abs=0.08)
        assert whole["synaptic_ops"] == pytest.approx(real["synaptic_ops"], rel=0.1)
        assert real["drive_macs"] == CANVAS.resized(*SIZE).input_macs
    pairs = zip(found["float, LCA 0.3"].curve, found["sparse integers"].curve, strict=True)
    for real, whole in pairs:
        assert whole["r2"] == pytest.approx(real["r2"], abs=0.08)
        assert whole["zeros"] == pytest.approx(real["zeros"], abs=0.05)


def test_figures_equal_an_evaluation_and_counted_synapses(model, found, maps):
    images = maps.pixels((1, *SIZE), 8, seed=7)[:, 0]
    curve = ipvae.evaluate(model, images, steps=STEPS).to_json()["curve"]
    for point, expected in zip(found["float"].curve, curve, strict=True):
        assert {key: point[key] for key in expected} == expected
        assert point["readout_ops"] > 0
    first, last = (point["synaptic_ops"] for point in found["float"].curve)
    assert 0 < first < last


def test_an_operation_is_a_synapse_of_a_place_inside_the_grid():
    """All neurons send once: the sum of fan-outs is the number of pairs of places in reach."""
    from ipvae.workflows.evaluables.maps import MapOperations

    canvas = Canvas((1, 5, 9), 3, 5, 2)
    sent = MapOperations(canvas)
    sent(0, np.ones((2, canvas.neurons)))
    maps, rows, columns = canvas.grid
    places = [(r, q) for r in range(rows) for q in range(columns)]
    near = sum(
        abs(r - y) <= canvas.reach and abs(q - x) <= canvas.reach
        for r, q in places
        for y, x in places
    )
    assert sent.operations_before(1) == 2 * maps**2 * near
    assert sent.operations_before(0) == 0
    assert sent.before(1) == 2 * canvas.neurons


def test_a_comparison_without_images_takes_one_data_set(model):
    with pytest.raises(ipvae.IpvaeError, match="images: none given, and the model names no known"):
        ipvae.compare([model])
