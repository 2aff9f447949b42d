"""Record, replay, and verify a board that draws with another random source."""

from dataclasses import replace

import h5py
import numpy as np
import pytest

from ipvae.emulator.recording import run as emulate
from ipvae.network.io.network_file import checksum, read_network, write_network
from ipvae.network.traces.trace import compare, read_trace, write_trace

IMAGES, STEPS, K = 5, 60, 32


@pytest.fixture
def net(tmp_path, make_network):
    path = tmp_path / "net.h5"
    write_network(path, make_network(k=K))
    return path


def board(net, rate=1.0, seed=8):
    """A board in plain integers (docs/spec/neurons/poisson.md) with NumPy's Poisson generator.

    Returns a_in, u and z, each (IMAGES, STEPS + 1, K).
    """
    with h5py.File(net, "r") as file:
        f = {}
        file.visititems(
            lambda name, node: f.update({name: node[()]}) if hasattr(node, "shape") else None
        )
    n = {name.split("/")[-1]: v for name, v in f.items() if name.startswith("layer/1/neuron/")}
    weight, recurrent = (f[f"layer/1/{w}"].astype(object) for w in ("weight", "weight_rec"))
    limit, own_limit, most = 2**21 - 1, 2**22 - 1, 2 ** int(n["messageBits"]) - 1
    exponent, drive_exponent = int(n["weight_exp"]), int(f["ipvae/drive_exp"])
    rng = np.random.default_rng(seed)

    def scaled(value, e):
        return value * 2**e if e >= 0 else value // 2**-e

    def drawn(u):
        return np.minimum(rng.poisson(rate * 2.0 ** (u.astype(float) / 4096)), most).astype(object)

    own = n["selfWeight"].astype(object)
    found = {name: np.zeros((IMAGES, STEPS + 1, K), np.int32) for name in ("a_in", "u", "z")}
    for i, image in enumerate(f["ipvae/test/images"][:IMAGES].astype(object)):
        drive = scaled(weight.dot(image), drive_exponent) + f["layer/1/bias"].astype(object)
        drive = np.clip(drive, -limit, limit)
        a_in, u, z = np.zeros(K, object), n["uInit"].astype(object), np.zeros(K, object)
        for t in range(STEPS + 1):
            if t > 0:
                a_in = recurrent.dot(z)
                bound = limit // 2**exponent if exponent >= 0 else None
                held = a_in if bound is None else np.clip(a_in, -bound, bound)
                received = np.clip(scaled(held, exponent), -limit, limit)
                inhibition = own * np.minimum(z, own_limit // np.maximum(own, 1))
                change = np.clip(drive - received - inhibition, int(n["duMin"]), int(n["duMax"]))
                u = np.clip(u + change, int(n["uMin"]), int(n["uMax"]))
            z = drawn(u)
            for name, values in (("a_in", a_in), ("u", u), ("z", z)):
                found[name][i, t] = values.astype(np.int32)
    return found


def write_board_trace(path, net, found):
    """What a board's own tooling writes: h5py and nothing of ipvae but the checksum's value."""
    with h5py.File(net, "r") as f:
        value = f["ipvae"].attrs["checksum"]
    with h5py.File(path, "w") as f:
        f.attrs["backend"] = "our board"
        f.attrs["seed"] = 0
        f.attrs["network_checksum"] = value.decode() if isinstance(value, bytes) else value
        f.attrs["steps"] = STEPS
        for i in range(IMAGES):
            for name, values in found.items():
                f[f"samples/{i}/1/{name}"] = values[i]
    return path


def test_a_board_with_a_random_source_of_its_own_is_verified(command, net, tmp_path):
    trace = write_board_trace(tmp_path / "board.h5", net, board(net))
    status, found, _ = command("verify", net, "--trace", trace, "--json", "-")
    assert status == 0
    assert found["bit_exact"] is True
    assert found["backends"] == ["emulator", "our board"]
    assert found["variables"] == ["1/a_in", "1/u"]
    assert (found["samples"], found["steps"]) == (IMAGES, STEPS)
    assert found["compared_values"] == IMAGES * (STEPS + 1) * 2 * K
    assert found["max_count"] > 1
    assert found["first_divergence"] is None
    assert found["not_recorded"] == []
    law = found["draws"]
    assert law["follows_poisson"] is True
    assert law["draws"] == IMAGES * (STEPS + 1) * K
    assert law["p_value"] == min(test["p_value"] for test in law["tests"]) > law["bound"]
    assert set(law["tests"][0]) == {"name", "statistic", "degrees", "p_value"}
    _, text, _ = command("verify", net, "--trace", trace)
    exact, drawn = text.splitlines()
    assert exact.startswith("bit-exact: emulator = our board in ")
    assert "1/z replayed" in exact
    assert drawn.startswith("draws follow the sampler's distribution: ")


def test_a_name_from_a_file_cannot_act_on_the_terminal(command, net, tmp_path):
    trace = write_board_trace(tmp_path / "board.h5", net, board(net))
    with h5py.File(trace, "r+") as f:
        f.attrs["backend"] = "red\x1b[31m\nline"
    _, text, _ = command("verify", net, "--trace", trace)
    assert len(text.splitlines()) == 2
    assert "\\x1b" in text and "\x1b" not in text


def test_one_wrong_log_rate_of_the_board_is_named(command, net, tmp_path):
    recorded = board(net)
    recorded["u"][3, 17, 6] += 1
    trace = write_board_trace(tmp_path / "board.h5", net, recorded)
    status, found, _ = command("verify", net, "--trace", trace, "--json", "-")
    assert status == 1
    assert found["draws"]["follows_poisson"] is True
    value = int(recorded["u"][3, 17, 6])
    assert found["first_divergence"] == {
        "backend": "our board",
        "sample": 3,
        "layer": "1",
        "variable": "u",
        "step": 17,
        "index": 6,
        "expected": value - 1,
        "found": value,
    }
    assert "sample 3, step 17" in command("verify", net, "--trace", trace)[1]


def test_a_board_that_draws_at_a_wrong_rate_fails_though_its_bits_agree(command, net, tmp_path):
    trace = write_board_trace(tmp_path / "board.h5", net, board(net, rate=1.1))
    status, found, _ = command("verify", net, "--trace", trace, "--json", "-")
    assert status == 1
    assert found["bit_exact"] is True
    assert found["draws"]["follows_poisson"] is False
    assert found["draws"]["p_value"] < found["draws"]["bound"]
    assert "draws do NOT follow" in command("verify", net, "--trace", trace)[1]


def test_what_a_board_cannot_read_out_is_not_called_compared(command, net, tmp_path):
    recorded = board(net)
    del recorded["a_in"]
    trace = write_board_trace(tmp_path / "board.h5", net, recorded)
    status, found, _ = command("verify", net, "--trace", trace, "--json", "-")
    assert status == 0
    assert found["variables"] == ["1/u"]
    assert found["not_recorded"] == ["1/a_in"]
    assert found["compared_values"] == IMAGES * (STEPS + 1) * K
    assert "not recorded: 1/a_in" in command("verify", net, "--trace", trace)[1]
    del recorded["u"]
    alone = write_board_trace(tmp_path / "alone.h5", net, recorded)
    status, _, err = command("verify", net, "--trace", alone)
    assert status == 2
    assert "found z alone, allowed a_in or u as well" in err


@pytest.mark.lava
def test_draws_recorded_on_lava_give_its_trace_on_the_emulator(command, net, tmp_path):
    z, lava, again = (tmp_path / name for name in ("z.h5", "lava.h5", "again.h5"))
    extent = ("--samples", 2, "--steps", 9, "--json", "-")
    status, found, _ = command(
        "run", net, "--backend", "lava", "--seed", 4, "--record-draws", z, "--trace", lava, *extent
    )
    assert (status, found["draws"], found["seed"]) == (0, "sampled", 4)
    assert [list(sample["1"]) for sample in read_trace(z).samples] == [["z"], ["z"]]
    status, found, _ = command("run", net, "--replay-draws", z, "--trace", again, *extent)
    assert (status, found["draws"], found["seed"]) == (0, "replayed", 4)
    assert compare(read_trace(lava), read_trace(again)).first_divergence is None
    status, found, _ = command("verify", net, "--replay-draws", z, *extent)
    assert (status, found["bit_exact"], found["compared_values"]) == (0, True, 2 * 10 * 3 * K)


def test_replay_may_be_recorded_again_and_take_a_part(command, net, tmp_path):
    first, second = tmp_path / "first.h5", tmp_path / "second.h5"
    command("run", net, "--samples", 4, "--steps", 12, "--record-draws", first)
    words = ("run", net, "--samples", 2, "--steps", 5, "--replay-draws", first)
    assert command(*words, "--record-draws", second)[0] == 0
    taken, given = (read_trace(p).samples[1]["1"]["z"] for p in (second, first))
    np.testing.assert_array_equal(taken, given[:6])


@pytest.fixture
def files(net, tmp_path, make_network):
    """Trace files by name: short, foreign, without counts, with a count that cannot occur."""
    network = read_network(net)
    trace = emulate(network, network.test_images[:2], 6, 0)
    other = emulate(make_network(k=K, seed=1), network.test_images[:2], 6, 0)
    huge = trace.samples[0]["1"]["z"].copy()
    huge[2, 5] = 256
    written = {
        "short": trace,
        "foreign": other,
        "empty": replace(trace, samples=[{"1": {"u": s["1"]["u"]}} for s in trace.samples]),
        "huge": replace(trace, samples=[{"1": {**trace.samples[0]["1"], "z": huge}}] * 2),
    }
    for name, content in written.items():
        write_trace(tmp_path / f"{name}.h5", content)
    assert written["short"].checksum == checksum(network)
    return tmp_path


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (["run", "{net}", "--samples", "2", "--replay-draws", "{tmp}/none.h5"], "none.h5"),
        (["run", "{net}", "--samples", "2", "--replay-draws", "{net}"], "net.h5"),
        (["run", "{net}", "--samples", "2", "--replay-draws", "{tmp}/short.h5"], "up to 6"),
        (
            ["run", "{net}", "--samples", "5", "--steps", "6", "--replay-draws", "{tmp}/short.h5"],
            "allowed up to 2",
        ),
        (["run", "{net}", "--samples", "2", "--replay-draws", "{tmp}/foreign.h5"], "another net"),
        (["run", "{net}", "--samples", "2", "--replay-draws", "{tmp}/empty.h5"], "1/z"),
        (
            ["run", "{net}", "--samples", "2", "--replay-draws", "{tmp}/huge.h5"],
            "count 256 of image 0, step 2, neuron 5: allowed 0 to 255",
        ),
        (["run", "{net}", "--samples", "2", "--record-draws", "/proc/no/z.h5"], "cannot write"),
        (
            [
                *("run", "{net}", "--backend", "loihi2", "--samples", "2", "--steps", "6"),
                *("--replay-draws", "{tmp}/short.h5"),
            ],
            "Intel's extension",
        ),
        (["verify", "{net}", "--trace", "{tmp}/short.h5", "--backends", "emulator,lava"], "one of"),
        (["verify", "{net}", "--trace", "{tmp}/short.h5", "--steps", "6"], "--steps"),
        (["verify", "{net}", "--trace", "{tmp}/foreign.h5"], "another network"),
        (["verify", "{net}", "--trace", "{tmp}/empty.h5"], "1/z"),
        (["verify", "{net}", "--samples", "2", "--replay-draws", "{tmp}/short.h5"], "up to 6"),
    ],
)
def test_draws_that_do_not_fit_end_with_one_line(command, net, files, words, part):
    before = sorted(files.rglob("*"))
    status, out, err = command(*(word.format(net=net, tmp=files) for word in words))
    assert (status, out) == (2, "")
    assert err.startswith("ipvae: ") and err.count("\n") == 1
    assert part in err
    assert sorted(files.rglob("*")) == before


@pytest.mark.parametrize("changed", [False, True])
def test_a_trace_of_streams_is_verified_as_streams(command, net, tmp_path, changed):
    words = ["--samples", 2, "--steps", 8, "--hold", 4, "--trace", tmp_path / "t.h5"]
    assert command("run", net, *words)[0] == 0
    if changed:
        with h5py.File(tmp_path / "t.h5", "r+") as file:
            file["samples/1/1/u"][5, 3] += 1  # type: ignore[index]
    status, out, err = command("verify", net, "--trace", tmp_path / "t.h5")
    assert (status, err) == (int(changed), "")
    assert ("step 5" in out) == changed
    assert read_trace(tmp_path / "t.h5", check_digest=not changed).hold == 4


@pytest.mark.parametrize("name", ["run", "verify"])
def test_too_few_images_for_streams_are_reported_by_the_options_that_ask(command, net, name):
    status, out, err = command(name, net, "--samples", 3, "--steps", 9, "--hold", 2)
    assert (status, out) == (2, "")
    assert "images of --samples 3 with --hold 2: found 15, allowed up to 5" in err
