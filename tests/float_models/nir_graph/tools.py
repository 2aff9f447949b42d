# pyright: reportAttributeAccessIssue=false, reportOptionalMemberAccess=false
# pyright: reportArgumentType=false, reportCallIssue=false, reportIndexIssue=false
# pyright: reportOptionalSubscript=false, reportMissingImports=false
"""Small networks of other tools: their NIR graph, an input, and the spikes that the tool computes.

`write_cases.py` writes the committed cases in data/.
"""

import itertools
from collections.abc import Callable

import numpy as np

STEPS, SAMPLES = 24, 3
Case = tuple[object, np.ndarray, np.ndarray]
"""The NIR graph; inputs and outputs, (n, steps, ...)."""


def spikes(rng, *shape, rate=0.4):
    return (rng.random((SAMPLES, STEPS, *shape)) < rate).astype(np.float32)


def torch_of(seed):
    import torch

    torch.manual_seed(seed)
    return torch, np.random.default_rng(seed)


def boost(torch, net, gain):
    """Multiply all weights, so that small random networks spike."""
    with torch.no_grad():
        for name, p in net.named_parameters():
            if name.endswith("weight"):
                p.mul_(gain)


def run_steps(torch, net, x, step=None):
    """Outputs of a network with hidden states that is called once a step: (n, steps, ...)."""
    found = []
    with torch.no_grad():
        for t in range(x.shape[1]):
            out = net(torch.from_numpy(x[:, t]))
            found.append((out[0] if isinstance(out, tuple) else out).numpy())
    return np.stack(found, 1).astype(np.float32)


def _snntorch(build, shape, gain=2.0):
    def case() -> Case:
        torch, rng = torch_of(1)
        import snntorch as snn
        from snntorch.export_nir import export_to_nir

        net = build(torch.nn, snn)
        boost(torch, net, gain)
        x = spikes(rng, *shape)
        first = torch.from_numpy(x[:1, 0])
        graph = export_to_nir(net, first, ignore_dims=[0])
        for module in net.modules():
            if hasattr(module, "reset_mem"):
                module.reset_mem()
        return graph, x, run_steps(torch, net, x)

    return case


def _full(shape, **values):
    """Parameters with the shape of the layer, without which nir refuses the graph."""
    import torch

    return {name: torch.full(shape, value) for name, value in values.items()}


def _leaky(snn, shape, beta, threshold=1.0, **more):
    values = _full(shape, beta=beta, threshold=threshold)
    return snn.Leaky(**values, init_hidden=True, **more)


def _synaptic(snn, shape, alpha, beta, **more):
    values = _full(shape, alpha=alpha, beta=beta, threshold=1.0)
    return snn.Synaptic(**values, init_hidden=True, **more)


def _snn_conv(nn, snn):
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1),
        _leaky(snn, (4, 8, 8), 0.9),
        nn.AvgPool2d(2),
        nn.Conv2d(4, 6, 3),
        _leaky(snn, (6, 2, 2), 0.85, 0.8),
        nn.Flatten(),
        nn.Linear(24, 5),
        _leaky(snn, (5,), 0.8),
    )


def _snn_zero(nn, snn):
    return nn.Sequential(
        nn.Linear(12, 16),
        _leaky(snn, (16,), 0.9, reset_mechanism="zero"),
        nn.Linear(16, 6),
        _leaky(snn, (6,), 0.7, reset_mechanism="zero"),
    )


def _snn_synaptic(nn, snn):
    return nn.Sequential(
        nn.Linear(12, 16),
        _synaptic(snn, (16,), 0.6, 0.9),
        nn.Linear(16, 6),
        _leaky(snn, (6,), 0.7),
    )


def _snn_now(nn, snn):
    return nn.Sequential(
        nn.Linear(12, 16),
        _leaky(snn, (16,), 0.9, reset_delay=False),
        nn.Linear(16, 6),
        _synaptic(snn, (6,), 0.6, 0.9, reset_delay=False),
    )


def _snn_recurrent(nn, snn):
    return nn.Sequential(
        nn.Linear(12, 16),
        snn.RLeaky(beta=0.9, linear_features=16, init_hidden=True),
        nn.Linear(16, 6),
        snn.RSynaptic(alpha=0.5, beta=0.8, linear_features=6, init_hidden=True),
    )


def _norse(build, shape, gain=1.0):
    def case() -> Case:
        torch, rng = torch_of(2)
        import norse.torch as norse

        net = build(torch.nn, norse, torch)
        boost(torch, net, gain)
        x = spikes(rng, *shape)
        graph = norse.to_nir(net, torch.from_numpy(x[:1, 0]))
        found, state = [], None
        with torch.no_grad():
            for t in range(STEPS):
                out, state = net(torch.from_numpy(x[:, t]), state)
                found.append(out.numpy())
        return graph, x, np.stack(found, 1).astype(np.float32)

    return case


