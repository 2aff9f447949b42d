"""From a trained model and a user's wish to the integer network that answers it."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ipvae.cli.inputs import LabelledImages, training_errors
from ipvae.evaluation.metrics import quality
from ipvae.network.description import InputFormat, IntNetwork
from ipvae.network.errors import InputError
from ipvae.network.pixels import to_real

if TYPE_CHECKING:
    from ipvae.train.checkpoint import Checkpoint

LAYOUTS = ("recurrent", "error-units")
READOUTS = ("decoder", "classes")
STEPS = 64
LCA_THRESHOLD = 0.1
REFIT_IMAGES = 3000

REFUSED = {
    "conv": (
        "its encoder is convolutional: shared weights have no counterpart in the network file, "
        "which stores dense layers, and unrolled they outgrow a chip"
    ),
    "gaussian": "its latents are real numbers with noise; allowed are counts",
    "rectified": (
        "normal noise can be drawn in integers, but its update multiplies that noise by the "
        "deviation and by the input, and the deviation is an exponential of a second state: three "
        "products of 24 by 24 bits in each neuron and step, which is no neuron that we know on the "
        "chip"
    ),
    "hybrid": "its iteration starts from an encoder's guess, and a neuron starts from a constant",
}
"""Why a kind of model has no integer network."""


@dataclass(frozen=True)
class Wish:
    """What the user wants of an export.

    Attributes
    ----------
    layout : one of LAYOUTS; 'feed-forward' for an amortized model, 'recurrent' for LCA
    inference : 'model' or 'lca'
    threshold : of LCA, pixel units
    readouts : some of READOUTS
    weight_bits : int
    refit : whether the decoder is fitted anew to what the network sends
    steps : to calibrate with
    seed : of all random draws
    """

    layout: str
    inference: str
    threshold: float
    readouts: tuple[str, ...]
    weight_bits: int
    refit: bool
    steps: int
    seed: int

    @classmethod
    def of(
        cls,
        checkpoint: "Checkpoint",
        path: Path,
        layout: str,
        inference: str,
        threshold: float | None,
        readout: str | None,
        weight_bits: int,
        refit: bool,
        seed: int,
    ) -> "Wish":
        """Check that the model can be exported so; InputError says why if not."""
        if layout not in LAYOUTS:
            raise InputError(f"--layout: found '{layout}', allowed {', '.join(LAYOUTS)}")
        if inference not in ("model", "lca"):
            raise InputError(f"--inference: found '{inference}', allowed model, lca")
        names = tuple(name.strip() for name in readout.split(",")) if readout else ()
        if set(names) - set(READOUTS) or len(set(names)) < len(names):
            raise InputError(f"--readout: found '{readout}', allowed {', '.join(READOUTS)} or both")
        if threshold is not None and inference != "lca":
            raise InputError("--threshold: belongs to --inference lca; give both or neither")
        member = checkpoint.member
        if inference == "lca":
            if layout != LAYOUTS[0]:
                raise InputError("--layout error-units: not with --inference lca; leave one out")
        else:
            require_exportable(checkpoint, path)
            if member.inference == "amortized":
                if layout != LAYOUTS[0]:
                    raise InputError(
                        f"--layout: {path} holds a model '{checkpoint.model}', which has no loop; "
                        "leave it out"
                    )
                layout = "feed-forward"
        if "classes" in names and checkpoint.data.preset in ("arrays", "patches"):
            raise InputError(
                f"--readout classes: the images of {checkpoint.data.preset} have no labels"
            )
        return cls(
            layout=layout,
            inference=inference,
            threshold=LCA_THRESHOLD if threshold is None else threshold,
            readouts=names,
            weight_bits=weight_bits,
            refit=refit,
            steps=STEPS,
            seed=seed,
        )

    def as_dict(self) -> dict[str, Any]:
        """What a network's provenance says of it."""
        return {
            "weight_bits": self.weight_bits,
            "layout": self.layout,
            "refit_decoder": self.refit,
            "inference": self.inference,
            "readouts": list(self.readouts),
        } | ({"threshold": self.threshold} if self.inference == "lca" else {})


def require_exportable(checkpoint: "Checkpoint", path: Path) -> None:
    """Refuse models that have no integer network."""
    member = checkpoint.member
    reason = REFUSED.get(member.encoder or "")
    if member.latent != "poisson":
        reason = REFUSED[member.latent]
    elif member.inference == "hybrid":
        reason = REFUSED["hybrid"]
    if reason:
        raise InputError(
            f"{path}: holds a model '{checkpoint.model}', which cannot be exported: {reason}. "
            "Allowed are ipvae, pvae-linear and pvae-mlp, and --inference lca for any; "
            "`ipvae evaluate` takes any model"
        )


@dataclass(frozen=True, eq=False)
class FloatStates:
    """What the float model did with the calibration images.

    Attributes
    ----------
    real : (N, M) float64, images
    codes : (N, K), what the decoder reads after the last step
    decoder : (M, K) float64
    silent, saturated : neurons that never sent anything; that reached the highest rate
    largest_error : (M,) largest |x - Phi z| over images and steps
    largest_code : largest of all codes
    activity : (K,) mean counts over images and the logarithm of time, None where nothing iterates
    """

    real: np.ndarray
    codes: np.ndarray
    decoder: np.ndarray
    silent: int
    saturated: int
    largest_error: np.ndarray
    largest_code: float
    activity: np.ndarray | None = None

    @property
    def figures(self) -> dict[str, Any]:
        """R2, MSE, zeros and neurons out of work; JSON data."""
        return {
            **quality(self.real, self.codes, self.decoder),
            "silent_neurons": self.silent,
            "saturated_neurons": self.saturated,
        }


