"""docs/loihi2/*.json are complete: executed as they stand they give every vector and every run."""

import copy
import csv
import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest

from ipvae.lava_procs.register_constants import layer_words, neuron_words
from ipvae.lava_procs.schedule import Schedule
from ipvae.network.io.network_file import read_network
from ipvae.network.layers import PoissonLayer
from ipvae.network.rules import random_source
from ipvae.network.rules.drive import drives
from ipvae.network.traces.trace import VARIABLES, read_trace

ROOT = Path(__file__).resolve().parent.parent
RUNS = sorted((ROOT / "docs" / "vectors" / "runs").glob("*.net.h5"))
RUNS.remove(ROOT / "docs" / "vectors" / "runs" / "begun.net.h5")  # the host computes its start
OURS = ("poisson_neuron", "graded_neuron")
LEAST = {"poisson_neuron": (70, 30), "graded_neuron": (70, 30), "cuba_neuron": (70, 13)}
LEAST |= {
    "sigma_delta_neuron": (50, 6),
    "delta_neuron": (45, 2),
    "sigma_neuron": (35, 0),
    "lif_neuron": (70, 35),
}
"""Vectors and branches that each neuron has at least."""
FIRST_STEPS = 12


def module_from(path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


neuron_program = module_from(ROOT / "tests" / "support" / "neuron_program.py")
SPECS = {name: neuron_program.load(name) for name in neuron_program.NEURONS}


@pytest.fixture(scope="module")
def spec_script():
    sys.path.insert(0, str(ROOT / "scripts"))
    return module_from(ROOT / "scripts" / "make_neuron_spec.py")


def test_script_makes_the_committed_files(spec_script):
    made = spec_script.files()
    found = {p.name: p.read_bytes() for p in spec_script.FOLDER.iterdir()}
    assert found == {name: text.encode("ascii") for name, text in made.items()}


def test_interpreter_knows_no_rule_of_ours():
    text = (ROOT / "tests" / "support" / "neuron_program.py").read_text()
    assert "ipvae" not in text and "oracle" not in text


@pytest.mark.parametrize("name", SPECS)
def test_program_reproduces_every_vector(name):
    assert len(SPECS[name]["vectors"]) >= LEAST[name][0]
    assert not neuron_program.failures(SPECS[name]).size


@pytest.mark.parametrize("name", SPECS)
def test_each_branch_has_a_vector_that_reaches_it(name):
    spec = SPECS[name]
    vectors = [v for v in spec["vectors"] if spec["branches"] or v["branch"]]
    assert {v["branch"] for v in vectors} == set(spec["branches"])
    assert len(spec["branches"]) >= LEAST[name][1]
    for vector in vectors:
        assert vector["branch"] in neuron_program.branches_reached(spec, vector), vector["about"]


@pytest.mark.parametrize("name", OURS)
def test_words_have_the_names_and_ranges_of_the_specification(name, layered, make_network):
    every = [make_network(), *layered(3).values()]
    layers = [layer for network in every for layer in network.layers.values()]
    poisson = name == "poisson_neuron"
    chosen = [layer for layer in layers if isinstance(layer, PoissonLayer) == poisson]
    assert chosen
    for layer in chosen:
        for part, words in (
            ("constants", layer_words(layer, Schedule(3, 4), replay=True)),
            ("neuron_constants", neuron_words(layer)),
        ):
            entries = {entry["name"]: entry for entry in SPECS[name][part]}
            assert entries.keys() == words.keys()
            for key, value in words.items():
                assert (
                    np.min(value) >= entries[key]["low"] and np.max(value) <= entries[key]["high"]
                )


class Replica:
    """All layers of a network, and the step of delay of their synapses; images in parallel."""

    def __init__(self, network, images, n_steps, seed, draws=None):
        self.network, self.n, self.draws = network, len(images), draws
        self.n_steps = n_steps
        self.drive = drives(network, images)
        keys = np.array([random_source.image_key(seed, i) for i in range(self.n)])
        self.programs, self.sent = {}, {}
        for stage in network.schedule.stages:
            layer, k = stage.layer, stage.layer.n_neurons
            schedule = Schedule(n_steps, 0, network.schedule.period, stage.phase, stage.input_delay)
            replay = draws is not None and stage.role == "code"
            values = dict(layer_words(layer, schedule, replay))
            values |= {name: np.tile(w, self.n) for name, w in neuron_words(layer).items()}
            values["u"] = np.tile(getattr(layer, "u_init", np.zeros(k, np.int32)), self.n)
            values["drive"] = self.drive[stage.name].reshape(-1)
            name = "graded_neuron"
            if isinstance(layer, PoissonLayer):
                name = "poisson_neuron"
                values |= {"image_a": keys[:, 0].repeat(k), "image_b": keys[:, 1].repeat(k)}
            self.programs[stage.name] = neuron_program.Program(SPECS[name], self.n * k, values)
            self.sent[stage.name] = np.full((self.n, k), 99)  # held back from an image before

    def run(self):
        """Traces by layer and variable, (N, T + 1, K)."""
        rows = {name: [] for name in self.programs}
        schedule = self.network.schedule
        for step in range(schedule.chip_steps(self.n_steps)):
            before = dict(self.sent)
            for stage in schedule.stages:
                layer, program = stage.layer, self.programs[stage.name]
                presynaptic = np.zeros((self.n, layer.n_neurons), np.int64)
                if layer.weight_rec is not None:
                    presynaptic = before[str(layer.source)] @ layer.weight_rec.T.astype(np.int64)
                t, rest = divmod(step - stage.phase, schedule.period)
                acts = not rest and 0 <= t <= self.n_steps
                if acts and self.draws is not None and stage.role == "code":
                    program.values["given"] = self.draws[:, t].reshape(-1)
                self.sent[stage.name] = program.step(presynaptic.reshape(-1)).reshape(
                    presynaptic.shape
                )
                if acts:
                    found = (program.values[name] for name in ("received", "u", "z"))
                    rows[stage.name].append([v.reshape(presynaptic.shape) for v in found])
        return {
            name: dict(zip(VARIABLES, np.moveaxis(np.array(record), (0, 1), (2, 0)), strict=True))
            for name, record in rows.items()
        }


def require_run(path, most):
    """The first steps of a run, `most` or all that there are."""
    network = read_network(path)
    expected = read_trace(path.with_name(path.name.replace(".net.h5", ".trace.h5")))
    steps = min(most, expected.steps)
    found = Replica(network, network.test_images, steps, expected.seed).run()
    assert found.keys() == network.layers.keys()
    for layer, variables in found.items():
        for variable, values in variables.items():
            want = expected.stacked(layer, variable)[:, : steps + 1]
            np.testing.assert_array_equal(values, want, f"{layer} {variable}")


@pytest.mark.parametrize("path", RUNS, ids=lambda p: p.name.split(".")[0])
def test_programs_reproduce_the_first_steps_of_the_runs(path):
    require_run(path, FIRST_STEPS)


@pytest.mark.long
@pytest.mark.parametrize("path", RUNS, ids=lambda p: p.name.split(".")[0])
def test_programs_reproduce_the_whole_runs(path):
    require_run(path, sys.maxsize)


def test_a_replay_takes_the_given_counts():
    path = next(p for p in RUNS if p.name.startswith("mixed"))
    network = read_network(path)
    expected = read_trace(path.with_name("mixed.trace.h5"))
    draws = expected.stacked("1", "z")
    replica = Replica(network, network.test_images, expected.steps, expected.seed + 1, draws)
    found = replica.run()["1"]
    for variable in VARIABLES:
        np.testing.assert_array_equal(found[variable], expected.stacked("1", variable))


def rows_of(name):
    with (ROOT / "docs" / "vectors" / name).open(newline="") as file:
        return list(csv.DictReader(file))


def test_program_gives_the_counts_of_the_vectors():
    """counts.csv: keys of every layer, neuron, step; the update is switched off by a replay-like
    row 0 with memory, at which `u` stays what it was set to."""
    spec = SPECS["poisson_neuron"]
    table = [{k: int(v) for k, v in row.items()} for row in rows_of("counts.csv")]
    n = len(table)
    columns = {name: np.array([row[name] for row in table]) for name in table[0]}
    image = np.array([random_source.image_key(r["seed"], r["image"]) for r in table])
    neuron = [random_source.neuron_keys(r["layer"], r["neuron"] + 1) for r in table]
    values = {**spec["usual"], "drive": 0, "self_weight": 0, "u": columns["u"]}
    values.pop("a_in")
    values |= {"row": columns["step"], "image_a": image[:, 0], "image_b": image[:, 1]}
    values |= {"neuron_a": [a[-1] for a, _ in neuron], "neuron_b": [b[-1] for _, b in neuron]}
    values["z_max"] = (1 << columns["message_bits"]) - 1
    program = neuron_program.Program(spec, n, values)
    np.testing.assert_array_equal(program.step(0), columns["count"])


def statements(program):
    """All statements, nested ones too."""
    for s in program:
        yield s
        for part in ("then", "else", "do"):
            yield from statements(s.get(part, []))


OTHER = {"add": "sub", "sub": "add", "mul": "add", "shl": "copy", "shr": "copy", "and": "xor"}
OTHER |= {"xor": "and", "abs": "copy", "min": "copy", "clip": "copy"}
NEXT = {"eq": "ne", "ge": "gt", "gt": "ge", "lt": "le", "le": "lt"}


def mutants(spec):
    """Copies of a specification with one operation, operand or condition changed."""
    n = sum(1 for _ in statements(spec["program"]))
    for i in range(n):
        for change in ("operation", "number", "operand", "wrap"):
            mutant = {**spec, "program": copy.deepcopy(spec["program"])}
            s = list(statements(mutant["program"]))[i]
            where = s.get("in", s.get("if"))
            if where is None:
                continue
            numbers = [j for j, o in enumerate(where) if isinstance(o, int)]
            if change == "operation" and "if" in s:
                s["if"][0] = NEXT[s["if"][0]]
            elif change == "operation" and s["op"] in OTHER:
                s["op"] = OTHER[s["op"]]
                s["in"] = s["in"][:1] if s["op"] == "copy" else s["in"]
            elif change == "number" and numbers:
                where[numbers[-1]] += 1
            elif change == "operand" and "op" in s and len(where) > 1 and s["op"] == "sub":
                where.reverse()
            elif change == "operand" and s.get("op") in ("copy", "read") and not numbers:
                where[-1] = 0
            elif change == "operand" and s.get("op") in ("add", "mul") and not numbers:
                where[1] = where[0]
            elif change == "wrap" and s.pop("wraps", False):
                pass
            else:
                continue
            yield f"{change} of {s.get('name') or s['out']}", mutant


def fails(mutant, vectors):
    try:
        return bool(neuron_program.failures(mutant, vectors).size)
    except (neuron_program.WidthError, IndexError, KeyError):
        return True


# Changes that no value can show.
SAME = {
    "poisson_neuron": [
        "operation of left_shift",  # both sides do the same at an exponent of 0 ...
        "number of left_shift",  # ... and of 1 with nothing to shift out
        "operand of distance",  # its magnitude is taken next
        "operation of one_draw",  # at rate 8 both sides give one draw
        "wrap of c",  # rows end before it can
        "wrap of ci",
    ],
    "graded_neuron": [
        "operation of left_shift",
        "number of left_shift",
        "operation of negative",  # at 0 both sides give 0
        "number of negative",
        "operation of past_threshold",  # at the threshold both sides give 0
        "operation of past_negative",
    ],
    "cuba_neuron": [
        "operation of current_negative",  # 0 and 4095 are both shifted to 0
        "number of current_negative",
        "operation of voltage_negative",
        "number of voltage_negative",
    ],
    "lif_neuron": [
        "operation of current_negative",  # as of CUBA neurons
        "number of current_negative",
        "operation of voltage_negative",
        "number of voltage_negative",
        "number of voltage",  # a reset does not lead above the upper limit
    ],
    "sigma_delta_neuron": [
        "operation of below_zero",  # at 0 both sides give 0
        "number of below_zero",
        "wrap of v",  # constant 0
        "wrap of z",  # 26 bits
        "wrap of residue",  # constant 0
        "wrap of z",  # constant 0
        "wrap of s_out",  # 26 bits
    ],
    "delta_neuron": ["wrap of z", "wrap of residue", "wrap of z", "wrap of s_out"],
    "sigma_neuron": [],
}


@pytest.mark.parametrize("name", SPECS)
def test_any_changed_operation_fails_some_vector(name):
    every = list(mutants(SPECS[name]))
    named = {s.get("name", s.get("out")) for s in statements(SPECS[name]["program"])} - {None}
    assert {what.rpartition(" ")[2] for what, _ in every} == named
    vectors = neuron_program.arranged(SPECS[name])
    assert [what for what, mutant in every if not fails(mutant, vectors)] == SAME[name]
