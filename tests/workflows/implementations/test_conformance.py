"""`ipvae.conformance`: another implementation passes, and each fault of one is found and named."""

import re
import shlex
import sys
from pathlib import Path

import pytest

import ipvae
from ipvae.emulator.recording import run as run_emulator
from ipvae.network.io import hdf5
from ipvae.workflows import conformance
from ipvae.workflows.implementations import cases, rules

SUPPORT = Path(__file__).resolve().parents[2] / "support"
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
HOLDS = r"holds .*, allowed .*; export"
"""A dataset that differs from what the network's other datasets give."""
SAID = {
    "R1": "is empty|not an ipvae network file",
    "R2": "do not match its SHA-256 seal",
    "R3": "HDF5 cannot read it",
    "R4": "no /ipvae group with a format_version",
    "R5": r"format version \d+, this program reads",
    "R6": r"format version 1\.-?\d, this program reads",
    "R7": "attribute .* is (not a single value|neither integer nor text)",
    "R8": "is a soft or external link",
    "R9": "holds more groups and datasets",
    "R10": "is not a plain contiguous dataset",
    "R11": "holds neither plain numbers nor plain strings",
    "R12": "stores less or more than it declares",
    "R13": "is missing",
    "R14": "does not belong in format|has no use here",
    "R15": r"is .* of \d dimensions, allowed",
    "R16": "bytes, allowed are up to 1048576",
    "R17": "the checksum of its contents is wrong",
    "R18": f"allowed numbers are 0, 1, 2|connections/.*{HOLDS}",
    "R19": f"allowed .*(relu|swish|CUBA|dense|readout)|{HOLDS}",
    "R20": "outside|allowed|not a positive|not finite|not increasing|is empty",
    "R21": "has shape|has the shape|found the shape|asks for|receive 59|has 6 neurons",
    "R22": f"source|roles|role {HOLDS}",
    "R23": "a read-out has weights from the image|found no connection",
    "R24": "memory|ceiling",
    "R25": "weight holds .*8 bits",
    "R26": "groups|convolution receives|kernel spans",
    "R27": "does not exist|is no layer of the file",
    "R28": "form a loop without a delay",
    "R29": "key_layer holds",
    "R30": "bias must be absent|have no drive",
    "R31": "test (images|labels)",
    "R32": "JSON|Extra data|utf-8|nested",
    "R33": HOLDS,
    "R34": HOLDS,
    "R35": "the oldest that holds this network",
    "R36": "array of equal values|dense ones can have several",
    "R37": "decoder",
    "R38": "sum from .* can reach",
    "R39": "a_in can reach",
    "R40": "seed: found",
    "R41": "image index: found",
    "R42": "steps: found",
    "R43": "images: .*allowed",
}
"""Error of our reader or emulator for each rule."""
FILES = (
    "layer/1/bias = 2097151",
    "without layer/1/bias",
    "a changed last byte",
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
    assert wrong["a changed last byte"].detail == "must be refused, and was read"
    assert wrong["without layer/1/bias"].rule.startswith("refusals.md, R13 ")


def emulated(path, case):
    """Run a file by our emulator; `ipvae.run` always begins with image 0."""
    network = ipvae.load_network(path)
    if case.first_image:
        first = case.first_image
        run_emulator(network, case.images, case.steps, case.seed, first_image=first)
    else:
        ipvae.run(network, case.images, steps=case.steps, seed=case.seed)


def test_each_file_is_refused_for_its_rule(tmp_path, monkeypatch):
    """By our own reader, in this process; rules of runs by the emulator."""
    monkeypatch.setattr(hdf5, "_read_in_child", hdf5._read_here)
    files, path, seen = list(cases.file_cases()), tmp_path / "net.h5", set()
    assert len(files) > 250 and len({case.name for case in files}) == len(files)
    for case in files:
        (number,) = re.findall(r"^refusals.md, (R\d+) ", case.rule)
        seen.add(number)
        case.write(path)
        if case.accepted:
            emulated(path, case)
            continue
        if rules.RULES[number].tag == rules.RUN:
            ipvae.load_network(path)  # the file is valid
            with pytest.raises(ipvae.IpvaeError) as error:
                emulated(path, case)
        else:
            with pytest.raises(ipvae.IpvaeError) as error:
                ipvae.load_network(path)
        assert re.search(SAID[number], str(error.value)), (case.name, number, str(error.value))
    assert set(rules.RULES) == seen


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"command": "run {network}"}, r"without \{out\}"),
        ({"command": "'run {network} {out}"}, "close its quotes"),
        ({"command": "/no/such/program {network} {out}"}, "cannot run /no/such/program"),
        (
            {"command": "x {network} {out}", "levels": ("all",)},
            "allowed one or more of random",
        ),
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
    others = tuple(level for level in cases.LEVELS if level != "streams")
    runs = (
        (ours, others),
        (f"{ours} --hold 1", ("streams",)),
        (command(CSV), (cases.ONE_LAYER, cases.LAYERS)),  # the oracle reads versions 1 and 2
    )
    for program, levels in runs:
        found = ipvae.conformance(program, levels=levels)
        assert [case for case in found.cases if case.status != "agrees"] == []
