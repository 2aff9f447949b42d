"""What commands print has the numbers of their --json: run, evaluate, check, verify, info, diff."""

import json
from itertools import count

import numpy as np
import pytest

from ipvae.network.io.network_file import write_network
from ipvae.network.traces.trace import read_trace
from ipvae.workflows.running import job


@pytest.fixture(scope="module")
def home(tmp_path_factory, kinds, shown, make_network):
    """Networks: errors, a code and two read-outs; one of 300 neurons, which takes two cores."""
    home = tmp_path_factory.mktemp("home")
    network = shown.with_named_readouts(kinds.networks(4)["errors + 2 read-outs"])
    write_network(home / "net.h5", network)
    write_network(home / "large.h5", make_network(k=300))
    write_network(home / "many.h5", make_network(n_images=40))
    return home


@pytest.fixture(scope="module")
def both(run_wide, home):
    """Function that runs a command in that folder; returns its status, its JSON and its text."""

    def run(*words):
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(home)
            status, text = run_wide(*words, "--json", f"{words[0]}.json")
        return status, json.loads((home / f"{words[0]}.json").read_text()), text

    return run


def test_run(both, home, shown, monkeypatch):
    ticks = count(1000)
    monkeypatch.setattr(job.time, "perf_counter", lambda: 0.25 * next(ticks))
    status, found, text = both("run", "net.h5", "--samples", 3, "--steps", 7)
    assert status == 0 and 0 < found["seconds"] < 25  # a difference of two readings
    speed = 3 * 8 / found["seconds"]
    assert found["image_steps_per_second"] == pytest.approx(speed)
    assert found["saturations"] == sum(found["saturations_by_variable"].values())
    assert dict(shown.rows_below(text, "net.h5 on emulator")[1:]) == {
        "images x steps": "3 x 7",
        "time": f"{found['seconds']:.2f} s, {speed:.0f} image-steps/s",
        "spikes": f"{found['spikes']} ({found['zeros']:.1%} of the counts are zero)",
        "saturations": str(found["saturations"]),
    }


def test_evaluate(both, home, shown):
    status, found, text = both(
        *("evaluate", "net.h5", "--samples", 3, "--steps", "2,5,7", "--sparsity"),
        *("--rotate", "0,90", "--noise", "0.125"),
    )
    assert status == 0
    heads, *rows = shown.rows_below(text, "net.h5, 3 images")
    assert heads == ["step", "MSE", "R2", "zeros"]
    assert rows == [
        [str(p["step"]), f"{p['mse']:.3e}", f"{p['r2']:.4f}", f"{p['zeros']:.4f}"]
        for p in found["curve"]
    ]
    assert [row[0] for row in rows] == ["2", "5", "7"]
    assert (found["steps"], found["r2"]) == (7, found["curve"][-1]["r2"])
    decoder, classes = found["readouts"]
    lines = text.splitlines()
    assert (
        f"read-out 3 (decoder): R2 {decoder['r2']:.4f}, MSE {decoder['mse']:.3e}; "
        f"read-out 4 (classes): accuracy {classes['accuracy']:.2%}"
    ) in lines
    assert f"{found['spikes']:.2f} spikes an image at step 7" in lines
    assert (
        f"sparsity: lifetime {found['lifetime_sparsity']:.4f}, population "
        f"{found['population_sparsity']:.4f}; {found['active']} latents active, {found['dead']} "
        "dead in 3 images"
    ) in lines
    heads, *rows = shown.rows_below(text, "changed images, at step 7")
    assert heads == ["change", "MSE", "R2", "zeros", "spikes"]
    assert rows == [
        [
            f"{of['change']} {of['value']:g}",
            *(f"{of['mse']:.3e}", f"{of['r2']:.4f}", f"{of['zeros']:.4f}", f"{of['spikes']:.1f}"),
        ]
        for of in found["changes"]
    ]
    assert [row[0] for row in rows] == ["rotate 0", "rotate 90", "noise 0.125"]
    same, other, _ = found["changes"]  # turned by nothing, by 90 degrees
    assert [same[key] for key in ("mse", "spikes")] == [found[key] for key in ("mse", "spikes")]
    assert other["mse"] != same["mse"]


