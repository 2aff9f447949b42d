"""Random numbers of training written out again: keys, fractions, normal numbers, relaxed counts.

The plain PyTorch path, which runs off the CPU and in other precisions, draws waiting times from
torch's generator; given the same generator every number of it is computed here by loops. The
compiled path takes its numbers from splitmix64, which stands here in Python's integers.
"""

import math

import numpy as np
import pytest
import torch
from scipy.integrate import quad
from scipy.stats import poisson

from ipvae.float_models.config import preset_config
from ipvae.float_models.inference.draws import draw_constants, fractions, normal_moments, stop_time
from ipvae.float_models.zoo import RELAXATIONS
from ipvae.train.draws import exact_draws, keyed_normal
from ipvae.train.fused.gradient import keyed_draws
from ipvae.train.fused.relaxed_poisson import (
    generator_of,
    relaxed_count,
    relaxed_poisson,
    stream_key,
)
from ipvae.train.run.schedule import Settings

torch.set_num_threads(1)
MASK = 2**64 - 1
CPU = torch.device("cpu")


def splitmix(state):
    """Output of splitmix64 (Steele et al. 2014)."""
    state = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    state = ((state ^ (state >> 27)) * 0x94D049BB133111EB) & MASK
    return state ^ (state >> 31)


def key_of(*words):
    """First digits of pi, and each word hashed in."""
    key = 0x243F6A8885A308D3
    for word in words:
        key = splitmix(((key ^ (word % 2**64)) + 0x9E3779B97F4A7C15) & MASK)
    return key


def states(key, element, n):
    """States of the first n numbers of an element."""
    first = key + element * 0xD1342543DE82EF95
    return [(first + i * 0x9E3779B97F4A7C15) & MASK for i in range(n)]


def fraction(state):
    return (splitmix(state) >> 40) / 2**24


def bend(v, relaxation):
    """h of an arrival (1 - S) / tau, and its derivative."""
    if relaxation == "eat":
        h = 1 / (1 + math.exp(min(-v, 700.0)))
        return h, h * (1 - h)
    w = min(max((v + 1) / 2, 0.0), 1.0)
    return 3 * w**2 - 2 * w**3, 3 * w * (1 - w)


def test_keys_of_streams_are_those_of_splitmix():
    for words in ((0,), (5, 7), (3, 1, 4, 1, 5), (-1,), (2**70 + 3, 0)):
        assert stream_key(*words) == key_of(*words)
    assert stream_key() == 0x243F6A8885A308D3
    assert stream_key(0) == 0x2CB0F69F4ABEA221  # draws of earlier versions stay the same
    assert stream_key(1, 2) == 0xC7D360A7E6CCD4B8


@pytest.mark.parametrize("first", [0, 41])
def test_generators_are_seeded_by_63_bits_of_key_and_part(first):
    for key in (12, 2**64 - 1):
        assert generator_of(CPU, key, first).initial_seed() == key_of(key, first) % 2**63


def test_fractions_are_24_bits_of_each_elements_own_stream():
    key = key_of(9)
    found = fractions(key, 30, 4, 3)
    wanted = [[fraction(states(key, 30 + i, 3)[j]) for i in range(4)] for j in range(3)]
    np.testing.assert_array_equal(found, np.array(wanted, np.float32))


@pytest.mark.parametrize("first", [0, 12])
def test_normal_numbers_are_box_and_mullers(first):
    found = keyed_normal(torch.zeros(2, 5), key_of(4), first=first)
    assert (found.dtype, found.shape) == (torch.float32, (2, 5))
    for i, value in enumerate(found.reshape(-1).tolist()):
        size, turn = (fraction(state) for state in states(key_of(4), first + i, 2))
        wanted = math.sqrt(-2 * math.log(1 - size)) * math.cos(2 * math.pi * turn)
        assert value == pytest.approx(wanted, rel=1e-4, abs=1e-5)
    assert keyed_normal(torch.zeros(3, dtype=torch.float64), 1).dtype == torch.float64


