"""`--json FILE` never takes the place of an input."""

import pytest

from ipvae.network.io.network_file import write_network


@pytest.fixture
def net(tmp_path, make_network):
    path = tmp_path / "net.h5"
    write_network(path, make_network())
    return path


def test_json_never_takes_the_place_of_an_input(command, net, tmp_path):
    before = net.read_bytes()
    status, _, err = command("info", net, "--json", net)
    assert status == 2 and f"--json: {net} is there and is not a result of ours" in err
    assert net.read_bytes() == before
    (tmp_path / "model.json").write_text("{}")
    assert command("info", net, "--json", tmp_path / "model.json")[0] == 0
    (tmp_path / "model.safetensors").touch()
    status, _, err = command("info", net, "--json", tmp_path / "model.json")
    assert status == 2 and "is not a result of ours" in err