def test_evaluate_with_a_stop(both, home, shown):
    words = ("--seed", 4, "--steps", 400, "--stop", "r2", "--tolerance", 1e5)
    status, found, text = both("evaluate", "many.h5", *words)
    stop = found["stop"]
    assert status == 0 and stop["steps"]["min"] < stop["steps"]["mean"] < stop["steps"]["max"]
    assert stop["steps"]["mean"] == pytest.approx(np.mean(stop["steps_of_each"]))
    assert stop["steps"]["median"] == np.median(stop["steps_of_each"])
    lines = text.splitlines()
    (message,) = [line for line in lines if line.startswith("stopped by r2")]
    assert message.split("; ")[:3] == [
        f"stopped by r2: {stop['settled']} of 40 images settled",
        f"steps {stop['steps']['min']} to {stop['steps']['max']}, mean {stop['steps']['mean']:.1f}",
        f"{stop['counts']['synaptic_ops']:,.0f} synaptic operations an image",
    ]
    assert f"{found['spikes']:.2f} spikes an image at its last step" in lines
    assert shown.rows_below(text, "many.h5, 40 images")[1][0] == "up to 400"


def _margin(line):
    return 1 - line["found"] / line["allowed"]


def test_check_shows_every_limit(both, shown):
    status, found, text = both("check", "large.h5")
    assert status == 0
    heads, *rows = shown.rows_below(text, "loihi2 limits")
    filled = ("weight_magnitude", "payload_bits")
    least = min((of for of in found["limits"] if of["rule"] not in filled), key=_margin)
    first, used = text.splitlines()[0], f"{least['found']:,} of {least['allowed']:,}"
    assert first.startswith("OK: fits loihi2, on ")
    assert first.endswith(f"; tightest: {least['rule'].replace('_', ' ')}, {used}")
    assert heads == ["rule", "where", "found", "allowed"]
    assert rows == [
        [
            *(of["rule"], of["where"], str(of["found"]), str(of["allowed"])),
            "ok" if of["found"] <= of["allowed"] else "NO",
        ]
        for of in found["limits"]
    ]
    assert text.splitlines()[-1] == (
        f"fits loihi2; overflow is impossible: {len(found['intervals'])} intervals proved "
        "(--json - lists them)"
    )


@pytest.mark.parametrize("cores", [None, 150])
def test_check_shows_its_plan(both, shown, cores):
    words = () if cores is None else ("--target", "kapoho-point", "--cores", cores)
    status, found, text = both("check", "large.h5", "--plan", *words)
    assert status == 0
    plan = found["plan"]
    between = plan["readings"]["conservative"]["between_chips"]
    assert (between["once_per_chip"] < between["once_per_core"]) == (cores is not None)
    size = "one chip, 120" if cores is None else "Kapoho Point, 8 chips, 960"
    title = f"partition plan for {plan['target']} ({size} usable cores)"
    heads, *rows = shown.rows_below(text, title)
    assert heads == list(plan["readings"]) == ["optimistic", "conservative"]
    columns = [planned(reading, shown) for reading in plan["readings"].values()]
    assert rows == [[name, *(column[name] for column in columns)] for name in columns[0]]
    heads, *rows = shown.rows_below(text, "more cores (--cores N), conservative, per update")
    assert heads == ["cores", "operations of the busiest", "messages delivered"]
    assert rows == [
        [str(row["cores"]), shown.mean(row["busiest_synaptic_ops"]), shown.mean(row["deliveries"])]
        for row in plan["readings"]["conservative"]["pace"]
    ]
    assert f"how busy: {plan['activity']}" in text.splitlines()
    assert f"a range: {plan['model']}" in text.splitlines()


def planned(reading, shown):
    binding, ops = reading["binding"], reading["synaptic_ops_per_core"]
    low, high = reading["between_chips"].values()
    chips = reading["chips"]
    broken = [of["one_neuron_too_many"] for of in reading["layers"]]
    return {
        "cores": f"{reading['cores']:,} on {chips} chip{'s' * (chips > 1)}",
        **{
            f"layer {of['layer']}: neurons on cores": (
                f"{of['neurons']:,} on {of['cores']}, up to {of['neurons_on_fullest']} each"
            )
            for of in reading["layers"]
        },
        "binding constraint": binding["rule"],
        "found, allowed": f"{binding['found']:,} of {binding['allowed']:,} "
        f"({1 - binding['margin']:.1%})",
        "where": binding["where"],
        "limit that a fuller core meets": ", ".join(
            "-" if of is None else of["rule"] for of in broken
        ),
        "operations per update: least busy core": shown.mean(ops["least"]),
        "mean core": shown.mean(ops["mean"]),
        "busiest core": shown.mean(ops["busiest"]),
        "busiest core, busiest update": f"{ops['busiest_in_any_update']:,}",
        "messages between chips, per update": " to ".join(map(shown.mean, (low, high)))
        if high
        else "none",
    }


