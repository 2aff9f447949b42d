"""The fused loss and gradient against autograd in double precision, with the draws fixed."""

import math
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numba import njit

from ipvae.float_models.inference import compiling, kernels
from ipvae.float_models.inference.kernels import exp32, log1p32
from ipvae.train.fused.parallel import matrix_precision, split, workers
from ipvae.train.fused.unroll import Unroll, Workspace, unrolled_gradient
from ipvae.train.models.dynamics import soft_clamp
from ipvae.train.models.loss import batch_loss, poisson_kl
from ipvae.train.models.trainable_ipvae import IPVAE
from ipvae.train.run.schedule import Settings

torch.set_num_threads(1)
M, K, B, T = 30, 24, 9, 6
BETA = 3.0


class Replay(torch.autograd.Function):
    """A draw that was made before, with its derivative."""

    @staticmethod
    def forward(ctx, _log_rate, z, slope):
        ctx.save_for_backward(slope)
        return z.clone()

    @staticmethod
    def backward(ctx, *grads):
        return grads[0] * ctx.saved_tensors[0], None, None


def a_model(*, rounded=False):
    generator = torch.Generator().manual_seed(3)
    model = IPVAE(M, K, seed=1, rounded=rounded)
    with torch.no_grad():
        model.phi.copy_(0.1 * torch.randn(M, K, generator=generator))
        model.log_sigma_raw.copy_(0.5 * torch.randn(M, generator=generator) - 0.3)
        model.log_bias.copy_(torch.randn(K, generator=generator))
        model.log_lr.fill_(-1.0)
        model.u0.add_(4.0)
    return model, torch.rand(B, M, generator=generator)


def fused(model, x, how, shards=1):
    arrays = 4 if how.rounding is None else 5
    workspace = Workspace()
    with workers(shards) as for_each:
        loss, gradient = unrolled_gradient(
            model, x, how, shards=shards, for_each=for_each, workspace=workspace
        )
    parts = [
        workspace.take(i, (how.steps + 1, rows.stop - rows.start, K), arrays)
        for i, rows in enumerate(split(len(x), shards))
    ]
    _, z, slope, _ = (torch.cat([part[j] for part in parts], dim=1).double() for j in range(4))
    return loss, gradient, z, slope


def unroll(kl="official", relaxation="eat-cubic", temperature=0.7, limit=10.0):
    now = Settings(T, 1e-3, temperature, BETA, limit, 1.0)
    return Unroll(kl, relaxation, now, (5, 7))


@pytest.mark.parametrize("kl", ["official", "exact"])
@pytest.mark.parametrize("limit", [10.0, 2.0, -1.0])
@pytest.mark.parametrize(
    ("relaxation", "temperature"), [("eat", 1.0), ("eat-cubic", 0.7), ("eat-cubic", 0.05)]
)
@pytest.mark.parametrize("shards", [1, 3])
def test_fused_gradient_equals_autograds(kl, limit, relaxation, temperature, shards):
    model, x = a_model()
    how = unroll(kl, relaxation, temperature, limit)
    loss, gradient, z, slope = fused(model, x, how, shards)
    assert z.max() > 1  # it is no test without spikes
    double = IPVAE(M, K).double()
    double.load_state_dict({name: p.double() for name, p in model.state_dict().items()})
    want = batch_loss(
        double(x.double(), T, limit, lambda u, t: Replay.apply(u, z[t], slope[t])), BETA, kl
    )
    for got_term, want_term in zip(loss, want, strict=True):
        assert float(got_term) == pytest.approx(want_term.item(), rel=1e-5, abs=1e-5)
    parameters = dict(double.named_parameters())
    expected = torch.autograd.grad(want.total, list(parameters.values()))
    for name, value in zip(parameters, expected, strict=True):
        error = (gradient[name] - value).abs().max() / value.abs().max()
        assert error < 1e-4, name


STEP, LIMIT = 0.07, 2.0


