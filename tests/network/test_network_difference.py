from dataclasses import replace

import numpy as np
import pytest

from ipvae.network.io.fields import FIELDS_1 as FIELDS
from ipvae.network.io.fields import to_fields
from ipvae.network.io.network_file import read_network, write_network
from ipvae.network.network_difference import _FIELDS, differences


def test_a_network_does_not_differ_from_what_is_read_back(tmp_path, make_network):
    network = make_network()
    write_network(tmp_path / "net.h5", network)
    assert differences(network, read_network(tmp_path / "net.h5")) == []


def test_one_weight_is_named_with_both_values(make_network):
    network = make_network()
    weight = network.layer.weight_rec.copy()
    weight[3, 5], weight[4, 6] = -7, weight[4, 6] ^ 1
    weight_before = int(network.layer.weight_rec[3, 5])
    other = replace(network, layer=replace(network.layer, weight_rec=weight))
    (found,) = differences(network, other)
    assert (found.name, found.part) == ("recurrent weights", "runs")
    assert (found.first, found.second) == (weight_before, -7)
    octaves = f"{abs(weight_before + 7) * 2**4 / 4096:.3g} octaves"
    assert found.detail == f"2 of 256 differ, most at neuron 3 (from neuron 5): by {octaves}"


def test_the_same_weights_on_another_grid_differ_by_nothing(make_network):
    """5 * 2**4 and 10 * 2**3 are the same inhibition."""
    coarse = make_network(weight_rec=np.full((16, 16), 5, np.int8), weight_exp=4)
    fine = make_network(weight_rec=np.full((16, 16), 10, np.int8), weight_exp=3)
    found = {d.path: d for d in differences(coarse, fine)}
    assert found.keys() == {"layer/1/weight_rec", "layer/1/neuron/weight_exp"}
    assert found["layer/1/weight_rec"].detail.endswith(": by 0 octaves")


def test_another_size_is_reported_by_shapes(make_network):
    found = {d.path: d for d in differences(make_network(), make_network(k=9))}
    assert (found["layer/1/bias"].first, found["layer/1/bias"].second) == ([16], [9])
    assert (found["layer/1/outFeatures"].first, found["layer/1/outFeatures"].second) == (16, 9)


def test_what_judges_and_what_is_noted_is_distinguished_from_what_runs(make_network):
    network = make_network()
    other = replace(
        network,
        decoder=network.decoder * 2,
        provenance={"quantize": {"weight_bits": 8, "new": [1]}, "made": "later"},
    )
    found = {d.path: d for d in differences(network, other)}
    assert found["ipvae/decoder"].part == "judged"
    assert found["ipvae/provenance:made"].part == "noted"
    assert found["ipvae/provenance:quantize"].first == "(missing)"
    assert not any(d.part == "runs" for d in found.values())


def test_a_key_of_the_provenance_is_found_in_its_depth(make_network):
    a, b = (replace(make_network(), provenance={"q": {"bits": n, "same": [1, 2]}}) for n in (8, 6))
    (found,) = differences(a, b)
    assert (found.path, found.first, found.second) == ("ipvae/provenance:q.bits", 8, 6)


SAME_IN_ALL = {
    "layer/0/type",
    "layer/0/shape",
    "layer/1/type",
    "layer/1/shape",
    "ipvae/latency",
    "ipvae/random",
    "ipvae/sampler/name",
    "ipvae/sampler/thresholds",
}


def test_no_dataset_is_forgotten():
    """Each is compared, or the same in every file, or (layer sizes) said twice."""
    compared = {path.replace("*", "1") for path in _FIELDS}
    assert FIELDS.keys() - compared == SAME_IN_ALL | {"ipvae/provenance"}


@pytest.mark.parametrize(
    "path", sorted(FIELDS.keys() & {path.replace("*", "1") for path in _FIELDS})
)
def test_every_field_is_noticed(make_network, monkeypatch, path):
    from ipvae.network import network_difference

    first, second = make_network(), make_network()
    fields = [to_fields(first), to_fields(second)]
    changed = np.array(fields[1][path])
    if changed.dtype.kind == "S":
        changed.flat[-1] = b"OTHER"
    else:
        changed.flat[-1] += 1
    fields[1][path] = changed
    monkeypatch.setattr(network_difference, "to_fields", lambda *_: fields.pop(0))
    (found,) = network_difference.differences(first, second)
    assert found.path == path


@pytest.mark.parametrize(
    ("first", "second"), [({"x": True}, {"x": 1}), ({"x": None}, {}), ({"x": 1}, {"x": 1.0})]
)
def test_networks_of_unequal_checksums_always_differ(make_network, first, second):
    a, b = (replace(make_network(), provenance=p) for p in (first, second))
    assert len(differences(a, b)) == 1


def test_zeros_of_unequal_signs_differ(make_network):
    network = make_network()
    other = replace(network, decoder=-np.zeros((12, 16), np.float32))
    same = replace(network, decoder=np.zeros((12, 16), np.float32))
    assert [d.path for d in differences(same, other)] == ["ipvae/decoder"]