def float_states(
    checkpoint: "Checkpoint", wish: Wish, pixels: np.ndarray, fmt: InputFormat
) -> FloatStates:
    """Run the float model on images (N, M) as the integer network will be run."""
    from ipvae.export.correction import LOG_STEPS
    from ipvae.export.quantize import LOG_RATE_HIGH
    from ipvae.train.infer import infer

    real = to_real(pixels, fmt)
    if wish.inference == "lca":
        return _lca_states(checkpoint, wish, real)
    amortized = wish.layout == "feed-forward"
    with training_errors():
        states = infer(
            checkpoint.params,
            real.astype(np.float32),
            [1] if amortized else {*range(wish.steps + 1), *LOG_STEPS},
            seed=wish.seed,
            model=checkpoint.model,
            image_shape=checkpoint.data.image_shape,
        )
    decoder = checkpoint.params["phi"].astype(np.float64)
    top = 5.0 if amortized else min(LOG_RATE_HIGH, 8 * np.log(2.0))
    activity = None
    if not amortized:
        activity = np.mean([states[t].counts.mean(axis=0) for t in LOG_STEPS], axis=0, dtype=float)
    each = [state for t, state in states.items() if t <= wish.steps]
    return FloatStates(
        real,
        each[-1].counts,
        decoder,
        silent=int((sum(s.counts.sum(axis=0) for s in each) == 0).sum()),
        saturated=int(np.any([(s.log_rates >= top).any(axis=0) for s in each], axis=0).sum()),
        largest_error=np.max(
            [np.abs(real - s.counts @ decoder.T).max(axis=0) for s in each], axis=0
        ),
        largest_code=float(max(s.counts.max() for s in each)),
        activity=activity,
    )


def _lca_states(checkpoint: "Checkpoint", wish: Wish, real: np.ndarray) -> FloatStates:
    from ipvae.train.lca import lca, lca_codes

    with training_errors():
        solver = lca(
            checkpoint.params["phi"],
            wish.threshold,
            nonnegative=checkpoint.member.latent != "gaussian",
        )
        found = lca_codes(solver, real, range(wish.steps + 1))
    codes = found[wish.steps]
    sizes = np.max([np.abs(c).max(axis=0) for c in found.values()], axis=0)
    return FloatStates(
        real,
        codes,
        solver.atoms,
        silent=int((sizes == 0).sum()),
        saturated=0,
        largest_error=np.abs(real - codes @ solver.atoms.T).max(axis=0),
        largest_code=float(sizes.max()),
    )


def integers(
    checkpoint: "Checkpoint",
    wish: Wish,
    before: FloatStates,
    train: LabelledImages,
    test: LabelledImages,
    pixels: InputFormat,
) -> IntNetwork:
    """Build the network with its read-outs; what is fitted is fitted on the training images."""
    from ipvae.export.readouts import averaged_code, with_classes, with_decoder
    from ipvae.export.refit import refit_decoder

    network = _without_readouts(checkpoint, wish, before, test, pixels)
    if wish.refit:
        network = refit_decoder(network, train.pixels[:REFIT_IMAGES], wish.seed)
    for name in wish.readouts:
        if name == "decoder":
            network = with_decoder(network, wish.weight_bits)
        else:
            codes = averaged_code(network, train.pixels, 2 * wish.steps, wish.seed)
            network = with_classes(network, codes, train.labels, wish.weight_bits)
    return network


def _without_readouts(
    checkpoint: "Checkpoint",
    wish: Wish,
    before: FloatStates,
    test: LabelledImages,
    pixels: InputFormat,
) -> IntNetwork:
    from ipvae.export.error_units import error_units
    from ipvae.export.fake_quantize import with_learned_rounding
    from ipvae.export.feedforward import amortized
    from ipvae.export.lca import lca_network
    from ipvae.export.model import from_parameters
    from ipvae.export.quantize import Images, quantize

    stored, bits = Images(test.pixels, test.labels), wish.weight_bits
    if wish.inference == "lca":
        return lca_network(
            before.decoder,
            wish.threshold,
            before.largest_code,
            pixels,
            stored,
            nonnegative=checkpoint.member.latent != "gaussian",
            weight_bits=bits,
        )
    if wish.layout == "feed-forward":
        return amortized(checkpoint.params, before.real, pixels, stored, bits)
    trained = from_parameters(checkpoint.params)
    if wish.layout == "error-units":
        largest = before.largest_error / trained.sigma
        return error_units(trained, pixels, stored, largest, bits)
    config = checkpoint.config
    ready = config is not None and config.weight_bits == bits
    if ready and "recurrent_change" in checkpoint.params:
        trained = with_learned_rounding(trained, checkpoint.params["recurrent_change"], bits)
    return quantize(trained, pixels, stored, bits, activity=None if ready else before.activity)