def test_check_counts_what_is_exceeded(both, home, make_network, shown):
    wide = make_network(k=80, weight_rec=np.full((80, 80), 127, np.int8), payload_bits=20)
    write_network(home / "wide.h5", wide)
    status, found, text = both("check", "wide.h5")
    n = len(found["violations"])
    assert status == 1 and n > 0
    assert text.splitlines()[-1] == f"does not fit loihi2: {n} limit(s) exceeded"
    marks = [row[-1] for row in shown.rows_below(text, "loihi2 limits")[1:]]
    assert marks.count("NO") == n and marks.count("ok") == len(marks) - n > 0
    _, _, text = both("check", "wide.h5", "--plan")
    for of in found["violations"]:
        message = f"exceeded: {of['rule']}, found {of['found']}, allowed {of['allowed']}"
        assert f"{message} ({of['where']})" in text.splitlines()


def test_verify_of_a_trace(both, home, run_wide):
    words = ("--samples", 3, "--steps", 7, "--seed", 5, "--trace", home / "t.h5")
    assert run_wide("run", home / "net.h5", *words)[0] == 0
    status, found, text = both("verify", "net.h5", "--trace", home / "t.h5")
    assert status == 0
    first, second = text.splitlines()
    assert first == (
        f"bit-exact: emulator = emulator in {found['compared_values']} values (3 images, steps "
        f"0..7, {', '.join(found['variables'])}; {found['replayed']} replayed; counts up to "
        f"{found['max_count']})"
    )
    law = found["draws"]
    worst = min(law["tests"], key=lambda of: of["p_value"])
    without = f", {len(law['left_out'])} left out for want of draws" if law["left_out"] else ""
    assert second == (
        f"draws follow the sampler's distribution: {law['draws']} draws, {len(law['tests'])} tests"
        f"{without}; smallest p {worst['p_value']:.2g} ({worst['name']}), bound {law['bound']:.2g}"
    )
    assert law["draws"] == 3 * 8 * 7 and found["compared_values"] > 100
    assert found["max_count"] == read_trace(home / "t.h5").stacked("2", "z").max() > 0


def test_info(both, home, shown):
    status, found, text = both("info", "net.h5")
    assert status == 0
    rows = shown.lines(text)
    what, quality, fits, following = text.splitlines()[:4]
    layers, neurons = len(found["layers"]), found["neurons"]
    shape = " x ".join(map(str, found["image_shape"]))
    synapses = sum(layer["synapses"] for layer in found["layers"])
    assert what == (
        f"integer network: {shape} pixels, {neurons} neurons in {layers} layers, {synapses:,} "
        "synapses"
    )
    assert quality == "quality: not in the file (ipvae evaluate net.h5)"
    assert fits.startswith("fits loihi2, on ") and "; tightest: " in fits
    assert following == "next: ipvae report net.h5 --out DIR"
    facts = {row[0]: row[1] for row in rows[6 : rows.index(["layers"])]}
    assert facts == {
        key: str(value)
        for key, value in found.items()
        if key not in ("generator", "layers", "provenance") and not isinstance(value, dict)
    }
    heads, *rows = shown.rows_below(text, "layers")
    assert heads == ["neurons", "number", "receives", "synapses", "sends"]
    assert rows == [
        [
            *(f"{of['layer']} {of['role']}", of["neuron"], str(of["neurons"])),
            ", ".join(of["receives"]),
            f"{of['synapses']} ({of['zero_synapses']} zero)" if of["synapses"] else "none",
            "..".join(map(str, of["sends"])),
        ]
        for of in found["layers"]
    ]
    assert len(rows) == 4


def test_diff(both, home, shown, make_network):
    write_network(home / "a.h5", make_network(payload_bits=8, u_max=32768))
    write_network(home / "b.h5", make_network(payload_bits=7, u_max=32000))
    status, found, text = both("diff", "a.h5", "b.h5")
    assert status == 1
    heads, *rows = shown.rows_below(text, "a.h5 against b.h5")
    assert heads == ["a.h5", "b.h5"]
    assert [row[:3] for row in rows] == [
        [of["name"], str(of["first"]), str(of["second"])] for of in found["differences"]
    ]
    assert sorted(row[1:3] for row in rows) == [["32768", "32000"], ["8", "7"]]
    first = next(of for of in found["differences"] if of["part"] == "runs")
    assert text.splitlines()[0] == (
        f"different: {len(found['differences'])} fields differ, from the same images they may "
        f"compute different counts; first: {first['name']}"
        + (f" ({first['detail']})" if first["detail"] else "")
    )
    assert "equal: a.h5 and a.h5 hold the same network" in both("diff", "a.h5", "a.h5")[2]
