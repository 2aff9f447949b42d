"""The tables of docs/vectors/: made by the script, reproduced by the oracle, at every branch."""

import csv
import dataclasses
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ipvae.errors import FormatError
from ipvae.network.io.network_file import read_network
from ipvae.network.proof.bounds import bounds, require_proved

VECTORS = Path(__file__).resolve().parents[3] / "docs" / "vectors"
L, S, WORD = 2**21 - 1, 2**22 - 1, 2**23 - 1
U_LOW, U_HIGH, MOST = -49152, 32768, 864


def value(column: str, text: str) -> Any:
    """What a cell holds: a name, a list or an integer."""
    if column == "branch":
        return text
    if column in ("dataset",):
        return text
    if column in ("uniforms", "counts", "weights", "pixels"):
        return [int(word) for word in text.split()]
    return int(text)


def table(name: str) -> list[dict[str, Any]]:
    with (VECTORS / name).open(newline="") as file:
        return [{c: value(c, text) for c, text in row.items()} for row in csv.DictReader(file)]


@pytest.fixture(scope="module")
def loaded(oracle):
    """A network of the oracle, whose parts are then replaced; counts up to 23 bits."""
    network = oracle.load(VECTORS / "runs" / "one.net.h5")
    return dataclasses.replace(network, message_bits=23, lo=-32768, hi=32767)


def test_script_makes_the_committed_tables(vector_script):
    for name, text in vector_script.tables().items():
        assert (VECTORS / name).read_bytes() == text.encode("ascii"), name


def test_folder_holds_what_the_script_writes_and_is_small(vector_script):
    found = {p.relative_to(VECTORS).as_posix() for p in VECTORS.rglob("*") if p.is_file()}
    names = vector_script.runs.networks()
    runs = {f"runs/{name}.{kind}.h5" for name in names for kind in ("net", "trace")}
    connected = {
        f"networks/{name}.{kind}"
        for name in vector_script.connected.networks()
        for kind in ("net.h5", "trace.h5", "images.npy")
    }
    levels = {f"levels/{vector_script.levels.DRAWS}.net.h5"}
    levels |= {f"levels/{name}.images.npy" for name in vector_script.levels.images()}
    levels |= {f"levels/{run.name}.trace.csv" for run in vector_script.levels.levels()}
    assert found == {"README.md", *vector_script.tables(), *runs, *connected, *levels}
    others = found - connected - levels
    for names, most in ((others, 2_830_000), (connected, 2_310_000), (levels, 160_000)):
        assert sum((VECTORS / name).stat().st_size for name in names) < most


def test_example_of_the_readme_accepts_the_table_and_refuses_a_change(tmp_path):
    lines = (VECTORS / "README.md").read_text().splitlines()
    example = "\n".join(line[4:] for line in lines if line.startswith("    "))
    assert len(example.splitlines()) <= 24
    good = (VECTORS / "random_source.csv").read_text()
    for text, accepted in ((good, True), (good[:-2] + str((int(good[-2]) + 1) % 10), False)):
        (tmp_path / "random_source.csv").write_text(text)
        done = subprocess.run(
            [sys.executable, "-I", "-c", example], cwd=tmp_path, capture_output=True, check=False
        )
        assert (done.returncode == 0) == accepted, done.stderr


# ------------------------------------------------------------------ random_source.csv


def test_oracle_reproduces_the_random_source(oracle):
    rows = table("random_source.csv")
    assert len(rows) >= 60
    for row in rows:
        image = oracle.key(row["seed"], row["image"])
        neuron = oracle.key(0x6E6575726F6E0000 + row["layer"], row["neuron"])
        assert (row["ia"], row["ib"], row["na"], row["nb"]) == (*image, *neuron)
        assert row["c"] == 32 * row["step"] + row["sub_draw"]
        assert row["uniform"] == oracle.uniform(image, neuron, row["step"], row["sub_draw"])


