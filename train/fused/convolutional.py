"""Fused loss and gradient of the convolutional iterative Poisson VAE on the CPU.

The passes over rows are the dense model's (`.unroll`); H = Phi^T D Phi and P = x D Phi are
convolutions. H is applied as two, Phi and then Phi^T D: on dense maps they need a fifth of the
operations of its Gram kernels (k = 9, s = 3, 32 maps). Gradients by the few kernels pass through
autograd once for each batch.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from ipvae.float_models.convolutional.geometry import Canvas
from ipvae.train.fused.parallel import Run
from ipvae.train.fused.unroll import Unroll, Workspace, backpropagated
from ipvae.train.models import convolution
from ipvae.train.models.convolutional import ConvolutionalIPVAE
from ipvae.train.models.loss import REFERENCE_PIXELS, Loss
from ipvae.train.models.trainable_ipvae import gaussian_nll


@dataclass(frozen=True, eq=False)
class _Convolutions:
    """Products of kernels, on flat rows; see `ipvae.train.fused.unroll.Products`."""

    u0: Tensor
    bias: Tensor
    canvas: Canvas
    weighted: Tensor
    blocks: tuple[Tensor, Tensor]

    def match(self, x: Tensor) -> Tensor:
        return convolution.drive(self._canvases(x), self.weighted, self.canvas.stride).flatten(1)

    def overlap(self, z: Tensor, out: Tensor) -> None:
        found = convolution.factored_inhibition(self._maps(z), *self.blocks)
        out.copy_(found.flatten(1))

    recurrent = overlap  # H is not rounded

    def through(self, feedback: Tensor, out: Tensor) -> None:
        self.overlap(feedback, out)  # H is symmetric

    def by_gram(self, change: Tensor, z: Tensor) -> Tensor:
        return convolution.by_factors(self._maps(change), self._maps(z), *self.blocks)

    def by_match(self, x: Tensor, change: Tensor) -> Tensor:
        of = self.canvas
        maps = self._maps(change)
        return convolution.by_weighted(self._canvases(x), maps, of.kernel, of.stride)

    def _canvases(self, x: Tensor) -> Tensor:
        return x.view(-1, self.canvas.image[0], *self.canvas.size)

    def _maps(self, values: Tensor) -> Tensor:
        return values.view(-1, *self.canvas.grid)


def convolutional_gradient(
    model: ConvolutionalIPVAE,
    x: Tensor,
    how: Unroll,
    *,
    shards: int,
    for_each: Run,
    workspace: Workspace,
) -> tuple[Loss, dict[str, Tensor]]:
    """Return the loss of a batch and its gradient for each parameter of the model.

    Parameters are the same as for `ipvae.train.fused.unroll.unrolled_gradient`; x is (B, c h w).

    References
    ----------
    arXiv 2410.19315, algorithm and loss; Gram form: docs/convolutional.md.
    """
    canvas = model.canvas
    rows = convolution.padded(x, canvas).flatten(1)
    parameters = dict(model.named_parameters())
    with torch.enable_grad():
        weighted, deviation = model.weighted, model.pixel_deviations()
        blocks = [convolution.blocked(of, canvas.stride) for of in (model.kernels, weighted)]
        energy = (rows.square().mean(dim=0) * torch.exp(-2.0 * deviation)).sum()
        step_size, bias = torch.exp(model.log_lr), torch.exp(model.log_bias)

    def everywhere(values: Tensor) -> Tensor:
        return values.detach().repeat_interleave(canvas.grid[1] * canvas.grid[2])

    products = _Convolutions(
        everywhere(model.u0),
        everywhere(bias),
        canvas,
        weighted.detach(),
        (blocks[0].detach(), blocks[1].detach()),
    )
    found = backpropagated(
        products, step_size.detach(), rows, how, shards=shards, for_each=for_each, held=workspace
    )
    error, divergence, by_step = found.sums
    share, scale = 1.0 / (how.steps * len(x)), REFERENCE_PIXELS / rows.shape[1]
    kl = torch.tensor(divergence * share)
    nll = gaussian_nll(energy + error * share, deviation)

    def of_maps(values: Tensor) -> Tensor:
        return values.view(canvas.maps, -1).sum(dim=1)

    outputs = [weighted, *blocks, nll, step_size, bias]
    changes = [
        found.by_match,
        *found.by_gram,
        torch.tensor(scale),
        torch.tensor(by_step, dtype=torch.float32),
        of_maps(found.by_bias),
    ]
    wanted = [parameters[name] for name in parameters if name != "u0"]
    gradients = iter(torch.autograd.grad(outputs, wanted, changes))
    gradient = {
        name: of_maps(found.by_u0) if name == "u0" else next(gradients) for name in parameters
    }
    nll = nll.detach()
    return Loss((nll + how.now.beta * kl) * scale, nll, kl), gradient
