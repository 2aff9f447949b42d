"""Levels of docs/vectors/levels.csv: random source, sampler and streams."""

import shlex
import sys
from pathlib import Path

import numpy as np
import pytest

import ipvae
from ipvae.network.io.network_file import checksum, read_network
from ipvae.workflows.implementations import cases

SUPPORT = Path(__file__).resolve().parents[2] / "support"
CASES = {case.name: case for case in cases.run_cases(cases.LISTED)}
PROGRAM = f"""
import sys
sys.path.insert(0, {str(SUPPORT)!r})
import numpy as np, oracle
network, images, steps, seed, out, first = sys.argv[1:]
network, images = oracle.load(network), np.load(images)
hold = 1 if images.ndim == 3 else None
FAULT
found = oracle.run(network, images.tolist(), int(steps), int(seed), int(first), hold)
np.savez(out + "/trace.npz", **{{
    f"{{image}}/{{layer}}/{{name}}": np.array(values)
    for image, sample in enumerate(found)
    for layer, variables in (sample if 1 in sample else {{1: sample}}).items()
    for name, values in variables.items()
}})
"""
"""The oracle, as a program that can begin with any image."""


@pytest.fixture
def command(tmp_path):
    def write(fault="", places="{network} {images} {steps} {seed} {out} {first_image}"):
        path = tmp_path / "program.py"
        path.write_text(PROGRAM.replace("FAULT", fault))
        return f"{shlex.join([sys.executable, str(path)])} {places}"

    return write


def wrong(found):
    return {case.name for case in found.cases if case.status != "agrees"}


@pytest.mark.parametrize("name", CASES)
def test_the_oracle_gives_the_trace(name, oracle):
    case = CASES[name]
    network, hold = oracle.load(str(case.network)), 1 if case.images.ndim == 3 else None
    given = case.images.tolist(), case.steps, case.trace.seed, case.first_image, hold
    for expected, found in zip(case.trace.samples, oracle.run(network, *given), strict=True):
        layers = found if 1 in found else {1: found}
        assert {str(number) for number in layers} == expected.keys()
        for layer, variables in expected.items():
            for variable, values in variables.items():
                np.testing.assert_array_equal(values, layers[int(layer)][variable])


def test_the_script_makes_the_committed_runs(vector_script):
    levels = vector_script.levels
    drawn = cases.VECTORS / "levels" / f"{levels.DRAWS}.net.h5"
    assert checksum(levels.draws()) == checksum(read_network(drawn))
    for name, images in levels.images().items():
        np.testing.assert_array_equal(
            images, np.load(cases.VECTORS / "levels" / f"{name}.images.npy")
        )
    for name, text in levels.traces().items():
        path = cases.VECTORS / "levels" / f"{name}.trace.csv"
        assert path.read_bytes() == text.encode("ascii"), name


def test_the_random_source_runs_at_the_ends_of_its_keys():
    runs = [case for case in CASES.values() if case.level == "random source"]
    ends = {(case.trace.seed, case.first_image + len(case.images) - 1) for case in runs}
    assert ends == {(s, i) for s in (0, 2**48 - 1) for i in (1, 2**32 - 1)}
    for case in runs:
        u, z = case.trace.stacked("1", "u"), case.trace.stacked("1", "z")
        assert u.max() <= 12288  # one draw for each count
        assert z.mean() > 3 and len(np.unique(z)) > 8  # each count tells much of its uniform
    assert len({case.trace.stacked("1", "z").tobytes() for case in runs}) == len(runs)


def test_the_sampler_runs_over_its_whole_table(oracle):
    runs = [case for case in CASES.values() if case.level == "sampler"]
    rates = {int(u) for case in runs for u in np.unique(case.trace.stacked("1", "u"))}
    assert {-49152, -49151, 12288, 12289, 16384, 16385, 32767 - 1, 32768} <= rates
    places = [oracle.table_position(u) for u in rates]
    assert {halvings for halvings, _, _ in places} == set(range(6))
    rows = np.unique([row for _, row, _ in places])
    assert (rows[0], rows[-1]) == (0, 480) and np.diff(rows).max() <= 24
    for case in runs:
        u = case.trace.stacked("1", "u")
        assert (u == u[:, :1]).all()  # constant log-rates, row 0 included


def test_streams_change_the_image_during_a_run():
    runs = [case for case in CASES.values() if case.level == "streams"]
    assert {cases.version(case.network) for case in runs} == {1, 2}
    for case in runs:
        assert case.images.ndim == 3 and case.images.shape[1] == case.steps
        assert all(len(np.unique(stream, axis=0)) == 3 for stream in case.images)


def test_an_implementation_is_run_on_them(command):
    found = ipvae.conformance(command(), levels=cases.LISTED)
    assert wrong(found) == set() and found.not_run == 0
    assert [case.name for case in found.cases] == list(CASES)


def test_a_program_that_ignores_the_first_image_is_found(command):
    found = ipvae.conformance(command("first = 0"), levels=("random source",))
    assert wrong(found) == {"source-last-image", "source-last"}


def test_a_command_without_the_place_is_not_run_on_what_needs_it(command):
    places = "{network} {images} {steps} {seed} {out} 0"
    found = ipvae.conformance(command(places=places), levels=("random source",))
    assert found.conforms and len(found.cases) == 2
    assert found.to_json()["not_run"] == 2
    assert found.shown()[-1] == "2 cases were not run: the command has no {first_image}"


@pytest.mark.parametrize(
    ("fault", "level"),
    [
        ("load = oracle.frame; oracle.frame = lambda t, lag, n, hold: load(t, 0, n, hold)",
         "streams"),
        ("old = oracle.table_position; oracle.table_position = lambda u: old(min(u, 32767))",
         "sampler"),
    ],
)  # fmt: skip
def test_a_fault_is_found_by_its_level(command, fault, level):
    assert wrong(ipvae.conformance(command(fault), levels=(level,)))
