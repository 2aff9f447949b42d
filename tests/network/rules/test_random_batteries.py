"""Public batteries on the source's stream. They take minutes to hours: only by `pytest -m long`.

Each has its own rule of what passes, stated in its test. Programs that are not there are skipped.
"""

import os
import re
import shutil
import subprocess
import sys

import numpy as np
import pytest
from scipy import stats

pytestmark = [pytest.mark.long, pytest.mark.timeout(0)]

ORDERS = ("neuron", "step", "sub-draw", "image", "seed")
SEED = 1


@pytest.fixture
def piped(stream_script):
    """Run a program that reads a stream of the source on stdin; return what it printed."""

    def run(order, *command):
        stream = [sys.executable, stream_script.__file__, order, "--seed", str(SEED)]
        with subprocess.Popen(stream, stdout=subprocess.PIPE) as source:
            assert source.stdout is not None
            found = subprocess.run(
                command, check=False, stdin=source.stdout, capture_output=True, text=True
            )
            source.stdout.close()
        print(found.stdout)
        return found.stdout

    return run


def dieharder_assessments(table):
    """How many tests of dieharder's table have each assessment."""
    rows = re.findall(r"\|\s*(PASSED|WEAK|FAILED)\s*$", table, flags=re.MULTILINE)
    return {word: rows.count(word) for word in ("PASSED", "WEAK", "FAILED")}


@pytest.mark.parametrize("order", ["neuron", "step", "image", "seed"])
def test_dieharder_fails_nothing(piped, order):
    """No FAILED (p outside 1e-6), and WEAK (p outside 0.005) as often as 1 in 100 allows.

    Of 114 independent tests more than 6 are WEAK with probability 2e-4.
    """
    program = shutil.which("dieharder")
    if program is None:
        pytest.skip("dieharder is not installed (Debian: apt-get install dieharder)")
    found = dieharder_assessments(piped(order, program, "-a", "-g", "200"))
    total = sum(found.values())
    assert total >= 100
    assert found["FAILED"] == 0
    assert found["WEAK"] <= stats.binom.isf(1e-3, total, 0.01)


@pytest.mark.parametrize("order", ORDERS)
def test_practrand_finds_nothing_suspicious(piped, order):
    """4 GiB, 1.4e9 draws. "suspicious" or worse, in PractRand's own words, fails.

    "unusual" and "mildly suspicious" are below that: of some 900 results at six or more
    lengths they come by chance.
    """
    program = os.environ.get("PRACTRAND") or shutil.which("RNG_test")
    if program is None:
        pytest.skip("PractRand's RNG_test is neither on the PATH nor named by PRACTRAND")
    report = piped(order, program, "stdin8", "-tlmax", "4GB")
    assert "length= 4 gibibytes" in report
    assert not re.findall(r".*(?:(?<!mildly )suspicious|FAIL).*", report, flags=re.IGNORECASE)


NIST_TESTS = (
    "monobit",
    "frequency_within_block",
    "runs",
    "longest_run_ones_in_a_block",
    "binary_matrix_rank",
    "dft",
    "cumulative sums",
)
"""Tests of nistrng 1.2.3 that are sound on PCG64 and take seconds. The rest:

overlapping templates raises an error; non-overlapping templates, Maurer's test and both
random excursions give p-values near 1, near 0 or above 1 on PCG64; linear complexity, serial
and approximate entropy take half a minute to a minute a sequence.
"""
SEQUENCES, BITS = 100, 10**6


def control():
    rng = np.random.Generator(np.random.PCG64(SEED))
    while True:
        yield rng.integers(0, 2**24, 2**16, dtype=np.uint32)


def sequences(blocks, packed):
    """Sequences of BITS bits, the words' bytes in the order of the stream."""
    data = b""
    for _ in range(SEQUENCES):
        while len(data) < BITS // 8:
            data += packed(next(blocks))
        # int64, since the package adds the bits up in their own type.
        yield np.unpackbits(np.frombuffer(data[: BITS // 8], np.uint8)).astype(np.int64)
        data = data[BITS // 8 :]


@pytest.mark.parametrize("order", ["PCG64", "neuron", "step", "image", "seed"])
def test_nist_sequences_pass_in_proportion_and_evenly(stream_script, order):
    """NIST's own rule, SP 800-22 4.2, for 100 sequences of 10^6 bits.

    The share of p-values of 0.01 and more is within 0.99 +- 3 sqrt(0.99 0.01 / 100), so at
    least 96 of 100; and the chi-square of the p-values over ten bins has p >= 1e-4.
    """
    nistrng = pytest.importorskip("nistrng", reason="pip install nistrng==1.2.3")
    blocks = control() if order == "PCG64" else stream_script.words(order, SEED)
    found = {name: [] for name in NIST_TESTS}
    for bits in sequences(blocks, stream_script.packed):
        for name in NIST_TESTS:
            result, _ = nistrng.SP800_22R1A_BATTERY[name].run(bits.copy())
            found[name].append(np.atleast_1d(result._score_list))
    failed = []
    for name, scores in found.items():
        for part, p in enumerate(np.array(scores).T):
            passed = (p >= 0.01).mean()
            bins = np.histogram(p, bins=10, range=(0, 1))[0]
            even = stats.chisquare(bins).pvalue
            print(f"{order} {name} {part}: {passed:.2f} pass, evenness p = {even:.3g}")
            if passed < 0.99 - 3 * np.sqrt(0.99 * 0.01 / SEQUENCES) or even < 1e-4:
                failed.append((name, part, passed, even))
    assert not failed