def test_random_source_reaches_the_corners_and_the_worked_example():
    rows = table("random_source.csv")
    for column, low, high in [
        ("seed", 0, 2**48 - 1),
        ("image", 0, 2**32 - 1),
        ("neuron", 0, 65535),
        ("step", 0, 2**19 - 1),
        ("sub_draw", 0, 31),
        ("layer", 1, 1),
    ]:
        values = {row[column] for row in rows}
        assert (min(values), max(values)) == (low, high)
    assert 511 in {row["neuron"] for row in rows}
    assert {2**24 - 1, 0} <= {row["c"] for row in rows}
    example = {"seed": 7, "image": 3, "neuron": 5, "step": 2, "sub_draw": 1, "uniform": 13769856}
    assert any(example.items() <= row.items() for row in rows)


# ------------------------------------------------------------------ sampler.csv


def test_oracle_reproduces_the_sampler(oracle, loaded, monkeypatch):
    def count(u, uniforms):
        monkeypatch.setattr(oracle, "uniform", lambda *key: uniforms[key[-1]])
        return oracle.count(loaded, u, (0, 0), (0, 0), 0)

    for row in table("sampler.csv"):
        u, halvings = row["log_rate"], row["halvings"]
        assert (halvings, row["row"], row["fraction"]) == oracle.table_position(u)
        assert len(row["uniforms"]) == len(row["counts"]) == 2**halvings
        assert row["counts"] == [count(u - 4096 * halvings, [draw]) for draw in row["uniforms"]]
        assert row["total"] == count(u, row["uniforms"]) == sum(row["counts"])


def test_sampler_reaches_every_branch(oracle, loaded):
    rows = table("sampler.csv")
    edges = {U_LOW, 12288, 12289, 16384, 16385, 20480, 32767, U_HIGH}
    assert edges <= {row["log_rate"] for row in rows}
    assert {0, 480} <= {row["row"] for row in rows}
    assert {0, 1, 127} <= {row["fraction"] for row in rows}
    assert {0, MOST} <= {row["total"] for row in rows}
    reached = set()
    for row in rows:
        limits = [oracle.threshold(loaded.A, row["row"], row["fraction"], n) for n in range(27)]
        for draw in row["uniforms"]:
            here = {f"{d:+d}" for d in (-1, 0, 1) if draw - d in limits}
            here |= {end for end, value in (("0", 0), ("largest", 2**24 - 1)) if draw == value}
            reached |= {(row["halvings"], place) for place in here}
            reached |= {"every threshold"} if draw >= limits[-1] else set()
            reached |= {"threshold 2**24"} if draw + 1 == limits[-1] == 2**24 else set()
    places = {(o, place) for o in range(6) for place in ("-1", "+0", "+1", "0", "largest")}
    assert reached == places | {"every threshold", "threshold 2**24"}


# ------------------------------------------------------------------ counts.csv


def test_oracle_reproduces_whole_counts(oracle, loaded):
    rows = table("counts.csv")
    for row in rows:
        network = dataclasses.replace(loaded, message_bits=row["message_bits"])
        image = oracle.key(row["seed"], row["image"])
        neuron = oracle.key(0x6E6575726F6E0000 + row["layer"], row["neuron"])
        assert row["count"] == oracle.count(network, row["u"], image, neuron, row["step"]), row
    assert {oracle.table_position(row["u"])[0] for row in rows} == set(range(6))
    limited = [row for row in rows if row["count"] == 2 ** row["message_bits"] - 1]
    assert any(row["u"] > 16384 and row["message_bits"] > 1 for row in limited)
    assert any(row["count"] > 100 for row in rows)


def test_whole_counts_reach_the_ends_of_the_sampler(oracle):
    """The lowest log-rate with the largest uniform, and with the two between which it sends."""
    found = set()
    for row in table("counts.csv"):
        image = oracle.key(row["seed"], row["image"])
        neuron = oracle.key(0x6E6575726F6E0000 + row["layer"], row["neuron"])
        found.add((row["u"], oracle.uniform(image, neuron, row["step"], 0), row["count"]))
    largest = 2**24 - 1
    lowest = {(0, 0), (2**24 - 4097, 0), (2**24 - 4096, 1), (largest, 1)}
    assert {(U_LOW, uniform, count) for uniform, count in lowest} <= found
    assert {(U_LOW + 1, largest, 2), (12288, 0, 0), (12288, largest, 27)} <= found


