"""docs/sampler.md: recomputed, and within what is allowed, at every log-rate of the format."""

from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from ipvae.network.rules.distribution import probabilities
from ipvae.network.rules.poisson import LOG_RATE_MAX, LOG_RATE_MIN, draw

PAGE = Path(__file__).resolve().parents[3] / "docs" / "sampler.md"


@pytest.fixture(scope="module")
def figures(certify_script):
    return certify_script.figures()


def test_distance_and_mean_at_every_log_rate(figures):
    log_rate = figures["log_rate"]
    assert log_rate.tolist() == list(range(LOG_RATE_MIN, LOG_RATE_MAX + 1))
    assert (2.0 ** (LOG_RATE_MIN / 4096), 2.0 ** (LOG_RATE_MAX / 4096)) == (2**-12, 256)
    allowed = np.where(log_rate <= 4 * 4096, 1e-3, 5e-3)
    assert (figures["distance"] <= allowed).all()
    assert (figures["mean_error"] <= 1e-3).all()


def test_document_holds_the_certificate(certify_script):
    page = PAGE.read_text()
    assert certify_script.certificate() in page
    words, size = certify_script.table_bytes()
    for text in (page, (PAGE.parent / "spec" / "neuron_cost.md").read_text()):
        assert f"{words:,} words of 24 bits" in text
        assert f"{size:,} bytes per core" in text
    assert size <= 16 * 1024


def test_table_as_a_core_keeps_it_draws_the_same_counts(certify_script, rng):
    """docs/spec/neuron_cost.md: 24-bit words, no case for f = 0 or for the end of a row."""
    table = certify_script.core_table()
    log_rate = np.concatenate([rng.integers(-49152, 12289, 3000), [-49152, 12288, 12160, 0]])
    uniform = rng.integers(0, 2**24, log_rate.size).astype(np.uint32)
    uniform[:1000] = 2**24 - 1 - (uniform[:1000] >> 12)  # where rows end
    expected = draw(log_rate, lambda *_: uniform)
    for u, given, count in zip(log_rate.tolist(), uniform.tolist(), expected, strict=True):
        r, f, flipped = (u + 49152) >> 7, (u + 49152) & 127, given ^ 0xFFFFFF
        n = 0
        while n < len(table[r]):
            here, above = table[r][n], table[r + 1][n]
            if flipped >= here - (((here - above) * f) >> 7):
                break
            n += 1
        assert n == count
    assert max(max(row) for row in table) < 2**24


def test_cost_of_a_draw_is_the_one_of_the_document(figures):
    below_one, worst = figures["log_rate"] < 0, figures["log_rate"] == LOG_RATE_MAX
    assert figures["uniforms"][below_one].max() == 1
    assert figures["looked_at"][below_one].max() <= 2.0
    assert figures["uniforms"][worst] == 32
    np.testing.assert_allclose(figures["looked_at"][worst], 288, atol=0.05)


@pytest.mark.parametrize("log_rate", [-40960, -4096, 0, 12288, 15000, 32768])
def test_distance_agrees_with_scipys_poisson(figures, log_rate):
    found = figures["distance"][log_rate - LOG_RATE_MIN]
    law = probabilities(np.array([log_rate]))[0]
    n, rate = np.arange(len(law)), 2 ** (log_rate / 4096)
    tail = stats.poisson.sf(n[-1], rate)
    by_hand = 0.5 * (np.abs(law - stats.poisson.pmf(n, rate)).sum() + tail)
    np.testing.assert_allclose(found, by_hand, rtol=0, atol=1e-12)


def test_table_of_operations_follows_from_its_parts(figures):
    """docs/spec/neuron_cost.md: update 12, position 9, uniform 27, threshold 6."""
    page = (PAGE.parent / "spec" / "neuron_cost.md").read_text()
    for exponent, text in ((0, "below 1"), (3, "8"), (8, "256")):
        at = figures["log_rate"] == exponent * 4096
        (uniforms,), (looked_at,) = (
            figures[name][at].tolist() for name in ("uniforms", "looked_at")
        )
        looked_at = round(looked_at)
        multiplications = 1 + 6 * uniforms + looked_at
        mean = 12 + 9 + 27 * uniforms + 6 * looked_at
        most = 12 + 9 + 27 * uniforms + 6 * 27 * uniforms
        cells = f"{multiplications} | {mean} | {most} |"
        if text == "below 1":
            cells = f"at most {multiplications} | at most {mean} | {most} |"
        assert f"| {text} | {uniforms} | {cells}" in page
