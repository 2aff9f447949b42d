"""`ipvae check --plan`: what it writes and shows, and what it refuses."""

import json

import numpy as np
import pytest

from ipvae.network.io.network_file import write_network


@pytest.fixture
def net(tmp_path, make_network):
    write_network(tmp_path / "net.h5", make_network(k=300))
    return tmp_path / "net.h5"


def test_a_plan_is_shown_on_one_screen_and_nothing_is_written(command, net, tmp_path):
    status, out, err = command("check", net, "--plan")
    assert (status, err) == (0, "")
    assert list(tmp_path.iterdir()) == [net]
    assert len(out.splitlines()) <= 32
    for part in (
        "partition plan for loihi2",
        "model fitted to public compiler logs, not an Intel figure",
        "binding constraint",
        "synapse_words_per_core",
        "5 images of the file, 64 updates",
        "fits loihi2",
    ):
        assert part in out


def test_a_plan_is_written_as_json_and_to_stdout(command, net, tmp_path):
    words = ("check", net, "--target", "kapoho-point", "--cores", 7)
    assert command(*words, "--plan", tmp_path / "plan.json")[0] == 0
    found = json.loads((tmp_path / "plan.json").read_text())
    assert found.pop("generator") == "ipvae check --plan"
    assert command(*words, "--plan", "-")[1] == found
    status, checked, _ = command(*words, "--plan", "--json", "-")
    assert status == 0
    assert checked["plan"] == found
    assert checked["cores"] == 2 and checked["ok"]
    reading = found["readings"]["conservative"]
    assert reading["cores"] == len(reading["placement"]) == 7
    assert sum(core["neurons"] for core in reading["placement"]) == 300
    assert set(reading["binding"]) == {"rule", "found", "allowed", "where", "margin"}
    assert reading["placement"][1] == {
        "chip_idx": 0,
        "core_idx": 1,
        "layer": "1",
        "first_neuron": 43,
        "neurons": 43,
        "syn_ops": pytest.approx(reading["placement"][0]["syn_ops"]),
        "axon_in_words": 300,
        "synapse_words": 300 * 14,
        "axon_map_words": 43,
        "axon_mem_words": 0,
        "neuron_words": 172,
        "shared_words": 300 + 300 * 14 + 43 + 172 + 1308,
        "neuron_groups": 1,
    }


def test_a_trace_states_how_busy_the_cores_are(command, net, tmp_path, make_network):
    trace = tmp_path / "t.h5"
    words = ("--samples", 5, "--steps", 64, "--trace", trace)
    assert command("run", net, *words)[0] == 0
    _, traced, _ = command("check", net, "--plan", "-", "--trace", trace)
    _, run, _ = command("check", net, "--plan", "-")
    assert "5 images of 64 updates in" in traced.pop("activity")
    assert "5 images of the file, 64 updates" in run.pop("activity")
    assert traced == run
    write_network(tmp_path / "other.h5", make_network(k=300, seed=1))
    status, _, err = command("check", tmp_path / "other.h5", "--plan", "--trace", trace)
    assert status == 2 and err.count("\n") == 1 and "is of the network" in err


def test_without_images_or_proof_the_plan_takes_the_most(command, tmp_path, make_network):
    write_network(tmp_path / "net.h5", make_network(k=20, n_images=0))
    _, found, _ = command("check", tmp_path / "net.h5", "--plan", "-")
    assert found["activity"] == "every neuron sends at every update, the most there can be"
    assert found["readings"]["conservative"]["synaptic_ops_per_core"]["busiest"] == 400
    wide = make_network(k=80, weight_rec=np.full((80, 80), 127, np.int8), payload_bits=20)
    write_network(tmp_path / "wide.h5", wide)
    status, out, _ = command("check", tmp_path / "wide.h5", "--plan")
    assert status == 1
    assert "every neuron sends" in out and "exceeded: overflow" in out


def test_a_network_too_large_exits_1_and_names_the_limit(command, tmp_path, make_network):
    weights = np.zeros((2700, 2700), np.int8)
    write_network(tmp_path / "net.h5", make_network(k=2700, m=1, weight_rec=weights, n_images=0))
    status, out, _ = command("check", tmp_path / "net.h5", "--plan", tmp_path / "plan.json")
    assert status == 1
    assert "does not fit" in out and "exceeded: cores, found 193, allowed 120" in out
    found = json.loads((tmp_path / "plan.json").read_text())
    assert not found["fits"]
    assert found["readings"]["conservative"]["binding"]["rule"] == "cores"


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (("--plan", "--target", "loihi9"), "allowed loihi2, kapoho-point, hala-point"),
        (("--cores", "5"), "--cores: needs --plan"),
        (("--trace", "t.h5"), "--trace: needs --plan"),
        (("--plan", "-", "--json", "-"), "both are -"),
        (("--plan", "--cores", "1"), "the conservative reading needs 2"),
        (("--plan", "--cores", "121"), "one chip has 120"),
        (("--plan", "--trace", "none.h5"), "none.h5"),
        (("--plan", "{tmp}"), "--plan: "),
        (("--plan", "{tmp}/none/p.json"), "p.json: cannot write there (No such file"),
        (("--plan", "{net}"), "which is NET.h5 too"),
        (("--plan", "{tmp}/a.json", "--json", "{tmp}/a.json"), "which is --plan too"),
    ],
)
def test_what_a_plan_cannot_do_ends_with_one_line(command, net, tmp_path, words, part):
    before = net.read_bytes()
    filled = [word.format(tmp=tmp_path, net=net) for word in words]
    status, out, err = command("check", net, *filled)
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert part in err
    assert net.read_bytes() == before and list(tmp_path.iterdir()) == [net]


def test_a_trace_without_counts_of_a_layer_that_is_received_is_refused(command, net, tmp_path):
    from ipvae.network.traces.trace import read_trace, write_trace

    command("run", net, "--samples", 1, "--steps", 2, "--trace", tmp_path / "t.h5")
    trace = read_trace(tmp_path / "t.h5")
    del trace.samples[0]["1"]["z"]
    write_trace(tmp_path / "t.h5", trace)
    status, _, err = command("check", net, "--plan", "--trace", tmp_path / "t.h5")
    assert status == 2 and "no z of layer 1" in err


@pytest.mark.parametrize("chosen", [("--neurons", "0-3"), ("--every", 4)])
def test_a_trace_of_chosen_steps_or_neurons_is_refused(command, net, tmp_path, chosen):
    words = ("--samples", 1, "--steps", 8, "--trace", tmp_path / "t.h5")
    assert command("run", net, *words, *chosen)[0] == 0
    status, out, err = command("check", net, "--plan", "--trace", tmp_path / "t.h5")
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert "holds chosen steps or neurons; record it whole" in err