# ------------------------------------------------------------------ bounds.csv


def test_oracle_and_emulator_refuse_what_may_overflow(oracle, loaded, make_network):
    rows = table("bounds.csv")
    for row in rows:
        weights = row["weights"]
        other = dataclasses.replace(loaded, G=[weights], message_bits=row["message_bits"])
        k = len(weights)
        weight_rec = np.zeros((k, k), dtype=np.int8)
        weight_rec[0] = weights
        network = make_network(k=k, m=1, weight_rec=weight_rec, payload_bits=row["message_bits"])
        found = {bound.variable: bound for bound in bounds(network)}
        assert (found["a_in"].low, found["a_in"].high) == (row["low"], row["high"])
        for check in (lambda o=other: oracle.check_bounds(o), lambda n=network: require_proved(n)):
            if row["runs"]:
                check()
            else:
                with pytest.raises(ValueError, match="a_in"):
                    check()
    assert {row["runs"] for row in rows} == {0, 1}
    assert {row["message_bits"] for row in rows} >= {1, 8, 23}


# ------------------------------------------------------------------ ranges.csv


@pytest.mark.usefixtures("read_here")
def test_reader_accepts_the_ends_of_the_ranges_and_nothing_past_them(tmp_path, tamper):
    """Applied as the README says: to odd.net.h5, with log-rates at reset set to 0 first."""
    path = tmp_path / "net.h5"
    for row in table("ranges.csv"):
        path.write_bytes((VECTORS / "runs" / "odd.net.h5").read_bytes())

        def change(f, row=row):
            f["layer/1/neuron/uInit"][...] = 0
            dataset = f[row["dataset"]]
            if dataset.shape:
                dataset[(0,) * len(dataset.shape)] = row["value"]
            else:
                dataset[()] = row["value"]

        tamper(path, change)
        if row["accepted"]:
            read_network(path)
        else:
            with pytest.raises(FormatError):
                read_network(path)


# ------------------------------------------------------------------ drive.csv


def test_oracle_reproduces_the_drive(oracle, loaded):
    for row in table("drive.csv"):
        parts = {"W": [row["weights"]], "bias": [row["bias"]], "ed": row["drive_exp"]}
        network = dataclasses.replace(loaded, **parts)
        assert oracle.drive(network, row["pixels"]) == [row["b"]], row
        up, down = max(row["drive_exp"], 0), max(-row["drive_exp"], 0)
        assert row["p"] == sum(w * x for w, x in zip(row["weights"], row["pixels"], strict=True))
        assert row["q"] == row["p"] * 2**up // 2**down, row


def drive_branches(row):
    """Every branch of drive.md, and whether a row takes it, from its numbers."""
    ed, p, total = row["drive_exp"], row["p"], row["q"] + row["bias"]
    products = {w * x for w, x in zip(row["weights"], row["pixels"], strict=True)}
    return {
        "right shift": ed < 0,
        "no shift": ed == 0,
        "left shift": ed > 0,
        "rounded down": ed < 0 and p < 0 and p % 2 == 1,
        "smallest exponent": ed == -24,
        "largest exponent": ed == 14,
        "equal to L": total == L,
        "equal to -L": total == -L,
        "one past L": total == L + 1,
        "one past -L": total == -L - 1,
        "clipped at L": total > L,
        "clipped at -L": total < -L,
        "bias brings it inside": abs(row["q"]) > L > abs(total),
        "largest sum": products == {2**30},
        "smallest sum": products == {-(2**15) * (2**15 - 1)},
    }


def test_drive_reaches_every_branch():
    every_branch_is_labelled_and_taken(table("drive.csv"), drive_branches)
    rows = table("drive.csv")
    assert {-L, L} <= {row["bias"] for row in rows}
    assert {-32768, 32767} <= {w for row in rows for w in row["weights"]}
    assert {-32768, 32767} <= {x for row in rows for x in row["pixels"]}


def every_branch_is_labelled_and_taken(rows, branches):
    """A row takes the branch that it is labelled with, and each branch has such a row."""
    labels = {row["branch"] for row in rows}
    assert labels == {"random", *branches(rows[0])}
    for row in rows:
        assert row["branch"] == "random" or branches(row)[row["branch"]], row


