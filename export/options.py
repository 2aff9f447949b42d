"""Options of an export, and the reasons why some models have no integer network."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ipvae.errors import InputError
from ipvae.evaluation.readouts import READOUTS
from ipvae.export.rounding.image_moments import MOST_BITS as CORRECTED_BITS

if TYPE_CHECKING:
    from ipvae.float_models.checkpoint import Checkpoint
    from ipvae.float_models.zoo import ModelSpec

LAYOUTS = ("recurrent", "error-units")
CONSTANT, AFFINE = STARTS = ("constant", "affine")
"""Log-rates at which an image begins: the model's, or affine in the image."""
START_MARGIN = 2.0
LARGEST_NATS = 20.0
"""Largest margin and threshold of a start: the log-rate itself has a range of 18 nats."""

LCA_THRESHOLD = 0.1
MOST_BITS = 8
STEPS = (64, 512)
"""Steps of the quality measures: a typical run, and a run long enough to show divergence."""

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
    "hybrid": (
        "its iteration starts from an encoder's guess, and a neuron from a constant, or from an "
        "affine function of the image (start=affine)"
    ),
}
"""Reason why a kind of model has no integer network."""


@dataclass(frozen=True)
class ExportOptions:
    """Options that determine the integer network of a model.

    Attributes
    ----------
    layout : one of LAYOUTS; 'feed-forward' for an amortized model, 'recurrent' for LCA
    inference : 'model' or 'lca'
    threshold : LCA threshold, pixel units
    readouts : some of READOUTS
    weight_bits : int
    refit_decoder : fit the decoder to the counts of the network
    steps : steps of the quality measures; one if each step is an independent draw
    seed : seed of all random draws
    learned : the model was trained for these bits with learned rounding
    start : one of STARTS
    start_threshold, start_margin : nats
        Of an affine start: log-rates below the threshold are lowered by the margin.
    step_scale : multiple of the model's step size
    inhibition_scale : multiple of the model's constant inhibition, a price on activity
    """

    layout: str
    inference: str
    threshold: float
    readouts: tuple[str, ...]
    weight_bits: int
    refit_decoder: bool
    steps: tuple[int, ...]
    seed: int
    learned: bool = False
    start: str = CONSTANT
    start_threshold: float = 0.0
    start_margin: float = START_MARGIN
    step_scale: float = 1.0
    inhibition_scale: float = 1.0

    @classmethod
    def of(
        cls,
        checkpoint: "Checkpoint",
        where: str = "the model",
        *,
        layout: str = LAYOUTS[0],
        inference: str = "model",
        threshold: float | None = None,
        readouts: Sequence[str] = (),
        weight_bits: int = MOST_BITS,
        refit_decoder: bool = False,
        seed: int = 0,
        start: str = CONSTANT,
        start_threshold: float | None = None,
        start_margin: float | None = None,
        step_scale: float = 1.0,
        inhibition_scale: float = 1.0,
    ) -> "ExportOptions":
        """Validate the options for a model and return them.

        Parameters
        ----------
        checkpoint : trained model
        where : name of the model in messages
        layout : one of LAYOUTS
        inference : 'model' or 'lca'
        threshold : LCA threshold, pixel units; LCA_THRESHOLD if not given
        readouts : some of READOUTS
        weight_bits, refit_decoder, seed : see the class attributes
        start, step_scale, inhibition_scale : see the class attributes
        start_threshold, start_margin : see the class attributes; 0 and START_MARGIN if not given

        Raises
        ------
        InputError
            If the model does not support an option, with the reason.
        """
        checkpoint.require_dictionary(where)
        if layout not in LAYOUTS:
            raise InputError(f"layout: found '{layout}', allowed {', '.join(LAYOUTS)}")
        if inference not in ("model", "lca"):
            raise InputError(f"inference: found '{inference}', allowed model, lca")
        names = tuple(readouts)
        if set(names) - set(READOUTS) or len(set(names)) < len(names):
            raise InputError(
                f"readouts: found '{','.join(names)}', allowed {', '.join(READOUTS)} or both"
            )
        if threshold is not None and inference != "lca":
            raise InputError("threshold: needs inference=lca; give both or neither")
        model, member, config = checkpoint.model, checkpoint.member, checkpoint.config
        if inference == "lca":
            if layout != LAYOUTS[0]:
                raise InputError("layout=error-units: not with inference=lca; leave one out")
        else:
            require_exportable(model, member, where)
            if member.inference == "amortized":
                if layout != LAYOUTS[0]:
                    raise InputError(
                        f"layout: {where} holds a model '{model}', which has no loop; omit it"
                    )
                layout = "feed-forward"
        trained_for = config.weight_bits if config is not None and layout == LAYOUTS[0] else 0
        learned = inference == "model" and trained_for == weight_bits
        scales = {"step_scale": step_scale, "inhibition_scale": inhibition_scale}
        start_nats = {"start_threshold": start_threshold, "start_margin": start_margin}
        check_start(start, start_nats, scales)
        if (start != CONSTANT or set(scales.values()) != {1.0}) and (
            learned or inference == "lca" or layout != LAYOUTS[0]
        ):
            raise InputError(
                "start, step_scale and inhibition_scale: belong to an iterative model in the "
                "layout recurrent that was not trained for these weight_bits; omit them"
            )
        return cls(
            layout=layout,
            inference=inference,
            threshold=LCA_THRESHOLD if threshold is None else threshold,
            readouts=names,
            weight_bits=weight_bits,
            refit_decoder=refit_decoder,
            steps=STEPS[:1] if layout == "feed-forward" else STEPS,
            seed=seed,
            learned=learned,
            start=start,
            **{name: value for name, value in start_nats.items() if value is not None},
            **scales,
        )

    @property
    def errors(self) -> bool:
        """Use of prediction-error neurons."""
        return self.layout == LAYOUTS[1]

    @property
    def compensated(self) -> bool:
        """Use of error-compensated rounding on calibration images."""
        iterated = self.inference == "model" and self.layout in LAYOUTS
        return iterated and not self.learned

    @property
    def corrects_drive(self) -> bool:
        """Few bits: the drive is corrected too (`ipvae.export.rounding.image_moments`)."""
        return self.compensated and not self.errors and self.weight_bits <= CORRECTED_BITS

    @property
    def changed_inference(self) -> bool:
        """True if the inference differs from the model's: its start or one of its scales."""
        return self.start != CONSTANT or (self.step_scale, self.inhibition_scale) != (1.0, 1.0)

    @property
    def advice(self) -> str:
        """Advice for an export with too large a loss."""
        trained = self.layout == LAYOUTS[0] and self.inference == "model"
        ways = ["use more weight_bits="] if self.weight_bits < MOST_BITS else []
        if trained and self.weight_bits < MOST_BITS:
            ways.append("train for few bits (ipvae.train_model with init_from= and weight_bits=)")
        if not self.refit_decoder:
            ways.append("refit the decoder (refit_decoder=True)")
        return ", ".join(ways or ["look at the model itself (ipvae.evaluate)"])

    def as_dict(self) -> dict[str, Any]:
        """Options in the network's provenance."""
        names = ("start", "start_threshold", "start_margin", "step_scale", "inhibition_scale")
        changed = {name: getattr(self, name) for name in names} if self.changed_inference else {}
        return {
            "weight_bits": self.weight_bits,
            "layout": self.layout,
            "refit_decoder": self.refit_decoder,
            "inference": self.inference,
            "readouts": list(self.readouts),
            **changed,
        } | ({"threshold": self.threshold} if self.inference == "lca" else {})


