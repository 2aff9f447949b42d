# pyright: reportOptionalMemberAccess=false, reportOptionalSubscript=false
# pyright: reportArgumentType=false, reportAttributeAccessIssue=false, reportCallIssue=false
"""`ipvae.verify`, `check`, `place`, `diff`, `load_model`, and how results show themselves."""

from dataclasses import replace

import numpy as np
import pytest

import ipvae
from ipvae.workflows.running import backends


@pytest.fixture
def net(make_network):
    return make_network(k=16, m=12)


@pytest.fixture
def twin(monkeypatch):
    """A second backend that is the emulator under another name."""
    run_backend = backends.run_backend
    monkeypatch.setattr(backends, "BACKENDS", ("emulator", "twin"))
    monkeypatch.setattr(
        "ipvae.workflows.verify.run_backend",
        lambda _, *rest, **options: run_backend("emulator", *rest, **options),
    )


def test_equal_backends_are_bit_exact(net, twin):
    result = ipvae.verify(net, steps=6, samples=3, backends=("emulator", "twin"))
    assert result.bit_exact
    assert result.holds
    assert result.compared_values == 3 * 7 * 3 * 16
    assert result.first_divergence is None


def test_backends_must_be_two_different_ones(net):
    for names in (("emulator",), ("emulator", "emulator")):
        with pytest.raises(ipvae.IpvaeError, match="backends: found .*two or more different"):
            ipvae.verify(net, backends=names)


def test_a_trace_with_another_potential_is_not_bit_exact(net, tmp_path):
    trace = ipvae.run(net, steps=8, record="all").trace
    trace.save(tmp_path / "t.h5")
    assert ipvae.verify_trace(net, tmp_path / "t.h5").bit_exact
    u = trace.samples[2]["1"]["u"].copy()
    u[4, 7] += 1
    trace.samples[2]["1"]["u"] = u
    trace.save(tmp_path / "t.h5", overwrite=True)
    result = ipvae.verify_trace(net, tmp_path / "t.h5")
    assert not result.bit_exact
    where = result.first_divergence
    assert (where["sample"], where["step"], where["variable"], where["index"]) == (2, 4, "u", 7)


def test_check_and_place(net):
    found = ipvae.check(net)
    assert found.ok
    assert found.overflow_proved
    assert found.cores == 1
    plan = ipvae.place(net, cores=4)
    assert plan.fits
    assert plan.cores == 4
    assert plan.to_json()["readings"].keys() == {"optimistic", "conservative"}
    with pytest.raises(ipvae.IpvaeError, match="target"):
        ipvae.check(net, target="loihi9")


def test_placing_takes_a_trace_of_the_same_network(net, make_network):
    trace = ipvae.run(net, steps=4, record="all").trace
    assert "in the trace (emulator)" in ipvae.place(net, trace=trace).plan.activity.source
    with pytest.raises(ipvae.IpvaeError, match="trace: the trace is of the network"):
        ipvae.place(make_network(seed=1), trace=trace)


@pytest.mark.parametrize("name", ["errors + 2 read-outs", "recurrent", "feed-forward"])
def test_a_plan_is_the_same_by_totals_and_by_a_trace(kinds, name):
    network = kinds.networks(4)[name]
    totals = ipvae.run(network, steps=9, seed=2)
    traced = ipvae.run(network, steps=9, seed=2, record=("u", "z"))
    sent_alone = ipvae.run(network, steps=9, seed=2, record=("z",))
    plans = [
        ipvae.place(network, run=run).to_json()
        for run in (totals, totals.totals, traced, traced.trace, sent_alone.trace)
    ]
    for plan in plans:
        assert plan.pop("activity").startswith("3 images of 9 updates")
        assert plan == plans[0]
    assert plans[0]["readings"]["conservative"]["synaptic_ops_per_core"]["mean"] >= 0
    with pytest.raises(ipvae.IpvaeError, match="has no u of layer|counts need"):
        ipvae.count_operations(network, ipvae.run(network, steps=9, record=("a_in",)).trace)


def test_a_run_of_another_network_is_not_counted(net, kinds):
    run = ipvae.run(kinds.networks(4)["errors"], steps=3)
    for call in (ipvae.count_operations, ipvae.estimate_energy):
        with pytest.raises(ipvae.IpvaeError, match="run: has neurons by layer .*Give a run of it"):
            call(net, run)
    with pytest.raises(ipvae.IpvaeError, match="run: has neurons by layer"):
        ipvae.place(net, run=run)


