"""NeuroBench's own metrics on a torch twin of a network give our effective MACs, exactly.

The twin holds the integer weights in Linear layers and is driven row by row with what each layer
sent in a run. NeuroBench calls a layer's input of a row spiking where all of it, over the images,
is -1, 0 or 1, and then counts accumulates in place of multiply-accumulates: a row of counts up to 1
and one of a count of 2 fall on either side. Our effective MACs are the sum of both.
"""

from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_digits

from ipvae.cli.main import run_command
from ipvae.emulator.recording import run
from ipvae.energy.counting.counts import count_run
from ipvae.network.io.network_file import read_network

torch = pytest.importorskip("torch")
workload = pytest.importorskip("neurobench.metrics.workload", reason="pip install neurobench")
static = pytest.importorskip("neurobench.metrics.static")
TorchModel = pytest.importorskip("neurobench.models").TorchModel

STEPS, SEED = 9, 5
MNIST = Path(__file__).resolve().parents[3] / "models" / "mnist"


class Sends(torch.nn.Module):
    """What NeuroBench takes for a layer's activation: recorded outputs of a row."""

    def forward(self, z):
        return z


class Twin(torch.nn.Module):
    """Integer weights of every layer with a source, and recorded outputs of every layer."""

    def __init__(self, network):
        super().__init__()
        self.stages, self.received = network.schedule.stages, {}
        self.synapses, self.sends = torch.nn.ModuleDict(), torch.nn.ModuleDict()
        for stage in self.stages:
            self.sends[stage.name] = Sends()
            weight = stage.layer.weight_rec
            if weight is not None:
                linear = torch.nn.Linear(*weight.shape[::-1], bias=False, dtype=torch.float64)
                linear.weight.data = torch.tensor(weight, dtype=torch.float64)
                self.synapses[stage.name] = linear
        self.layers = {name: layer.n_neurons for name, layer in network.layers.items()}

    def forward(self, recorded):
        """Let every layer receive and send at the rows of `recorded`, (N, rows, all neurons)."""
        z = dict(zip(self.layers, recorded.split(list(self.layers.values()), 2), strict=True))
        self.received = {name: torch.zeros_like(sent) for name, sent in z.items()}
        for t in range(recorded.shape[1]):
            for stage in self.stages:
                if stage.name in self.synapses and t >= stage.input_delay:
                    presynaptic = z[str(stage.layer.source)][:, t - stage.input_delay]
                    self.received[stage.name][:, t] = self.synapses[stage.name](presynaptic)
                self.sends[stage.name](z[stage.name][:, t])
        return recorded


def measured(network, trace):
    """NeuroBench's figures for each image, and the fraction of zeros; the twin is checked."""
    sent = [trace.stacked(name, "z") for name in network.layers]
    recorded = torch.tensor(np.concatenate(sent, axis=2), dtype=torch.float64)
    twin = Twin(network)
    model = TorchModel(twin)
    model.add_activation_module(Sends)
    model.register_hooks()
    with torch.no_grad():
        data = (recorded, torch.zeros(len(recorded)))
        predicted = model(recorded)
        for name, a_in in twin.received.items():
            np.testing.assert_array_equal(a_in.numpy(), trace.stacked(name, "a_in"))
        found = dict(workload.SynapticOperations()(model, predicted, data))
        found["zeros"] = workload.ActivationSparsity()(model, predicted, data)
        if len(twin.synapses):
            found["zero_weights"] = static.ConnectionSparsity()(model)
    model.cleanup_hooks()
    return found


def check(network, trace):
    ours, theirs = count_run(network, trace), measured(network, trace)
    assert theirs["Effective_MACs"] + theirs["Effective_ACs"] == ours.effective_macs
    assert theirs["zeros"] == pytest.approx(ours.updates_idle / ours.neuron_updates, abs=1e-12)
    weights = [w for layer in network.layers.values() if (w := layer.weight_rec) is not None]
    if weights:
        zeros = sum(int((w == 0).sum()) for w in weights) / sum(w.size for w in weights)
        assert theirs["zero_weights"] == pytest.approx(zeros, abs=6e-5)  # they round to 4 places
    return ours, theirs


def test_neurobench_counts_our_effective_macs(network_kind, kinds):
    network = kinds.networks(1)[network_kind]
    ours, theirs = check(network, run(network, network.test_images, STEPS, SEED))
    has_synapses = any(layer.weight_rec is not None for layer in network.layers.values())
    assert (ours.effective_macs > 0) == has_synapses
    # What they call dense takes every synapse at every row at which it can receive.
    presynaptic = sum(
        stage.layer.weight_rec.size * (STEPS + 1 - stage.input_delay)
        for stage in network.schedule.stages
        if stage.layer.weight_rec is not None
    )
    assert theirs["Dense"] == presynaptic


def test_large_counts_are_macs_and_counts_of_one_are_acs(make_network):
    """With every neuron at a count above 1 in each row, all of it is Effective_MACs."""
    weight = np.random.default_rng(2).integers(-1, 2, (16, 16)).astype(np.int8)
    network = make_network(weight_rec=weight, u_init=np.full(16, 16384, np.int32))
    trace = run(network, network.test_images, STEPS, SEED)
    ours, theirs = check(network, trace)
    assert theirs["Effective_ACs"] == 0
    assert theirs["Effective_MACs"] == ours.effective_macs > 0
    for sample in trace.samples:
        sample["1"]["z"] = np.minimum(sample["1"]["z"], 1)
        received = sample["1"]["z"][:-1] @ weight.T.astype(np.int32)
        sample["1"]["a_in"] = np.concatenate([np.zeros((1, 16), np.int32), received])
    ours, theirs = check(network, trace)
    assert theirs["Effective_MACs"] == 0
    assert theirs["Effective_ACs"] == ours.effective_macs > 0


def test_they_average_over_executions(make_network):
    """A twin that is called row by row is counted by row: times the rows it is our figure."""
    network = make_network()
    trace = run(network, network.test_images, STEPS, SEED)
    z = torch.tensor(trace.stacked("1", "z"), dtype=torch.float64)
    metric, model = workload.SynapticOperations(), TorchModel(Twin(network))
    model.register_hooks()
    for t in range(STEPS):
        two = z[:, t : t + 2]  # the second row receives the first
        metric(model, model(two), (two, None))
        model.reset_hooks()
    model.cleanup_hooks()
    found = metric.compute()
    by_image = (found["Effective_MACs"] + found["Effective_ACs"]) * STEPS
    assert by_image == pytest.approx(count_run(network, trace).effective_macs)


@pytest.mark.long
@pytest.mark.parametrize("layout", ["recurrent", "error-units"])
def test_neurobench_counts_our_effective_macs_of_models_mnist(tmp_path, layout):
    """Exported with scikit-learn's digits, enlarged: no data set needs to be there."""
    net = tmp_path / "net.h5"
    small = np.asarray(load_digits(return_X_y=True)[0])[:60].reshape(-1, 8, 8) / 16
    large = np.pad(np.kron(small, np.ones((3, 3))), ((0, 0), (2, 2), (2, 2)))
    np.save(tmp_path / "digits.npy", large.reshape(60, -1).astype(np.float32))
    words = ("export", MNIST, "--out", net, "--layout", layout, "--most-loss", 1)
    words += ("--images", tmp_path / "digits.npy", "--json", tmp_path / "counts.json")
    assert run_command([*map(str, words)]) == 0
    network = read_network(net)
    ours, _ = check(network, run(network, network.test_images[:4], 6, SEED))
    assert ours.effective_macs > 100_000
