import numpy as np
import pytest

from ipvae.chip.check import check
from ipvae.emulator import Emulator
from ipvae.emulator.recording import run
from ipvae.errors import DescriptionError, InputError, UnprovedOverflowError
from ipvae.network.layers import GradedLayer
from ipvae.network.proof.bounds import _graded, bounds, require_proved, saturations
from ipvae.network.proof.interval import between, weighted_sums
from ipvae.network.rules.activations import SWISH, swish_table
from ipvae.network.rules.drive import drive


def test_weighted_sums_bound_partial_sums_and_the_whole():
    weight = np.array([[3, -5, 4], [3, -9, 4]], dtype=np.int8)
    partial, whole = weighted_sums(weight, 0, 10)
    assert (partial.low.tolist(), partial.high.tolist()) == ([-50, -90], [70, 70])
    assert partial.ends == whole.ends == (-90, 70)
    partial, whole = weighted_sums(weight, 2, 10)
    assert partial.ends == (-90, 70)
    assert (whole.low.tolist(), whole.high.tolist()) == ([14 - 50, 14 - 90], [70 - 10, 70 - 18])
    partial, whole = weighted_sums(weight, -10, -2)
    assert partial.ends == (-70, 90)
    assert (whole.low.tolist(), whole.high.tolist()) == ([10 - 70, 18 - 70], [50 - 14, 90 - 14])


def test_weighted_sums_reach_the_ends_of_64_bits_without_wrapping():
    weight = np.full((1, 2**19 - 1), -(2**15), dtype=np.int16)
    partial, whole = weighted_sums(weight, -(2**15), 2**15 - 1)
    assert whole.ends == (-(2**15) * (2**15 - 1) * (2**19 - 1), 2**30 * (2**19 - 1))
    assert partial.ends == whole.ends


def test_adversarial_counts_cannot_exceed_the_bound(make_network, rng):
    network = make_network()
    layer = network.layer
    reach = {b.variable: b.reach for b in bounds(network)}
    for row in layer.weight_rec.astype(np.int64):
        worst = np.where(row > 0, layer.count_max, 0)
        assert abs(row @ worst) <= reach["a_in"]
        assert abs(row @ (layer.count_max - worst)) <= reach["a_in"]
    trace = run(network, network.test_images, 40, 3)
    assert np.abs(trace.stacked("1", "a_in")).max() <= reach["a_in"]


@pytest.mark.parametrize(
    ("parts", "variable"),
    [
        (
            {
                "k": 80,
                "weight_rec": np.full((80, 80), -128, np.int8),
                "payload_bits": 13,
            },
            "a_in",
        ),
    ],
)
def test_a_network_that_may_overflow_is_not_proved_and_does_not_run(make_network, parts, variable):
    network = make_network(**parts)
    found = check(network).as_dict()
    assert not found["overflow_proved"]
    assert not found["ok"]
    assert [v["rule"] for v in found["violations"]] == ["overflow"]
    with pytest.raises(UnprovedOverflowError, match=variable):
        require_proved(network)
    with pytest.raises(UnprovedOverflowError):
        Emulator(network)


def test_change_and_log_rate_are_bounded_from_the_files_own_limits(make_network):
    network = make_network(self_weight=np.full(16, 3000, np.int32))
    found = {b.variable: b for b in bounds(network)}
    b, g, change = found["b"], found["g"], found["b - g - own"]
    assert (found["own"].low, found["own"].high) == (0, 3000 * 255)
    assert change.low >= b.low - g.high - 3000 * 255
    assert change.reach <= 2 * (2**21 - 1) + 3000 * 255
    assert (found["u + d"].low, found["u + d"].high) == (-47274 - 47274, 32768 + 59093)
    assert (found["u"].low, found["u"].high) == (-47274, 32768)
    widest = make_network(
        self_weight=np.full(16, 2**22 - 1, np.int32), du_min=-(2**22 - 1), u_min=-49152
    )
    assert all(b.holds for b in bounds(widest))


@pytest.mark.parametrize(("least", "sent"), [(0, 0), (-1, -int(swish_table().max()))])
def test_swish_of_what_is_never_negative_is_proved_not_to_be_either(kinds, least, sent):
    layers = [layer for net in kinds.networks(3).values() for layer in net.layers.values()]
    layer = next(la for la in layers if isinstance(la, GradedLayer) and la.activation == SWISH)
    found = _graded(layer, between(np.full(layer.n_neurons, least), 4096))
    assert found["y"].low.tolist() == [sent] * layer.n_neurons
    assert found["z"].low.max() <= 0 if least else (found["z"].low == 0).all()


def test_bound_at_its_edge_and_one_past_it(make_network):
    # Counts reach 864: a row sum of 9709 gives 8388576, below 2**23; one of 9710 exceeds it.
    for last, holds in ((57, True), (58, False)):
        weight = np.zeros((77, 77), dtype=np.int8)
        weight[0, :76] = 127
        weight[0, 76] = last
        network = make_network(k=77, weight_rec=weight, payload_bits=16)
        assert check(network).as_dict()["overflow_proved"] is holds


def test_wide_payload_violates_the_target(make_network):
    network = make_network(
        weight_rec=np.zeros((16, 16), np.int8),
        self_weight=np.zeros(16, np.int32),
        payload_bits=20,
    )
    assert [v.rule for v in check(network).violations] == ["payload_bits"]


def test_unknown_target_is_refused(make_network):
    with pytest.raises(InputError, match="allowed loihi2"):
        check(make_network(), "loihi9")


def test_saturations_are_counted_where_values_stand_at_a_limit(make_network):
    network = make_network(
        u_init=np.full(16, 32768, np.int32), payload_bits=7, weight_rec=np.zeros((16, 16), np.int8)
    )
    trace = run(network, network.test_images, 1, 0)
    variables = {name: trace.stacked("1", name)[:, :1] for name in ("a_in", "u", "z")}
    found = saturations(network, variables, drive(network, network.test_images))
    assert found == {"drive": 0, "a_in": 0, "u": 80, "z": 80}


def test_drive_follows_the_document_and_clips(make_network):
    network = make_network(drive_exp=14)
    images = network.test_images
    b = drive(network, images)
    layer = network.layer
    for i, k in ((0, 0), (4, 15), (2, 7)):
        p = sum(int(w) * int(x) for w, x in zip(layer.weight[k], images[i], strict=True))
        assert b[i, k] == min(max((p << 14) + int(layer.bias[k]), -(2**21 - 1)), 2**21 - 1)
    assert (np.abs(b) == 2**21 - 1).any()


def test_drive_refuses_other_images(make_network):
    network = make_network()
    with pytest.raises(InputError, match="takes"):
        drive(network, np.zeros((2, 11), np.int16))
    with pytest.raises(InputError, match="integer"):
        drive(network, np.zeros((2, 12)))
    with pytest.raises(DescriptionError, match="declares 0..255"):
        drive(network, np.full((2, 12), 256, np.int16))


def test_what_is_left_below_a_soft_ceiling_is_the_ceiling_less_the_potential(kinds):
    network = kinds.networks(0)["feed-forward, ceiling"]
    found = {b.variable: b for b in bounds(network) if b.layer == network.code}
    above, left, top = found["u + d"], found["C - (u + d)"], network.layer.u_max
    assert (left.low, left.high) == (top - above.high, top - above.low)