@pytest.mark.parametrize("relaxation", RELAXATIONS)
@pytest.mark.parametrize("temperature", [0.05, 0.4, 1.0, 2.5])
def test_relaxed_counts_and_slopes_of_given_waiting_times(temperature, relaxation, rng):
    waits = torch.from_numpy(rng.exponential(size=(9, 2, 3)))
    u = torch.tensor([[-0.5, 0.3, 1.5], [2.0, 0.0, 1.0]], dtype=torch.float64, requires_grad=True)
    found = relaxed_count(u, waits, temperature, relaxation)
    (slope,) = torch.autograd.grad(found.sum(), u)
    for at in np.ndindex(2, 3):
        rate, time, count, gradient = math.exp(u[at].item()), 0.0, 0.0, 0.0
        for i in range(9):
            time += waits[(i, *at)].item()
            h, steep = bend((1 - time / rate) / temperature, relaxation)
            count += h
            gradient += steep / temperature * time / rate  # S = E / rate: dS / d log-rate = -S
        assert found[at].item() == pytest.approx(count, rel=1e-12)
        assert slope[at].item() == pytest.approx(gradient, rel=1e-12, abs=1e-15)


@pytest.mark.parametrize("relaxation", RELAXATIONS)
@pytest.mark.parametrize("temperature", [0.3, 1.0])
@pytest.mark.parametrize("largest", [3.0, 900.0])
def test_plain_torch_draws_are_those_of_their_generator(largest, temperature, relaxation):
    """As many waiting times as the largest rate can want, then a normal number for each."""
    rates = [0.2, 1.0, min(largest, 255.0), largest]
    u = torch.log(torch.tensor(rates, dtype=torch.float64)).requires_grad_()
    key, first = key_of(11), 70
    found = relaxed_poisson(u, temperature, key, first=first, relaxation=relaxation)
    (slope,) = torch.autograd.grad(found.sum(), u)
    generator = torch.Generator().manual_seed(key_of(key, first) % 2**63)
    top = min(largest, 256.0) * (1 + (8 if relaxation == "eat" else 1) * temperature)
    n = math.ceil(top + 6 * math.sqrt(top) + 6)
    waits = torch.empty(n, 4, dtype=torch.float64).exponential_(generator=generator)
    normal = torch.randn(4, generator=generator, dtype=torch.float64)
    mean, variance = normal_moments(temperature, relaxation)
    for i, rate in enumerate(rates):
        if rate > 256:
            count = rate * mean + math.sqrt(rate * variance) * normal[i].item()
            gradient = rate * mean + math.sqrt(rate * variance) * normal[i].item() / 2
        else:
            times = torch.cumsum(waits[:, i], 0) / rate
            parts = [bend((1 - t) / temperature, relaxation) for t in times.tolist()]
            count = sum(h for h, _ in parts)
            gradient = sum(
                steep * t / temperature for (_, steep), t in zip(parts, times.tolist(), strict=True)
            )
        assert found[i].item() == pytest.approx(count, rel=1e-9)
        assert slope[i].item() == pytest.approx(gradient, rel=1e-9)


def test_exact_plain_draws_are_torchs_own():
    u = torch.log(torch.tensor([0.5, 4.0, 300.0], dtype=torch.float64))
    generator = torch.Generator().manual_seed(key_of(8, 5) % 2**63)
    wanted = torch.poisson(u.exp(), generator=generator)
    assert torch.equal(relaxed_poisson(u, 0.0, 8, first=5), wanted)


@pytest.mark.parametrize("relaxation", RELAXATIONS)
@pytest.mark.parametrize("temperature", [0.1, 0.5, 1.0, 1.7, 3.0])
def test_moments_are_campbells_integrals(temperature, relaxation):
    """Of h((1 - t) / tau) and of its square over all times."""
    mean, variance = normal_moments(temperature, relaxation)
    ends = {"limit": 200, "points": [1.0, 1.0 + temperature, max(0.0, 1.0 - temperature)]}
    last = 1.0 + 60 * temperature
    for found, power in ((mean, 1), (variance, 2)):
        wanted, _ = quad(
            lambda t, p=power: bend((1 - t) / temperature, relaxation)[0] ** p, 0, last, **ends
        )
        assert found == pytest.approx(wanted, rel=1e-7)
    assert normal_moments(0.0, relaxation) == (1.0, 1.0)


def test_arrivals_are_left_out_after_eight_temperatures_or_one():
    assert stop_time(0.5) == stop_time(0.5, "eat") == 5.0
    assert stop_time(0.5, "eat-cubic") == 1.5
    assert stop_time(0.0) == 1.0
    for relaxation in RELAXATIONS:
        tau, stop, cubic, *moments = draw_constants(0.4, relaxation)
        assert (tau, stop) == (np.float32(0.4), np.float32(stop_time(0.4, relaxation)))
        assert cubic == (relaxation == "eat-cubic")
        assert moments == [np.float32(value) for value in normal_moments(0.4, relaxation)]