@pytest.mark.lava
def test_a_run_on_lava_is_placed_and_priced_as_the_emulators(kinds):
    network = kinds.networks(1)["errors + 2 read-outs"]
    ours, lavas = (ipvae.run(network, steps=3, backend=b) for b in ("emulator", "lava"))
    plans = [ipvae.place(network, run=run).to_json() for run in (ours, lavas)]
    message = [plan.pop("activity").split("(")[1] for plan in plans]
    assert message == ["emulator)", "lava)"]
    assert plans[0] == plans[1]
    energies = [ipvae.estimate_energy(network, run).to_json() for run in (ours, lavas)]
    assert energies[0] == energies[1]


def test_operations_are_counted_from_totals_and_from_traces_alike(net, tmp_path):
    run = ipvae.run(net, steps=5, record="all")
    z = run.trace.stacked("1", "z")
    counts = ipvae.count_operations(net, run)
    assert counts.images == len(net.test_images)
    assert counts.spikes == z[:, :-1].sum() / counts.images
    assert counts.synaptic_ops == (z[:, :-1] > 0).sum() * net.n_neurons / counts.images
    run.trace.save(tmp_path / "t.h5")
    for source in (run.trace, run.totals, tmp_path / "t.h5"):
        assert ipvae.count_operations(net, source).total == counts.total
    found = ipvae.estimate_energy(net, run)
    assert {row.chip for row in found.loihi2} == {"Loihi 2"}
    titles = [name for name, _ in found.rows()]
    assert titles[0] == "Energy of an image" and "Energy-delay product" in titles[:4]
    assert len(titles) == len(found.energy) + 4
    assert found.headline == ipvae.make_report(net, steps=5).headline
    for source in (run.trace, run.totals, tmp_path / "t.h5"):
        assert ipvae.estimate_energy(net, source).to_json() == found.to_json()
    with pytest.raises(ipvae.IpvaeError, match="result: found int, allowed what ipvae.run returns"):
        ipvae.count_operations(net, 3)


def test_diff_of_networks_and_of_traces(net, tmp_path):
    net.save(tmp_path / "a.h5")
    assert ipvae.diff(net, tmp_path / "a.h5").same
    other = replace(net, layer=replace(net.layer, u_init=net.layer.u_init + 1))
    found = ipvae.diff(net, other)
    assert not found.same
    assert not found.runs_alike
    assert "log-rates at reset" in dict(found.rows())
    one, two = (ipvae.run(n, steps=3, record="all").trace for n in (net, other))
    assert ipvae.diff(one, one).same
    assert not ipvae.diff(one, two).same
    with pytest.raises(ipvae.IpvaeError, match="allowed two networks or two traces"):
        ipvae.diff(net, one)


def test_a_file_is_replaced_only_where_it_is_asked_for(net, tmp_path):
    path = tmp_path / "net.h5"
    net.save(path)
    with pytest.raises(ipvae.IpvaeError, match=r"already exists. Pass overwrite=True"):
        net.save(path)
    net.save(path, overwrite=True)
    np.testing.assert_array_equal(ipvae.load_network(path).layer.weight_rec, net.layer.weight_rec)


def test_shipped_models_are_found_by_name(tmp_path, monkeypatch):
    assert set(ipvae.shipped_models()) >= {"mnist", "patches"}
    monkeypatch.chdir(tmp_path)
    assert ipvae.load_model("patches").data.preset == "patches"
    with pytest.raises(ipvae.IpvaeError, match="shipped models are mnist, patches"):
        ipvae.load_model("nothing")
    (tmp_path / "mnist").mkdir()
    with pytest.raises(ipvae.IpvaeError, match="mnist"):  # a path that exists wins
        ipvae.load_model("mnist")


def test_results_show_themselves_shortly(net):
    run = ipvae.run(net, steps=2)
    results = [
        run,
        ipvae.check(net),
        ipvae.place(net),
        ipvae.diff(net, net),
        ipvae.count_operations(net, run),
        ipvae.estimate_energy(net, run),
    ]
    for result in results:
        assert repr(result).startswith(type(result).__name__ + "(")
        assert "array" not in repr(result)
        assert len(repr(result)) < 1500
        assert result._repr_html_().startswith("<table>")
        assert isinstance(result.to_json(), dict)
    assert len(repr(net)) < 100
    assert len(repr(ipvae.run(net, steps=2, record="all").trace)) < 200
