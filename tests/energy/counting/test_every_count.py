"""Every count again by loops over images, rows, neurons and synapses, from docs/energy.md."""

from collections import defaultdict
from fractions import Fraction
from statistics import pstdev

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ipvae.chip.core_memory import CONSERVATIVE, layer_shapes
from ipvae.chip.limits import TARGETS
from ipvae.chip.placement import Placement, place
from ipvae.emulator import Emulator
from ipvae.emulator.observing import observe
from ipvae.emulator.recording import run
from ipvae.energy.counting.core_counts import core_counts
from ipvae.energy.counting.counts import count_run
from ipvae.energy.counting.layer_counts import layer_counts
from ipvae.energy.counting.max_core_load import NAMES
from ipvae.energy.counting.step_counts import RowCounter, count_trace
from ipvae.errors import InputError
from ipvae.network.traces.selection import Record
from ipvae.workflows.image_input.images import LabelledImages
from ipvae.workflows.report import make_report

STEPS, SEED = 9, 5
ADDED = ("messages_received", "synaptic_ops", "count_weighted_ops", "effective_macs")


class ByHand:
    """Sums of a trace: `layers` by layer, `steps` by row, `images` by image, of each name."""

    def __init__(self, network, trace):
        self.network, self.code = network, str(len(network.hidden) + 1)
        self.images_of = [
            {n: {v: a.tolist() for v, a in of.items()} for n, of in sample.items()}
            for sample in trace.samples
        ]
        self.rows = range(trace.steps + 1)
        self.layers = {name: defaultdict(int) for name in network.layers}
        self.steps = [defaultdict(int) for _ in self.rows]
        self.images = [defaultdict(int) for _ in trace.samples]
        for i, sample in enumerate(self.images_of):
            for t in self.rows:
                for name in network.layers:
                    self._receive(i, t, name)
                    for k, z in enumerate(sample[name]["z"][t]):
                        self._send(i, t, name, k, z)
            for z in sample[self.code]["z"][-1]:
                self.images[i]["readout_ops"] += (z != 0) * network.n_pixels

    def lag(self, name):
        """A code in a loop receives what was sent a row before; all others receive the same row."""
        layer = self.network.layers[name]
        return 1 if name == self.code and layer.source != 0 and layer.memory else 0

    def presynaptic(self, i, t, name):
        """What a layer receives at a row: an integer from each neuron of its source."""
        layer, row = self.network.layers[name], t - self.lag(name)
        if layer.weight_rec is None or row < 0:
            return []
        return self.images_of[i][str(layer.source)]["z"][row]

    def _receive(self, i, t, name):
        weight = self.network.layers[name].weight_rec
        for j, z in enumerate(self.presynaptic(i, t, name)):
            if z == 0:
                continue
            self._add(i, t, name, "messages_received", 1)
            for w in weight[:, j].tolist():
                self._add(i, t, name, "synaptic_ops", 1)
                self._add(i, t, name, "count_weighted_ops", abs(z))
                self._add(i, t, name, "effective_macs", w != 0)

    def _send(self, i, t, name, k, z):
        self._add(i, t, name, "updates_active" if z else "updates_idle", 1)
        self._add(i, t, name, "neuron_updates", 1)
        self.layers[name]["messages"] += z != 0
        if t < self.rows[-1]:
            self.layers[name]["spikes"] += abs(z)
            self.images[i]["spikes"] += abs(z) * (name == self.code)
        self.steps[t]["spikes"] += abs(z) * (name == self.code)
        if name == self.code and self.network.draws:
            self._add(i, t, name, "draws", 1)
            log_rate, words = self.images_of[i][name]["u"][t][k] >> self.network.layer.finer_bits, 1
            while log_rate > 3 * 4096:
                log_rate, words = log_rate - 4096, 2 * words
            self._add(i, t, name, "random_words", words)

    def _add(self, i, t, name, what, n):
        for sums in (self.layers[name], self.steps[t], self.images[i]):
            sums[what] += n

    def loads(self, i, placement):
        """Loads of the cores in the order of NAMES: step of the chip -> core -> loads."""
        loop = bool(self.network.hidden) and self.network.layer.memory
        hidden = len(self.network.hidden)
        first = 0 if loop else hidden
        phases = {str(h + 1): h + loop for h in range(hidden)} | {self.code: first}
        found = defaultdict(dict)
        for c, core in enumerate(placement.cores):
            name = core.layer.name
            for t in self.rows:
                messages = sum(z != 0 for z in self.presynaptic(i, t, name))
                sends = sum(z != 0 for z in self.images_of[i][name]["z"][t][core.own])
                step = t * (hidden + 1 if loop else 1) + phases.get(name, first + 1)
                found[step][c] = (messages, messages * core.neurons, core.neurons, sends)
        return found

    def shared_words(self, name, neurons):
        """Of one core, by the conservative reading: 8 + 12 bits a synapse, the sampler's table.

        A neuron without receivers has an axon as well: what it sends leaves the chip.
        """
        layer = self.network.layers[name]
        axons = 0 if layer.weight_rec is None else layer.weight_rec.shape[1]
        receivers = [of for of in self.network.layers.values() if str(of.source) == name]
        draws = name == self.code and self.network.draws
        words = axons + axons * -(-(20 * neurons + 32) // 64)
        return words + neurons * max(1, len(receivers)) + (4 * neurons + 1308 if draws else neurons)


def check_layers(by_hand, network, layers, n_images):
    assert [layer.layer for layer in layers] == list(network.layers)
    for layer in layers:
        given, sums = network.layers[layer.layer], by_hand.layers[layer.layer]
        n_out, n_in = (0, 0) if given.weight_rec is None else given.weight_rec.shape
        assert (layer.neurons, layer.synapses) == (len(given.bias), n_out * n_in)
        start = getattr(given, "start", None)
        host = [given.weight] if start is None else [given.weight, start.weight]
        assert layer.drive_macs == sum(w.size for w in host if w is not None)
        for name in ("spikes", "messages", "updates_active", "updates_idle", "draws", *ADDED):
            assert getattr(layer, name) == sums[name] / n_images, (layer.layer, name)
        assert layer.random_words == sums["random_words"] / n_images
    hidden = len(network.hidden)
    readouts = ["readout"] * len(network.readouts)
    assert [layer.role for layer in layers] == ["hidden"] * hidden + ["code"] + readouts


def check_counts(by_hand, counts, n_images):
    for name, value in counts.as_dict().items():
        if name != "drive_macs":
            key = "messages_received" if name == "messages" else name
            expected = sum(image[key] for image in by_hand.images) / n_images
            assert value == expected, name


def check_run(by_hand, found, placement):
    for name, sums in found.images.items():
        key = "messages_received" if name == "messages" else name
        assert sums.tolist() == [image[key] for image in by_hand.images], name
    keys = {"messages": "messages_received", "active": "updates_active"}
    for name, sums in found.steps.items():
        assert sums.tolist() == [step[keys.get(name, name)] for step in by_hand.steps], name
    loads = [by_hand.loads(i, placement) for i in range(len(by_hand.images))]
    for n, name in enumerate(NAMES):
        steps = [cores.values() for of in loads for cores in of.values()]
        assert found.busiest[name] == sum(max(load[n] for load in cores) for cores in steps)


def check_cores(by_hand, counts, placement):
    loads = [by_hand.loads(i, placement) for i in range(len(by_hand.images))]
    for n, name in enumerate(("spikes_in", "syn_ops", "dendrite_updates", "axon_out")):
        for c, total in enumerate(getattr(counts, name).tolist()):
            at = [cores[c][n] for of in loads for cores in of.values() if c in cores]
            assert total == sum(at), (name, c)
    assert counts.cores == [divmod(c, 120) for c in range(len(placement.cores))]
    for core, part in zip(placement.cores, counts.total_mpds.tolist(), strict=True):
        words = by_hand.shared_words(core.layer.name, core.neurons)
        assert part == words / 20_000, core


def on_cores(network, n):
    busy = dict.fromkeys(network.layers, 1.0)
    found = place(layer_shapes(network), TARGETS["loihi2"], CONSERVATIVE, busy, n)
    assert isinstance(found, Placement)
    return found


def from_emulator(network, images, n_steps, seed, placement, batch):
    """Counts of a run's observer; each tile has some images."""
    emulator = Emulator(network, threads=1, tile=batch)
    counter = RowCounter(network, placement)
    _, (found,) = observe(emulator, images, n_steps, seed, [counter])
    return found


def check_all(network, n_steps, seed, n_cores):
    images = network.test_images
    trace = run(network, images, n_steps, seed)
    totals = Emulator(network, threads=1).totals(images, n_steps, seed)
    by_hand, n = ByHand(network, trace), len(images)
    placement = on_cores(network, n_cores)
    check_layers(by_hand, network, layer_counts(network, trace), n)
    check_layers(by_hand, network, layer_counts(network, totals), n)
    check_counts(by_hand, count_run(network, trace), n)
    check_counts(by_hand, count_run(network, totals), n)
    check_run(by_hand, count_trace(network, trace, placement), placement)
    found = from_emulator(network, images, n_steps, seed, placement, batch=2)
    check_run(by_hand, found, placement)
    check_cores(by_hand, core_counts(network, trace, placement), placement)
    check_cores(by_hand, core_counts(network, totals, placement), placement)
    return by_hand


@pytest.mark.parametrize("n_cores", [None, 6])
def test_every_count_of_every_kind(network_kind, kinds, n_cores):
    network = kinds.networks(1)[network_kind]
    by_hand = check_all(network, STEPS, SEED, n_cores)
    sums = by_hand.layers[network.code]
    assert sums["updates_active"] > 0
    assert (sums["draws"] > 0) == network.draws
    assert (sums["random_words"] > sums["draws"]) == (network.draws and largest_rate(network) > 8)


def largest_rate(network):
    layer, images = network.layer, network.test_images
    u = run(network, images, STEPS, SEED).stacked(network.code, "u").max()
    return 2 ** (u / (4096 << layer.finer_bits))


def test_every_count_of_random_networks(random_networks):
    busy = []

    @settings(
        max_examples=40,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
    @given(random_networks.networks(), st.integers(1, 6), st.integers(0, 2**48 - 1))
    def check(network, n_steps, seed):
        n = len(network.layers) + seed % 3
        by_hand = check_all(network, n_steps, seed, n)
        busy.append(sum(layer["synaptic_ops"] for layer in by_hand.layers.values()))

    check()
    assert np.mean(np.array(busy) > 0) > 0.2


@pytest.mark.lava
def test_every_count_of_a_trace_by_lava(kinds):
    from ipvae.lava_procs.importing import import_lava
    from ipvae.lava_procs.runner import run as run_lava

    import_lava()
    network = kinds.networks(1)["errors + 2 read-outs"]
    trace = run_lava(network, network.test_images, STEPS, SEED)
    by_hand, n, placement = ByHand(network, trace), len(trace.samples), on_cores(network, 6)
    assert trace.backend == "lava"
    check_layers(by_hand, network, layer_counts(network, trace), n)
    check_counts(by_hand, count_run(network, trace), n)
    check_run(by_hand, count_trace(network, trace, placement), placement)
    check_cores(by_hand, core_counts(network, trace, placement), placement)


def test_layers_add_up_to_the_network(network_kind, kinds):
    network = kinds.networks(3)[network_kind]
    totals = Emulator(network, threads=1).totals(network.test_images, STEPS, SEED)
    counts, layers = count_run(network, totals), layer_counts(network, totals)
    names = {name: name for name in (*ADDED[1:], "updates_active", "updates_idle", "draws")}
    names |= {"messages": "messages_received", "random_words": "random_words"}
    for name, of_layer in names.items():
        whole = [Fraction(getattr(layer, of_layer)) * totals.images for layer in layers]
        assert sum(round(part) for part in whole) == round(getattr(counts, name) * totals.images)
        assert all(abs(part - round(part)) < Fraction(1, 10**6) for part in whole)
    assert sum(layer.drive_macs for layer in layers) == counts.drive_macs
    assert counts.updates_active + counts.updates_idle == pytest.approx(counts.neuron_updates)
    (code,) = [layer for layer in layers if layer.role == "code"]
    assert counts.spikes == code.spikes


def test_replayed_draws_take_the_words_of_the_sampler(make_network):
    network = make_network(u_init=np.full(16, 20000, np.int32))
    images = network.test_images
    trace = run(network, images, STEPS, SEED)
    draws = trace.stacked("1", "z")
    drawn = Emulator(network, threads=1).totals(images, STEPS, SEED)
    replayed = Emulator(network, threads=1).totals(images, STEPS, 0, draws=draws)
    assert count_run(network, replayed) == count_run(network, drawn)
    assert count_run(network, trace).random_words > count_run(network, trace).draws


def test_details_of_a_report(network_kind, kinds):
    network = kinds.networks(1)[network_kind]
    images = np.resize(network.test_images, (5, network.n_pixels))
    given = LabelledImages(images.astype(np.int16), np.full(5, -1))
    found = make_report(network, given, steps=STEPS, seed=SEED).to_json()
    by_hand = ByHand(network, run(network, images, STEPS, SEED))
    counts = found["counts"]
    assert counts == count_run(network, Emulator(network).totals(images, STEPS, SEED)).as_dict()
    assert {name: of["mean"] for name, of in found["by_image"].items()} == counts
    for name in ("synaptic_ops", "updates_active", "random_words"):
        values = [image[name] for image in by_hand.images]
        of = found["by_image"][name]
        assert (of["min"], of["max"]) == (min(values), max(values))
        assert of["sd"] == pytest.approx(pstdev(values))
    steps = found["by_step"]
    assert steps["step"] == list(range(STEPS + 1))
    for name in ("messages", "synaptic_ops", "count_weighted_ops"):
        assert sum(steps[name]) == pytest.approx(counts[name])
    assert sum(steps["spikes"][:-1]) == pytest.approx(counts["spikes"])
    assert sum(steps["active"]) == pytest.approx(counts["updates_active"])
    cores = found["cores"]
    assert "not an Intel figure: conservative reading" in cores["plan"]
    assert len(cores["list"]) == len(network.layers)
    assert sum(core["synaptic_ops"] for core in cores["list"]) == pytest.approx(
        counts["synaptic_ops"]
    )
    for name in NAMES:
        loads = [core[name] for core in cores["list"]]
        busiest, where = cores["busiest"][name], cores["busiest"][name]["core"]
        assert busiest["max"] == max(loads)
        assert busiest["mean"] == pytest.approx(np.mean(loads))
        core = cores["list"][loads.index(max(loads))]
        assert where == f"chip {core['chip']}, core {core['core']}"
        # The busiest core of a whole image is at no step busier than that step's busiest.
        chip_steps = network.schedule.chip_steps(STEPS)
        assert cores["busiest_per_step"][name] * chip_steps >= busiest["max"] - 1e-9


def test_a_trace_that_lacks_something_is_refused(make_network):
    network = make_network()
    whole = run(network, network.test_images, 4, 0)
    for sample in whole.samples:
        del sample["1"]["u"]
    with pytest.raises(InputError, match="has no u of layer 1.*record it whole"):
        count_run(network, whole)
    part = run(network, network.test_images, 4, 0, record=Record(every=2))
    with pytest.raises(InputError, match="holds chosen steps or neurons.*record it whole"):
        layer_counts(network, part)
    with pytest.raises(InputError, match="holds chosen steps"):
        count_trace(network, part)