def counted(key, element, mean):
    """A Poisson count by inversion of one 53-bit number for each piece of mean 16 at most."""
    pieces = max(1, math.ceil(mean / 16))
    total = 0
    for state in states(key, element, pieces):
        total += int(poisson(mean / pieces).ppf(1.0 - (splitmix(state) >> 11) / 2**53))
    return total


def test_exact_compiled_draws_invert_the_law():
    rates = [1e-4, 0.3, 1.0, 7.9, 16.0, 16.1, 60.0, 255.0, 400.0]
    u = torch.log(torch.tensor(rates))
    found = relaxed_poisson(u, 0.0, key_of(2), first=3)
    wanted = [counted(key_of(2), 3 + i, float(rate)) for i, rate in enumerate(u.exp().tolist())]
    assert found.tolist() == wanted


@pytest.mark.parametrize("relaxation", RELAXATIONS)
def test_compiled_draws_of_large_rates_are_normal(relaxation):
    """Above rate 256, and exact ones above 32,768: r m + sqrt(r v) N, N by Box and Muller."""
    rates = [256.5, 300.0, 5000.0, 40000.0]
    u = torch.log(torch.tensor(rates)).requires_grad_()
    for temperature in (0.4, 0.0):
        found = relaxed_poisson(u, temperature, key_of(6), first=1, relaxation=relaxation)
        mean, variance = normal_moments(temperature, relaxation)
        for i, rate in enumerate(u.detach().double().exp().tolist()):
            if temperature == 0 and rate < 32768:
                continue
            size, turn = (fraction(state) for state in states(key_of(6), 1 + i, 2))
            normal = math.sqrt(-2 * math.log(1 - size)) * math.cos(2 * math.pi * turn)
            noise = math.sqrt(rate * variance) * normal
            wanted = rate * mean + noise
            if temperature == 0:
                assert abs(found[i].item() - wanted) <= 0.51 + 1e-5 * rate
                assert found[i].item() == round(found[i].item())
                continue
            assert found[i].item() == pytest.approx(wanted, rel=1e-5)
            (slope,) = torch.autograd.grad(found[i], u, retain_graph=True)
            assert slope[i].item() == pytest.approx(rate * mean + noise / 2, rel=1e-5)


def test_draws_of_a_latent_are_keyed_by_seed_step_image_and_latent():
    u = torch.linspace(-2, 2, 12).reshape(3, 4)
    draws = exact_draws(7, first_image=5)
    key = key_of(7, 2)
    assert torch.equal(draws.poisson(u, 2), relaxed_poisson(u, 0.0, key, first=5 * 4))
    assert torch.equal(draws.normal(u, 2), keyed_normal(u, key, first=5 * 4))
    assert not torch.equal(draws.poisson(u, 2), draws.poisson(u, 3))
    alone = exact_draws(7, first_image=6).normal(u[1:], 2)
    assert torch.equal(alone, draws.normal(u, 2)[1:])


@pytest.mark.parametrize("relaxation", RELAXATIONS)
def test_draws_of_training_are_keyed_by_stream_step_image_and_latent(relaxation):
    u = torch.linspace(-2, 2, 12).reshape(3, 4)
    config = preset_config("digits", relaxation=relaxation)
    now = Settings(4, 0.1, temperature=0.6, beta=1.0, limit=9.0, grad_clip=1.0)
    draws = keyed_draws(config, now, (7, 9), 5)
    key = key_of(7, 9, 2)
    wanted = relaxed_poisson(u, 0.6, key, first=5 * 4, relaxation=relaxation)
    assert torch.equal(draws.poisson(u, 2), wanted)
    assert torch.equal(draws.normal(u, 2), keyed_normal(u, key, first=5 * 4))


def test_exact_draws_have_no_gradient_and_relaxed_ones_have():
    u = torch.zeros(5, requires_grad=True)
    assert not relaxed_poisson(u, 0.0, 1).requires_grad
    for temperature in (1.0, 0.01):
        assert relaxed_poisson(u, temperature, 1).requires_grad


def test_streams_begin_at_their_first_number_unless_asked_otherwise():
    u, draws = torch.linspace(-1, 1, 8).reshape(2, 4), exact_draws(7)
    assert torch.equal(draws.poisson(u, 3), exact_draws(7, first_image=0).poisson(u, 3))
    assert torch.equal(draws.normal(u, 3), exact_draws(7, first_image=0).normal(u, 3))
    assert torch.equal(keyed_normal(u, 9), keyed_normal(u, 9, first=0))
    assert torch.equal(relaxed_poisson(u, 0.5, 9), relaxed_poisson(u, 0.5, 9, first=0))