def check_start(start: str, nats: dict[str, float | None], scales: dict[str, float]) -> None:
    """Raise InputError for a start or scales that cannot be."""
    if start not in STARTS:
        raise InputError(f"start: found '{start}', allowed {', '.join(STARTS)}")
    for name, value in nats.items():
        if value is None:
            continue
        if start == CONSTANT:
            raise InputError(f"{name}: needs start=affine; give both or neither")
        low = 0.0 if name == "start_margin" else -LARGEST_NATS
        if not low <= value <= LARGEST_NATS:
            raise InputError(f"{name}: found {value:g}, allowed {low:g} to {LARGEST_NATS:g} nats")
    if not 0.0 < scales["step_scale"] < float("inf"):
        raise InputError(f"step_scale: found {scales['step_scale']:g}, allowed numbers above 0")
    if not 0.0 <= scales["inhibition_scale"] < float("inf"):
        raise InputError(
            f"inhibition_scale: found {scales['inhibition_scale']:g}, allowed 0 and above"
        )


def require_exportable(model: str, member: "ModelSpec", where: str) -> None:
    """Raise an error for models that have no integer network.

    Parameters
    ----------
    model : name of the model, a key of `ipvae.float_models.zoo.MODEL_SPECS`
    member : its specification
    where : its name in the message
    """
    reason = REFUSED.get(member.encoder or "")
    if member.latent != "poisson":
        reason = REFUSED[member.latent]
    elif member.inference == "hybrid":
        reason = REFUSED["hybrid"]
    if reason:
        raise InputError(
            f"{where}: holds a model '{model}', which cannot be exported: {reason}. "
            "Allowed are ipvae, pvae-linear and pvae-mlp, and inference=lca for any; "
            "ipvae.evaluate takes any model"
        )