def _norse_box(nn, norse, torch):
    fast = norse.LIFBoxParameters(**_full((16,), tau_mem_inv=200.0, v_th=0.5, v_leak=0.0))
    return norse.SequentialState(
        nn.Linear(12, 16),
        norse.LIFBoxCell(fast),
        nn.Linear(16, 8),
        norse.IAFCell(norse.IAFParameters(**_full((8,), v_th=0.9))),
        nn.Linear(8, 6),
        norse.LIBoxCell(norse.LIBoxParameters(**_full((6,), tau_mem_inv=100.0, v_leak=0.1))),
    )


def _norse_lif(nn, norse, torch):
    low = [
        norse.LIFParameters(
            **_full((n,), tau_syn_inv=200.0, tau_mem_inv=100.0, v_th=0.4, v_leak=0.0)
        )
        for n in (16, 6)
    ]
    return norse.SequentialState(
        nn.Linear(12, 16), norse.LIFCell(low[0]), nn.Linear(16, 6), norse.LIFCell(low[1])
    )


def _norse_recurrent(kind) -> Callable[[], Case]:
    """A graph with a recurrent subgraph, as Norse runs it (its exporter writes none)."""

    def case() -> Case:
        torch, rng = torch_of(6)
        import nir
        import norse.torch as norse

        def affine(a, b, gain):
            weight = rng.normal(size=(a, b)) * gain / np.sqrt(b)
            return nir.Affine(*(w.astype(np.float32) for w in (weight, rng.normal(size=a) * 0.1)))

        def neurons(n, threshold, kind):
            times = {"tau": 5e-3} if kind is nir.LIF else {"tau_syn": 5e-3, "tau_mem": 8e-3}
            values = {**times, "r": 1.0, "v_leak": 0.0, "v_threshold": threshold}
            return kind(**{k: np.full(n, v, np.float32) for k, v in values.items()})

        size = np.array([16])
        loop = {
            "input": nir.Input(size),
            "lif": neurons(16, 0.3, getattr(nir, kind)),
            "w_rec": affine(16, 16, 4.0),
            "output": nir.Output(size),
        }
        links = [("input", "lif"), ("lif", "w_rec"), ("w_rec", "lif"), ("lif", "output")]
        nodes = {
            "input": nir.Input(np.array([12])),
            "w": affine(16, 12, 8.0),
            "loop": nir.NIRGraph(loop, links),
            "out": affine(6, 16, 6.0),
            "last": neurons(6, 0.4, nir.LIF),
            "output": nir.Output(np.array([6])),
        }
        names = list(nodes)
        graph = nir.NIRGraph(nodes, list(itertools.pairwise(names)))
        x = spikes(rng, 12)
        net, found, state = norse.from_nir(graph, dt=1e-3), [], None
        with torch.no_grad():
            for t in range(STEPS):
                out, state = net(torch.from_numpy(x[:, t]), state)
                found.append(out.numpy())
        return graph, x, np.stack(found, 1).astype(np.float32)

    return case


def _sinabs(build, shape, gain=2.0):
    def case() -> Case:
        torch, rng = torch_of(3)
        from sinabs import layers
        from sinabs.nir import to_nir

        net = build(torch.nn, layers, torch)
        boost(torch, net, gain)
        x = spikes(rng, *shape)
        flat = torch.from_numpy(x.reshape(-1, *shape))
        graph = to_nir(net, flat[:STEPS])
        graph.infer_types()
        for module in net.modules():
            if hasattr(module, "reset_states"):
                module.reset_states()
        with torch.no_grad():
            out = net(flat).numpy()
        return graph, x, out.reshape(SAMPLES, STEPS, *out.shape[1:]).astype(np.float32)

    return case


def _sinabs_pool(nn, layers, torch):
    squeeze = {"num_timesteps": STEPS}
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1, bias=False),
        layers.IAFSqueeze(**squeeze),
        layers.SumPool2d(2),
        nn.Conv2d(4, 6, 3),
        layers.IAFSqueeze(**squeeze),
        nn.Flatten(),
        nn.Linear(24, 5),
        layers.IAFSqueeze(**squeeze),
    )


def _sinabs_single(nn, layers, torch):
    from sinabs.activation import MembraneReset, SingleSpike

    zero = {"num_timesteps": STEPS, "spike_fn": SingleSpike, "reset_fn": MembraneReset()}
    return nn.Sequential(
        nn.Linear(12, 16),
        layers.IAFSqueeze(**zero),
        nn.Linear(16, 6),
        layers.LIFSqueeze(**_full((6,), tau_mem=5.0, spike_threshold=0.3), **zero),
    )


def _sinabs_leak(nn, layers, torch):
    squeeze = {"num_timesteps": STEPS}
    return nn.Sequential(
        nn.Linear(12, 16),
        layers.LIFSqueeze(**_full((16,), tau_mem=8.0, spike_threshold=1.0), **squeeze),
        nn.Linear(16, 6),
        layers.ExpLeakSqueeze(**_full((6,), tau_mem=5.0), **squeeze),
    )


