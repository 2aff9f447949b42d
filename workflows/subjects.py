"""What is evaluated and compared: a network by the emulator, or a trained float model."""

import threading
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from ipvae.emulator import Stopped
from ipvae.errors import InputError
from ipvae.evaluation.prior import prior_samples
from ipvae.evaluation.readouts import judge, readout_names
from ipvae.network.arithmetic import to_nats
from ipvae.network.description import InputFormat, IntNetwork
from ipvae.network.file import read_network
from ipvae.network.layers import PoissonLayer
from ipvae.network.pixels import to_real
from ipvae.report.numbers import error, fit, percent
from ipvae.workflows import cluster
from ipvae.workflows.images import given_images, network_images, network_preset, preset_images
from ipvae.workflows.progress import Advance
from ipvae.workflows.quantize import pixel_format
from ipvae.workflows.stopping import StopChoice, stop_figures

if TYPE_CHECKING:
    from ipvae.float_models.infer import State

METRICS = "metrics.jsonl"
STEPS = 64
INFERENCES = ("model", "lca")
THRESHOLD = 0.1

States = dict[int, tuple[np.ndarray, np.ndarray]]
"""Step -> codes and features for a classifier, (N, K) each; Poisson: counts and rates exp(u)."""


class Subject(Protocol):
    """A network or a model.

    Attributes
    ----------
    name : for titles
    preset : data set
    format : range, scale and shape of its pixels
    decoder : (M, K) Phi, real pixel units
    shape : height and width of an image
    signed : whether pixels are below 0 too
    trained_steps : updates unrolled in training, where that is known
    metrics : file with a line for each epoch, which need not be there
    steps : to look at if none are given
    counts : whether codes are spike counts
    facts : JSON keys that say what it is
    """

    name: str
    preset: str
    format: InputFormat
    decoder: np.ndarray
    shape: tuple[int, int]
    signed: bool
    trained_steps: int | None
    metrics: Path | None
    steps: int
    counts: bool
    facts: dict[str, Any]

    def test_images(
        self, samples: int | None, data_dir: Path | None, images: Path | None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Integer pixels (N, M) and labels (N,), -1 where unknown."""
        ...

    def real(self, pixels: np.ndarray) -> np.ndarray:
        """Real values of integer pixels."""
        ...

    def states(
        self, pixels: np.ndarray, steps: list[int], progress: Advance | None = None
    ) -> States:
        """Codes and features after each of some rising numbers of steps.

        `progress` gets numbers of images that are done, if the subject can tell.
        """
        ...

    def prior_images(self, n: int, seed: int) -> np.ndarray:
        """Images (n, M) that it makes up before it has seen one, real pixel values."""
        ...

    def figures(self, pixels: np.ndarray, labels: np.ndarray) -> tuple[dict[str, Any], str]:
        """JSON keys and a line of text about the states found last, of these images."""
        ...


def subject_of(
    path: Path,
    seed: int,
    inference: str,
    threshold: float | None,
    scheduler: str | None = None,
    stop: StopChoice | None = None,
) -> Subject:
    """Read a network file (.h5), which may run on a cluster and stop images alone, or a model."""
    if path.suffix == ".h5":
        return NetworkSubject(path, seed, scheduler, stop)
    for name, given in (("scheduler", scheduler), ("stop", stop)):
        if given is not None:
            raise InputError(f"{name}: runs network files (.h5), {path} is none; leave it away")
    if inference == "lca":
        return LcaSubject(path, seed, THRESHOLD if threshold is None else threshold)
    return ModelSubject(path, seed)


def require_inference(inference: str, threshold: float | None, path: Path) -> None:
    """Refuse options that do not go together."""
    if inference not in INFERENCES:
        raise InputError(f"inference: found {inference}, allowed {', '.join(INFERENCES)}")
    if inference != "lca":
        if threshold is not None:
            raise InputError("threshold: belongs to inference=lca; give both or neither")
    elif path.suffix == ".h5":
        raise InputError(
            f"inference=lca: {path} is a network file, which has its own inference; give a model"
        )


def _said(readout: dict) -> str:
    """One read-out in words."""
    said = f"read-out {readout['layer']} ({readout['name']})"
    if "r2" in readout:
        return f"{said}: R2 {fit(readout['r2'])}, MSE {error(readout['mse'])}"
    if readout.get("accuracy") is not None:
        return f"{said}: accuracy {percent(readout['accuracy'], 2)}"
    return f"{said}: no figure"


class NetworkSubject(Subject):
    """An integer network, evaluated by the emulator."""

    def __init__(
        self,
        path: Path,
        seed: int,
        scheduler: str | None = None,
        stop: StopChoice | None = None,
    ) -> None:
        self._scheduler = scheduler
        self._stop = stop
        self._stopped: Stopped | None = None
        self._own_classes = True
        self.network: IntNetwork = read_network(path)
        self.decoder = self.network.decoder
        self.preset = network_preset(self.network)
        self.seed = seed
        self.name = path.stem
        self.format = self.network.input
        self.shape, self.signed = self.format.shape, self.format.minimum < 0
        self.trained_steps = None
        self.metrics = None
        self.steps = STEPS
        self.counts = self.network.draws
        self.facts = {}
        self._shown: dict[str, np.ndarray] = {}

    def test_images(
        self, samples: int | None, data_dir: Path | None, images: Path | None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Integer pixels and labels."""
        found = network_images(self.network, samples, data_dir, images)
        self._own_classes = found.own_classes
        return found.pixels, found.labels

    def real(self, pixels: np.ndarray) -> np.ndarray:
        """Real values of integer pixels."""
        return to_real(pixels, self.format)

    def states(
        self, pixels: np.ndarray, steps: list[int], progress: Advance | None = None
    ) -> States:
        """Counts and rates after each number of steps."""
        if self._stop is not None:
            return self._states_at_rest(self._stop, pixels, steps[-1], progress)
        totals = cluster.totals(
            self.network, pixels, steps[-1], self.seed, self._scheduler, steps, progress
        )
        last = totals.kept[steps[-1]]
        self._shown = {name: last[name][1] for name in readout_names(self.network)}
        kept = {step: totals.kept[step][self.network.code] for step in steps}
        return {step: (z, self._features(u, z)) for step, (u, z) in kept.items()}

    def _states_at_rest(
        self, stop: StopChoice, pixels: np.ndarray, budget: int, progress: Advance | None
    ) -> States:
        """Counts and rates after each image's own number of steps."""
        self._stopped = found = cluster.stopped(
            self.network, pixels, budget, self.seed, self._scheduler, stop, progress
        )
        layers = found.totals.layers
        self._shown = {name: layers[name].z for name in readout_names(self.network)}
        code = layers[self.network.code]
        return {budget: (code.z, self._features(code.u, code.z))}

    def _features(self, u: np.ndarray, z: np.ndarray) -> np.ndarray:
        """Rates; a code that is not drawn is its own feature."""
        layer = self.network.layer
        if not isinstance(layer, PoissonLayer):
            return z.astype(np.float64)
        return np.exp(to_nats(u, layer.frac_bits))

    def prior_images(self, n: int, seed: int) -> np.ndarray:
        """Images of the prior."""
        layer = self.network.layer
        if not isinstance(layer, PoissonLayer):
            return np.zeros((n, self.network.n_pixels))  # a sparse code starts with nothing
        return prior_samples(to_nats(layer.u_init, layer.frac_bits), self.decoder, n, seed)

    def figures(self, pixels: np.ndarray, labels: np.ndarray) -> tuple[dict[str, Any], str]:
        """Where images stopped, and what its read-outs show; it has no likelihood any more."""
        keys: dict[str, Any] = {}
        said = []
        if self._stop is not None and self._stopped is not None:
            keys, line = stop_figures(self.network, self._stop, self._stopped)
            said.append(line)
        if self._shown:
            classes = labels if self._own_classes else np.full_like(labels, -1)
            found = judge(self.network, self._shown, self.real(pixels), classes)
            keys["readouts"] = found
            said += map(_said, found)
        return keys, "; ".join(said)


class Sent:
    """Nonzero codes of each step, summed over images; called from any thread."""

    def __init__(self) -> None:
        self._by_step: Counter[int] = Counter()
        self._lock = threading.Lock()

    def __call__(self, step: int, codes: np.ndarray) -> None:
        """Count some codes of a step."""
        nonzero = int(np.count_nonzero(codes))
        with self._lock:
            self._by_step[step] += nonzero

    def before(self, step: int) -> int:
        """Those that had been sent when a step's update was made."""
        return sum(n for t, n in self._by_step.items() if t < step)


class ModelSubject(Subject):
    """A trained float model; `sent` is of the states found last."""

    def __init__(self, path: Path, seed: int) -> None:
        from ipvae.float_models.checkpoint import load_checkpoint

        self.checkpoint = load_checkpoint(path)
        self.decoder = self.checkpoint.params["phi"]
        self.preset = self.checkpoint.data.preset
        self.seed = seed
        folder = path if path.is_dir() else path.parent
        self.name = folder.resolve().name
        self.format = pixel_format(self.checkpoint)
        self.shape, self.signed = self.format.shape, self.format.minimum < 0
        config = self.checkpoint.config
        self.trained_steps = None if config is None else config.steps
        self.metrics = folder / METRICS
        self.amortized = self.checkpoint.member.inference == "amortized"
        self.steps = 1 if self.amortized else STEPS
        self.counts = self.checkpoint.member.latent == "poisson"
        self.facts = {"model": self.checkpoint.model}
        self.sent = Sent()
        self._last: State | None = None

    def test_images(
        self, samples: int | None, data_dir: Path | None, images: Path | None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Integer pixels and labels."""
        if images is not None:
            own = given_images(images, self.format)
            pixels, labels = own.pixels, own.labels
        else:
            data = preset_images(self.preset, data_dir)
            pixels, labels = data.test_pixels.astype(np.int16), data.test_labels
        if samples is not None and samples > len(pixels):
            raise InputError(f"samples: found {samples}, allowed up to {len(pixels)}")
        return pixels[:samples], labels[:samples]

    def real(self, pixels: np.ndarray) -> np.ndarray:
        """Real values of integer pixels."""
        return to_real(pixels, self.format)

    def states(
        self,
        pixels: np.ndarray,
        steps: list[int],
        progress: Advance | None = None,  # noqa: ARG002
    ) -> States:
        """Codes and features after each number of steps."""
        from ipvae.float_models.infer import infer

        checkpoint, self.sent = self.checkpoint, Sent()
        found = infer(
            checkpoint.params,
            self.real(pixels).astype(np.float32),
            steps,
            seed=self.seed,
            model=checkpoint.model,
            image_shape=checkpoint.data.image_shape,
            watch=self.sent,
        )
        self._last = found[steps[-1]]
        return {t: (state.counts, self._features(state.belief[0])) for t, state in found.items()}

    def prior_images(self, n: int, seed: int) -> np.ndarray:
        """Images of the prior."""
        from ipvae.float_models.infer import sample

        return sample(self.checkpoint.params, n, seed, self.checkpoint.model)

    def figures(
        self,
        pixels: np.ndarray,
        labels: np.ndarray,  # noqa: ARG002
    ) -> tuple[dict[str, Any], str]:
        """ELBO, NLL, KL and active latents."""
        from ipvae.float_models.figures import figures

        assert self._last is not None
        found = figures(self.checkpoint, self.real(pixels), self._last)
        return found.as_dict(), (
            f"ELBO {found.elbo:.2f}, NLL {found.nll:.2f}, KL {found.kl:.2f} nats per image; "
            f"{found.active_latents} latents active, {found.dead_latents} dead"
        )

    def _features(self, belief: np.ndarray) -> np.ndarray:
        """Rates of Poisson beliefs, means of others, rectified where the code is."""
        latent = self.checkpoint.member.latent
        if latent == "poisson":
            return np.exp(belief)
        return np.maximum(belief, 0.0) if latent == "rectified" else belief


class LcaSubject(ModelSubject):
    """Sparse codes on a model's dictionary, brought to columns of length 1."""

    def __init__(self, path: Path, seed: int, threshold: float) -> None:
        from ipvae.float_models.lca import lca

        super().__init__(path, seed)
        nonnegative = self.checkpoint.member.latent != "gaussian"
        self.solver = lca(self.decoder, threshold, nonnegative=nonnegative)
        self.decoder, self.steps, self.amortized = self.solver.atoms, STEPS, False
        self.metrics, self.trained_steps = None, None  # of the model's own inference
        self.counts = False
        self.facts |= {"inference": "lca", "threshold": threshold, "nonnegative": nonnegative}

    def states(
        self,
        pixels: np.ndarray,
        steps: list[int],
        progress: Advance | None = None,  # noqa: ARG002
    ) -> States:
        """Codes, which are their own features, after each number of steps."""
        from ipvae.float_models.lca import lca_codes

        self.sent = Sent()
        found = lca_codes(self.solver, self.real(pixels), steps, self.sent)
        return {step: (codes, codes) for step, codes in found.items()}

    def figures(
        self,
        pixels: np.ndarray,  # noqa: ARG002
        labels: np.ndarray,  # noqa: ARG002
    ) -> tuple[dict[str, Any], str]:
        """Nothing: LCA has no likelihood."""
        return {}, ""
