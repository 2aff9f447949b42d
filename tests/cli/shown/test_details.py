"""What `ipvae report` says by layer, step, image and core."""

import pytest

from ipvae.network.io.network_file import write_network


@pytest.fixture
def net(make_network, tmp_path):
    write_network(tmp_path / "net.h5", make_network())
    return tmp_path / "net.h5"


def test_report_splits_counts_on_one_screen(command, net, tmp_path):
    words = ("report", net, "--out", tmp_path / "r", "--samples", 5, "--steps", 6)
    found = command(*words, "--json", "-")[1]
    (layer,) = found["layers"]
    assert list(layer) == [
        "layer",
        "role",
        "neurons",
        "synapses",
        "spikes",
        "messages",
        "messages_received",
        "synaptic_ops",
        "count_weighted_ops",
        "effective_macs",
        "updates_active",
        "updates_idle",
        "draws",
        "random_words",
        "drive_macs",
    ]
    assert list(found["by_image"]) == list(found["counts"])
    assert {name: of["mean"] for name, of in found["by_image"].items()} == found["counts"]
    assert {len(values) for values in found["by_step"].values()} == {7}
    assert set(found["cores"]) == {"plan", "list", "busiest", "busiest_per_step"}
    out = command(*words)[1]
    assert f"{layer['synaptic_ops']:,.1f}" in out and "1 code" in out
    assert "busiest core (modelled plan): chip 0, core 0 of 1" in out
    assert out.count("\n") <= 40