def _spikingjelly(build, shape, gain=2.0):
    def case() -> Case:
        torch, rng = torch_of(4)
        from spikingjelly.activation_based import functional, layer, neuron
        from spikingjelly.activation_based.nir_exchange import export_to_nir

        net = build(torch.nn, layer, neuron)
        boost(torch, net, gain)
        x = spikes(rng, *shape)
        graph = export_to_nir(net, torch.from_numpy(x[:1, 0]))
        functional.reset_net(net)
        return graph, x, run_steps(torch, net, x)

    return case


def _jelly_conv(nn, layer, neuron):
    return nn.Sequential(
        layer.Conv2d(1, 4, 3, padding=1),
        neuron.LIFNode(tau=1.5),
        layer.AvgPool2d(2),
        layer.Flatten(),
        layer.Linear(36, 8, bias=False),
        neuron.IFNode(v_reset=-0.2),
        layer.Linear(8, 5),
        neuron.LIFNode(tau=2.0, decay_input=False, v_threshold=0.7, v_reset=0.1),
    )


def _jelly_line(nn, layer, neuron):
    return nn.Sequential(
        layer.Conv1d(3, 4, 3, padding=1),
        neuron.LIFNode(tau=2.0),
        layer.Conv1d(4, 5, 3, stride=2),
        neuron.ParametricLIFNode(init_tau=1.5),
        layer.Flatten(),
        layer.Linear(20, 4),
        neuron.IFNode(),
    )


def _jelly_cuba(nn, layer, neuron):
    return nn.Sequential(
        layer.Linear(12, 16),
        neuron.CUBALIFNode(c_decay=0.5, v_decay=0.75),
        layer.Linear(16, 6),
        neuron.CUBALIFNode(c_decay=0.3, v_decay=0.9, v_threshold=0.6),
    )


def _rockpool(build, shape, gain=2.0):
    def case() -> Case:
        torch, rng = torch_of(5)
        from rockpool.nn.modules import torch as rock
        from rockpool.nn.modules.torch.nir import to_nir

        net = build(rock, torch)
        with torch.no_grad():
            for name, p in torch.nn.Module.named_parameters(net):
                if name.endswith("weight"):
                    p.mul_(gain)
        x = spikes(rng, *shape)
        graph = to_nir(net, torch.from_numpy(x[:1]))
        with torch.no_grad():
            outs = []
            for one in x:
                net.reset_state()
                outs.append(net(torch.from_numpy(one[None]))[0].numpy()[0])
        return graph, x, np.stack(outs).astype(np.float32)

    return case


def _rock(rock, torch):
    from rockpool.nn.combinators import Sequential

    return Sequential(
        rock.LinearTorch((12, 16)),
        rock.LIFTorch((16,), tau_mem=0.01, tau_syn=0.005, threshold=1.0, bias=0.0, dt=1e-3),
        rock.LinearTorch((16, 6)),
        rock.LIFNeuronTorch((6,), tau_mem=0.02, threshold=0.8, bias=0.0, dt=1e-3),
    )


CASES: dict[str, tuple[str, str, Callable[[], Case]]] = {
    "snntorch_conv": ("snntorch", "snntorch", _snntorch(_snn_conv, (1, 8, 8), 3.0)),
    "snntorch_zero": ("snntorch", "snntorch,reset=zero", _snntorch(_snn_zero, (12,))),
    "snntorch_synaptic": ("snntorch", "snntorch", _snntorch(_snn_synaptic, (12,))),
    "snntorch_recurrent": ("snntorch", "snntorch", _snntorch(_snn_recurrent, (12,))),
    "snntorch_now": ("snntorch", "snntorch,reset_delay=no", _snntorch(_snn_now, (12,))),
    "norse_box": ("norse", "norse", _norse(_norse_box, (12,), 4.0)),
    "norse_lif": ("norse", "norse", _norse(_norse_lif, (12,), 4.0)),
    "norse_loop": ("norse", "norse", _norse_recurrent("LIF")),
    "norse_cuba_loop": ("norse", "norse", _norse_recurrent("CubaLIF")),
    "sinabs_pool": ("sinabs", "sinabs", _sinabs(_sinabs_pool, (1, 8, 8), 3.0)),
    "sinabs_leak": ("sinabs", "sinabs", _sinabs(_sinabs_leak, (12,), 4.0)),
    "sinabs_single": (
        "sinabs",
        "sinabs,spikes=one,reset=zero",
        _sinabs(_sinabs_single, (12,), 3.0),
    ),
    "spikingjelly_conv": ("spikingjelly", "spikingjelly", _spikingjelly(_jelly_conv, (1, 6, 6))),
    "spikingjelly_line": ("spikingjelly", "spikingjelly", _spikingjelly(_jelly_line, (3, 9), 3.0)),
    "spikingjelly_cuba": ("spikingjelly", "spikingjelly", _spikingjelly(_jelly_cuba, (12,))),
    "rockpool_lif": ("rockpool", "rockpool", _rockpool(_rock, (12,), 2.0)),
}
"""Name -> (package, origin, function that makes the case)."""
