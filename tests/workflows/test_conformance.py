"""`ipvae.conformance`: another implementation passes, and each fault of one is found and named."""

import shlex
import sys
from pathlib import Path

import pytest

import ipvae
from ipvae.network.io import hdf5
from ipvae.workflows import conformance
from ipvae.workflows.implementations import cases

SUPPORT = Path(__file__).resolve().parents[1] / "support"
HEAD = f"""
import csv, sys, time
sys.path.insert(0, {str(SUPPORT)!r})
import numpy as np, oracle
network, images, steps, seed, out = sys.argv[1:]
loaded = oracle.load(network)
found = oracle.run(loaded, np.load(images).tolist(), int(steps), int(seed))
"""
"""The oracle, which shares no code with the package, as a program."""
CSV = """
with open(out + "/trace.csv", "w", newline="") as file:
    rows = csv.writer(file)
    rows.writerow(["image", "layer", "variable", "row", "values"])
    for image, sample in enumerate(found):
        for layer, variables in (sample if 1 in sample else {1: sample}).items():
            for name, values in variables.items():
                for row, numbers in enumerate(values):
                    rows.writerow([image, layer, name, row, " ".join(map(str, numbers))])
"""
NPZ = """
np.savez(out + "/trace.npz", **{
    f"{image}/{layer}/{name}": np.array(values)
    for image, sample in enumerate(found)
    for layer, variables in (sample if 1 in sample else {1: sample}).items()
    for name, values in variables.items()
})
"""
RUNS = ("chain", "odd", "one")
FILES = (
    "layer/1/bias = 2097151",
    "without layer/1/bias",
    "a changed bit",
)


@pytest.fixture
def few(monkeypatch):
    """A few cases of each level."""
    runs = [case for case in cases.run_cases(cases.LEVELS) if case.name in RUNS]
    files = [case for case in cases.file_cases() if case.name in FILES]
    assert len(runs) == len(RUNS) and len(files) == len(FILES)
    monkeypatch.setattr(
        conformance, "run_cases", lambda levels: [c for c in runs if c.level in levels]
    )
    monkeypatch.setattr(conformance, "file_cases", lambda: files)


@pytest.fixture
def command(tmp_path):
    """Command of a program with the given end."""

    def write(end, head=HEAD):
        path = tmp_path / "program.py"
        path.write_text(head + end)
        return shlex.join([sys.executable, str(path)]) + " {network} {images} {steps} {seed} {out}"

    return write


@pytest.mark.usefixtures("few")
@pytest.mark.parametrize("end", [CSV, NPZ], ids=["csv", "npz"])
def test_an_implementation_conforms(command, end):
    found = ipvae.conformance(command(end))
    assert [case for case in found.cases if case.status != "agrees"] == []
    assert found.conforms and len(found.cases) == len(RUNS) + len(FILES)
    assert found.to_json()["levels"]["one layer"]["compared_values"] > 1000
    assert found.shown()[0] == "conforms"


@pytest.mark.usefixtures("few")
def test_a_wrong_value_is_named_with_its_rule(command):
    wrong = "sample = found[1]; (sample[1] if 1 in sample else sample)['z'][7][0] += 1\n"
    found = ipvae.conformance(command(wrong + CSV), levels=("one layer",))
    assert not found.conforms
    assert {case.status for case in found.cases} == {"differs"}
    for case in found.cases:
        assert case.detail.startswith("image 1, step 7, layer 1, variable z, index 0: expected ")
        assert case.rule.startswith("random_source.md, counts.md")


@pytest.mark.usefixtures("few")
@pytest.mark.parametrize(
    ("end", "said"),
    [
        ("", "it wrote none of trace.h5, trace.npz, trace.csv"),
        ("open(out + '/trace.csv', 'w').write('1,2\\n')", "trace.csv: columns ['1', '2'], allowed"),
        ("open(out + '/trace.npz', 'w').write('x')", "trace.npz"),
        ("open(out + '/trace.h5', 'w').write('x')", "trace.h5"),
        ("found = found[1:]" + CSV, "expected"),
        ("sys.exit('no idea')", "exit status 1: no idea"),
        ("time.sleep(60)", "it did not end within 3 s"),
    ],
)
def test_what_is_no_trace_is_said(command, end, said):
    found = ipvae.conformance(command(end), levels=("several layers",), timeout=3)
    (case,) = found.cases
    assert case.status in ("failed", "differs")
    assert said in case.detail


@pytest.mark.usefixtures("few")
def test_a_reader_that_takes_all_is_found(command):
    found = ipvae.conformance(command("", head="pass\n"), levels=("refusals",))
    wrong = {case.name: case for case in found.cases if case.status != "agrees"}
    assert len(wrong) == len(FILES) - 1
    assert wrong["a changed bit"].detail == "must be refused, and was read"
    assert wrong["without layer/1/bias"].rule.startswith("refusals.md, R13 ")


def test_each_file_is_refused_or_read_as_said(tmp_path, monkeypatch):
    """By our own reader, in this process."""
    monkeypatch.setattr(hdf5, "_read_in_child", hdf5._read_here)
    files = list(cases.file_cases())
    assert len(files) > 90
    for case in files:
        path = tmp_path / "net.h5"
        case.write(path)
        if case.accepted:
            ipvae.load_network(path)
            continue
        with pytest.raises(ipvae.IpvaeError):
            ipvae.load_network(path)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"command": "run {network}"}, r"without \{out\}"),
        ({"command": "'run {network} {out}"}, "close its quotes"),
        ({"command": "/no/such/program {network} {out}"}, "cannot run /no/such/program"),
        ({"command": "x {network} {out}", "levels": ("all",)}, "allowed one or more of one layer"),
        ({"command": "x {network} {out}", "timeout": 0}, "allowed seconds above 0"),
    ],
)
def test_mistakes_are_named(given, said):
    with pytest.raises(ipvae.IpvaeError, match=said):
        ipvae.conformance(**given)


@pytest.mark.long
def test_our_emulator_and_the_oracle_conform_in_all_cases(command):
    ours = shlex.join([sys.executable, "-m", "ipvae.cli.entry", "run"]) + (
        " {network} --images {images} --steps {steps} --seed {seed} --trace {out}/trace.h5"
    )
    for program, levels in ((ours, cases.LEVELS), (command(CSV), cases.LEVELS[:2])):
        found = ipvae.conformance(program, levels=levels)  # the oracle checks no ranges
        assert [case for case in found.cases if case.status != "agrees"] == []