# ------------------------------------------------------------------ steps.csv


def test_oracle_reproduces_the_steps(oracle, loaded):
    for row in table("steps.csv"):
        limits = {"umin": row["u_min"], "umax": row["u_max"]}
        limits |= {"dmin": row["du_min"], "dmax": row["du_max"]}
        network = dataclasses.replace(loaded, e=row["weight_exp"], s=[row["self_weight"]], **limits)
        given = row["u"], row["last_count"], row["b"], row["a_in"]
        assert row["u_next"] == oracle.update(network, 0, *given), row
        assert row["g"] == oracle.recurrent(row["a_in"], row["weight_exp"]), row
        unlimited = dataclasses.replace(network, umin=-WORD, umax=WORD)
        assert row["d"] == oracle.update(unlimited, 0, *given) - row["u"], row
        alone = dataclasses.replace(unlimited, dmin=-S, dmax=S)
        assert row["own"] == -oracle.update(alone, 0, 0, row["last_count"], 0, 0), row


def step_branches(row):
    """Every branch of neurons/poisson.md, and whether a row takes it, from its numbers."""
    e, s, z, a_in = row["weight_exp"], row["self_weight"], row["last_count"], row["a_in"]
    sign = f"e{'<=>'[(e > 0) - (e < 0) + 1]}0"
    limit = L >> e if e > 0 else L
    value = a_in >> -e if e < 0 else a_in
    g = row["g"]
    change = row["b"] - g - row["own"]
    moved = row["u"] + row["d"]
    received = {
        "inside": abs(value) < limit,
        "at L": value == limit,
        "at -L": value == -limit,
        "past L": value == limit + 1,
        "past -L": value == -limit - 1,
        "clipped": abs(value) > limit + 1,
    }
    found = {f"{kind} {place}": False for kind in ("e<0", "e=0", "e>0") for place in received}
    found |= {f"{sign} {place}": taken for place, taken in received.items()}
    return found | {
        "e<0 rounded down": e < 0 and a_in < 0 and a_in % 2 == 1,
        "no self-inhibition": s == 0 and z > 0,
        "own count 0": s > 0 and z == 0,
        "own count whole": s > 0 and 0 < z < S // s,
        "own count at its limit": s > 0 and z == S // s,
        "own count cut": s > 0 and z > S // s,
        "d at du_min": change == row["du_min"],
        "d past du_min": change == row["du_min"] - 1,
        "d at du_max": change == row["du_max"],
        "d past du_max": change == row["du_max"] + 1,
        "u at u_min": moved == row["u_min"],
        "u past u_min": moved == row["u_min"] - 1,
        "u at u_max": moved == row["u_max"],
        "u past u_max": moved == row["u_max"] + 1,
        "no room for u": row["u_min"] == row["u_max"] and row["d"] != 0,
        "no room for d": row["du_min"] == row["du_max"] == 0 != change,
        "largest change down": change == -(2 * L + S),
        "largest change up": change == 2 * L,
        "largest sum down": moved == U_LOW - S,
        "largest sum up": moved == U_HIGH + 2 * L,
    }


def test_steps_reach_every_branch():
    every_branch_is_labelled_and_taken(table("steps.csv"), step_branches)


def test_steps_stay_in_the_ranges_of_the_format_and_reach_their_ends():
    rows = table("steps.csv")
    for column, low, high in [
        ("b", -L, L),
        ("a_in", -WORD, WORD),
        ("weight_exp", -8, 14),
        ("self_weight", 0, S),
        ("last_count", 0, MOST),
        ("u", U_LOW, U_HIGH),
        ("u_min", U_LOW, 0),
        ("u_max", 0, U_HIGH),
        ("du_min", -S, 0),
        ("du_max", 0, S),
        ("g", -L, L),
        ("own", 0, S),
        ("d", -S, 2 * L),
        ("u_next", U_LOW, U_HIGH),
    ]:
        values = [row[column] for row in rows]
        assert (min(values), max(values)) == (low, high), column
    for row in rows:
        assert row["u_min"] <= row["u"] <= row["u_max"]
    assert sum(row["branch"] == "random" for row in rows) >= 30
