"""`--json FILE` replaces an earlier result of the same command, and nothing else."""

import json
import os

import pytest

from ipvae.network.io.network_file import write_network


@pytest.fixture
def net(tmp_path, make_network):
    path = tmp_path / "net.h5"
    write_network(path, make_network())
    return path


def test_json_never_takes_the_place_of_an_input(command, net, tmp_path):
    before = net.read_bytes()
    os.link(net, tmp_path / "hard")
    (tmp_path / "soft").symlink_to(net)
    for path in (net, tmp_path / "hard", tmp_path / "soft"):
        status, _, err = command("info", net, "--json", path)
        assert status == 2 and f"--json: found {path}, which is NET.h5|MODEL too" in err
    assert net.read_bytes() == before


@pytest.mark.parametrize(
    "text", ["{}", '{"epoch": 1}\n', "[1, 2]", "notes", '{"generator": "ipvae check"}', " "]
)
def test_json_never_takes_the_place_of_anything_else(command, net, tmp_path, text):
    file = tmp_path / "x.json"
    file.write_text(text)
    status, out, err = command("info", net, "--json", file)
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert f"--json: {file} already exists and is not a result of 'ipvae info'; it is never" in err
    assert file.read_text() == text


def test_json_replaces_an_earlier_result_of_the_same_command(command, net, tmp_path):
    file = tmp_path / "x.json"
    file.touch()  # as mktemp makes it
    for _ in range(2):
        assert command("info", net, "--json", file)[0] == 0
    found = json.loads(file.read_text())
    assert next(iter(found.items())) == ("generator", "ipvae info")
    assert command("check", net, "--json", file)[0] == 2
    (tmp_path / "link").symlink_to(file)
    file.write_text('{"generator": "ipvae info"}')
    assert command("info", net, "--json", tmp_path / "link")[0] == 0
    assert json.loads(file.read_text()) == found and (tmp_path / "link").is_symlink()


@pytest.mark.parametrize("command_words", [("diff",), ("evaluate",), ("run",), ("verify",)])
def test_json_in_a_folder_that_is_not_there_is_noticed_before_the_work(
    command, net, tmp_path, command_words
):
    words = (*command_words, net, *((net,) if command_words == ("diff",) else ()))
    status, out, err = command(*words, "--json", tmp_path / "none" / "x.json")
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert "--json: " in err and "cannot write there (No such file or directory)" in err
    assert not (tmp_path / "none").exists()