def coarse(matrix, change):
    """A rounding, so coarse that it is felt, and clips some; the diagonal is kept."""
    wanted = matrix / STEP + change
    found, free = np.clip(np.rint(wanted), -LIMIT, LIMIT) * STEP, np.abs(wanted) < LIMIT
    np.fill_diagonal(found, np.diag(wanted) * STEP)
    np.fill_diagonal(free, True)
    return found, STEP, free


@pytest.mark.parametrize("kl", ["official", "exact"])
@pytest.mark.parametrize("limit", [10.0, 2.0])
@pytest.mark.parametrize("shards", [1, 3])
def test_gradient_passes_straight_through_a_rounded_matrix(kl, limit, shards):
    """Against a loop in plain torch that shares no code with either form of training."""
    model, x = a_model(rounded=True)
    with torch.no_grad():
        model.recurrent_change.copy_(torch.randn(K, K, generator=torch.Generator().manual_seed(4)))
    how = replace(unroll(kl, limit=limit), rounding=coarse)
    loss, gradient, z, slope = fused(model, x, how, shards)
    unrounded, *_ = fused(model, x, unroll(kl, limit=limit), shards)
    assert abs((loss.nll - unrounded.nll).item()) > 1e-3  # or it is no test

    p = {n: v.detach().double().requires_grad_() for n, v in model.named_parameters()}
    x = x.double()
    deviation = 3.45 * torch.tanh(p["log_sigma_raw"] / 3.45)
    precision, a = torch.exp(-2 * deviation), torch.exp(p["log_lr"])
    recurrent = a * p["phi"].T @ (precision[:, None] * p["phi"])
    wanted = recurrent / STEP + p["recurrent_change"]
    value, _, free = coarse(recurrent.detach().numpy(), p["recurrent_change"].detach().numpy())
    assert 0.05 < 1 - free.mean() < 0.5  # some are clipped
    passed = torch.where(torch.from_numpy(free), STEP * wanted, torch.tensor(0.0))
    as_run = torch.from_numpy(value) + passed - passed.detach()  # value the one, gradient the other
    drive = a * (x @ (precision[:, None] * p["phi"]) - torch.exp(p["log_bias"]))
    u, nll, kl_sum = p["u0"].expand(B, -1), torch.zeros(()), torch.zeros(())
    counts = Replay.apply(u, z[0], slope[0])
    for t in range(1, T + 1):
        before = u
        u = soft_clamp(u + soft_clamp(drive - counts @ as_run.T, limit), limit)
        counts = Replay.apply(u, z[t], slope[t])
        error = (precision * (x - counts @ p["phi"].T) ** 2).sum(dim=1)
        nll = nll + 0.5 * error.mean() + deviation.sum() + 0.5 * M * math.log(2 * math.pi)
        kl_sum = kl_sum + poisson_kl(u, before, kl).mean()
    total = (nll + BETA * kl_sum) / T * (256 / M)
    assert float(loss.total) == pytest.approx(total.item(), rel=1e-5)
    expected = torch.autograd.grad(total, list(p.values()))
    for name, value in zip(p, expected, strict=True):
        error = (gradient[name] - value).abs().max() / value.abs().max()
        assert error < 1e-4, name

    # What runs off the CPU is the same.
    general = IPVAE(M, K, rounded=True).double()
    general.load_state_dict({name: v.detach() for name, v in p.items()})
    unrolled = general(x, T, limit, lambda u, t: Replay.apply(u, z[t], slope[t]), rounding=coarse)
    want = batch_loss(unrolled, BETA, kl).total
    parameters = dict(general.named_parameters())
    again = torch.autograd.grad(want, list(parameters.values()))
    assert want.item() == pytest.approx(total.item(), rel=1e-9)
    for name, one, other in zip(parameters, again, expected, strict=True):
        assert torch.allclose(one, other, rtol=1e-7, atol=1e-9), name


def test_log_rates_at_the_floor_have_no_gradient():
    model, x = a_model()
    with torch.no_grad():
        model.log_bias.fill_(8.0)  # drives every log-rate far below -8
    _, gradient, z, _ = fused(model, x, unroll())
    assert z[1:].sum() == 0
    assert gradient["phi"].abs().max() == 0
    assert gradient["log_bias"].abs().max() == 0
    assert gradient["log_sigma_raw"].abs().max() > 0


def test_broken_values_are_not_hidden():
    model, x = a_model()
    x[4, 2] = float("nan")
    loss, gradient, _, _ = fused(model, x, unroll())
    assert torch.isnan(loss.total)
    assert torch.isnan(gradient["phi"]).any()


def test_workspace_is_reused_and_grows():
    workspace = Workspace()
    first = workspace.take(0, (3, 4, 5))
    assert first.shape == (4, 3, 4, 5)
    assert workspace.take(0, (2, 4, 5)).data_ptr() == first.data_ptr()
    assert workspace.take(0, (9, 4, 5)).shape == (4, 9, 4, 5)
    assert workspace.take(1, (3, 4, 5)).data_ptr() != first.data_ptr()


def test_lower_precision_is_put_back_even_after_an_error():
    before = torch.get_float32_matmul_precision()
    seen = []
    with pytest.raises(KeyError), matrix_precision("bfloat16"):
        {}[seen.append(torch.get_float32_matmul_precision())]
    assert seen == ["medium"]
    assert torch.get_float32_matmul_precision() == before


@njit
def apply(values, exponential):
    out = np.empty_like(values)
    for i in range(values.size):
        out[i] = exp32(values[i]) if exponential else log1p32(values[i])
    return out


def test_exponential_is_as_exact_as_documented():
    x = np.linspace(-86.9, 87.9, 400_001).astype(np.float32)
    assert np.abs(apply(x, True) / np.exp(x.astype(np.float64)) - 1).max() < 1e-7
    edges = apply(np.array([-1e30, -87.5, 88.5, np.inf], np.float32), True)
    assert edges[0] == edges[1] < 2e-38
    assert edges[2] == edges[3] > 1e38


def test_logarithm_is_as_exact_as_documented():
    t = np.geomspace(1e-30, 1.0, 400_001).astype(np.float32)
    assert np.abs(apply(t, False) / np.log1p(t.astype(np.float64)) - 1).max() < 4e-7
    assert apply(np.zeros(1, np.float32), False)[0] == 0


def test_compiled_functions_call_nothing_of_a_file_outside_their_digest():
    """Or numba would take them from its cache after the other file has changed."""
    folder = Path(kernels.__file__).parent
    ours = {f"ipvae.float_models.inference.{name}" for name in (*compiling.COMPILED, "compiling")}
    for path in folder.glob("*.py"):
        text = path.read_text()
        if path.stem in compiling.COMPILED:
            assert set(re.findall(r"^(?:from|import) (ipvae\S*)", text, re.M)) <= ours, path
        elif path.stem != "compiling":
            assert "njit" not in text and "compiling import" not in text, path


@pytest.mark.parametrize("name", compiling.COMPILED)
def test_a_change_of_any_compiled_file_asks_for_another_cache(tmp_path, name):
    for file in compiling.COMPILED:
        (tmp_path / f"{file}.py").write_text("one")
    before = compiling.digest(tmp_path)
    (tmp_path / f"{name}.py").write_text("two")
    assert compiling.digest(tmp_path) != before
    now = compiling.digest(Path(kernels.__file__).parent)
    assert kernels.product.py_func.__qualname__ == f"product_{now}"


def test_compiled_functions_work_where_nothing_can_be_cached(tmp_path):
    code = (
        "import numba.core.caching as c\n"
        "c.CacheImpl._locator_classes = []\n"
        "from ipvae.float_models.inference.draws import fractions\n"
        "print(fractions(1, 0, 3, 2).shape)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.stdout == "(2, 3)\n", done.stderr
